"""The states of all fixtures in the fixture worker, and the moves between them.

Pure: no channel, clock, thread or pytest in it. An entry stands for one instance of a session
fixture, global or not: a plain one that a global fixture depends on is finalized in its turn too.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class State(Enum):
    SETTING_UP = "setting up"
    READY = "ready"
    FAILED = "failed"
    FINALIZING = "finalizing"
    FINALIZED = "finalized"
    FINALIZER_FAILED = "finalizer failed"


#: All moves there are. A set-up that failed is finalized as well: it may have added finalizers.
MOVES: dict[State | None, frozenset[State]] = {
    None: frozenset({State.SETTING_UP}),
    State.SETTING_UP: frozenset({State.READY, State.FAILED}),
    State.READY: frozenset({State.FINALIZING}),
    State.FAILED: frozenset({State.FINALIZING}),
    State.FINALIZING: frozenset({State.FINALIZED, State.FINALIZER_FAILED}),
    State.FINALIZED: frozenset(),
    State.FINALIZER_FAILED: frozenset(),
}


_TO_FINALIZE = (State.READY, State.FAILED)


class IllegalMove(Exception):
    """Internal error: a fixture was to go into a state that its present one does not lead to."""


class Ledger(Generic[Key]):
    """The state of each key, and the order in which their set-ups ended, failed ones included."""

    def __init__(self) -> None:
        self._states: dict[Key, State] = {}
        self._ended: list[Key] = []  # those not finalized yet, and at its end perhaps some that are

    def state(self, key: Key) -> State | None:
        return self._states.get(key)

    def move(self, key: Key, state: State) -> None:
        """:raises IllegalMove: if the table does not have this move."""
        before = self.state(key)
        if state not in MOVES[before]:
            raise IllegalMove(f"Internal error: {key!r} cannot go from {before} to {state}")
        self._states[key] = state
        if state in _TO_FINALIZE:
            self._ended.append(key)

    def next_to_finalize(self) -> Key | None:
        """The one that was set up last among those not finalized yet; None if all are."""
        while self._ended and self._states[self._ended[-1]] not in _TO_FINALIZE:
            self._ended.pop()
        return self._ended[-1] if self._ended else None

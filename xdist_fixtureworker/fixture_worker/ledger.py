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


class IllegalMove(Exception):
    """Internal error: a fixture was to go into a state that its present one does not lead to."""


class Entry(Generic[Key]):
    def __init__(self, key: Key, state: State) -> None:
        self.key = key
        self.state = state
        self.completed: int | None = None  #: its place among set-ups that ended, failed ones too


class Ledger(Generic[Key]):
    """Keeps an :class:`Entry` per key, in the order of the set-ups' ends."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry[Key]] = {}
        self._completed = 0

    def state(self, key: Key) -> State | None:
        entry = self._entries.get(key)
        return entry.state if entry else None

    def move(self, key: Key, state: State) -> None:
        """:raises IllegalMove: if the table does not have this move."""
        before = self.state(key)
        if state not in MOVES[before]:
            raise IllegalMove(f"Internal error: {key!r} cannot go from {before} to {state}")
        entry = self._entries.setdefault(key, Entry(key, state))
        entry.state = state
        if state in (State.READY, State.FAILED):
            entry.completed = self._completed
            self._completed += 1

    def next_to_finalize(self) -> Key | None:
        """The one that was set up last among those not finalized yet; None if all are."""
        left = [
            entry for entry in self._entries.values() if entry.state in (State.READY, State.FAILED)
        ]
        if not left:
            return None
        return max(left, key=lambda entry: entry.completed or 0).key

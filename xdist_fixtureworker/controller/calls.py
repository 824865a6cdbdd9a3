"""Calls of live objects that are under way, and parts of large values; runs in the controller.

Pure. The controller passes calls and answers on without looking into them. It knows what is open:
for the line that says what is waited for, and to answer in the place of a fixture worker that died.
Of calls by socket, it gets to know those that take long.
"""

from __future__ import annotations

from ..errors import FixtureWorkerDiedError, FixtureWorkerError
from ..roles import FIXTURE_WORKER_ID
from ..wire import pickles
from ..wire.frozen import replace
from ..wire.messages import (
    Call,
    Fetch,
    Held,
    Part,
    Raised,
    Released,
    Returned,
    Withdrawn,
    WorkerLeft,
)
from .requests import Delivery

_Key = tuple[str, int]


class Calls:
    """All calls of test workers to one fixture worker."""

    def __init__(self) -> None:
        self._open: dict[_Key, str] = {}  # what is called, in the order of arrival
        self._held: dict[_Key, str] = {}  # by whom
        self._running: dict[_Key, None] = {}  # those that are open and not held
        # By test worker, the ids of its open calls, and of the parts that it asks for:
        self._callers: dict[str, set[int]] = {}
        self._parts: dict[str, set[int]] = {}

    def pass_on(
        self,
        worker: str,
        message: Call | Withdrawn | Released | Fetch,
        refusal: FixtureWorkerError | None,
    ) -> list[Delivery]:
        """Pass a message of a test worker on, or answer it.

        :param refusal: why the fixture worker cannot be asked.
        """
        message = replace(message, worker=worker)
        if isinstance(message, Fetch):
            if refusal is not None:
                return [_no_part((worker, message.id), refusal)]
            self._parts.setdefault(worker, set()).add(message.id)
            return [(FIXTURE_WORKER_ID, message)]
        ids = self._callers.setdefault(worker, set())
        match message:
            case Call() if refusal is not None:
                return [(worker, _raised((worker, message.id), message.what, refusal))]
            case Call():
                key = worker, message.id
                self._open[key] = message.what
                self._running[key] = None
                ids.add(message.id)
            case Withdrawn():
                self._close((worker, message.id))
        return [(FIXTURE_WORKER_ID, message)]

    def from_fixture_worker(
        self, message: Returned | Raised | Held | Withdrawn | Part
    ) -> list[Delivery]:
        """Deliver an answer, or note whom a call waits for."""
        key = message.worker, message.id
        if isinstance(message, Part):
            ids = self._parts.get(message.worker, set())
            is_wanted = message.id in ids
            ids.discard(message.id)
            return [(message.worker, message)] if is_wanted else []
        if isinstance(message, Held):
            if key in self._open:
                self._note_held(key, message.by)
            return []
        is_open = key in self._open
        self._close(key)
        # Also one that nobody waits for, so that what is in it is released; but not to nobody.
        late = isinstance(message, Returned) and message.worker in self._callers
        return [(message.worker, message)] if is_open or late else []

    def give_up(self, error: FixtureWorkerError) -> list[Delivery]:
        """Answer all open calls in the place of the fixture worker."""
        given_up = dict(self._open)
        for key in given_up:
            self._close(key)
        parts, self._parts = self._parts, {}
        return [
            *((key[0], _raised(key, what, error)) for key, what in given_up.items()),
            *(_no_part((worker, id_), error) for worker, ids in parts.items() for id_ in ids),
        ]

    def test_worker_down(self, worker: str) -> list[Delivery]:
        """Forget the calls of a test worker, and tell the fixture worker, which has more of it."""
        self._parts.pop(worker, None)
        ids = self._callers.get(worker)
        if ids is None:
            return []
        for id_ in tuple(ids):
            self._close((worker, id_))
        del self._callers[worker]
        return [(FIXTURE_WORKER_ID, WorkerLeft(worker))]

    @property
    def activity(self) -> str | None:
        """The call that is waited for: the first that runs, or else the first of all."""
        key = next(iter(self._running or self._open), None)
        return None if key is None else waits_for(self._open[key], key[0], self._held.get(key, ""))

    @property
    def may_take_long(self) -> bool:
        """Whether all wait for what other tests have, which is no fault of the fixture worker."""
        return not self._running

    def _note_held(self, key: _Key, by: str) -> None:
        if by:
            self._held[key] = by
            self._running.pop(key, None)
        else:
            self._held.pop(key, None)
            self._running[key] = None

    def _close(self, key: _Key) -> None:
        if self._open.pop(key, None) is not None:
            self._held.pop(key, None)
            self._running.pop(key, None)
            self._callers[key[0]].discard(key[1])


def _raised(key: _Key, what: str, error: FixtureWorkerError) -> Raised:
    if isinstance(error, FixtureWorkerDiedError):
        error = error.before_call(what)
    return Raised(*key, pickles.pack_exception(error), str(error), "")


def _no_part(key: _Key, error: FixtureWorkerError) -> Delivery:
    if isinstance(error, FixtureWorkerDiedError):
        error = error.before_call("the request for that file")
    return key[0], Part(*key, b"", str(error).partition("\n")[0])


# --- messages


def waits_for(what: str, worker: str, held_by: str) -> str:
    """As in "waiting for ..."."""
    return f"{what}, asked for by {worker}" + (f", held by {held_by}" if held_by else "")

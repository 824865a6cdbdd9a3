"""Calls of live objects that are under way; runs in the controller.

Pure. The controller passes calls and answers on without looking into them. It knows what is open:
for the line that says what is waited for, and to answer in the place of a fixture worker that died.
"""

from __future__ import annotations

from ..errors import FixtureWorkerDiedError, FixtureWorkerError
from ..roles import FIXTURE_WORKER_ID
from ..wire import pickles
from ..wire.frozen import replace
from ..wire.messages import Call, Held, Raised, Released, Returned, Withdrawn, WorkerLeft
from .requests import Delivery

_Key = tuple[str, int]


class Calls:
    """All calls of test workers to one fixture worker."""

    def __init__(self) -> None:
        self._open: dict[_Key, str] = {}  # what is called, in the order of arrival
        self._held: dict[_Key, str] = {}  # by whom
        self._callers: set[str] = set()

    def pass_on(
        self, worker: str, message: Call | Withdrawn | Released, refusal: FixtureWorkerError | None
    ) -> list[Delivery]:
        """Pass a message of a test worker on, or answer it.

        :param refusal: why the fixture worker cannot be asked.
        """
        message = replace(message, worker=worker)
        self._callers.add(worker)
        match message:
            case Call() if refusal is not None:
                return [(worker, _raised((worker, message.id), message.what, refusal))]
            case Call():
                self._open[worker, message.id] = message.what
            case Withdrawn():
                self._close((worker, message.id))
        return [(FIXTURE_WORKER_ID, message)]

    def from_fixture_worker(self, message: Returned | Raised | Held | Withdrawn) -> list[Delivery]:
        """Deliver an answer, or note whom a call waits for."""
        key = message.worker, message.id
        if isinstance(message, Held):
            self._held.pop(key, None)
            if message.by and key in self._open:
                self._held[key] = message.by
            return []
        is_open = key in self._open
        self._close(key)
        if isinstance(message, Withdrawn):  # the answer went by socket
            return []
        # Also one that nobody waits for, so that what is in it is released; but not to nobody.
        late = isinstance(message, Returned) and message.worker in self._callers
        return [(message.worker, message)] if is_open or late else []

    def give_up(self, error: FixtureWorkerError) -> list[Delivery]:
        """Answer all open calls in the place of the fixture worker."""
        given_up, self._open = self._open, {}
        self._held.clear()
        return [(key[0], _raised(key, what, error)) for key, what in given_up.items()]

    def test_worker_down(self, worker: str) -> list[Delivery]:
        """Forget the calls of a test worker, and tell the fixture worker, which has more of it."""
        for key in [key for key in self._open if key[0] == worker]:
            self._close(key)
        if worker not in self._callers:
            return []
        self._callers.discard(worker)
        return [(FIXTURE_WORKER_ID, WorkerLeft(worker))]

    @property
    def activity(self) -> str | None:
        """The call that is waited for: the first that runs, or else the first of all."""
        key = next((key for key in self._open if key not in self._held), None)
        key = next(iter(self._open), None) if key is None else key
        return None if key is None else waits_for(self._open[key], key[0], self._held.get(key, ""))

    @property
    def may_take_long(self) -> bool:
        """Whether all wait for what other tests have, which is no fault of the fixture worker."""
        return all(key in self._held for key in self._open)

    def _close(self, key: _Key) -> None:
        self._open.pop(key, None)
        self._held.pop(key, None)


def _raised(key: _Key, what: str, error: FixtureWorkerError) -> Raised:
    if isinstance(error, FixtureWorkerDiedError):
        error = error.before_call(what)
    return Raised(*key, pickles.pack_exception(error), str(error), "")


# --- messages


def waits_for(what: str, worker: str, held_by: str) -> str:
    """As in "waiting for ..."."""
    return f"{what}, asked for by {worker}" + (f", held by {held_by}" if held_by else "")

"""Who may do something with a live object next; pure, every process.

One call at a time, in the order of arrival. Exclusive use waits in the same queue; while a test
worker has it, only its own calls are let through.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ..wire.messages import Call

ACQUIRE, RELEASE = "acquire", "release"
"""The operations that ask for exclusive use, with the seconds that they wait as the name; and that
give it back, with the id of the call that asked for it as the name."""

MOVE, LOST = "move", "lost"
"""The operations that ask for the answer to a call of the same id by way of the controller: if it
has not been sent by socket; and if that has not come and will not come."""


class Holder(NamedTuple):
    """The test worker that has exclusive use."""

    worker: str
    test: str

    def __str__(self) -> str:
        return holder(self.worker, self.test)


class Lane:
    """The calls of one live object, or of several that take turns."""

    def __init__(self) -> None:
        self.running: Call | None = None
        self.is_stuck = False  #: whether the running call took too long, and has been answered
        self._waiting: deque[Call] = deque()
        self._holder: Holder | None = None
        self._held: list[int] = []  # the calls by which the holder has it

    @property
    def holder(self) -> Holder | None:
        """Who has exclusive use."""
        return self._holder

    def arrive(self, call: Call) -> Call | None:
        """Put a call at the end of the queue; returns the one to be run now."""
        self._waiting.append(call)
        return self._next()

    def done(self) -> Call | None:
        """Note that the running call ended; returns the one to be run now."""
        self.running = None
        self.is_stuck = False
        return self._next()

    def is_blocked(self, call: Call) -> bool:
        """Whether a call waits for the end of another worker's exclusive use."""
        return self._holder is not None and self._holder.worker != call.worker

    def release(self, worker: str, id_: int) -> Call | None:
        """Give back what the call of that id got; returns the one to be run now."""
        if self._holder is not None and self._holder.worker == worker and id_ in self._held:
            self._held.remove(id_)
            if not self._held:
                self._holder = None
        return self._next()

    def withdraw(self, worker: str, id_: int | None = None) -> tuple[list[Call], Call | None]:
        """Drop a waiting call, or all of a worker, and what they hold.

        :returns: the calls that are dropped, and the one to be run now.
        """
        dropped: list[Call] = []
        kept: deque[Call] = deque()
        for call in self._waiting:
            concerned = call.worker == worker and id_ in (None, call.id)
            (dropped if concerned else kept).append(call)
        self._waiting = kept
        held = [each for each in self._held if id_ in (None, each)]
        following = None
        for each in held:
            following = self.release(worker, each) or following
        return dropped, following or self._next()

    def drop(self, call: Call) -> bool:
        """Drop a call if it still waits."""
        is_waiting = any(each is call for each in self._waiting)
        if is_waiting:
            self._waiting = deque(each for each in self._waiting if each is not call)
        return is_waiting

    def take_waiting(self) -> list[Call]:
        """Drop all that wait; returns them."""
        dropped = list(self._waiting)
        self._waiting.clear()
        return dropped

    def _next(self) -> Call | None:
        """Take the first call that may run, if none runs."""
        if self.running is not None:
            return None
        for call in self._waiting:
            if not self.is_blocked(call):
                self._waiting.remove(call)
                if call.operation == ACQUIRE:
                    self._holder = Holder(call.worker, call.test)
                    self._held.append(call.id)
                self.running = call
                return call
        return None


# --- messages


def holder(worker: str, test: str) -> str:
    """A test worker, and what it runs."""
    shown = test.rpartition(" (")[0] or test
    return f"{worker} ({shown})" if shown else worker

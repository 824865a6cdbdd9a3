"""Takes in what the controller sends, and sorts it; receiver and main thread of the fixture worker.

A message is decoded once, when it arrives. What a running set-up must not hold up is dealt with at
once, in execnet's receiver thread; the rest is queued for the main thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

from ..errors import ProtocolError
from ..wire.codec import decode
from ..wire.messages import (
    Begin,
    Call,
    Expected,
    Fetch,
    Finish,
    Interrupt,
    Message,
    Recover,
    Released,
    Request,
    Settle,
    Withdrawn,
    WorkerJoined,
    WorkerLeft,
)
from .main_thread import MainThread

CONNECTION_LOST = object()
"""What execnet is to call :meth:`Intake.receive` with when the connection ends."""

HANGING_SET_UP = 60.0
"""Seconds that all but a finalizer gets to end after the controller died: a set-up, an import, a
hook. Then it hangs in spite of the exception that was raised in it, and so would this process."""
_LOOK_AGAIN = 0.5

Work: TypeAlias = Begin | Request | Recover | Settle | Finish | Expected
"""What the main thread does, one after the other; what is expected comes when nothing else is to be
done."""


class Intake:
    """What has arrived from the controller.

    :param main: interrupted where the controller says so, or dies.
    :param on_call: given at once what concerns calls of live objects.
    :param on_fetch: given at once what asks for a part of a large value.
    """

    def __init__(
        self,
        main: MainThread,
        on_call: Callable[[Message], object],
        on_fetch: Callable[[Fetch], object],
    ) -> None:
        self.test_workers: list[WorkerJoined] = []  #: all that ever were
        self.connection_lost = False
        self.on_lost: Callable[[], object] = lambda: None  #: called when the controller dies
        self._main = main
        self._on_call = on_call
        self._on_fetch = on_fetch
        self._work: deque[Work | Exception | None] = deque()  # None: no more comes
        self._expected: deque[Expected] = deque()
        #: Given what other lanes send; returns whether it is that. None: no more comes.
        self.on_lane: Callable[[Message | None], bool] | None = None
        self._arrived: SimpleQueue[None] = SimpleQueue()  # wakes who waits for work
        self._may_end = threading.Event()

    def wait_next(self) -> Work | None:
        """Wait for the next thing to do; None: the connection is lost. Main thread.

        It stays the next one until :meth:`take`: whatever is raised on the way, nothing is lost.

        :raises ProtocolError: if what arrived is no message to a fixture worker.
        """
        while not (self._work or self._expected):
            self._arrived.get()
        if not self._work:
            return self._expected[0]
        work = self._work[0]
        if isinstance(work, Exception):
            self._work.popleft()
            raise work
        return work

    def take(self, work: Work) -> None:
        """Take the next thing off: it is begun. Main thread."""
        (self._expected if isinstance(work, Expected) else self._work).popleft()

    def expect(self, expected: Expected) -> None:
        """Have it looked at when nothing else is to be done."""
        self._put(expected)

    def let_end(self) -> None:
        """Let the process end, from now on, when the connection does."""
        self._may_end.set()

    def receive(self, data: object) -> None:
        """Take in what arrived. Runs in execnet's receiver thread."""
        if data is CONNECTION_LOST:
            self._lose_connection()
            return
        try:
            self._sort(data)
        except Exception as error:  # raised in the main thread, which pytest reports
            self._put(error)

    def _sort(self, data: object) -> None:
        match message := decode(data, "the controller"):
            case Call() | Withdrawn() | Released() | WorkerLeft():
                self._on_call(message)
            case Fetch():
                self._on_fetch(message)
            case Interrupt():
                self._main.interrupt()
            case WorkerJoined():
                self.test_workers.append(message)
            case Begin() | Request() | Recover() | Settle() | Finish() | Expected():
                self._put(message)
            case _ if self.on_lane is None or not self.on_lane(message):
                raise ProtocolError(f"Internal error: the controller sent {message}")

    def _put(self, work: Work | Exception | None) -> None:
        if isinstance(work, Expected):
            self._expected.append(work)
        else:
            self._work.append(work)
        self._arrived.put(None)

    def _lose_connection(self) -> None:
        """Hold the connection's end up until the main thread is done.

        When the connection ends, execnet interrupts the main thread after 5 s and ends the
        process after another 10 s; but only once this call has returned. So it is what gives the
        finalizers the time they need. It returns in any case: the event is set in a ``finally``,
        and when the main thread hangs.
        """
        self.connection_lost = True
        if not self._may_end.is_set():  # else it is the controller that ends it, in order
            self.on_lost()
        self._put(None)
        if self.on_lane is not None:
            self.on_lane(None)
        # In the main thread if the connection was lost before execnet knew what to call.
        if threading.current_thread() is not threading.main_thread():
            self._main.interrupt()  # nobody wants what is being set up any more
            self._wait_end()

    def _wait_end(self) -> None:
        """Wait for the main thread: without limit while a finalizer runs, else not for ever."""
        waited = 0.0
        while waited < HANGING_SET_UP and not self._may_end.wait(_LOOK_AGAIN):
            waited = 0.0 if self._main.in_finalizer else waited + _LOOK_AGAIN

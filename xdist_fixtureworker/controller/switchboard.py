"""Moves messages between execnet channels and the :class:`~.relay.Relay`; runs in the controller.

execnet calls back in one receiver thread per worker. Those only put what came into one queue; one
thread of ours takes it out, asks the relay, and sends. So the relay needs no lock, and a worker
that does not read can hold up other answers but never execnet.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from ..roles import FIXTURE_WORKER_ID
from ..wire.codec import decode, decode_all, encode, prepare
from ..wire.messages import Begin, Finish, Message, Ready, Request, SettingUp, SetUp, WorkerJoined
from .lines import SELDOM
from .relay import Relay
from .requests import Delivery
from .slow_notice import SLICE, SlowNotice

if TYPE_CHECKING:
    import execnet

_END = object()
START_GRACE = 10.0
"""Seconds that the start of the fixture worker gets to end after the run was interrupted; what was
started meanwhile by hooks can be ended by hooks then. Later it is killed."""
CLOSE_TIMEOUT = 5.0
"""Seconds that the last messages get; a worker that is stopped does not take any."""


class Sender(Protocol):
    """What a channel is to who sends."""

    def send(self, item: Any, /) -> object: ...


class Channels:
    """The channels of all workers, by the ids of these. Used by the switchboard's thread only, but
    for adding a test worker."""

    def __init__(self) -> None:
        self._channels: dict[str, Sender] = {}
        self._early: list[Message] = []  # for the fixture worker, from before it was connected

    def add_test_worker(self, worker: str, channel: Sender) -> None:
        self._channels[worker] = channel

    def add_fixture_worker(self, channel: execnet.Channel) -> list[Message]:
        """Returns what is to be sent to it now."""
        self._channels[FIXTURE_WORKER_ID] = channel
        early, self._early = self._early, []
        return early

    def remove(self, worker: str) -> None:
        self._channels.pop(worker, None)

    def send(self, worker: str, message: Message) -> None:
        """Send ``message``, or keep it until the fixture worker is there."""
        channel = self._channels.get(worker)
        if channel is None:
            if worker == FIXTURE_WORKER_ID:
                self._early.append(message)
            return
        try:
            channel.send(encode(message))
        except OSError:
            pass  # it died; that it did arrives as an event of its own


class Switchboard:
    """The one place in the controller where messages of this plugin arrive and leave.

    :param on_end: called in the switchboard's thread when a set-up called ``pytest.exit`` or
        the fixture worker died, so that the run can be ended.
    :param on_slow: called in the switchboard's thread with a line to show when something in the
        fixture worker takes long, and with None when that is over.
    :param interval: seconds between two lines about the same.
    :param limit: seconds of one set-up or finalizer after which the fixture worker is given up.
    :param is_stopped: whether its process is stopped, as by SIGSTOP: such seconds do not count.
    """

    def __init__(
        self,
        relay: Relay,
        on_end: Callable[[], None],
        on_slow: Callable[[str | None], None],
        *,
        interval: float = SELDOM,
        limit: float = math.inf,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.error: str | None = None  #: the traceback of a bug of ours
        self._relay = relay
        self._on_end = on_end
        self._on_slow = on_slow
        self._limit = limit
        self._is_stopped = is_stopped
        self._notice = SlowNotice(interval, limit)
        self._events: SimpleQueue[Callable[[], list[Delivery]] | None] = SimpleQueue()
        self.channels = Channels()
        #: Is set when the fixture worker has finalized everything, or is down.
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fixture worker relay", daemon=True)
        self._thread.start()

    def connect_test_worker(
        self, worker: str, channel: execnet.Channel, sender: Sender | None = None
    ) -> None:
        """Serve the test worker of that id, from now until its channel closes.

        :param sender: takes what is sent, in the place of the channel.
        """

        def received(data: object) -> None:
            self._events.put(partial(self._from_test_worker, worker, data))

        self.channels.add_test_worker(worker, sender or channel)
        channel.setcallback(received, endmarker=_END)

    def put(self, event: Callable[[], list[Delivery]]) -> None:
        """Do it in the switchboard's thread, and send what it returns."""
        self._events.put(event)

    def connect_fixture_worker(self, channel: execnet.Channel, begin: Begin) -> None:
        """Serve the fixture worker: send it what it begins with, and what was asked for before."""

        def arrived(data: object) -> list[Delivery]:
            messages = decode_all(data, "the fixture worker")
            return [each for one in messages for each in self._relay.from_fixture_worker(one)]

        def received(data: object) -> None:
            if data is not _END:
                self._events.put(partial(arrived, data))

        def connected() -> list[Delivery]:
            prepare(Request, SettingUp, SetUp, Ready)
            early = self.channels.add_fixture_worker(channel)
            return [(FIXTURE_WORKER_ID, message) for message in (begin, *early)]

        channel.setcallback(received, endmarker=_END)
        self._events.put(connected)

    def test_worker_joined(self, joined: WorkerJoined) -> None:
        """Tell which process a test worker is: whoever outlives the others can wait for it."""
        self._events.put(lambda: self._relay.test_worker_joined(joined))

    def fixture_worker_down(self, reason: str) -> None:
        """Tell that the fixture worker's process ended; nothing happens if it had finished."""
        self._events.put(lambda: self._relay.fixture_worker_down(reason))

    def interrupt(self) -> None:
        """Ask the fixture worker to cut a running set-up short."""
        self._events.put(self._relay.interrupt)

    def finish(self, message: Finish | None = None) -> None:
        """Ask the fixture worker to finalize.

        :param message: how the run went.
        """
        self._events.put(lambda: self._relay.finish(message))

    def close(self) -> None:
        """End the thread. What is still queued is delivered before, if it can be."""
        self._events.put(None)
        self._thread.join(CLOSE_TIMEOUT)

    def _from_test_worker(self, worker: str, data: object) -> list[Delivery]:
        if data is _END:
            self.channels.remove(worker)
            return self._relay.test_worker_down(worker)
        return self._relay.from_test_worker(worker, decode(data, f"test worker {worker}"))

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                deliveries = event()
            except Exception:
                # A bug of ours. Whoever waits must not wait for ever.
                self.error = self.error or traceback.format_exc()
                deliveries = self._relay.fixture_worker_down(f"Internal error:\n{self.error}")
            for worker, message in deliveries:
                self.channels.send(worker, message)
            self._tell()

    def _next(self) -> Callable[[], list[Delivery]] | None:
        """Wait for the next event; show notices until it comes."""
        while True:
            left = self._notice.seconds_left(time.monotonic())
            if left is not None and self._limit < math.inf:
                left = min(left, SLICE)
                self._notice.look(time.monotonic(), self._is_stopped())
            try:
                return self._events.get(timeout=left)
            except Empty:
                self._notice.look(time.monotonic(), self._is_stopped())
                if self._notice.gives_up(time.monotonic()):
                    return self._relay.says_nothing
                line = self._notice.line(time.monotonic())
                if line is not None:
                    self._on_slow(line)

    def _tell(self) -> None:
        """Tell those who wait for it what the last event changed."""
        journal, fixture_worker = self._relay.journal, self._relay.fixture_worker
        activity = None if self.done.is_set() else self._relay.activity
        limit = min(self._limit, START_GRACE) if self._relay.is_unwanted else self._limit
        if self._relay.waits_for_tests:
            limit = math.inf
        if self._notice.update(activity, time.monotonic(), limit):
            self._on_slow(None)
        if journal.exit_called is not None or fixture_worker.died is not None:
            self._on_end()
        if fixture_worker.ended:
            self.done.set()

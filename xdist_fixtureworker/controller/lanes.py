"""Several fixture workers in one run, called lanes; runs in the controller, with that option only.

Each lane is a fixture worker with all that serves it, as there is without the option. What comes
from test workers is given to the lane that the fixture belongs to. To another lane, a lane is what
a test worker is: it asks for values, and calls live objects.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import FixtureWorkerError, ProtocolError
from ..roles import FIXTURE_WORKER_ID
from ..wire import pickles
from ..wire.codec import decode
from ..wire.frozen import replace
from ..wire.messages import (
    LANE_BITS,
    Call,
    Expected,
    Failed,
    Fetch,
    Finalized,
    Finish,
    Groups,
    Instance,
    Message,
    Needed,
    Ready,
    Released,
    Request,
    SettingUp,
    Settle,
    Settled,
    SetUp,
    Withdrawn,
    WorkerJoined,
    Yours,
)
from .fixture_worker_state import Move
from .journal import Journal
from .lanes_end import LanesEnd
from .relay import Relay, run_is_over
from .requests import Delivery, to_fixture_worker
from .ties import Placement, Wait, Waits

if TYPE_CHECKING:
    import execnet

    from .service import Service
    from .switchboard import Sender

_END = object()


def name_of(number: int) -> str:
    """The name of a lane within this plugin."""
    return f"{FIXTURE_WORKER_ID}{number or ''}"


def _asking(number: int) -> str:
    """What a lane is called by others that it asks."""
    return f"lane {name_of(number)}"


class Lanes:
    """All lanes of a run. Whoever calls holds no lock; each lane has a thread.

    :param limit: how many there may be.
    :param journal: of the first one.
    :param make: makes the service of another one.
    """

    def __init__(
        self, limit: int, journal: Journal, make: Callable[[int, LaneRelay], Service]
    ) -> None:
        self._limit = limit
        self._journals = [journal]
        self._make = make
        self._lock = threading.RLock()
        self._test_workers: dict[str, Sender] = {}
        self._joined: list[WorkerJoined] = []
        self._placement = Placement()
        self._callers: dict[str, set[int]] = {}  # the lanes that a worker has called
        self.waits = Waits()
        self.relays: list[LaneRelay] = []
        self.services: list[Service] = []
        self.end = LanesEnd(self._lock, self.services, self.relays)
        self.start()

    # --- what test workers do; the same as of a switchboard

    def connect_test_worker(
        self, worker: str, channel: execnet.Channel, sender: Sender | None = None
    ) -> None:
        """Serve the test worker of that id, from now until its channel closes.

        :param sender: sends to it, in the place of the channel itself.
        """
        with self._lock:
            self._test_workers[worker] = sender or channel
            for service in self.services:
                service.switchboard.channels.add_test_worker(worker, sender or channel)

        def take(data: object) -> list[Delivery]:
            with self._lock:
                if data is not _END:
                    self._from_worker(worker, decode(data, f"test worker {worker}"))
                    return []
                self._test_workers.pop(worker, None)
                for service in self.services:
                    service.switchboard.put(partial(_worker_down, service, worker))
            return []

        def received(data: object) -> None:
            # In the thread of the first lane: a mistake is told as any of its switchboard.
            self.services[0].switchboard.put(partial(take, data))

        channel.setcallback(received, endmarker=_END)

    def test_worker_joined(self, joined: WorkerJoined) -> None:
        """Tell which process a test worker is."""
        with self._lock:
            self._joined.append(joined)
            for service in self.services:
                service.switchboard.test_worker_joined(joined)

    def _from_worker(self, worker: str, message: Message) -> None:
        match message:
            case Groups():
                self._placement.note(message)
            case Request() | Expected():
                lane = self._placement.lane_of(message.instance)
                if lane is None:
                    lane = self._free_lane()
                self._placement.bind(message.instance, lane)
                self._give(lane, worker, message)
            case Fetch():
                self._give(message.file >> LANE_BITS, worker, message)
            case Call() | Withdrawn() | Released():
                self._pass_on(worker, message)
            case _:
                raise ProtocolError(f"Internal error: {worker} sent {message}")

    def _pass_on(self, worker: str, message: Call | Withdrawn | Released) -> None:
        """Pass on what concerns live objects, to the lanes that have these."""
        callers = self._callers.setdefault(worker, set())
        match message:
            case Call():
                callers.add(message.object >> LANE_BITS)
                self._give(message.object >> LANE_BITS, worker, message)
            case Withdrawn():
                for lane in callers:
                    self._give(lane, worker, message)
            case Released():
                for lane in {each >> LANE_BITS for each in message.objects}:
                    its = tuple(each for each in message.objects if each >> LANE_BITS == lane)
                    self._give(lane, worker, replace(message, objects=its))

    def _give(self, lane: int, worker: str, message: Message) -> None:
        relay = self.relays[lane]
        relay.given(message)
        self.services[lane].switchboard.put(partial(relay.from_test_worker, worker, message))

    def _free_lane(self) -> int:
        serving = [each for each in self.relays if not each.fixture_worker.ended]
        best = min(serving or self.relays, key=lambda relay: relay.load)
        wanted = (best.load or not serving) and not self.end.has_begun
        if wanted and len(self.relays) < self._limit:
            self.start()
            return len(self.relays) - 1
        return self.relays.index(best)

    def start(self) -> None:
        """Start one more."""
        number = len(self.relays)
        if number:
            self._journals.append(Journal(self._journals[0].clock))
        relay = LaneRelay(number, self, self._journals[number])
        self.relays.append(relay)
        service = self._make(number, relay)
        self.services.append(service)
        for worker, channel in self._test_workers.items():
            service.switchboard.channels.add_test_worker(worker, channel)
        for joined in self._joined:
            service.switchboard.test_worker_joined(joined)
        for other in range(number):
            service.switchboard.channels.add_test_worker(
                _asking(other), _ToLane(self, other, number)
            )
            self.services[other].switchboard.channels.add_test_worker(
                _asking(number), _ToLane(self, number, other)
            )

    # --- what lanes do

    def from_lane(self, lane: int, message: Message) -> list[Delivery]:
        """What to send to a lane after it asked for something. In the thread of that lane."""
        with self._lock:
            if not isinstance(message, Needed):
                self._from_worker(_asking(lane), message)
                return []
            bound = self._placement.lane_of(message.instance)
            bound = lane if bound is None else bound
            self._placement.bind(message.instance, bound)
            if bound == lane:
                return to_fixture_worker(Yours(message.id))
            self.waits.begin(lane, Wait(bound, message))
            known = self.relays[bound].knows(message.instance)
            if not known and (circle := self.waits.circle(lane)):
                self.waits.end(lane)
                return to_fixture_worker(_refused(message.id, lanes_wait(circle)))
            request = Request(message.id, message.instance, message.where)
            self._give(bound, _asking(lane), request)
            return []

    def answered(self, lane: int, by: int, message: Message) -> None:
        """Note what a lane is sent by another one. In the thread of the latter."""
        with self._lock:
            if isinstance(message, (Ready, Failed)):
                wait = self.waits.end(lane)
                if wait is not None and isinstance(message, Ready):
                    # Whatever is set up there by now may be what it depends on.
                    held = by, self.relays[by].last_set_up
                    self.end.hold(held, (lane, self.relays[lane].last_set_up))
        self.services[lane].switchboard.put(partial(to_fixture_worker, message))

    def ended(self, lane: int) -> None:
        """Note that nothing is to be expected of a lane any more."""
        with self._lock:
            self.waits.end(lane)
            self.end.finalized(lane)
            self.end.settled(lane)
            for number, service in enumerate(self.services):
                if number != lane:
                    service.switchboard.put(partial(_worker_down, service, _asking(lane)))

    @property
    def journal(self) -> Journal:
        """What happened in all of them."""
        with self._lock:
            events = [event for journal in self._journals for event in list(journal.events)]
        merged = Journal(self._journals[0].clock)
        for event in sorted(events, key=lambda event: event.at):
            merged.append(event)
        return merged


class LaneRelay(Relay):
    """The relay of one lane, which tells the others what they need to know."""

    def __init__(self, number: int, lanes: Lanes, journal: Journal) -> None:
        super().__init__(journal, name_of(number))
        self._number = number
        self._lanes = lanes
        self._finish = Finish()
        self._is_called_off = False
        self.has_ended = False  #: nothing is to be expected of it any more
        self._to_do: dict[str, None] = {}  # names of fixtures that are not set up yet
        self._done: set[str] = set()  # of others
        self._set_ups: dict[int, bool] = {}  # that are not finalized, and whether they have ended

    @property
    def last_set_up(self) -> int:
        """The last one that has ended and is not finalized; 0: there is none."""
        # Another thread may ask, and this one change it meanwhile.
        return next((id_ for id_, ended in reversed(list(self._set_ups.items())) if ended), 0)

    @property
    def load(self) -> int:
        """How much it was asked for that is not done yet."""
        return len(self._to_do)

    def given(self, message: Message) -> None:
        """Note that it is asked for something. Any thread."""
        if isinstance(message, (Request, Expected)) and message.instance.name not in self._done:
            self._to_do[message.instance.name] = None

    def knows(self, instance: Instance) -> bool:
        """Whether it answers without asking its fixture worker."""
        return self.requests.is_answered(instance)

    @property
    def waits_for_tests(self) -> bool:
        return self._lanes.waits.has(self._number) or super().waits_for_tests

    @property
    def refusal(self) -> FixtureWorkerError | None:
        if self._is_called_off:
            return FixtureWorkerError(was_not_started(self.fixture_worker.name))
        over = FixtureWorkerError(run_is_over()) if self.fixture_worker.ended else None
        return super().refusal or over

    def from_fixture_worker(self, message: Message) -> list[Delivery]:
        match message:
            case Needed() | Expected() | Groups() | Call() | Withdrawn() | Released():
                return self._lanes.from_lane(self._number, message)
            case SettingUp():
                self._set_ups[message.id] = False
            case SetUp():
                # To the end: they are finalized in the opposite order of their ends.
                if self._set_ups.pop(message.id, None) is not None:
                    self._set_ups[message.id] = True
                self._lanes.waits.end(self._number)  # perhaps it was interrupted
                self._done.add(message.fixture)
                self._to_do.pop(message.fixture, None)
            case Ready() | Failed():  # perhaps without a set-up
                self._to_do.pop(self.requests.name_of(message.id), None)
        deliveries = super().from_fixture_worker(message)
        self._note_end(message)
        return deliveries

    def _note_end(self, message: Message) -> None:
        match message:
            case Settled():
                self._lanes.end.settled(self._number)
            case Finalized():
                self._set_ups.pop(message.id, None)
                self._lanes.end.finalized(self._number, self.last_set_up)

    def finish(self, message: Finish | None = None) -> list[Delivery]:
        """What to send when all test workers are down: the finalizers wait for all lanes."""
        self._finish = message or self._finish
        deliveries = self.move(Move.IS_TO_FINISH)
        return deliveries if self.fixture_worker.ended else to_fixture_worker(Settle())

    def finalize(self) -> list[Delivery]:
        """What to send when all lanes have settled."""
        if self.has_ended:
            return []
        return to_fixture_worker(replace(self._finish, held=self._lanes.end.held(self._number)))

    def call_off(self) -> list[Delivery]:
        """What to send when it was not started before the end: whoever asked for something of it
        waits in vain."""
        self._is_called_off = True
        self._end()
        return self.requests.give_up(FixtureWorkerError(was_not_started(self.fixture_worker.name)))

    def move(self, move: Move, text: str = "") -> list[Delivery]:
        deliveries = super().move(move, text)
        if self.fixture_worker.ended:
            self._end()
        return deliveries

    def _end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            self._lanes.ended(self._number)


class _ToLane:
    """Stands for a lane among the channels of another one."""

    def __init__(self, lanes: Lanes, to: int, of: int) -> None:
        self._lanes, self._to, self._of = lanes, to, of

    def send(self, data: Any) -> None:
        self._lanes.answered(self._to, self._of, decode(data, name_of(self._of)))


def _worker_down(service: Service, worker: str) -> list[Delivery]:
    service.switchboard.channels.remove(worker)
    return service.relay.test_worker_down(worker)


def _refused(id_: int, text: str) -> Failed:
    error = FixtureWorkerError(text)
    return Failed(id_, pickles.pack_exception(error), text, "", None)


# --- messages


def was_not_started(lane: str) -> str:
    return f"the tests ended before {lane}, which it belongs to, was started."


def lanes_wait(circle: Sequence[Needed]) -> str:
    waiting = ", and ".join(
        f"the set-up of {each.needed_by} waits for '{each.instance.name}' ({each.where})"
        for each in circle
    )
    return (
        f"fixture workers wait for each other: {waiting}.\n"
        f"Name what they need as arguments, or give all of them the same lane: "
        f'@global_fixture(lane="..."). Then one fixture worker sets them up.'
    )

"""Journal of a run: what happened, in order, with times; runs in the controller.

Pure: the clock is the caller's. Summary, ``--durations``, the list of what is left unfinalized, the
search for strays, the notices about slow fixtures and the timeline all read it. It holds no values
of fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..wire.frozen import Frozen, replace


class Event(Frozen):
    """Base of all that is entered."""

    at: float  #: seconds of a clock that only goes forward


class WorkerStarted(Event):
    """A test worker was started; see :class:`~xdist_fixtureworker.wire.messages.WorkerJoined`."""

    worker: str
    pid: int
    started: str  #: when that process was started: its id may be used again
    host: str = ""  #: empty: this machine
    pid_there: int = 0


class WorkerDown(Event):
    """A test worker has closed its channel, or died."""

    worker: str


class Asked(Event):
    """A test worker asked for a global fixture."""

    worker: str
    request: int  #: unique in that test worker
    fixture: str


class Answered(Event):
    """A test worker was sent the answer to a request."""

    worker: str
    request: int
    is_ready: bool  #: False: it got an error


class FixtureWorkerUp(Event):
    fixture_worker: str


class FixtureWorkerDied(Event):
    """A fixture worker ended too early, or was given up."""

    fixture_worker: str
    reason: str


class ExitCalled(Event):
    """A set-up called ``pytest.exit``."""

    reason: str
    returncode: int | None


class Did(Event):
    """A fixture worker began to run users' code that is neither set-up nor finalizer."""

    fixture_worker: str
    what: str  #: empty: that is over


class OfSetUp(Event):
    """Base of the events of one set-up."""

    fixture_worker: str  #: the one in which it happens
    id: int  #: unique in the fixture worker that ran the set-up


class SetUpBegun(OfSetUp):
    fixture: str
    where: str  #: ``file:line``
    is_global: bool  #: False: a session fixture that a global one depends on


class SetUpEnded(OfSetUp):
    fixture: str
    where: str
    report: Mapping[str, Any] | None  #: serialized
    environment: tuple[str, ...]  #: names of variables that it changed and nobody replays
    elsewhere: tuple[str, ...] = ()  #: what else it changed that tests may look for
    is_replayed: bool = False  #: what it changes in the environment
    is_silent: bool = False  #: autouse, and without a value: all that it does is elsewhere
    failed: bool = False
    needs: tuple[int, ...] = ()  #: ids of the set-ups of the global fixtures that it depends on


class SetUpInterrupted(OfSetUp):
    fixture: str
    where: str
    place: str  #: ``file:line``, where it was at that time


class FinalizerBegun(OfSetUp):
    fixture: str
    where: str


class FinalizerEnded(OfSetUp):
    report: Mapping[str, Any] | None  #: serialized; None: it succeeded


class RecoveryBegun(FinalizerBegun):
    """A ``recover=`` function starts to undo what a dead fixture worker left."""


class RecoveryEnded(FinalizerEnded):
    set_up_by: str  #: the fixture worker that died


class Live(Frozen):
    """A global fixture that is set up, or being set up, and not finalized."""

    fixture: str
    where: str
    is_set_up: bool = False

    def __str__(self) -> str:
        suffix = "" if self.is_set_up else ", while it was being set up"
        return f"{self.fixture} ({self.where}){suffix}"


Key = tuple[str, int]
"""A fixture worker and the id of one of its set-ups."""
_NO_SET_UP = -1
E = TypeVar("E", bound=Event)


class Journal:
    """All events of one run. Append-only; the other attributes follow from the events.

    :param clock: gives the seconds at which an event is entered.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.events: list[Event] = []
        self.live: dict[Key, Live] = {}  #: in the order in which the set-ups ended
        #: All that ever were on this machine, by id.
        self.test_workers: dict[str, WorkerStarted] = {}
        self.exit_called: ExitCalled | None = None
        self._running: dict[Key, str] = {}
        self._undone: dict[Key, Live] = {}

    def append(self, event: Event) -> None:
        """Enter an event."""
        self.events.append(event)
        match event:
            case SetUpBegun() | SetUpEnded():
                self._note_set_up(event)
            case FinalizerBegun() | FinalizerEnded():
                self._note_finalizer(event)
            case Did():
                key = event.fixture_worker, _NO_SET_UP
                self._running.pop(key, None)
                if event.what:
                    self._running[key] = event.what
            case WorkerStarted() if not event.host:
                self.test_workers[event.worker] = event
            case ExitCalled():
                self.exit_called = event

    def rests(self, fixture_worker: str) -> None:
        """Note that what a fixture worker did apart from set-ups and finalizers is over."""
        if (fixture_worker, _NO_SET_UP) in self._running:
            self.append(Did(self.clock(), fixture_worker, ""))

    def of(self, kind: type[E]) -> list[E]:
        """All events of that class, and of its subclasses."""
        return [event for event in self.events if isinstance(event, kind)]

    def activity(self, fixture_worker: str) -> str | None:
        """What goes on in that fixture worker: the innermost set-up, which takes the time."""
        for (name, _), activity in reversed(self._running.items()):
            if name == fixture_worker:
                return activity
        return None

    @property
    def unfinalized(self) -> list[str]:
        """``name (file:line)`` of each global fixture that was set up and not finalized."""
        return [str(live) for live in list(self.live.values())]  # another thread may append

    @property
    def undone(self) -> list[str]:
        """``name (file:line)`` of each that a ``recover=`` function undid, in order of set-up."""
        return [str(live) for _, live in sorted(self._undone.items(), key=lambda item: item[0])]

    @property
    def failed_finalizers(self) -> list[Mapping[str, Any]]:
        """The serialized reports of finalizers that failed, in order."""
        return [done.report for done in self.of(FinalizerEnded) if done.report is not None]

    def _note_set_up(self, event: SetUpBegun | SetUpEnded) -> None:
        key = event.fixture_worker, event.id
        if isinstance(event, SetUpEnded):
            self._running.pop(key, None)
            if key in self.live:
                # To the end: what was set up within it comes before it.
                self.live[key] = replace(self.live.pop(key), is_set_up=True)
            return
        self._running[key] = f"the set-up of {event.fixture} ({event.where})"
        if event.is_global:
            self.live[key] = Live(event.fixture, event.where)

    def _note_finalizer(self, event: FinalizerBegun | FinalizerEnded) -> None:
        key = event.fixture_worker, event.id
        if isinstance(event, FinalizerBegun):
            self._running[key] = f"the finalizer of {event.fixture} ({event.where})"
            return
        self._running.pop(key, None)
        if not isinstance(event, RecoveryEnded):
            self.live.pop(key, None)  # also one that failed: it has run
        elif event.report is None:
            lost = event.set_up_by, event.id
            if lost in self.live:
                self._undone[lost] = self.live.pop(lost)

"""Makes a timeline of the journal of a run, and of what was noted of tests; controller. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ...wire.frozen import replace
from ..journal import (
    Answered,
    Asked,
    Did,
    Event,
    FinalizerBegun,
    FinalizerEnded,
    FixtureWorkerDied,
    FixtureWorkerUp,
    OfSetUp,
    RecoveryBegun,
    SetUpBegun,
    SetUpEnded,
    SetUpInterrupted,
)
from .recorded import Worker, ran_by
from .spans import (
    FAILED,
    INTERRUPTED,
    OK,
    UNFINISHED,
    Death,
    Doing,
    Finalizer,
    FixtureLane,
    Key,
    SetUp,
    Start,
    Test,
    TestLane,
    Timeline,
    Wait,
)


class Run:
    """What is known of a run.

    :param events: of the journal.
    :param origin: when the run began, by the clock of the journal.
    :param end: when it ended.
    :param began: the same as ``origin``, in seconds since the epoch.
    """

    def __init__(
        self,
        events: Sequence[Event],
        workers: Iterable[Worker],
        *,
        origin: float,
        end: float,
        began: float,
    ) -> None:
        self._events = events
        self._workers = list(workers)
        self._origin = origin
        self._end = end - origin
        self._began = began

    def timeline(self) -> Timeline:
        """All of it, by time."""
        by_fixture_worker: defaultdict[str, list[Event]] = defaultdict(list)
        for event in self._events:
            if (name := getattr(event, "fixture_worker", None)) is not None:
                by_fixture_worker[name].append(event)
        fixture_workers = [self._fixture_lane(*one) for one in by_fixture_worker.items()]
        waits = self._waits([each for lane in fixture_workers for each in lane.set_ups])
        test_workers = [self._test_lane(worker, waits) for worker in self._workers]
        return Timeline(self._began, self._end, tuple(fixture_workers), tuple(test_workers))

    def _at(self, event: Event) -> float:
        return event.at - self._origin

    # --- fixture workers

    def _fixture_lane(self, name: str, events: Sequence[Event]) -> FixtureLane:
        up = next((self._at(each) for each in events if isinstance(each, FixtureWorkerUp)), None)
        death = next(
            (
                Death(self._at(each), each.reason)
                for each in events
                if isinstance(each, FixtureWorkerDied)
            ),
            None,
        )
        stop = self._end if death is None else death.at
        start = 0.0 if not self._is_second(name) else self._at(events[0])
        return FixtureLane(
            name=name,
            start=start,
            up=up,
            stop=stop,
            death=death,
            starts=(Start(start, stop if up is None else up, "start"),),
            set_ups=tuple(self._set_ups(events, stop)),
            finalizers=tuple(self._finalizers(events, stop)),
            others=tuple(self._others(events, stop)),
        )

    def _is_second(self, name: str) -> bool:
        """Whether a fixture worker was started after another had died."""
        died = [each for each in self._events if isinstance(each, FixtureWorkerDied)]
        return bool(died) and all(each.fixture_worker != name for each in died)

    def _set_ups(self, events: Sequence[Event], stop: float) -> list[SetUp]:
        """In the order in which they began."""
        found: dict[Key, SetUp] = {}
        open_: list[Key] = []
        for event in events:
            if not isinstance(event, OfSetUp):
                continue
            key, at = (event.fixture_worker, event.id), self._at(event)
            match event:
                case SetUpBegun():
                    of_event = event.fixture, event.where, event.is_global
                    found[key] = SetUp(at, stop, key, *of_event, UNFINISHED, (), len(open_))
                    open_.append(key)
                case SetUpInterrupted() if key in found:
                    found[key] = replace(found[key], outcome=INTERRUPTED)
                case SetUpEnded() if key in found:
                    open_ = [each for each in open_ if each != key]
                    found[key] = _ended(found[key], event, at)
        return list(found.values())

    def _finalizers(self, events: Sequence[Event], stop: float) -> list[Finalizer]:
        found: dict[int, Finalizer] = {}
        for event in events:
            match event:
                case FinalizerBegun():
                    is_recovery = isinstance(event, RecoveryBegun)
                    of_event = event.fixture, event.where, UNFINISHED, is_recovery
                    found[event.id] = Finalizer(self._at(event), stop, *of_event)
                case FinalizerEnded() if event.id in found:
                    outcome = OK if event.report is None else FAILED
                    found[event.id] = replace(
                        found[event.id], stop=self._at(event), outcome=outcome
                    )
        return list(found.values())

    def _others(self, events: Sequence[Event], stop: float) -> list[Doing]:
        """What was done besides; it ends with whatever comes next."""
        found: list[Doing] = []
        doing: Did | None = None
        for event in events:
            if doing is not None:
                found.append(Doing(self._at(doing), self._at(event), doing.what))
            doing = event if isinstance(event, Did) and event.what else None
        if doing is not None:
            found.append(Doing(self._at(doing), stop, doing.what))
        return found

    # --- test workers

    def _test_lane(self, worker: Worker, waits: Mapping[str, list[Wait]]) -> TestLane:
        tests = [self._moved(test) for test in ran_by(worker)]
        death = None
        if worker.error is not None and worker.down is not None:
            death = Death(worker.down - self._origin, worker.error)
        stop = self._end if worker.down is None else worker.down - self._origin
        start = worker.start - self._origin
        up = None if worker.up is None else worker.up - self._origin
        ready = stop if up is None else up
        starts = [Start(start, ready, "start")] if ready > start else []
        if up is not None and worker.collected is not None and worker.collected - self._origin > up:
            starts.append(Start(up, worker.collected - self._origin, "collection"))
        return TestLane(
            name=worker.name,
            start=start,
            up=up,
            stop=stop,
            death=death,
            starts=tuple(starts),
            tests=tuple(tests),
            waits=tuple(_with_tests(waits.get(worker.name, ()), tests)),
        )

    def _moved(self, test: Test) -> Test:
        """The same, in seconds since the start of the run."""
        phases = tuple(
            replace(phase, start=phase.start - self._origin, stop=phase.stop - self._origin)
            for phase in test.phases
        )
        start, stop = test.start - self._origin, test.stop - self._origin
        return replace(test, start=start, stop=stop, phases=phases)

    def _waits(self, set_ups: Sequence[SetUp]) -> dict[str, list[Wait]]:
        """All waits, by worker, in the order in which they began."""
        ended: defaultdict[str, list[SetUp]] = defaultdict(list)
        for set_up in sorted(set_ups, key=lambda each: each.stop):
            ended[set_up.fixture].append(set_up)
        answers = {
            (each.worker, each.request): each for each in self._events if isinstance(each, Answered)
        }
        waits: defaultdict[str, list[Wait]] = defaultdict(list)
        for asked in self._events:
            if not isinstance(asked, Asked):
                continue
            start, answer = self._at(asked), answers.get((asked.worker, asked.request))
            stop = self._left(asked.worker) if answer is None else self._at(answer)
            is_ready = answer is not None and answer.is_ready
            of_wait = asked.worker, asked.fixture, "", is_ready, _last(ended[asked.fixture], stop)
            waits[asked.worker].append(Wait(start, max(start, stop), *of_wait))
        return waits

    def _left(self, name: str) -> float:
        """When a worker was there no more."""
        downs = (each.down for each in self._workers if each.name == name)
        return next((down - self._origin for down in downs if down is not None), self._end)


def _ended(set_up: SetUp, event: SetUpEnded, at: float) -> SetUp:
    outcome = FAILED if event.failed else OK
    if set_up.outcome == INTERRUPTED:
        outcome = INTERRUPTED
    needs = tuple((event.fixture_worker, id_) for id_ in event.needs)
    return replace(set_up, stop=at, outcome=outcome, needs=needs)


def _last(ended: Sequence[SetUp], stop: float) -> Key | None:
    """The last set-up of a fixture that ended before the answer.

    :param ended: those of that fixture, by their ends.
    """
    position = bisect_right(ended, stop, key=lambda each: each.stop)
    return ended[position - 1].key if position else None


def _with_tests(waits: Iterable[Wait], tests: Sequence[Test]) -> Iterable[Wait]:
    """The same waits, with the tests that they happened in."""
    for wait in waits:
        position = bisect_right(tests, wait.start, key=lambda test: test.start)
        test = tests[position - 1] if position else None
        inside = test is not None and wait.start <= test.stop
        yield replace(wait, test=test.nodeid) if test is not None and inside else wait

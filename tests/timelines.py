"""Makes up runs, to draw timelines of: what the journal of one has, and what was noted of its tests."""

from __future__ import annotations

from collections.abc import Iterable

from xdist_fixtureworker.controller.journal import (
    Answered,
    Asked,
    Event,
    FinalizerBegun,
    FinalizerEnded,
    FixtureWorkerUp,
    SetUpBegun,
    SetUpEnded,
)
from xdist_fixtureworker.controller.timeline.model import Run
from xdist_fixtureworker.controller.timeline.recorded import Reported, Worker
from xdist_fixtureworker.controller.timeline.spans import Timeline

FW = "fixtureworker"
ORIGIN = 1000.0  # of the run's clock
EPOCH = 1_700_000_000.0  # what clocks show when the run begins
PHASES = ("setup", "call", "teardown")


def worker(name: str, *, start: float = 0.0, is_local: bool = True) -> Worker:
    """A test worker that is up, and has collected, after half a second."""
    made = Worker(name, ORIGIN + start, is_local)
    made.up, made.collected = ORIGIN + start + 0.4, ORIGIN + start + 0.5
    return made


def report(
    of: Worker,
    nodeid: str,
    when: str,
    start: float,
    stop: float,
    *,
    outcome: str = "passed",
    clock: float = 0.0,
    delay: float = 0.0,
) -> None:
    """Note a phase of a test.

    :param clock: how much the worker's clock is ahead of the controller's.
    :param delay: seconds that the report needs to come.
    """
    times = EPOCH + start + clock, EPOCH + stop + clock
    ahead = EPOCH - ORIGIN
    of.reports.append(Reported(nodeid, when, outcome, *times, ORIGIN + stop + delay, ahead))


def ran(of: Worker, nodeid: str, start: float, stop: float, outcome: str = "passed") -> None:
    """Note a test, whose set-up and teardown take a tenth of it each."""
    tenth = (stop - start) / 10
    edges = (start, start + tenth, stop - tenth, stop)
    for number, when in enumerate(PHASES):
        this = outcome if when == "call" else "passed"
        report(of, nodeid, when, edges[number], edges[number + 1], outcome=this)


def up(at: float, by: str = FW) -> Event:
    return FixtureWorkerUp(ORIGIN + at, by)


def begun(at: float, id_: int, fixture: str, by: str = FW, is_global: bool = True) -> Event:
    return SetUpBegun(ORIGIN + at, by, id_, fixture, f"conftest.py:{id_}", is_global)


def ended(
    at: float,
    id_: int,
    fixture: str,
    needs: Iterable[int] = (),
    *,
    by: str = FW,
    failed: bool = False,
) -> Event:
    where, needs = f"conftest.py:{id_}", tuple(needs)
    return SetUpEnded(ORIGIN + at, by, id_, fixture, where, None, (), failed=failed, needs=needs)


def set_up(
    start: float, stop: float, id_: int, fixture: str, needs: Iterable[int] = ()
) -> list[Event]:
    return [begun(start, id_, fixture), ended(stop, id_, fixture, needs)]


def finalized(start: float, stop: float, id_: int, fixture: str) -> list[Event]:
    where = f"conftest.py:{id_}"
    return [
        FinalizerBegun(ORIGIN + start, FW, id_, fixture, where),
        FinalizerEnded(ORIGIN + stop, FW, id_, None),
    ]


def waited(
    of: str, request: int, fixture: str, start: float, stop: float, *, is_ready: bool = True
) -> list[Event]:
    return [
        Asked(ORIGIN + start, of, request, fixture),
        Answered(ORIGIN + stop, of, request, is_ready),
    ]


def timeline(
    events: Iterable[Event], workers: Iterable[Worker] = (), end: float = 10.0
) -> Timeline:
    """What comes of it; the events may be in any order.

    :param workers: default: those that asked for something.
    """
    in_order = sorted(events, key=lambda event: event.at)
    asked = {event.worker: None for event in in_order if isinstance(event, Asked)}
    run = Run(
        in_order,
        workers or [worker(name) for name in asked],
        origin=ORIGIN,
        end=ORIGIN + end,
        began=EPOCH,
    )
    return run.timeline()


def large(tests: int, fixtures: int, workers: int = 4) -> Timeline:
    """A run with many of both: each worker asks for each fixture, and all wait for it."""
    events, names = [up(1.0)], [f"gw{number}" for number in range(workers)]
    now = 1.0
    for id_ in range(1, fixtures + 1):
        name = f"fixture_number_{id_}"
        events += set_up(now, now + 0.01, id_, name)
        for of in names:
            events += waited(of, id_, name, now, now + 0.0101)
        now += 0.0102
    made = [worker(name) for name in names]
    for number in range(tests):
        start = now + 0.01 * (number // workers)
        outcome = "failed" if number % 97 == 0 else "passed"
        nodeid = (
            f"tests/some/where/test_module_{number // 100}.py::TestClass::test_method[{number}]"
        )
        ran(made[number % workers], nodeid, start, start + 0.009, outcome)
    end = now + 0.01 * (tests // workers) + 1.0
    for id_ in range(fixtures, 0, -1):
        events += finalized(end, end + 0.001, id_, f"fixture_number_{id_}")
        end += 0.001
    return timeline(events, made, end + 0.1)

"""What is noted while tests run, and the tests that it amounts to; controller. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...wire.frozen import Frozen
from .spans import Phase, Test

CRASHED = "crashed"
_PHASES = {"setup", "call", "teardown"}
_WORST_FIRST = (CRASHED, "failed", "error", "rerun", "xpassed", "xfailed", "skipped", "passed")


class Reported(Frozen):
    """The report of a phase of a test."""

    nodeid: str
    when: str
    outcome: str
    started: float  #: seconds since the epoch, by the clock of the worker; likewise the next
    stopped: float
    received: float  #: seconds of the run's clock
    ahead: float  #: how much more the controller's clock showed then, seconds since the epoch


class Worker:
    """What is noted of a test worker. Times are seconds of the run's clock.

    :param is_local: whether it has the clock of this machine.
    """

    def __init__(self, name: str, start: float, is_local: bool) -> None:
        self.name = name
        self.is_local = is_local
        self.start = start
        self.up: float | None = None
        self.collected: float | None = None
        self.down: float | None = None
        self.error: str | None = None  #: why it went down too early
        self.reports: list[Reported] = []


def ran_by(worker: Worker) -> list[Test]:
    """The tests that a worker ran, by the run's clock."""
    shift = _shift(worker)
    groups: list[list[Reported]] = []
    for report in worker.reports:
        if groups and report.when != "setup" and groups[-1][0].nodeid == report.nodeid:
            groups[-1].append(report)
        else:
            groups.append([report])
    tests: list[Test] = []
    for group in groups:
        if group[-1].when in _PHASES:
            tests.append(_test(group, shift))
            continue
        # xdist reports in its place. When it began, nobody has said.
        began = tests[-1].stop if tests else (worker.collected or worker.up or worker.start)
        ended = group[-1].received
        tests.append(Test(min(began, ended), ended, group[0].nodeid, CRASHED, ()))
    return tests


def _shift(worker: Worker) -> float:
    """Seconds to add to a worker's times.

    Another machine's clock may be wrong. No report comes before it is sent: the one that seems to
    have been the quickest is taken to have come at once.
    """
    delays = [
        report.received - (report.stopped - report.ahead)
        for report in worker.reports
        if report.when in _PHASES
    ]
    least = min(delays, default=0.0)
    return min(least, 0.0) if worker.is_local else least


def _test(reports: Sequence[Reported], shift: float) -> Test:
    phases: dict[str, Phase] = {}
    for report in reports:  # subtests have several for one phase
        start, stop = (time - report.ahead + shift for time in (report.started, report.stopped))
        if (known := phases.get(report.when)) is not None:
            start, stop = min(start, known.start), max(stop, known.stop)
        phases[report.when] = Phase(start, max(start, stop), report.when)
    return Test(
        min(phase.start for phase in phases.values()),
        max(phase.stop for phase in phases.values()),
        reports[0].nodeid,
        _outcome(reports),
        tuple(phases.values()),
    )


def _outcome(reports: Iterable[Reported]) -> str:
    """The worst of all phases; a failure around the test itself is an error, as in pytest."""
    outcomes = {
        "error" if report.outcome == "failed" and report.when != "call" else report.outcome
        for report in reports
    }
    return worst(outcomes)


def worst(outcomes: Iterable[str]) -> str:
    """The one that matters most."""
    return min(outcomes, key=lambda each: _WORST_FIRST.index(each) if each in _WORST_FIRST else 3)

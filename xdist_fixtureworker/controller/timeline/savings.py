"""What test workers waited for, and what an eager set-up, or lanes, would save; controller. Pure.

A fixture worker does one thing after another. So the time of a wait is made of four parts: the
fixture worker was not up yet; it set up what was waited for, and what that depends on; it was busy
with the set-up of something else; and the rest: imports, and the value's way.

Eager: a set-up could have begun as soon as the fixture worker was up. Lanes: nobody waits behind
the set-up of something that has nothing to do with what is wanted. Both are estimates, for the same
tests on the same workers, and as if there were a core for whatever happens at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial

from ...wire.frozen import Frozen
from .schedule import Schedule
from .spans import OK, Key, SetUp, Timeline, Wait

_TRIED = 50
"""Fixtures that are tried out, each by itself: those that tests waited for longest."""


class Parts(Frozen):
    """Seconds of waits, by what was going on."""

    start: float = 0.0  #: the fixture worker was not up
    own: float = 0.0  #: the set-up that was waited for
    others: float = 0.0  #: set-ups that have nothing to do with it
    related: float = 0.0  #: set-ups that share something with it, such as what both depend on
    rest: float = 0.0

    @property
    def seconds(self) -> float:
        return self.start + self.own + self.others + self.related + self.rest

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            self.start + other.start,
            self.own + other.own,
            self.others + other.others,
            self.related + other.related,
            self.rest + other.rest,
        )


class FixtureWaits:
    """One fixture of the run, with all its instances."""

    def __init__(self, fixture: str, where: str) -> None:
        self.fixture = fixture
        self.where = where
        self.set_ups: list[SetUp] = []
        self.workers: set[str] = set()  #: that asked for it
        self.longest = 0.0
        self.parts = Parts()
        #: Seconds that it would save if it alone were eager; None: that was not looked at.
        self.eager: float | None = None

    @property
    def works(self) -> bool:
        """Whether it was set up. What does not work is not to be made faster."""
        return any(set_up.outcome == OK for set_up in self.set_ups)


class Savings:
    """What follows from the waits of a run."""

    def __init__(self, timeline: Timeline) -> None:
        self._lanes = {lane.name: Schedule(lane) for lane in timeline.fixture_workers}
        self._waits = timeline.waits
        #: In the order in which they were first set up; those that never were come last.
        self.fixtures = self._by_fixture(timeline)
        self.parts = sum((each.parts for each in self.fixtures), Parts())
        #: Seconds of waits that lanes would save at most.
        self.lanes = self.parts.others
        #: Seconds of waits that would be saved if all fixtures were eager.
        self.eager = self._saved_by(Schedule.ends_if_all_eager)
        self._try_each()

    def _saved_by(self, ends_in: Callable[[Schedule], Mapping[Key, float]]) -> float:
        """Seconds of waits that are saved if set-ups end at other times.

        A worker that waits less asks earlier for the next one; or later, if it waits longer.
        """
        ends = {key: end for each in self._lanes.values() for key, end in ends_in(each).items()}
        saved = 0.0
        lead: defaultdict[str, float] = defaultdict(float)
        for wait in self._waits:
            asked, answered = wait.start - lead[wait.worker], wait.stop - lead[wait.worker]
            schedule = self._schedule(wait)
            ended = None if wait.set_up is None or schedule is None else schedule.ends[wait.set_up]
            if wait.set_up is not None and ended is not None and ended >= wait.start:
                answered = max(asked, ends[wait.set_up]) + wait.stop - ended
            saved += wait.seconds - (answered - asked)
            lead[wait.worker] = wait.stop - answered
        return max(0.0, saved)

    def _try_each(self) -> None:
        """Find out what some would save, each by itself."""
        waited_for = [each for each in self.fixtures if each.parts.own > 0 and each.works]
        for fixture in sorted(waited_for, key=lambda each: -each.parts.own)[:_TRIED]:
            keys = [set_up.key for set_up in fixture.set_ups]
            fixture.eager = self._saved_by(partial(Schedule.ends_if_eager, keys=keys))

    def _schedule(self, wait: Wait) -> Schedule | None:
        return None if wait.set_up is None else self._lanes[wait.set_up[0]]

    def _by_fixture(self, timeline: Timeline) -> list[FixtureWaits]:
        found: dict[tuple[str, str], FixtureWaits] = {}
        by_name: dict[str, FixtureWaits] = {}
        by_key: dict[Key, FixtureWaits] = {}
        for set_up in timeline.set_ups:
            if set_up.is_global:
                place = set_up.fixture, set_up.where
                fixture = found.setdefault(place, FixtureWaits(*place))
                fixture.set_ups.append(set_up)
                by_key[set_up.key] = fixture
                by_name.setdefault(set_up.fixture, fixture)
        never: dict[str, FixtureWaits] = {}
        for wait in self._waits:
            known = by_name.get(wait.fixture) if wait.set_up is None else by_key.get(wait.set_up)
            self._add(known or never.setdefault(wait.fixture, FixtureWaits(wait.fixture, "")), wait)
        return [*found.values(), *never.values()]

    def _add(self, fixture: FixtureWaits, wait: Wait) -> None:
        fixture.workers.add(wait.worker)
        fixture.longest = max(fixture.longest, wait.seconds)
        schedule = self._schedule(wait)
        fixture.parts += self._in_vain(wait) if schedule is None else _parts(schedule, wait)

    def _in_vain(self, wait: Wait) -> Parts:
        """Of a wait for what was never set up."""
        up = min((each.up for each in self._lanes.values()), default=0.0)
        start = max(0.0, min(wait.stop, up) - wait.start)
        return Parts(start=start, rest=wait.seconds - start)


def _parts(schedule: Schedule, wait: Wait) -> Parts:
    """What a wait was made of."""
    assert wait.set_up is not None
    chain = schedule.chain(wait.set_up)
    seconds = {"own": 0.0, "others": 0.0, "related": 0.0}
    for set_up in schedule.during(wait):
        is_related = schedule.are_related(set_up.key, wait.set_up)
        kind = "own" if set_up.key in chain else "related" if is_related else "others"
        seconds[kind] += min(wait.stop, set_up.stop) - max(wait.start, set_up.start)
    start = max(0.0, min(wait.stop, schedule.up) - wait.start)
    rest = max(0.0, wait.seconds - start - sum(seconds.values()))
    return Parts(start=start, rest=rest, **seconds)

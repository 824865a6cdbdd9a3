"""Says in summary and reports what was set up, and that it was once; runs in the controller.

Pure: it reads the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .journal import (
    Asked,
    FinalizerBegun,
    FinalizerEnded,
    Journal,
    Key,
    OfSetUp,
    SetUpBegun,
    SetUpEnded,
)

_NAMED = 6
"""Fixtures that one line names: those that took longest."""


def once_lines(journal: Journal, verbosity: int) -> list[str]:
    """One line about all global fixtures; with ``-v``, one about each; none with ``-q``."""
    fixtures = [] if verbosity < 0 else _fixtures(journal)
    if not fixtures:
        return []
    if verbosity > 0:
        return [fixture.line() for fixture in fixtures]
    return [_in_one_line(fixtures)]


def set_up_seconds(journal: Journal) -> Iterator[tuple[str, float]]:
    """The name of each global fixture, and how long its set-ups took, in their order."""
    for fixture in _fixtures(journal):
        yield fixture.name, fixture.set_up


class SetUpFixture:
    """A global fixture of the run, with all its instances."""

    def __init__(self, name: str, where: str) -> None:
        self.name = name
        self.where = where
        self.instances = 0
        self.failed = False
        self.set_up = 0.0  #: seconds, all instances together; likewise the next
        self.finalized: float | None = None
        self.workers: set[str] = set()  #: that asked for it

    def add(self, seconds: float, failed: bool) -> None:
        """Add the set-up of an instance."""
        self.instances += 1
        self.set_up += seconds
        self.failed |= failed

    def short(self) -> str:
        """As one of several in a line."""
        instances = f" for {self.instances} instances" if self.instances > 1 else ""
        outcome = "failed" if self.failed else f"{self.set_up:.1f} s"
        return f"{self.name} {outcome}{instances}"

    def line(self) -> str:
        """As it is shown with ``-v``."""
        outcome = "set-up failed after" if self.failed else "set up once, in"
        if self.instances > 1:
            outcome = f"{self.instances} instances, each {outcome}"
        workers = f", for {', '.join(sorted(self.workers))}" if self.workers else ""
        finalized = "" if self.finalized is None else f"; finalized in {self.finalized:.2f} s"
        return f"{self.name} ({self.where}): {outcome} {self.set_up:.2f} s{workers}{finalized}"


def _fixtures(journal: Journal) -> list[SetUpFixture]:
    """In the order in which they were set up."""
    found: dict[tuple[str, str], SetUpFixture] = {}
    begun = {_key(one): one for one in journal.of(SetUpBegun) if one.is_global}
    instances: dict[Key, SetUpFixture] = {}
    for ended in journal.of(SetUpEnded):
        if (start := begun.get(_key(ended))) is not None:
            place = ended.fixture, ended.where
            fixture = instances[_key(ended)] = found.setdefault(place, SetUpFixture(*place))
            fixture.add(ended.at - start.at, ended.failed)
    _add_finalizers(journal, instances)
    _add_workers(journal, found.values())
    return list(found.values())


def _add_workers(journal: Journal, fixtures: Iterable[SetUpFixture]) -> None:
    by_name: dict[str, set[str]] = {}
    for asked in journal.of(Asked):
        by_name.setdefault(asked.fixture, set()).add(asked.worker)
    for fixture in fixtures:
        fixture.workers = by_name.get(fixture.name, set())


def _add_finalizers(journal: Journal, instances: Mapping[Key, SetUpFixture]) -> None:
    begun = {_key(one): one.at for one in journal.of(FinalizerBegun)}
    for done in journal.of(FinalizerEnded):
        fixture = instances.get(_key(done))  # none: it was done by another fixture worker
        if fixture is not None:
            fixture.finalized = (fixture.finalized or 0.0) + done.at - begun[_key(done)]


def _key(event: OfSetUp) -> Key:
    return event.fixture_worker, event.id


def _in_one_line(fixtures: list[SetUpFixture]) -> str:
    count = len(fixtures)
    longest = sorted(fixtures, key=lambda fixture: -fixture.set_up)[:_NAMED]
    named = [fixture.short() for fixture in fixtures if fixture in longest]
    if count > len(named):
        named.append(f"and {count - len(named)} more")
    finalized = [each.finalized for each in fixtures if each.finalized is not None]
    end = f"; finalized {sum(finalized):.1f} s" if finalized else ""
    kind = "global fixture" if count == 1 else "global fixtures"
    return f"{count} {kind}, set up once: {', '.join(named)}{end}"

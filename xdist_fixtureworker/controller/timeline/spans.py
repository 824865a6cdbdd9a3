"""What a timeline is made of: what took how long, and in which process; controller. Pure.

All times are seconds since the start of the run.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...wire.frozen import Frozen

OK = ""
FAILED = "failed"
INTERRUPTED = "interrupted"
UNFINISHED = "unfinished"  #: there was no time for it to end: the process died, say

Key = tuple[str, int]
"""A fixture worker and the id of one of its set-ups."""


class Span(Frozen):
    """Something that took its time."""

    start: float
    stop: float

    @property
    def seconds(self) -> float:
        return self.stop - self.start


class Start(Span):
    """A process starts, or looks for tests."""

    what: str


class Phase(Span):
    when: str  #: ``setup``, ``call`` or ``teardown``


class Test(Span):
    nodeid: str
    outcome: str  #: as pytest counts it, or ``crashed``
    phases: tuple[Phase, ...]


class Wait(Span):
    """A test worker waits for the answer to a request."""

    worker: str
    fixture: str
    test: str  #: that needs it; empty if that is not known
    is_ready: bool  #: False: it got an error, or nothing
    set_up: Key | None  #: of what it asked for; None if there was none by then


class SetUp(Span):
    key: Key
    fixture: str
    where: str
    is_global: bool  #: False: a session fixture that a global one depends on
    outcome: str
    needs: tuple[Key, ...]  #: the set-ups of the global fixtures that it depends on
    depth: int  #: how many others it happens within


class Finalizer(Span):
    fixture: str
    where: str
    outcome: str
    is_recovery: bool


class Doing(Span):
    """Users' code besides set-ups and finalizers: an import, a hook."""

    what: str


class Death(Frozen):
    """A process ended too early."""

    at: float
    reason: str


class Lane(Frozen):
    """One process."""

    name: str
    start: float
    up: float | None  #: when it could begin to work; None: it never came up, or is not known
    stop: float
    death: Death | None
    starts: tuple[Start, ...]


class TestLane(Lane):
    tests: tuple[Test, ...]
    waits: tuple[Wait, ...]


class FixtureLane(Lane):
    set_ups: tuple[SetUp, ...]
    finalizers: tuple[Finalizer, ...]
    others: tuple[Doing, ...]

    @property
    def outer(self) -> list[SetUp]:
        """The set-ups that did not happen within another: one after the other."""
        return [each for each in self.set_ups if each.depth == 0]


class Timeline(Frozen):
    """A run."""

    began: float  #: seconds since the epoch
    seconds: float
    fixture_workers: tuple[FixtureLane, ...]
    test_workers: tuple[TestLane, ...]

    @property
    def lanes(self) -> Sequence[Lane]:
        return (*self.fixture_workers, *self.test_workers)

    @property
    def set_ups(self) -> list[SetUp]:
        return [each for lane in self.fixture_workers for each in lane.set_ups]

    @property
    def finalizers(self) -> list[Finalizer]:
        return [each for lane in self.fixture_workers for each in lane.finalizers]

    @property
    def waits(self) -> list[Wait]:
        """In the order in which they began."""
        waits = (each for lane in self.test_workers for each in lane.waits)
        return sorted(waits, key=lambda wait: wait.start)

    @property
    def tests(self) -> list[Test]:
        return [each for lane in self.test_workers for each in lane.tests]

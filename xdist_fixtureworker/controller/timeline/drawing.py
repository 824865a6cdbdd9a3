"""Draws a timeline as SVG, with an element for all that happened; controller. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import texts
from .elements import BAR, WAIT, Elements
from .recorded import worst
from .spans import FixtureLane, Lane, Span, Test, TestLane, Timeline
from .texts import safe

AXIS = 22  # height, as the next in pixels
_GAP = 6
_MOST_TESTS = 20_000
"""From so many on, those that are too short to be seen are drawn together."""
_SHORT = 1 / 4000
"""Of the run. As long as this, a test is drawn alone in any case, and a block is not longer."""
_NAMED = 1 / 400
"""Of the run. As long as this, a test has its name in its bar."""


def height(lane: Lane) -> int:
    """Of a lane, with the gap below it."""
    if isinstance(lane, FixtureLane):
        return BAR * (1 + max((each.depth for each in lane.set_ups), default=0)) + _GAP
    return WAIT + BAR + _GAP


def kind_of(lane: Lane) -> str:
    """What a process is in the run."""
    if isinstance(lane, FixtureLane):
        return "fixture worker"
    return "test worker" if lane.name != "tests" else "all tests"


class Drawing:
    """The picture of one run."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._joins = len(timeline.tests) > _MOST_TESTS
        self._elements = Elements(timeline.seconds)
        self.places = self._elements.places  #: of set-ups and waits: the ids of their elements

    def svg(self) -> str:
        """The element, as wide as what it is in."""
        top, parts = AXIS, []
        for lane in self._timeline.lanes:
            label = safe(f"{lane.name}: {kind_of(lane)}")
            life = Span(lane.start, lane.stop)
            parts.append(f'<g class="lane" role="list" aria-label="{label}">')
            parts.append(self._elements.back(life, "life", top, height(lane) - _GAP))
            parts += self._lane(lane, top)
            parts.append("</g>")
            top += height(lane)
        axis = "".join(self._elements.axis(top))
        return (
            f'<svg id="chart" role="group" aria-label="What happened when" height="{top}" '
            f'data-seconds="{max(self._timeline.seconds, 1e-6):.6f}">{_PATTERNS}'
            f'<g id="axis" aria-hidden="true">{axis}</g>{"".join(parts)}</svg>'
        )

    def _lane(self, lane: Lane, top: int) -> Iterator[str]:
        for start in lane.starts:
            at = top + (WAIT if isinstance(lane, TestLane) else 0)
            yield self._elements.bar(start, "start", texts.of_start(start), at, name=start.what)
        if isinstance(lane, FixtureLane):
            yield from self._fixtures(lane, top)
        elif isinstance(lane, TestLane):
            for wait in lane.waits:
                yield self._elements.bar(wait, "wait", texts.of_wait(wait), top, linked=True)
            yield from self._tests(lane, top + WAIT)
        if lane.death is not None:
            text = texts.of_death(lane.name, lane.death)
            yield self._elements.cross(lane.death.at, text, top + (height(lane) - _GAP) // 2)

    def _fixtures(self, lane: FixtureLane, top: int) -> Iterator[str]:
        bar = self._elements.bar
        for other in lane.others:
            yield bar(other, "other", texts.of_other(other), top, name=other.what)
        for number, set_up in enumerate(lane.set_ups):
            kind = ("setup odd" if number % 2 else "setup") if set_up.is_global else "setup plain"
            classes = f"{kind} {set_up.outcome}".rstrip()
            text, at = texts.of_set_up(set_up), top + BAR * set_up.depth
            yield bar(set_up, classes, text, at, name=set_up.fixture, linked=True)
        for finalizer in lane.finalizers:
            classes = f"finalizer {finalizer.outcome}".rstrip()
            yield bar(
                finalizer, classes, texts.of_finalizer(finalizer), top, name=finalizer.fixture
            )

    def _tests(self, lane: TestLane, top: int) -> Iterator[str]:
        for number, tests in enumerate(self._blocks(lane.tests)):
            span = Span(tests[0].start, tests[-1].stop)
            outcome = worst(test.outcome for test in tests)
            classes = f"test {outcome}{' odd' if number % 2 else ''}"
            yield self._elements.bar(span, classes, texts.of_tests(tests, outcome), top)
            if len(tests) == 1 and self._is_named(span):
                yield from self._inside(tests[0], top)

    def _inside(self, test: Test, top: int) -> Iterator[str]:
        """What can be seen of a test that is long enough: its set-up, teardown and name."""
        for phase in test.phases:
            if phase.when != "call" and self._is_named(phase):
                yield self._elements.back(phase, "around", top)
        name = test.nodeid.rpartition("/")[2].partition("::")[2] or test.nodeid
        yield self._elements.name(test, name, top)

    def _is_named(self, span: Span) -> bool:
        return span.seconds >= _NAMED * self._timeline.seconds

    def _blocks(self, tests: Sequence[Test]) -> Iterator[list[Test]]:
        """Each test by itself; where there are too many, short ones that follow each other."""
        longest = _SHORT * self._timeline.seconds if self._joins else 0.0
        block: list[Test] = []
        for test in tests:
            if block and test.stop - block[0].start > longest:
                yield block
                block = []
            block.append(test)
        if block:
            yield block


_PATTERNS = (
    "<defs>"
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="hatch-back" width="6" height="6"/>'
    '<rect class="hatch-front" width="3" height="6"/></pattern>'
    '<pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect class="dots-back" width="5" height="5"/><circle class="dots-front" cx="2" cy="2" r="1"/>'
    "</pattern></defs>"
)

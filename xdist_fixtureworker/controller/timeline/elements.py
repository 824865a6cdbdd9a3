"""The elements that a timeline is drawn with, as SVG; controller. Pure.

Places are percentages of the width: so a wider picture is a closer look, and a name that does not
fit in its bar is cut off there. That needs no script.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from .spans import Span
from .texts import safe

BAR = 20  # height, as all that follow in pixels
WAIT = 8
_MARK = 5
_LEAST = 0.0002
"""Of the run: the width of what took no time."""
_TICKS = 8


class Elements:
    """Makes elements for a run of so many seconds.

    Each that can be pointed at has a ``<title>``, which browsers show and screen readers read.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, 1e-6)
        self._ids = count(1)
        self.places: dict[Span, str] = {}  #: the ids of those that tables lead to

    def bar(
        self, span: Span, classes: str, text: str, top: int, *, name: str = "", linked: bool = False
    ) -> str:
        """A bar of its own, to be pointed at.

        :param text: what is known of it.
        :param name: to be seen in it.
        :param linked: whether tables lead to it.
        """
        high = WAIT if classes == "wait" else BAR
        place = f'{self._place(span, top, high)} role="listitem"{self._id(span) if linked else ""}'
        title = f"<title>{safe(text)}</title>"
        if not name:
            return f'<rect class="i {safe(classes)}" {place}>{title}</rect>'
        return (
            f'<svg class="i {safe(classes)}" {place}><rect width="100%" height="100%"/>'
            f'<text x="4" y="14">{safe(name)}</text>{title}</svg>'
        )

    def back(self, span: Span, classes: str, top: int, high: int = BAR) -> str:
        """A bar that is no more than a shade."""
        return f'<rect class="{classes}" {self._place(span, top, high)}/>'

    def name(self, span: Span, name: str, top: int) -> str:
        """A name above bars."""
        return (
            f'<svg class="name" {self._place(span, top, BAR)} aria-hidden="true">'
            f'<text x="4" y="14">{safe(name)}</text></svg>'
        )

    def cross(self, at: float, text: str, middle: int) -> str:
        """A mark for what took no time."""
        lines = f"M{-_MARK},{-_MARK}L{_MARK},{_MARK}M{-_MARK},{_MARK}L{_MARK},{-_MARK}"
        return (
            f'<svg class="i death" x="{self._x(at)}" y="{middle}" overflow="visible" '
            f'role="listitem"><circle r="{2 * _MARK}"/><path d="{lines}"/>'
            f"<title>{safe(text)}</title></svg>"
        )

    def axis(self, bottom: int) -> Iterator[str]:
        """Lines with the seconds beside them, as long as nobody has a closer look."""
        step = tick(self._seconds / _TICKS)
        for number in range(int(self._seconds / step) + 1):
            x = self._x(number * step)
            text = f"{number * step:.6g} s" if number * step < 0.97 * self._seconds else ""
            yield (
                f'<line x1="{x}" x2="{x}" y1="14" y2="{bottom}"/>'
                f'<text x="{x}" dx="3" y="12">{text}</text>'
            )

    def _id(self, span: Span) -> str:
        self.places[span] = f"i{next(self._ids)}"
        return f' id="{self.places[span]}"'

    def _place(self, span: Span, top: int, high: int) -> str:
        width = _percent(max(_LEAST, span.seconds / self._seconds))
        return f'x="{self._x(span.start)}" y="{top}" width="{width}" height="{high}"'

    def _x(self, at: float) -> str:
        return _percent(at / self._seconds)


def tick(least: float) -> float:
    """The least of 1, 2, 5, 10, ... seconds, or of a part of one, that is not less."""
    power = 1e-6
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least * 0.999:
                return factor * power
        power *= 10


def _percent(part: float) -> str:
    """With as many digits as the closest look can tell apart."""
    return f"{100 * part:.4f}".rstrip("0").rstrip(".") + "%"

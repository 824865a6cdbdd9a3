"""Draws bars as SVG, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .figures import Spread

WIDTH = 760
LABELS = 270  #: where bars begin
VALUES = 60  #: what is kept free at the right
TOP = 56
ROW = 30
BAR = 16

STYLE = """\
svg { color: #1f2933; font: 14px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif }
text { fill: currentColor }
.title { font-weight: 600; font-size: 15px }
.small { font-size: 12px; opacity: .75 }
.other { fill: #8a97a6 }
.ours { fill: #2f9e5b }
.line { stroke: currentColor; stroke-width: 1.5; opacity: .75 }
.base { stroke-dasharray: 4 4; opacity: .6 }
@media (prefers-color-scheme: dark) { svg { color: #e6edf3 } .other { fill: #6b7888 } .ours { fill: #3fb970 } }
"""


@dataclass(frozen=True)
class Bar:
    """A line of a picture."""

    label: str
    value: Spread
    ours: bool


def picture(
    title: str, subtitle: str, bars: Sequence[Bar], digits: int, base: float | None = None
) -> str:
    """Draw bars, the quartiles as a line at the end of each.

    :param base: a value to compare with, at which there is a dashed line
    """
    height = TOP + ROW * len(bars) + 14
    scale = (WIDTH - LABELS - VALUES) / max(bar.value.upper for bar in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(_told(subtitle, bars, digits))}</desc>',
        f"<style>{STYLE}</style>",
        f'<text x="0" y="18" class="title">{escape(title)}</text>',
        f'<text x="0" y="38" class="small">{escape(subtitle)}</text>',
    ]
    if base is not None:
        at = LABELS + base * scale
        lines.append(_line("line base", at, TOP - 4, at, height - 10))
    for number, bar in enumerate(bars):
        lines += _bar(bar, TOP + ROW * number, scale, digits)
    return "\n".join([*lines, "</svg>", ""])


def _bar(bar: Bar, y: int, scale: float, digits: int) -> list[str]:
    lower, median, upper = (LABELS + value * scale for value in bar.value)
    middle = y + BAR / 2
    color = "ours" if bar.ours else "other"
    text = f"{bar.value.median:,.{digits}f}"
    return [
        f'<text x="{LABELS - 10}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect x="{LABELS}" y="{y}" width="{median - LABELS:.1f}" height="{BAR}" rx="2"'
        f' class="{color}"/>',
        _line("line", lower, middle, upper, middle),
        f'<text x="{max(median, upper) + 8:.1f}" y="{y + 13}">{text}</text>',
    ]


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _told(subtitle: str, bars: Sequence[Bar], digits: int) -> str:
    """Say what there is to see."""
    return f"{subtitle}. " + ", ".join(
        f"{bar.label}: {bar.value.median:,.{digits}f}" for bar in bars
    )

"""Medians, spreads and plain-text tables of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, median, upper


def spread(values: Sequence[float], digits: int) -> tuple[str, str]:
    """Median and quartiles as two cells of a table."""
    lower, median, upper = quartiles(values)
    return f"{median:.{digits}f}", f"{lower:.{digits}f}-{upper:.{digits}f}"


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """What was measured in each round, divided by what ``base`` has for the same round."""
    return [value / other for value, other in zip(values, base, strict=True)]


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (header, ["-" * width for width in widths], *rows)
    ]
    return "\n".join([title, "", *lines, ""])

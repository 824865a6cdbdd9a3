"""Medians, spreads and ratios of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Where the middle half of some values lies."""

    lower: float
    median: float
    upper: float

    def cell(self, digits: int) -> str:
        """As in a table: the median, and the quartiles if there is more than one value."""
        if self.lower == self.upper:
            return f"{self.median:,.{digits}f}"
        return f"{self.median:,.{digits}f} ({self.lower:,.{digits}f}-{self.upper:,.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """Get the lower quartile, the median and the upper quartile."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """What was measured in each round, divided by what ``base`` has for the same round."""
    return [value / other for value, other in zip(values, base, strict=True)]


def differences(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """What was measured in each round, less what ``base`` has for the same round."""
    return [value - other for value, other in zip(values, base, strict=True)]

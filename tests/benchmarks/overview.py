"""Puts the figures of all benchmarks side by side, and says where a rival is faster than we are."""

from __future__ import annotations

from dataclasses import dataclass

from .figures import Spread, spread
from .reports import title, to_plain
from .results import Result, Row
from .rivals import OURS, RIVALS, rival
from .tables import Table


@dataclass(frozen=True)
class Column:
    """One figure of a benchmark, of which less is better."""

    benchmark: str
    figure: str
    head: str
    digits: int
    ratio: bool = False  #: to plain xdist, round by round

    def value(self, result: Result, row: Row) -> Spread | None:
        """Get its median and quartiles."""
        if self.ratio:
            return to_plain(result, row, self.figure)
        values = row.figures.get(self.figure)
        return spread(values) if values else None


COLUMNS = (
    Column("empty", "wall", "empty tests, wall", 2, ratio=True),
    Column("empty", "cpu", "empty tests, CPU", 2, ratio=True),
    Column("set-up", "first", "first test done, s", 2),
    Column("lanes", "all", "independent set-ups, s", 2),
    Column("latency", "workers", "value in hand, ms", 1),
    Column("latency", "last", "by the last worker, ms", 1),
    Column("fixtures", "wall", "many fixtures, wall", 2, ratio=True),
    Column("fixtures", "cpu", "many fixtures, CPU", 2, ratio=True),
    Column("heavy", "wall", "heavy imports, wall", 2, ratio=True),
    Column("heavy", "cpu", "heavy imports, CPU", 2, ratio=True),
    Column("memory", "megabytes", "memory, MB", 0),
    Column("array", "seconds", "200 MB array, s", 2),
    Column("array", "for_value", "200 MB array, MB", 0),
    Column("frame", "seconds", "500 MB frame, s", 2),
    Column("frame", "for_value", "500 MB frame, MB", 0),
)
OTHERS = [
    each.key for each in RIVALS if each.environment != OURS.environment and not each.more_workers
]
OURS_ALL = [each.key for each in RIVALS if each.environment == OURS.environment and each.shares]
MARGIN = 0.97  #: what is nearer than that is as fast


def overview(results: dict[str, Result]) -> Table:
    """Make the table of all rivals and the medians of all benchmarks."""
    columns = [column for column in COLUMNS if column.benchmark in results]
    rows = []
    for each in RIVALS:
        medians = [_medians(results[column.benchmark], column).get(each.key) for column in columns]
        if any(median is not None for median in medians):
            cells = zip(medians, columns, strict=True)
            shown = (f"{value:,.{column.digits}f}" if value else "" for value, column in cells)
            rows.append((each.name, *shown))
    notes = ("Wall and CPU are ratios to plain xdist; less is better everywhere.",)
    return Table("All of it", ("", *(column.head for column in columns)), rows, notes)


def faster(results: dict[str, Result]) -> list[str]:
    """Say of each figure which rivals are better than the best of ours, and by how much."""
    said = []
    for column in COLUMNS:
        result = results.get(column.benchmark)
        medians = _medians(result, column) if result is not None else {}
        ours = [key for key in medians if key in OURS_ALL]
        best = min((medians[key] for key in ours), default=0.0)
        ahead = [key for key in medians if key in OTHERS and medians[key] < MARGIN * best]
        if result is not None and ahead:
            named = [
                f"{rival(key).name} {medians[key]:,.{column.digits}f}" for key in (*ahead, *ours)
            ]
            said.append(f"- {title(result)} ({column.head}): {'; '.join(named)}.")
    return said


def _medians(result: Result, column: Column) -> dict[str, float]:
    values = {row.of: column.value(result, row) for row in result.rows}
    return {key: value.median for key, value in values.items() if value is not None}

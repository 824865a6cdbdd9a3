"""Writes tables and pictures into a page of the documentation, between the marks that it has.

``<!-- figures: KEY -->`` and ``<!-- end -->`` enclose what is written: the picture and the table of a
benchmark, or the table of all ("overview"), where rivals are faster ("faster"), or machine and versions ("where").
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .environments import ROOT
from .overview import COLUMNS, Column, faster, overview
from .pictures import Bar, picture
from .reports import places, table, title
from .results import Result
from .rivals import OURS, rival

PAGE = ROOT / "docs" / "explanation" / "what-it-costs.md"
MARKS = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
#: Which figure of a benchmark the picture shows.
DRAWN = {
    "empty": ("wall", "wall time as a ratio to plain xdist; less is better"),
    "set-up": ("first", "seconds; less is better"),
    "lanes": ("all", "seconds; less is better"),
    "latency": ("workers", "milliseconds, of all workers; less is better"),
    "fixtures": ("wall", "wall time as a ratio to plain xdist; less is better"),
    "heavy": ("cpu", "CPU time as a ratio to plain xdist; less is better"),
    "array": ("seconds", "seconds until all workers have it; less is better"),
    "frame": ("for_value", "memory that it takes, in megabytes (PSS); less is better"),
    "memory": ("megabytes", "megabytes (PSS); less is better"),
}


def results_of(page: Path) -> Path:
    """Get the file with the figures that a page shows."""
    return page.with_suffix("") / "figures.json"


def write(page: Path, results: dict[str, Result]) -> None:
    """Write what there is of results into a page, and its pictures beside it."""
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for key, result in results.items():
        if key in DRAWN:
            (folder / f"{key}.svg").write_text(draw(result), encoding="utf-8")

    def written(found: re.Match[str]) -> str:
        before, key, after = found.groups()
        text = _part(key, results, folder.name)
        return f"{before}\n{text}\n\n{after}" if text else found[0]

    text = page.read_text(encoding="utf-8")
    missing = results.keys() - {key for _, key, _ in MARKS.findall(text)}
    if missing:
        print(f"{page} has no place for {', '.join(sorted(missing))}", file=sys.stderr)
    page.write_text(MARKS.sub(written, text), encoding="utf-8")


def _part(key: str, results: dict[str, Result], folder: str) -> str:
    if key == "overview":
        return overview(results).markdown()
    if key == "faster":
        return "\n".join(faster(results)) or "No rival is faster in any of them."
    if key == "where":
        return "\n\n".join(places(results))
    if key not in results:
        return ""
    parts = [table(results[key]).markdown()]
    if key in DRAWN:
        parts.insert(0, f"![{title(results[key])}: {DRAWN[key][1]}]({folder}/{key}.svg)")
    return "\n\n".join(parts)


def draw(result: Result) -> str:
    """Draw the bars of a benchmark."""
    figure, subtitle = DRAWN[result.benchmark]
    column = _column(result.benchmark, figure)
    bars = [
        Bar(rival(row.of).name, value, rival(row.of).environment == OURS.environment)
        for row in result.rows
        if (value := column.value(result, row)) is not None
    ]
    base = 1.0 if column.ratio else None
    return picture(title(result), subtitle, bars, column.digits, base)


def _column(benchmark: str, figure: str) -> Column:
    return next(each for each in COLUMNS if (each.benchmark, each.figure) == (benchmark, figure))

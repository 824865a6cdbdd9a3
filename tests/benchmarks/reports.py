"""Makes the tables of what was measured, one for each benchmark and one of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby

from .figures import Spread, differences, ratios, spread
from .results import Result, Row
from .rivals import PLAIN, RIVALS, rival
from .tables import Table

TITLES = {
    "empty": "{empty_tests} tests that do nothing",
    "set-up": "A set-up of {set_up_seconds:g} s: from the start of the run to the first test done",
    "lanes": "{test_workers} set-ups of {set_up_seconds:g} s that different tests need: to the last one done",
    "latency": "From set-up done to value in hand, {test_workers} test workers waiting",
    "fixtures": "{many[0]} fixtures, {many[1]} tests",
    "heavy": "{empty_tests} tests, and a conftest that imports {imported}",
    "memory": "Memory of all processes, {memory_workers} test workers, the same imports",
    "array": "A numpy array of 200 MB for {test_workers} test workers",
    "frame": "A pandas frame of 500 MB for {test_workers} test workers",
    "growth-tests": "Growth with the number of tests",
    "growth-fixtures": "Growth with the number of fixtures, {tests_of_fixtures:,} tests",
    "growth-workers": "Growth with the number of test workers, {empty_tests} tests",
    "imports": "Imports of each process beyond those of plain xdist",
}
GROWS = {"growth-tests": "test", "growth-fixtures": "fixture", "growth-workers": "test worker"}


def table(result: Result) -> Table:
    """Make the table of a benchmark."""
    make = _KINDS[result.benchmark]
    header, rows, notes = make(result)
    return Table(title(result), header, rows, (*notes, source(result)))


def title(result: Result) -> str:
    sizes = result.sizes
    heavy = sizes["heavy"]
    assert isinstance(heavy, (list, tuple))
    imported = f"{', '.join(heavy[:-1])} and {heavy[-1]}"
    return TITLES[result.benchmark].format(**sizes, imported=imported)


def source(result: Result) -> str:
    """Say how a table came about."""
    busy = [value for row in result.rows for value in row.figures.get("others", ())]
    others = f" Other processes used {spread(busy).median:.0f} % of the CPUs." if busy else ""
    rounds = f"{result.rounds} rounds" if result.rounds != 1 else "one round"
    return f"Median (and quartiles) of {rounds}; s, ms and MB are those of one machine.{others}"


def places(results: dict[str, Result]) -> list[str]:
    """Say on what the figures depend: the machine, and the versions in all environments."""
    found: dict[str, list[str]] = {}
    for key, result in results.items():
        where = dict(result.where)
        machine = where.pop("machine")
        versions = ", ".join(f"{name} {version}" for name, version in where.items())
        found.setdefault(f"{machine}; {versions}.", []).append(key)
    if len(found) == 1:
        return list(found)
    return [f"{', '.join(keys)}: {where}" for where, keys in found.items()]


Rows = Sequence[tuple[str, ...]]
Parts = tuple[tuple[str, ...], Rows, tuple[str, ...]]  #: header, rows and notes


def to_plain(result: Result, row: Row, figure: str) -> Spread | None:
    """Get the ratio to plain xdist, by round."""
    base = result.row(PLAIN.key, row.size)
    if base is None:
        return None
    return spread(ratios(row.figures[figure], base.figures[figure]))


def _cell(value: Spread | None, digits: int) -> str:
    return value.cell(digits) if value is not None else ""


def _usage(result: Result) -> Parts:
    rows: Rows = [
        (
            rival(row.of).name,
            _cell(to_plain(result, row, "wall"), 3),
            _cell(to_plain(result, row, "cpu"), 3),
            f"{spread(row.figures['wall']).median:.2f}",
            f"{spread(row.figures['cpu']).median:.2f}",
        )
        for row in result.rows
    ]
    return ("", "wall, to plain", "CPU, to plain", "wall s", "CPU s"), rows, ()


def _done(figure: str, head: str, result: Result) -> Parts:
    """How soon something was done, and the run."""
    rows: Rows = [
        (
            rival(row.of).name,
            spread(row.figures[figure]).cell(2),
            spread(row.figures["wall"]).cell(2),
        )
        for row in result.rows
    ]
    return ("", head, "whole run, s"), rows, ()


def _latency(result: Result) -> Parts:
    rows: Rows = [
        (
            rival(row.of).name,
            spread(row.figures["workers"]).cell(1),
            spread(row.figures["last"]).cell(1),
            str(len(row.figures["last"])),
        )
        for row in result.rows
        if row.figures
    ]
    return ("", "all workers, ms", "last worker, ms", "rounds that count"), rows, ()


def _memory(result: Result) -> Parts:
    rows: Rows = [
        (rival(row.of).name, spread(row.figures["megabytes"]).cell(0)) for row in result.rows
    ]
    return ("", "PSS, MB"), rows, ()


def _large(result: Result) -> Parts:
    rows: Rows = [
        (
            rival(row.of).name,
            spread(row.figures["seconds"]).cell(2),
            spread(row.figures["megabytes"]).cell(0),
            spread(row.figures["for_value"]).cell(0),
        )
        for row in result.rows
    ]
    return ("", "value in all workers, s", "PSS, MB", "of which for the value, MB"), rows, ()


def _imports(result: Result) -> Parts:
    rows: Rows = [
        (
            row.of,
            spread(row.figures["milliseconds"]).cell(1),
            f"{spread(row.figures['modules']).median:.0f}",
        )
        for row in result.rows
    ]
    return ("", "ms", "modules"), rows, ()


def _growth(result: Result) -> Parts:
    grows = GROWS[result.benchmark]
    rows: Rows = [
        (
            f"{row.size:,} {grows}{'s' if row.size != 1 else ''}, {rival(row.of).name}",
            _cell(to_plain(result, row, "wall"), 3),
            _cell(to_plain(result, row, "cpu"), 3),
            f"{spread(row.figures['cpu']).median:.2f}",
            _own(row),
        )
        for row in result.rows
    ]
    header = ("", "wall, to plain", "CPU, to plain", "CPU s", "of which fixture worker")
    return header, rows, tuple(_slopes(result, grows))


def _own(row: Row) -> str:
    own = row.figures.get("fixture_worker_cpu")
    return f"{spread(own).median:.2f}" if own else ""


def _slopes(result: Result, grows: str) -> list[str]:
    """Say what one more costs, from the smallest to the largest suite."""
    said = []
    in_order = sorted(result.rows, key=lambda row: RIVALS.index(rival(row.of)))
    for of, grown in groupby(in_order, key=lambda row: row.of):
        rows = sorted(grown, key=lambda row: row.size or 0)
        beyond = [_beyond_plain(result, row) for row in (rows[0], rows[-1])]
        if of == PLAIN.key or len(rows) == 1 or not all(beyond):
            continue
        more = spread(differences(beyond[1], beyond[0]))
        steps = (rows[-1].size or 0) - (rows[0].size or 0)
        each = Spread(*(1000 * value / steps for value in more)).cell(3)
        said.append(f"{rival(of).name}: {each} ms of CPU more than plain for each {grows} more.")
    return said


def _beyond_plain(result: Result, row: Row) -> Sequence[float]:
    base = result.row(PLAIN.key, row.size)
    return differences(row.figures["cpu"], base.figures["cpu"]) if base else ()


_KINDS: dict[str, Callable[[Result], Parts]] = {
    "empty": _usage,
    "set-up": partial(_done, "first", "first test done, s"),
    "lanes": partial(_done, "all", "all tests done, s"),
    "latency": _latency,
    "fixtures": _usage,
    "heavy": _usage,
    "memory": _memory,
    "array": _large,
    "frame": _large,
    "growth-tests": _growth,
    "growth-fixtures": _growth,
    "growth-workers": _growth,
    "imports": _imports,
}

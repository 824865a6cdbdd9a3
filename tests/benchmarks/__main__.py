"""Measures what sharing a fixture costs: ours, plain pytest-xdist, and others.

    python -m tests.benchmarks --page

runs all benchmarks with all rivals, prints the tables and writes them, with pictures, into the
documentation. See README.md for what the figures mean.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from . import imports, page, results
from .benchmarks import BENCHMARKS
from .cases import QUICK, Plan, Sizes
from .environments import ROOT, Environments
from .measuring import measure
from .overview import overview
from .reports import places, table
from .rivals import PLAIN, RIVALS, Rival

KEYS = [*(benchmark.key for benchmark in BENCHMARKS), imports.KEY]
ROUNDS = 7


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="What sharing a fixture between workers costs",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"(default: {ROUNDS})")
    _choice(parser, "--only", KEYS, "benchmarks to run")
    _choice(parser, "--rivals", [rival.key for rival in RIVALS], "rivals to run, beside plain")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round with the smallest sizes, to see that it runs",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=ROOT / ".rivals",
        metavar="FOLDER",
        help="where the environments of the rivals are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--here",
        action="store_true",
        help="make no environments: use this one, and the rivals that are installed in it",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the raw figures to a file")
    parser.add_argument(
        "--page",
        type=Path,
        nargs="?",
        const=page.PAGE,
        metavar="FILE",
        help=f"write figures and pictures into a page (default: {page.PAGE.relative_to(ROOT)})",
    )
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("at least one round is needed")
    return arguments


def _choice(parser: argparse.ArgumentParser, option: str, known: list[str], what: str) -> None:
    parser.add_argument(
        option, nargs="*", choices=known, default=known, metavar="NAME", help=f"{what}: {known}"
    )


def chosen(names: list[str], environments: Environments) -> list[Rival]:
    """Get the rivals of these names that can run, and plain xdist in any case."""
    wanted = [rival for rival in RIVALS if rival.key in names or rival == PLAIN]
    able = [rival for rival in wanted if environments.can(rival)]
    for rival in wanted:
        if rival not in able:
            print(f"left out: {rival.name}, which this version does not have", file=sys.stderr)
    return able


def main() -> None:
    arguments = parse_arguments()
    environments = Environments(arguments.cache, here=arguments.here)
    rivals = chosen(arguments.rivals, environments)
    sizes, rounds = (QUICK, 1) if arguments.quick else (Sizes(), arguments.rounds)
    plan = Plan(rivals, environments, sizes, rounds)
    files = [arguments.json] if arguments.json else []
    if arguments.page:
        files.append(page.results_of(arguments.page))
    measured: dict[str, results.Result] = {}
    for key in (key for key in KEYS if key in arguments.only):
        with tempfile.TemporaryDirectory(prefix="fixtureworker-benchmark-") as folder:
            measured[key] = _run(key, plan, Path(folder))
        print(table(measured[key]).text(), flush=True)
        for file in files:  # after each of them, so that nothing is lost if a later one fails
            results.save(file, results.load(file) | {key: measured[key]})
    print(overview(measured).text())
    print("\n".join(places(measured)))
    if arguments.page:
        page.write(arguments.page, results.load(page.results_of(arguments.page)))


def _run(key: str, plan: Plan, folder: Path) -> results.Result:
    if key == imports.KEY:
        return imports.measure(plan, folder)
    return measure(next(each for each in BENCHMARKS if each.key == key), plan, folder)


if __name__ == "__main__":
    main()

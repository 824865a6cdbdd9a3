"""Measures what sharing a fixture costs: ours against plain pytest-xdist and against file locks.

Run it with the interpreter of an environment that has the project and filelock installed::

    python tests/benchmarks/overhead.py --rounds 15 --json figures.json

The variants take turns in each round, in another order each time, so that a machine that gets
slower or faster meanwhile does so for all of them. See README.md for what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import psutil
from figures import ratios, spread, table
from suites import (
    GLOBAL,
    PLAIN,
    WORKERS,
    Variant,
    sharing_variants,
    write_costed,
    write_empty,
    write_slow,
)

EMPTY_TESTS = 200
SUITE_SIZES = (10, 1_000, 5_000)
IGNORED_VARIABLES = ("PYTEST_", "PYTHONDONTWRITEBYTECODE", "COVERAGE_", "COV_")
LATE = "a worker asked only after the set-up was done: its round does not count"

Case = TypeVar("Case")
Figures = dict[str, dict[str, list[float]]]
"""Per variant or suite, and per measurement: one figure per round, or per round and worker."""


@dataclass(frozen=True)
class Usage:
    """What one pytest run took."""

    wall: float  #: in seconds
    cpu: float  #: in seconds, user and system, of pytest and of the workers that it waited for
    others: float  #: what other processes used meanwhile, in percent of all CPUs


def run(suite: Path, variant: Variant) -> Usage:
    """Run pytest on a suite.

    :raises SystemExit: with pytest's output, if not all tests pass.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(IGNORED_VARIABLES)
    }
    environment["PYTEST_DEBUG_TEMPROOT"] = str(suite)
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others are installed for the tests
    # As in any installation, the first run leaves bytecode for the others; but it leaves it here.
    environment["PYTHONPYCACHEPREFIX"] = str(suite.parent / "bytecode")
    command = [sys.executable, "-m", *variant.arguments()]
    with tempfile.TemporaryFile("w+") as output:
        busy, started = busy_seconds(), time.perf_counter()
        process = subprocess.Popen(
            command, cwd=suite, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            sys.exit(f"{variant.name}: pytest ended with {process.returncode}\n{output.read()}")
    cpu = used.ru_utime + used.ru_stime
    others = max(0.0, busy_seconds() - busy - cpu) / (wall * (os.cpu_count() or 1))
    return Usage(wall, cpu, 100 * others)


def busy_seconds() -> float:
    """CPU seconds since the machine started in which any process ran."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def rounds_of(cases: Sequence[Case], rounds: int, name: str) -> Iterator[tuple[int, Case]]:
    """Each case once per round, in an order that moves on by one from round to round.

    Round 0 is for warming up (bytecode, the disk's cache) and does not count.
    """
    for round_ in range(rounds + 1):
        if sys.stderr.isatty():
            print(f"\r{name}: round {round_} of {rounds} ", end="", file=sys.stderr, flush=True)
        first = round_ % len(cases)
        for case in (*cases[first:], *cases[:first]):
            yield round_, case
    if sys.stderr.isatty():
        print(file=sys.stderr)


def measure_wall(directory: Path, rounds: int) -> Figures:
    """Wall and CPU time of a run of empty tests."""
    variants = [PLAIN, *sharing_variants()]
    figures: Figures = {variant.name: {"wall": [], "cpu": [], "others": []} for variant in variants}
    suites = {variant: directory / f"wall{number}" for number, variant in enumerate(variants)}
    for variant, suite in suites.items():
        write_empty(suite, variant, EMPTY_TESTS)
    for round_, variant in rounds_of(variants, rounds, "wall"):
        usage = run(suites[variant], variant)
        if round_:
            for name, value in asdict(usage).items():
                figures[variant.name][name].append(value)
    return figures


def show_wall(figures: Figures) -> str:
    base = figures[PLAIN.name]["wall"]
    rows = [
        (
            name,
            *spread(figure["wall"], 3),
            *spread(ratios(figure["wall"], base), 3),
            spread(figure["cpu"], 2)[0],
            spread(figure["others"], 0)[0],
        )
        for name, figure in figures.items()
    ]
    return table(
        f"Wall time of {EMPTY_TESTS} empty tests on {WORKERS} workers ({len(base)} rounds)",
        ("", "median s", "quartiles", "ratio to plain", "quartiles", "CPU s", "others %"),
        rows,
    )


def measure_latency(directory: Path, rounds: int) -> Figures:
    """Milliseconds from the end of a set-up to the value in hand, of each test worker."""
    variants = sharing_variants()
    figures: Figures = {variant.name: {"workers": [], "last": []} for variant in variants}
    for round_, variant in rounds_of(variants, rounds, "latency"):
        suite = directory / "latency"
        write_slow(suite, variant)
        run(suite, variant)
        times = [json.loads(file.read_text()) for file in (suite / "times").iterdir()]
        shutil.rmtree(suite)
        if len(times) < WORKERS or any(one["asked"] > one["done"] for one in times):
            print(f"{variant.name}: {LATE}", file=sys.stderr)
        elif round_:
            waited = [1000 * (one["in_hand"] - one["done"]) for one in times]
            figures[variant.name]["workers"].extend(waited)
            figures[variant.name]["last"].append(max(waited))
    return figures


def show_latency(figures: Figures) -> str:
    rows = [
        (
            name,
            *spread(figure["workers"], 1),
            *spread(figure["last"], 1),
            f"{max(figure['last']):.1f}",
            str(len(figure["last"])),
        )
        for name, figure in figures.items()
        if figure["last"]
    ]
    return table(
        f"From set-up done to value in hand, {WORKERS} workers waiting, in ms",
        ("", "all workers", "quartiles", "last worker", "quartiles", "maximum", "rounds"),
        rows,
    )


def measure_growth(directory: Path, rounds: int) -> Figures:
    """CPU seconds of the fixture worker's process, by the number of tests in the suite."""
    figures: Figures = {f"{size:,} tests": {"cpu": []} for size in SUITE_SIZES}
    for size in SUITE_SIZES:
        write_costed(directory / f"growth{size}", size)
    for round_, size in rounds_of(SUITE_SIZES, rounds, "growth"):
        suite = directory / f"growth{size}"
        run(suite, GLOBAL)
        if round_:
            figures[f"{size:,} tests"]["cpu"].append(float((suite / "cpu_seconds").read_text()))
    return figures


def show_growth(figures: Figures) -> str:
    rows = [(name, *spread(figure["cpu"], 3)) for name, figure in figures.items()]
    count = len(next(iter(figures.values()))["cpu"])
    return table(
        f"CPU seconds of the fixture worker's process ({count} rounds)",
        ("", "median", "quartiles"),
        rows,
    )


MEASUREMENTS: dict[str, tuple[Callable[[Path, int], Figures], Callable[[Figures], str]]] = {
    "wall": (measure_wall, show_wall),
    "latency": (measure_latency, show_latency),
    "growth": (measure_growth, show_growth),
}


def environment() -> dict[str, object]:
    """What the figures depend on."""
    packages = ("pytest", "pytest-xdist", "execnet", "pytest-xdist-fixtureworker", "filelock")
    return {
        "cpus": os.cpu_count(),
        "load average at the start": os.getloadavg()[0],
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What sharing a fixture between workers costs")
    parser.add_argument("--rounds", type=int, default=15, help="of wall and latency (default: 15)")
    parser.add_argument("--growth-rounds", type=int, default=3, help="of growth (default: 3)")
    parser.add_argument("--only", choices=MEASUREMENTS, help="measure only this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures there")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.growth_rounds < 1:
        parser.error("at least one round is needed")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    where = environment()
    print(", ".join(f"{name} {value}" for name, value in where.items()), end="\n\n")
    raw: dict[str, object] = {"environment": where}
    for name in [arguments.only] if arguments.only else MEASUREMENTS:
        measure, show = MEASUREMENTS[name]
        rounds = arguments.growth_rounds if name == "growth" else arguments.rounds
        with tempfile.TemporaryDirectory(prefix="fixtureworker-benchmark-") as directory:
            figures = measure(Path(directory), rounds)
        print(show(figures), flush=True)
        raw[name] = figures
    if arguments.json:
        arguments.json.write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    main()

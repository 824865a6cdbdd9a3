"""Goes through the rounds of a benchmark: in each, every case once, in an order that moves on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from . import suites
from .cases import Benchmark, Plan
from .results import Result, Row, machine

Each = TypeVar("Each")


def measure(benchmark: Benchmark, plan: Plan, directory: Path) -> Result:
    """Run a benchmark; its suites are written to ``directory``."""
    plan = replace(plan, rounds=min(plan.rounds, benchmark.most_rounds))
    cases = benchmark.cases(plan)
    rows = [Row(case.rival.key, case.size) for case in cases]
    places = [directory / str(number) for number in range(len(cases))]
    for case, suite in zip(cases, places, strict=True):
        benchmark.write(suite, case)
    every = list(zip(cases, rows, places, strict=True))
    for round_, (case, row, suite) in rounds_of(every, plan.rounds, benchmark.key):
        suites.forget(suite)
        measured = benchmark.measure(suite, case)
        if round_ and measured is not None:
            row.add(measured)
    return result(benchmark.key, plan, rows)


def result(key: str, plan: Plan, rows: list[Row]) -> Result:
    """Keep what was measured, with what it depends on."""
    where = machine() | plan.environments.versions()
    return Result(key, plan.rounds, asdict(plan.sizes), where, rows)


def rounds_of(cases: Sequence[Each], rounds: int, name: str) -> Iterator[tuple[int, Each]]:
    """Each case once per round, in an order that moves on by one from round to round.

    So all have their turn when the machine gets slower or faster. Round 0 is for warming up
    (bytecode, the cache of the disk) and does not count.
    """
    for round_ in range(rounds + 1):
        if sys.stderr.isatty():
            print(f"\r{name}: round {round_} of {rounds} ", end="", file=sys.stderr, flush=True)
        first = round_ % len(cases) if cases else 0
        for case in (*cases[first:], *cases[:first]):
            yield round_, case
    if sys.stderr.isatty():
        print(file=sys.stderr)

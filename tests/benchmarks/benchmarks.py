"""The benchmarks: what each of them writes, runs and measures."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from . import suites
from .cases import Benchmark, Case, Measured, Plan
from .rivals import OURS, PLAIN, WARM

LATE = "a worker came too late for the end of the set-up: this round does not count"
LINUX = sys.platform.startswith("linux")  # other systems have no such figure as PSS
GROWING = (PLAIN, OURS, WARM)


def _usage(suite: Path, case: Case) -> Measured:
    usage = case.run(suite)
    measured = {"wall": [usage.wall], "cpu": [usage.cpu], "others": [usage.others]}
    cost = suite / "fixture_worker_cpu"
    if cost.exists() and case.rival.shares:
        measured["fixture_worker_cpu"] = [float(cost.read_text())]
    return measured


# --- empty: a suite whose run is all start and end


def _write_empty(suite: Path, case: Case) -> None:
    suites.write(suite, case.rival, tests=case.sizes.empty_tests)


# --- set-up: how soon the first test is done, behind a slow set-up


def _with_eager(plan: Plan) -> list[Case]:
    return plan.cases(benchmark="set-up")


def _write_set_up(suite: Path, case: Case) -> None:
    # Two tests for each worker are what xdist hands out at the least.
    suites.write(
        suite,
        case.rival,
        tests=2 * (case.workers + case.rival.more_workers),
        value=suites.slow(case.sizes.set_up_seconds),
        finish=suites.FIRST_DONE,
    )


def _first_done(suite: Path, case: Case) -> Measured:
    with case.start(suite) as run:
        usage = run.end()
        first = float((suite / "first_done").read_text()) - run.started
    return {"first": [first], "wall": [usage.wall]}


# --- lanes: how soon all is set up, where different tests need different slow set-ups


def _with_lanes(plan: Plan) -> list[Case]:
    return plan.cases(benchmark="lanes")


def _write_lanes(suite: Path, case: Case) -> None:
    # The two tests that a worker gets first need the same one, and each worker another one.
    suites.write(
        suite,
        case.rival,
        tests=2 * case.workers,
        fixtures=case.workers,
        in_a_row=2,
        value=suites.slow(case.sizes.set_up_seconds),
        finish=suites.DONE,
    )


def _all_done(suite: Path, case: Case) -> Measured:
    with case.start(suite) as run:
        usage = run.end()
        done = [float(file.read_text()) for file in suite.glob("done-*")]
    return {"all": [max(done) - run.started], "wall": [usage.wall]}


# --- latency: from the end of a set-up to the value in the hands of each worker


def _sharing(plan: Plan) -> list[Case]:
    return [case for case in plan.cases() if case.rival.shares]


def _write_latency(suite: Path, case: Case) -> None:
    suites.write(
        suite,
        case.rival,
        tests=2 * case.workers,
        value=suites.slow(case.sizes.set_up_seconds),
        more=suites.TIMES,
        argument="times",
    )


def _latency(suite: Path, case: Case) -> Measured | None:
    case.run(suite)
    times = [json.loads(file.read_text()) for file in suite.glob("times-*")]
    if len(times) < case.workers or any(one["asked"] > one["done"] for one in times):
        print(f"{case.rival.name}: {LATE}", file=sys.stderr)
        return None
    waited = [1000 * (one["in_hand"] - one["done"]) for one in times]
    return {"workers": waited, "last": [max(waited)]}


# --- fixtures: many of them


def _write_many(suite: Path, case: Case) -> None:
    fixtures, tests = case.sizes.many
    suites.write(suite, case.rival, tests=tests, fixtures=fixtures)


# --- heavy: a conftest that imports a lot; and what the processes of such a run take in memory


def _heavy(plan: Plan) -> list[Case]:
    return plan.cases(heavy=True)


def _write_heavy(suite: Path, case: Case) -> None:
    tests, imports = case.sizes.empty_tests, case.sizes.heavy
    suites.write(suite, case.rival, tests=tests, imports=imports)


def _with_memory(plan: Plan) -> list[Case]:
    if not LINUX:
        return []
    return plan.cases(workers=plan.sizes.memory_workers, heavy=True)


def _write_waiting(suite: Path, case: Case) -> None:
    suites.write(
        suite,
        case.rival,
        tests=2 * (case.workers + case.rival.more_workers),
        finish=suites.WAITING,
        imports=case.sizes.heavy,
    )


def _memory(suite: Path, case: Case) -> Measured:
    return {"megabytes": [_while_all_wait(suite, case)]}


def _proportional(process: psutil.Process) -> int:
    """Bytes of a process; what n processes have in common counts as an n-th in each."""
    return int(process.memory_full_info().pss)


# --- array, frame: values that are large


def _with_large(plan: Plan) -> list[Case]:
    left_out = ("plain5", "installed", "warm-only")
    return [case for case in _heavy(plan) if case.rival.key not in left_out] if LINUX else []


def _write_array(suite: Path, case: Case) -> None:
    _write_large(suite, case, case.sizes.array)


def _write_frame(suite: Path, case: Case) -> None:
    _write_large(suite, case, case.sizes.frame)


def _write_large(suite: Path, case: Case, value: str) -> None:
    suites.write(
        suite,
        case.rival,
        tests=2 * case.workers,
        value=suites.large(value),
        argument="in_hand",
        imports=[name for name in ("numpy", "pandas") if name in case.sizes.heavy],
        of_data=True,
    )


def _large(suite: Path, case: Case) -> Measured:
    """How long it takes from the first set-up that is done until all test workers have the value;
    and the memory of all processes when each has read it, with and without a value."""
    without = _while_all_wait(suite, case, WITHOUT_VALUE="1")
    suites.forget(suite)
    megabytes = _while_all_wait(suite, case)
    done, in_hand = (
        [float(file.read_text()) for file in suite.glob(f"{what}-*")]
        for what in ("done", "in_hand")
    )
    return {
        "seconds": [max(in_hand) - min(done)],
        "megabytes": [megabytes],
        "for_value": [megabytes - without],
    }


def _while_all_wait(suite: Path, case: Case, **variables: str) -> float:
    """Get the memory of a run, in MB, when each test worker is in its first test."""
    workers = case.workers + case.rival.more_workers
    with case.start(suite, **variables) as run:
        while len(list(suite.glob("ready-*"))) < workers and run.processes():
            time.sleep(0.05)
        proportional = sum(map(_proportional, run.processes())) / 2**20
        (suite / "go").touch()
        run.end()
    return proportional


# --- growth


def _by_tests(plan: Plan) -> list[Case]:
    return _growing(plan, plan.sizes.tests)


def _by_fixtures(plan: Plan) -> list[Case]:
    return _growing(plan, plan.sizes.fixtures)


def _by_workers(plan: Plan) -> list[Case]:
    cases = _growing(plan, plan.sizes.workers)
    return [replace(case, workers=case.size or 0) for case in cases]


def _growing(plan: Plan, sizes: Sequence[int]) -> list[Case]:
    """Those whose growth is of interest, with each size."""
    chosen = [case for case in plan.cases() if case.rival in GROWING]
    return [replace(case, size=size) for size in sizes for case in chosen]


def _write_tests(suite: Path, case: Case) -> None:
    suites.write(suite, case.rival, tests=case.size or 0, value=suites.COSTED)


def _write_fixtures(suite: Path, case: Case) -> None:
    tests, fixtures = case.sizes.tests_of_fixtures, case.size or 0
    suites.write(suite, case.rival, tests=tests, fixtures=fixtures, value=suites.COSTED)


def _write_workers(suite: Path, case: Case) -> None:
    suites.write(suite, case.rival, tests=case.sizes.empty_tests, value=suites.COSTED)


BENCHMARKS = (
    Benchmark("empty", Plan.cases, _write_empty, _usage),
    Benchmark("set-up", _with_eager, _write_set_up, _first_done),
    Benchmark("lanes", _with_lanes, _write_lanes, _all_done, most_rounds=3),
    Benchmark("latency", _sharing, _write_latency, _latency),
    Benchmark("fixtures", Plan.cases, _write_many, _usage),
    Benchmark("heavy", _heavy, _write_heavy, _usage),
    Benchmark("memory", _with_memory, _write_waiting, _memory, most_rounds=3),
    Benchmark("array", _with_large, _write_array, _large, most_rounds=3),
    Benchmark("frame", _with_large, _write_frame, _large, most_rounds=3),
    Benchmark("growth-tests", _by_tests, _write_tests, _usage),
    Benchmark("growth-fixtures", _by_fixtures, _write_fixtures, _usage),
    Benchmark("growth-workers", _by_workers, _write_workers, _usage),
)

"""Plugins and libraries in forked workers: what they do there is what they do in workers that are started."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from coverage import CoverageData

from ..suite import Suite
from ..warm import BOTH, FORKED, WARM, unmeasured

if sys.platform != "linux":
    pytest.skip("warm workers are for Linux", allow_module_level=True)

__all__ = ["unmeasured"]  # an autouse fixture


MEASURED = """
import multiprocessing, subprocess

def in_test():
    return 1

def in_executed():
    return 2

def in_forked():
    return 3

def in_spawned():
    return 4

def test_it():
    in_test()
    subprocess.run([sys.executable, "-c", "import test_it; test_it.in_executed()"], check=True)
    for method, function in (("fork", in_forked), ("spawn", in_spawned)):
        child = multiprocessing.get_context(method).Process(target=function)
        child.start()
        child.join()
        assert child.exitcode == 0
"""


@BOTH
def test_coverage_of_processes_that_tests_start(suite: Suite, warm: tuple[str, ...]) -> None:
    suite.write({"test_it.py": MEASURED})
    (suite.path / ".coveragerc").write_text(
        "[run]\nsource = .\nparallel = true\npatch = subprocess\nconcurrency = multiprocessing\n"
    )
    options = ("-p", "pytest_cov", "--cov", "--cov-report=")
    result = suite.run("-n1", *options, "-W", "ignore", *warm)
    assert result.outcomes == {"passed": 1}, result.output
    assert bool(result.lines(FORKED.format(1))) == bool(warm)
    data = CoverageData(str(suite.path / ".coverage"))
    data.read()
    measured = set(data.lines(str(suite.path / "test_it.py")) or ())
    lines = (suite.path / "test_it.py").read_text().splitlines()
    missed = [line for number, line in enumerate(lines, 1) if line and number not in measured]
    assert missed == []


def test_coverage_run_outside_keeps_workers_cold(suite: Suite) -> None:
    """Under it, forks would lose what they measure."""
    suite.write({"test_it.py": "def test_it(): pass"})
    done = subprocess.run(
        [sys.executable, "-m", "coverage", "run", "-m", "pytest", "-n1", WARM],
        cwd=suite.path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "warm workers: none, because this process is traced or profiled (" in done.stdout


GIVEN = """
from hypothesis import given, settings, strategies

@pytest.mark.parametrize("i", range(2))
def test_it(i):
    drawn = []
    @settings(database=None, max_examples=5)
    @given(strategies.integers(0, 2**60))
    def draw(number): drawn.append(number)
    draw()
    note("drawn", drawn=drawn)
    while open("notes.jsonl").read().count("\\n") < 2: pass
"""


@BOTH
def test_hypothesis_draws_other_examples_in_each_worker(
    suite: Suite, warm: tuple[str, ...]
) -> None:
    suite.write({"test_it.py": GIVEN})
    result = suite.run("-n2", "-p", "hypothesispytest", *warm)
    assert result.outcomes == {"passed": 2}
    assert bool(result.lines(FORKED.format(2))) == bool(warm)
    one, other = (note.more["drawn"] for note in result.notes)
    assert one != other


def test_randomly_repeats_what_it_did_with_a_seed(suite: Suite) -> None:
    suite.write(
        {
            "test_it.py": """
import random
@pytest.mark.parametrize("i", range(6))
def test_it(i): note(f"{i}: {random.random()}")
"""
        }
    )
    cold, warm = (
        suite.run("-n2", "-p", "randomly", "--randomly-seed=7", *more) for more in ([], [WARM])
    )
    assert warm.lines(FORKED.format(2))
    assert cold.outcomes == warm.outcomes == {"passed": 6}
    assert sorted(cold.noted()) == sorted(warm.noted())


NUMPY = """
import threading
import numpy

@pytest.mark.parametrize("i", range(2))
def test_it(i):
    matrix = numpy.random.default_rng(7).random((600, 600))
    product = matrix @ matrix  # in threads of OpenBLAS, where there are several cores
    inverse = numpy.linalg.inv(matrix)
    assert numpy.allclose(inverse @ matrix, numpy.eye(600), atol=1e-6)
    legacy, new = numpy.random.random(), numpy.random.default_rng().random()
    note("drawn", drawn=[legacy, new], product=float(product.sum()))
    while open("notes.jsonl").read().count("\\n") < 2: pass
"""


@BOTH
@pytest.mark.skipif(find_spec("numpy") is None, reason="needs numpy")
def test_numpy_that_was_imported_before(suite: Suite, warm: tuple[str, ...]) -> None:
    """Its BLAS has threads, which end for a fork, and start again when they are needed."""
    suite.write({"test_it.py": NUMPY})
    result = suite.run("-n2", "-o", "warm_workers_import=numpy", *warm)
    assert result.outcomes == {"passed": 2}
    assert bool(result.lines(FORKED.format(2))) == bool(warm)
    one, other = (note.more for note in result.notes)
    assert one["product"] == other["product"]
    assert not any(a == b for a, b in zip(one["drawn"], other["drawn"], strict=True))  # type: ignore[call-overload]

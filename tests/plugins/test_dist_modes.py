"""Every way in which xdist hands out tests: global fixtures run once, whoever gets which test."""

from __future__ import annotations

from collections import Counter

import pytest

from ..suite import FIXTURE_WORKER, Suite

CONFTEST = """
@global_fixture
def shared():
    note("up")
    yield {"answer": 42}
    note("down")
@global_fixture(params=["a", "b"])
def parametrized(request, shared):
    note("up " + request.param)
    yield request.param
    note("down " + request.param)
"""
LIFE = {"up": 1, "up a": 1, "up b": 1, "down": 1, "down a": 1, "down b": 1}
TESTS = """
@pytest.mark.xdist_group("one")
def test_argument(shared):
    note("test")
    assert shared == {"answer": 42}

@pytest.mark.parametrize("i", range(4))
def test_getfixturevalue(request, i):
    note("test")
    assert request.getfixturevalue("shared") == {"answer": 42}

class TestIt:
    def test_parametrized(self, parametrized, shared):
        note("test")
        assert parametrized in "ab"

    @pytest.mark.xdist_group("one")
    def test_later(self, parametrized):
        note("test")
        assert parametrized in "ab"
"""
NUMBER = 9


@pytest.mark.parametrize(
    "dist",
    [
        *("loadscope", "loadgroup", "worksteal"),
        pytest.param("load", marks=pytest.mark.full),  # which most other tests have
        pytest.param("load --maxschedchunk=1", marks=pytest.mark.full),
        pytest.param("loadfile", marks=pytest.mark.full),
    ],
)
def test_dist_modes(suite: Suite, dist: str) -> None:
    suite.write({"conftest.py": CONFTEST, "test_a.py": TESTS, "test_b.py": TESTS})
    result = suite.run_distributed("--dist", *dist.split())
    assert result.outcomes == {"passed": 2 * NUMBER}
    assert Counter(result.noted()) == {**LIFE, "test": 2 * NUMBER}
    assert result.workers("up") | result.workers("down a") == {FIXTURE_WORKER}
    assert result.workers("test") == {"gw0", "gw1"}
    last_test = max(i for i, what in enumerate(result.noted()) if what == "test")
    assert sorted(result.noted()[last_test + 1 :]) == ["down", "down a", "down b"]
    assert result.noted()[-1] == "down"


@pytest.mark.xfail(
    pytest.version_tuple >= (9, 2),
    reason="pytest-xdist 3.8 changes node ids in a way that pytest 9.2 ignores: its issue 1386",
    strict=False,  # it passes as soon as a release has it right
)
def test_a_group_stays_on_one_worker(suite: Suite) -> None:
    """Without groups, each of the two workers would get a test at the start."""
    tests = """
@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("i", range(6))
def test_it(request, i):
    note("test")
    assert request.getfixturevalue("shared") == {"answer": 42}
"""
    suite.write({"conftest.py": CONFTEST, "test_a.py": tests})
    result = suite.run_distributed("--dist=loadgroup")
    assert result.outcomes == {"passed": 6}
    assert len(result.workers("test")) == 1


@pytest.mark.parametrize(
    "tx",
    [
        pytest.param(("--tx=2*popen",), marks=pytest.mark.full),
        ("--tx=popen", "--tx=popen//id=other"),
    ],
)
def test_each(suite: Suite, tx: tuple[str, ...]) -> None:
    """Every worker runs all tests, and all of them get the values of one set-up."""
    suite.write({"conftest.py": CONFTEST, "test_a.py": TESTS})
    result = suite.run("--dist=each", *tx, "--fixture-worker")
    assert result.outcomes == {"passed": 2 * NUMBER}
    assert Counter(result.noted()) == {**LIFE, "test": 2 * NUMBER}
    assert result.workers("up") == {FIXTURE_WORKER}
    tests = Counter(note.worker for note in result.notes if note.what == "test")
    assert sorted(tests.values()) == [NUMBER, NUMBER]
    assert result.noted()[-1] == "down"

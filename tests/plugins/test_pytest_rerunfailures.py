"""pytest-rerunfailures: a rerun repeats no set-up, and takes no outcome away."""

from __future__ import annotations

import pytest

from ..suite import ONE, ONE_MODES, Suite

PLUGIN = ("-p", "rerunfailures")


@ONE_MODES
def test_rerun_of_tests(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def shared():
    note("up")
    yield 1
    note("down")
@pytest.fixture
def of_test(request): return request.getfixturevalue("shared")
""",
            "test_it.py": """
runs = {}
@pytest.mark.parametrize("i", range(4))
def test_it(shared, of_test, i):
    assert shared == of_test == 1
    runs[i] = runs.get(i, 0) + 1
    assert runs[i] == 3
""",
        }
    )
    result = suite.run(*mode, *PLUGIN, "--reruns=2")
    assert result.outcomes == {"passed": 4, "rerun": 8}
    assert result.noted() == ["up", "down"]


@pytest.mark.parametrize("ask", ["def test_it(broken, i): pass", None], ids=["argument", "later"])
def test_rerun_of_a_failed_set_up(suite: Suite, ask: str | None) -> None:
    """It failed once and for all; serial runs, in which the function would run again, differ."""
    test = ask or "def test_it(request, i): request.getfixturevalue('broken')"
    suite.write(
        {
            "conftest.py": """
@global_fixture
def broken():
    note("up")
    print("looking for the server")
    raise ConnectionError("no server")
""",
            "test_it.py": f"@pytest.mark.parametrize('i', range(2))\n{test}\n",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--reruns=2")
    assert result.outcomes == {"errors" if ask else "failed": 2, "rerun": 4}
    assert result.noted() == ["up"]
    assert len(result.lines("^E +ConnectionError: no server")) == 1  # the other test refers to it


def test_rerun_after_a_crash(suite: Suite) -> None:
    """The test runs again in another process, which gets the value of the first set-up."""
    suite.write(
        {
            "conftest.py": """
@global_fixture
def shared():
    note("up")
    yield 1
    note("down")
""",
            "test_it.py": """
def test_it(shared):
    note("test")
    assert shared == 1
    if not os.path.exists("crashed"):
        open("crashed", "w").close()
        os._exit(1)
def test_other(shared): pass
""",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--reruns=2")
    assert result.outcomes == {"passed": 2, "rerun": 1}
    assert result.noted() == ["up", "test", "test", "down"]


def test_finalizer_that_fails_is_not_rerun(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def undone():
    yield
    note("down")
    raise RuntimeError("could not stop")
""",
            "test_it.py": "def test_it(undone): pass",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--reruns=2")
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert result.noted() == ["down"]

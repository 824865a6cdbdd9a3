"""pytest-timeout: set-ups and finalizers are limited as tests are, each for itself.

A mark ``timeout`` that all tests of a fixture agree in would hold for its set-up as well: where that
is not the point, they differ.
"""

from __future__ import annotations

from ..suite import FIXTURE_WORKER, ONE, ONE_MODES, Suite

PLUGIN = ("-p", "timeout")
HANGS = "while True: time.sleep(0.01)"


@ONE_MODES
def test_nothing_takes_too_long(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it():\n    note('up')\n    yield 1\n    note('down')",
            "test_it.py": "@pytest.mark.parametrize('i', range(4))\ndef test_it(it, i): assert it == 1",
        }
    )
    for method in ("signal", "thread"):
        result = suite.run(
            *mode, *PLUGIN, "--timeout=1200", f"--timeout-method={method}", subprocess=True
        )
        assert result.outcomes == {"passed": 4}
        assert result.noted() == ["up", "down"]


def test_set_up_takes_too_long(suite: Suite) -> None:
    """Every dependent test shows it; what else is set up is served and finalized."""
    suite.write(
        {
            "conftest.py": f"""
import time
@global_fixture
def good():
    yield 1
    note("good down")
@global_fixture
def hangs(good):
    note("hangs")
    {HANGS}
""",
            "test_it.py": """
limits = [pytest.param(i, marks=pytest.mark.timeout(1200 + i)) for i in range(3)]
@pytest.mark.parametrize("i", limits)
def test_hangs(hangs, i): pass
@pytest.mark.timeout(1200)
def test_good(good): assert good == 1
""",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--timeout=10", "--timeout-method=signal")
    assert result.outcomes == {"passed": 1, "errors": 3}
    assert result.noted() == ["hangs", "good down"]
    assert len(result.lines("^E +Failed: Timeout .>10.0s. from pytest-timeout")) == 1
    assert len(result.lines("; shown in full at test_it.py::")) == 2


def test_marks_are_limits_of_the_fixture_that_has_them(suite: Suite) -> None:
    """Those of tests are not; where a set-up takes too long, its error says so."""
    suite.write(
        {
            "conftest.py": f"""
import time
@pytest.mark.timeout(1200)
@global_fixture
def slow():
    time.sleep(1.5)
    return 1
@pytest.mark.timeout(10)
@global_fixture
def hangs():
    {HANGS}
""",
            "test_it.py": """
limits = [pytest.param(i, marks=pytest.mark.timeout(1200 + i)) for i in range(2)]
@pytest.mark.parametrize("i", limits)
def test_hangs(hangs, i): pass
@pytest.mark.timeout(1200)
def test_slow(slow): assert slow == 1
""",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--timeout=1", "--timeout-method=signal")
    assert result.outcomes == {"passed": 1, "errors": 2}
    assert result.lines("Failed: Timeout .>10.0s. from pytest-timeout")
    assert result.lines(
        "^The mark of this test, timeout.1200., does not hold for the set-up of the"
    )


def test_finalizer_takes_too_long(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": f"""
import time
@global_fixture
def good():
    yield 1
    note("good down")
@global_fixture
def hangs(good):
    yield
    note("hangs")
    {HANGS}
""",
            "test_it.py": "def test_it(hangs): pass",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--timeout=10", "--timeout-method=signal")
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert result.noted() == ["hangs", "good down"]
    assert result.lines("ERROR at teardown of global fixture hangs")


def test_test_that_waits_takes_too_long(suite: Suite) -> None:
    """The test fails and its worker goes on; the set-up does, too, and serves the others."""
    suite.write(
        {
            "conftest.py": """
import time
@global_fixture
def slow():
    note("up")
    wait_for("go")
    yield 1
    note("down")
""",
            "test_it.py": """
@pytest.mark.timeout(1)
def test_impatient(slow): pass
@pytest.fixture
def go(): open("go", "w").close()
def test_patient(go, request): assert request.getfixturevalue("slow") == 1
def test_later(slow): pass
""",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--timeout-method=signal")
    assert result.outcomes == {"errors": 1, "passed": 2}
    assert result.noted() == ["up", "down"]


def test_method_thread_ends_the_process(suite: Suite) -> None:
    """It ends the process in which something takes too long: here the fixture worker, which is
    said, with what was left without its finalizer; and nothing hangs."""
    suite.write(
        {
            "conftest.py": f"""
import time
@global_fixture
def good():
    yield 1
    note("good down")
@global_fixture
def hangs(good):
    note("hangs")
    {HANGS}
""",
            "test_it.py": """
@pytest.mark.timeout(1200)
def test_it(hangs): pass
@pytest.mark.timeout(1201)
def test_other(hangs): pass
""",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--timeout=10", "--timeout-method=thread")
    assert result.code == 1
    assert result.noted() == ["hangs"]
    assert result.lines(
        r"^the fixture worker ended before the global fixture '\w+' \(conftest.py:\d+\)"
    )
    assert result.lines("^ +good \\(conftest.py")
    assert result.workers("hangs") == {FIXTURE_WORKER}


def test_session_timeout(suite: Suite) -> None:
    """It is over by the end of the first test, which has to be started first."""
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it():\n    yield 1\n    note('down')",
            "test_it.py": "@pytest.mark.parametrize('i', range(40))\ndef test_it(it, i): pass",
        }
    )
    result = suite.run(*ONE, *PLUGIN, "--session-timeout=0.01")
    assert result.code != 0
    assert result.lines("session-timeout: 0.01 sec exceeded")
    assert result.noted() == ["down"]

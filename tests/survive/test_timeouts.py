"""A set-up or a finalizer that takes longer than ``fixture_worker_timeout``."""

from __future__ import annotations

import re
import signal

import pytest

from ..running import count, running, until
from ..suite import FIXTURE_WORKER, ONE, Suite

LIMIT = 5  # seconds; a set-up that does nothing takes less, whatever else the machine does
TIMEOUT = (f"--fixture-worker-timeout={LIMIT}",)
CONFTEST = """
import ctypes, signal, time

def hang_in_c(library=ctypes.CDLL):
    note("in C")
    mutex = ctypes.create_string_buffer(64)
    for _ in range(2):  # the second time waits for ever, whatever signal comes
        library(None).pthread_mutex_lock(mutex)

@global_fixture
def good():
    note("good up")
    yield "good"
    note("good down")
"""
TESTS = """
@pytest.mark.parametrize("i", range(2))
def test_good(good, i): assert good == "good"
@pytest.mark.parametrize("i", range(2))
def test_slow({arguments}, i): {body}
def test_good_again(good): assert good == "good"
"""
BY_ARGUMENT = TESTS.format(arguments="slow", body="pass")
BY_NAME = TESTS.format(arguments="request", body="request.getfixturevalue('slow')")


def _suite(suite: Suite, slow: str, tests: str = BY_ARGUMENT) -> None:
    suite.write({"conftest.py": f"{CONFTEST}\n{slow}", "test_it.py": tests})


@pytest.mark.parametrize("tests", [BY_ARGUMENT, BY_NAME], ids=["argument", "getfixturevalue"])
def test_set_up(suite: Suite, tests: str) -> None:
    _suite(
        suite,
        """
@global_fixture
def slow(request, good):
    note("slow up")
    request.addfinalizer(lambda: note("slow down"))
    time.sleep(1200)
""",
        tests,
    )
    result = suite.run_distributed(*TIMEOUT)
    assert result.code == 1
    failed = "errors" if tests == BY_ARGUMENT else "failed"
    assert result.outcomes == {"passed": 3, failed: 2}
    assert result.noted() == ["good up", "slow up", "slow down", "good down"]
    assert len(result.lines("^E +Failed: the set-up of the global fixture 'slow' .* took")) == 1
    assert len(result.lines("; shown in full at test_")) == 1
    assert result.lines("longer than the 5 s of fixture_worker_timeout")
    assert result.lines("Captured stacks of all threads setup")
    assert result.lines("thread MainThread:")


def test_set_up_of_a_session_fixture_that_it_needs(suite: Suite) -> None:
    _suite(
        suite,
        """
@pytest.fixture(scope="session")
def server(): time.sleep(1200)
@global_fixture
def slow(server): note("never")
""",
    )
    result = suite.run(*ONE, *TIMEOUT)
    assert result.outcomes == {"passed": 3, "errors": 2}
    assert result.noted() == ["good up", "good down"]


def test_set_up_that_goes_on_after_any_exception(suite: Suite) -> None:
    _suite(
        suite,
        """
@global_fixture
def slow():
    while True:
        try: time.sleep(1200)
        except Exception: pass
""",
    )
    result = suite.run(*ONE, *TIMEOUT)
    assert result.outcomes == {"passed": 3, "errors": 2}


def test_finalizer(suite: Suite) -> None:
    _suite(
        suite,
        """
@global_fixture
def slow(good):
    yield
    note("slow down")
    time.sleep(1200)
""",
    )
    result = suite.run(*ONE, *TIMEOUT)
    assert result.code == 1
    assert result.outcomes == {"passed": 5, "errors": 1}
    assert result.noted() == ["good up", "slow down", "good down"]
    assert result.lines("ERROR at teardown of global fixture slow")
    assert result.lines("the finalizer of the global fixture 'slow' .* took longer than the 5 s")
    assert result.lines("Captured stacks of all threads teardown")


def test_set_up_in_c(suite: Suite) -> None:
    """What is ready is served, all else fails, and the run ends."""
    _suite(
        suite,
        "@global_fixture\ndef slow(good): hang_in_c()\n@global_fixture\ndef other(): note('never')",
        BY_ARGUMENT + "\ndef test_other(other): pass\n",
    )
    result = suite.run(*ONE, *TIMEOUT)
    assert result.code == 1
    assert result.outcomes == {"passed": 3, "errors": 4}  # the last one: what was left
    assert result.noted() == ["good up", "in C"]
    assert result.lines("the set-up of the global fixture 'slow' .* hangs")
    assert result.lines("in hang_in_c$")  # the stacks
    assert result.lines(r"^  good \(conftest.py:\d+\)$")
    assert result.lines(r"^  slow \(conftest.py:\d+\), while it was being set up$")


def test_finalizer_in_c(suite: Suite) -> None:
    _suite(suite, "@global_fixture\ndef slow(good):\n    yield\n    hang_in_c()")
    result = suite.run(*ONE, *TIMEOUT)
    assert result.code == 1
    assert result.outcomes == {"passed": 5, "errors": 1}
    assert result.noted() == ["good up", "in C"]
    assert result.lines("the finalizer of the global fixture 'slow' .* hangs")
    for name in ("good", "slow"):
        assert result.lines(rf"^  {name} \(conftest.py:\d+\)$")


def test_finalizer_in_c_without_a_controller(suite: Suite) -> None:
    """Nobody is there to end the fixture worker; it must not stay."""
    _suite(suite, "@global_fixture\ndef slow(good):\n    yield\n    hang_in_c()")
    with running(suite, *ONE, *TIMEOUT) as controller:
        until(suite, lambda notes: any(note.what == "in C" for note in notes))
        processes = controller.workers(FIXTURE_WORKER)
        controller.kill()
        assert processes
        controller.wait_gone(processes)


def test_set_up_in_c_that_stops_all_threads(suite: Suite) -> None:
    """The interpreter's lock is not released: not even the watch in the fixture worker runs."""
    _suite(suite, "@global_fixture\ndef slow(good): hang_in_c(ctypes.PyDLL)")
    result = suite.run(*ONE, *TIMEOUT)
    assert result.code == 1
    assert result.outcomes == {"passed": 3, "errors": 3}
    assert result.noted() == ["good up", "in C"]
    assert result.lines("the set-up of slow .* hangs: .* no thread of the fixture worker runs")


def test_come_loose_late(suite: Suite) -> None:
    """When it was given up already: it is finalized all the same."""
    _suite(
        suite,
        """
@global_fixture
def slow(request, good):
    request.addfinalizer(lambda: note("slow down"))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    wait_for("given up")
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        time.sleep(1200)
    finally:
        note("loose")
        open("loose", "w").close()
""",
        """
import time
def test_slow(request):
    with pytest.raises(Exception, match="hangs"):
        request.getfixturevalue("slow")
    open("given up", "w").close()
    wait_for("loose")
""",
    )
    result = suite.run(*ONE, *TIMEOUT)
    assert result.outcomes == {"passed": 1}
    assert result.noted() == ["good up", "loose", "slow down", "good down"]


def test_bad_setting(suite: Suite) -> None:
    suite.write({"test_it.py": "def test_it(): pass"})
    result = suite.run(*ONE, "-o", "fixture_worker_timeout=soon")
    assert result.code == 4
    assert "fixture_worker_timeout is 'soon', which is not a number of seconds" in result.errors


def test_without_a_fixture_worker_there_is_no_limit(suite: Suite) -> None:
    _suite(suite, "@global_fixture\ndef slow(): time.sleep(0.5)")
    assert suite.run("-o", "fixture_worker_timeout=0.1").outcomes == {"passed": 5}


BLOCKS = """
if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker":
    import time
    note("blocks")
    time.sleep(1200)
"""
FIRST_IN_MODULE = """
@global_fixture
def first(good): return 1
@global_fixture
def second(good): return 2
def test_first(good, first): pass
def test_second(second): pass
"""


def test_import_of_a_test_module(suite: Suite) -> None:
    """It is tried once."""
    suite.write({"conftest.py": CONFTEST, "test_it.py": BLOCKS + FIRST_IN_MODULE})
    result = suite.run(*ONE, *TIMEOUT)
    assert result.outcomes == {"errors": 2}, result.output
    assert result.noted() == ["good up", "blocks", "good down"]
    assert result.lines(
        r"fixture worker: waiting for the import of test_it.py for the global fixture first "
        r"\(test_it.py:\d+\) for 2 s"
    )
    assert len(result.lines(r"the import of test_it.py .* took longer than the 5 s")) >= 2
    assert result.lines("thread MainThread:")


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_the_controller_is_to_end_during_an_import(suite: Suite, how: str) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": BLOCKS + FIRST_IN_MODULE})
    with running(suite, *ONE) as controller:
        until(suite, count("blocks"))
        family = controller.family()
        controller.send_signal(signal.Signals[how])
        controller.wait_gone(family)
        _, output = controller.end()
    assert controller.noted() == ["good up", "blocks", "good down"]
    if how != "SIGKILL":
        assert re.search(
            r"set-up of first \(test_it.py:\d+\) interrupted at test_it.py:\d+", output
        )


def test_hooks_and_reports(suite: Suite) -> None:
    _suite(
        suite,
        """
done = set()
def once(what):
    if what not in done:
        done.add(what)
        time.sleep(1200)
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.name == "global fixture before": once("before")
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    if item.name == "global fixture broken" and call.excinfo: once("broken")
    if item.name == "global fixture finalized" and "finished" in done: once("finalized")
@pytest.hookimpl(tryfirst=True)
def pytest_report_to_serializable(report):
    if "global fixture data" in report.nodeid: once("data")
@global_fixture
def before(good): note("never")
@global_fixture
def broken(good): raise ValueError("broken")
@global_fixture
def finalized(good):
    yield
    done.add("finished")
    raise ValueError("in the finalizer")
@global_fixture
def data(good): return "data"
""",
        """
def test_before(before): pass
def test_broken(broken): pass
def test_finalized(finalized): pass
def test_data(data): assert data == "data"
def test_good(good): pass
""",
    )
    result = suite.run(*ONE, *TIMEOUT, "--durations=1")  # for which reports of set-ups are sent
    assert result.outcomes == {"passed": 3, "errors": 3, "warnings": 1}, result.output
    assert result.noted() == ["good up", "good down"]
    assert result.lines(
        r"waiting for the look-up of the global fixture before .*, or hooks around its set-up"
    )
    assert result.lines("^E +Failed: the set-up of the global fixture 'before' .* took longer")
    assert result.lines("^E +ValueError: broken")
    assert result.lines("^E +ValueError: in the finalizer")
    assert result.lines("the making of the report of .*global fixture data.* took longer")


@pytest.mark.parametrize("how", ["time-out", "SIGINT", "SIGTERM"])
def test_a_fixture_worker_that_does_not_start(suite: Suite, how: str) -> None:
    suite.write(
        {
            "conftest.py": BLOCKS + "\n@global_fixture\ndef first(): return 1",
            "test_it.py": "def test_it(first): pass",
        }
    )
    with running(suite, *ONE, *(TIMEOUT if how == "time-out" else ())) as controller:
        until(suite, count("blocks"))
        controller.read_until("fixture worker: waiting for the start of the fixture worker for 2 s")
        family = controller.family()
        if how != "time-out":
            controller.send_signal(signal.Signals[how])
        code, output = controller.end()
        controller.wait_gone(family)
    assert code == {"time-out": 4, "SIGINT": 2, "SIGTERM": 128 + signal.SIGTERM}[how], output
    if how == "time-out":
        assert "the fixture worker could not start.\n" in output
        assert "its start took longer than fixture_worker_timeout" in output
    assert "INTERNALERROR" not in output


def test_a_fixture_worker_that_is_stopped(suite: Suite) -> None:
    """The time in which it could not run does not count, neither here nor in the controller."""
    _suite(
        suite,
        """
@global_fixture
def slow(good):
    note("slow", pid=os.getpid())
    wait_for("go")
    return 1
""",
    )
    with running(suite, *ONE, *TIMEOUT) as controller:
        until(suite, count("slow"))
        (fixture_worker,) = controller.workers(FIXTURE_WORKER)
        controller.stop(fixture_worker)
        controller.read_until("for 32 s")  # more than the limit, and all that comes on top of it
        (suite.path / "go").touch()
        fixture_worker.resume()
        code, output = controller.end()
    assert code == 0, output
    assert controller.noted() == ["good up", "slow", "good down"]


def test_exceptions_that_cannot_be_shown(suite: Suite) -> None:
    """Each of their methods may block, wherever an error is told."""
    _suite(
        suite,
        """
class Blocks(Exception):
    def __str__(self):
        if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker": time.sleep(1200)
        return "told"
@global_fixture
def slow(good): raise Blocks
@global_fixture
def finalized(good):
    yield
    raise Blocks
""",
        TESTS.format(arguments="slow, finalized", body="pass").replace("slow, f", "f")
        + "def test_broken(slow): pass\n",
    )
    result = suite.run(*ONE, *TIMEOUT)
    assert result.outcomes == {"passed": 5, "errors": 2}, result.output
    assert result.noted() == ["good up", "good down"]
    assert len(result.lines("^(ERROR|E +).*conftest.Blocks")) >= 2


def test_a_finalizer_that_raises_with_many_causes(suite: Suite) -> None:
    _suite(
        suite,
        """
@global_fixture
def slow(good):
    yield
    error = None
    for number in range(3000):
        try: raise ValueError(number) from error
        except ValueError as raised: error = raised
    raise error
""",
    )
    result = suite.run(*ONE, *TIMEOUT)
    assert result.outcomes == {"passed": 5, "errors": 1}, result.output
    assert result.noted() == ["good up", "good down"]
    assert result.lines("ValueError: 2999$")
    assert result.lines("NotShown: 2980 exceptions more that led to this one are not shown")
    assert "took longer" not in result.output

"""Fixtures, values and hooks that do what they had better not: finalizers still run once, when
nobody uses the values any more, and whoever waits is told."""

from __future__ import annotations

import signal

import pytest

from ..running import count, running, until
from ..suite import FIXTURE_WORKER, ONE, ONE_MODES, Suite

TWO = """
@global_fixture
def first():
    yield 1
    note("first down")
"""


def test_a_set_up_that_leaves_another_handler_of_sigint(suite: Suite) -> None:
    """As an event loop does that had one of its own."""
    suite.write(
        {
            "conftest.py": """
import asyncio, signal, time
def undo(value): note("undone")
@global_fixture(recover=undo)
def server():
    async def main():
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    asyncio.run(main())
    yield 1
    note("server down")
""",
            "test_it.py": """
import time
def test_it(server):
    note("test")
    try:
        while True: time.sleep(0.01)
    finally:
        note("test ends")
""",
        }
    )
    with running(suite, *ONE) as controller:
        until(suite, count("test"))
        controller.send_signal(signal.SIGINT, group=True)
        code, output = controller.end()
    assert code == 2
    assert controller.noted() == ["test", "test ends", "server down"]
    assert "too early" not in output


VALUES = {
    "raises what is no Exception": ("pytest.fail('not this one')", "Failed: not this one"),
    "exits": ("sys.exit(3)", "SystemExit: 3"),
    "takes too long": ("time.sleep(1200)", "the pickling of the global fixture 'value'"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_pickle_cannot_end(suite: Suite, name: str) -> None:
    action, told = VALUES[name]
    suite.write(
        {
            "conftest.py": TWO
            + f"""
import time
class Value:
    def __reduce__(self): {action}
@global_fixture
def value(first):
    yield Value()
    note("value down")
@global_fixture
def other(value): return 2
""",
            "test_it.py": "def test_it(value): pass\ndef test_other(other): assert other == 2",
        }
    )
    result = suite.run(*ONE, "-o", "fixture_worker_timeout=5")
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert told in result.output
    assert "too early" not in result.output
    assert result.noted() == ["value down", "first down"]


def test_interrupt_while_a_value_is_pickled(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": TWO
            + """
import time
class Value:
    def __reduce__(self):
        note("pickling")
        time.sleep(1200)
@global_fixture
def value(first): return Value()
""",
            "test_it.py": "def test_it(value): pass",
        }
    )
    with running(suite, *ONE) as controller:
        until(suite, count("pickling"))
        controller.send_signal(signal.SIGINT)
        code, _ = controller.end()
    assert code == 2
    assert controller.noted() == ["pickling", "first down"]


@pytest.mark.parametrize("action", ["pytest.fail('policy')", "sys.exit(3)", "int('policy')"])
def test_a_hook_around_a_set_up(suite: Suite, action: str) -> None:
    suite.write(
        {
            "conftest.py": TWO
            + f"""
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    if "global fixture second" in item.nodeid and call.when == "setup": {action}
    return (yield)
@global_fixture
def second(first):
    yield 2
    note("second down")
""",
            "test_it.py": "def test_it(second): pass\ndef test_first(first): note('test')",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1, "errors": 2}
    assert result.lines(r"the global fixture 'second' could not be set up, because an exception")
    assert result.lines(r"an exception came up around the finalizer of the fixture 'second'")
    assert result.noted() == ["test", "second down", "first down"]


def test_a_set_up_that_closes_standard_output(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": TWO + "\n@global_fixture\ndef second(first): sys.stdout.close()",
            "test_it.py": "def test_it(second): pass\ndef test_first(first): note('test')",
        }
    )
    result = suite.run(*ONE)
    assert "too early" not in result.output
    assert result.noted() == ["test", "first down"]


NODE = """
@global_fixture
def first(request):
    request.node.addfinalizer(lambda: {action})
    yield 1
    note("first down")
@global_fixture
def second(first): return 2
"""


@ONE_MODES
def test_a_finalizer_of_the_session(suite: Suite, mode: tuple[str, ...]) -> None:
    """It runs after the others, and an error in it is reported."""
    action = "(note('session down'), int('no number'))"
    suite.write(
        {
            "conftest.py": NODE.replace("{action}", action),
            "test_it.py": "def test_it(second): note('test')",
        }
    )
    result = suite.run(*mode)
    assert result.code == 1
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert sorted(result.noted()) == ["first down", "session down", "test"]
    assert result.lines("ValueError: invalid literal for int")
    if mode:
        assert result.workers("session down") == {FIXTURE_WORKER}
        assert result.lines("ERROR at teardown of the test session")


def test_a_finalizer_of_the_session_has_the_time_that_it_needs(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "import time\n"
            "def slow():\n    time.sleep(23)\n    note('session down')\n"
            + NODE.replace("{action}", "slow()"),
            "test_it.py": "def test_it(second): note('test')",
        }
    )
    result = suite.run(*ONE)
    assert result.code == 0
    assert result.noted() == ["test", "first down", "session down"]
    assert result.lines("waiting for the finalizer of the test session")


@ONE_MODES
def test_a_cache_directory_that_cannot_be_made(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "pytest.ini": "[pytest]\npythonpath = .\ncache_dir = notes.py/cache",
            "conftest.py": TWO,
            "test_it.py": "def test_it(first): pass",
        }
    )
    result = suite.run(*mode)
    assert result.code == 0
    assert result.outcomes["passed"] == 1
    assert result.noted() == ["first down"]


def test_threads_of_a_test_wait_for_different_fixtures(suite: Suite) -> None:
    """One for a set-up that goes on until the other has what is set up already. A signal that ends
    the wait is not taken for the outcome of the set-up, whatever other threads asked for since."""
    suite.write(
        {
            "conftest.py": """
@global_fixture
def slow():
    note("slow")
    open("slow", "w")
    wait_for("got")
    return 1
@global_fixture
def ready(): return 2
""",
            "test_it.py": """
import signal, threading
def test_it(ready): open("ready", "w")
def be_impatient(*_): raise ValueError("impatient")
def test_threads(request):  # in the other worker, where pytest does not know the value yet
    def fast():
        wait_for("slow")
        values.append(request.getfixturevalue("ready"))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
    wait_for("ready")
    signal.signal(signal.SIGUSR1, be_impatient)
    values = []
    thread = threading.Thread(target=fast)
    thread.start()
    with pytest.raises(ValueError, match="impatient"): request.getfixturevalue("slow")
    thread.join()
    open("got", "w")
    assert (request.getfixturevalue("slow"), values) == (1, [2])
""",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 2}, result.output
    assert result.noted() == ["slow"]


@ONE_MODES
def test_a_finalizer_that_asks_for_another_fixture(suite: Suite, mode: tuple[str, ...]) -> None:
    """It is an error as in a serial run; pytest knows that a finalizer runs."""
    suite.write(
        {
            "conftest.py": """
@global_fixture
def early(request):
    yield 1
    note("early down")
    request.getfixturevalue("other")
    note("never")
@global_fixture
def used(request):
    request.getfixturevalue("needed")
    yield 2
    note("used down", value=request.getfixturevalue("needed"))
@global_fixture
def needed(): return 3
@global_fixture
def other():
    yield 4
    note("other down")
""",
            "test_it.py": "def test_it(early, used): pass",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes["passed"] == result.outcomes["errors"] == 1, result.output
    assert result.noted("never") == []
    assert result.notes[0].more == {"value": 3}
    if tuple(map(int, pytest.__version__.split(".")[:2])) >= (9, 2):
        assert result.noted() == ["used down", "early down"]
        assert result.lines('value for "other" is not available during teardown')
        assert result.lines(r'getfixturevalue\("other"\) during teardown is deprecated')
    assert "Internal error" not in result.output


def test_a_signal_handler_that_a_set_up_leaves(suite: Suite) -> None:
    """It raises, as one of ``signal.alarm`` does, while nothing is set up and tests use what is."""
    suite.write(
        {
            "conftest.py": TWO
            + """
import signal
def handler(*_):
    note("raised")
    raise TimeoutError("too long")
def undo(value): note("undone")
@global_fixture(recover=undo)
def server(first):
    signal.signal(signal.SIGALRM, handler)
    yield os.getpid()
    note("server down")
@global_fixture
def later(server): return 3
""",
            "test_it.py": """
import signal, time
from pathlib import Path
from notes import FILE
def test_it(server, request):
    for times in range(1, 4):
        os.kill(server, signal.SIGALRM)
        while not os.path.exists(FILE) or Path(FILE).read_text().count("raised") < times:
            time.sleep(0.01)
    assert request.getfixturevalue("later") == 3
    note("test")
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1, "warnings": 1}, result.output
    assert result.noted() == [*["raised"] * 3, "test", "server down", "first down"]
    assert result.lines("PytestWarning: TimeoutError: too long")
    assert result.lines(r"was raised at .*conftest.py:\d+ \(in handler\) in the fixture worker")
    assert "too early" not in result.output


def test_what_is_raised_in_the_bookkeeping_of_finalizers(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": TWO
            + """
import signal, types
class Broken(types.ModuleType):
    def __getattr__(self, name): raise RuntimeError("broken module")
@pytest.hookimpl(tryfirst=True)
def pytest_report_to_serializable(report):
    if "fixture worse" in report.nodeid and report.failed: raise RuntimeError("no data")
@global_fixture
def second(first):
    yield
    note("second down")
@global_fixture
def worse(second):
    yield
    note("worse down")
    sys.modules["broken"] = Broken("broken")
    raise ValueError("in the finalizer")
""",
            "test_it.py": "def test_it(worse): pass",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1, "errors": 1, "warnings": 1}, result.output
    assert result.noted() == ["worse down", "second down", "first down"]
    assert result.lines("^E +ValueError: in the finalizer")
    assert result.lines("RuntimeError: no data")
    assert "unfinalized" not in result.output


def test_forked_children_that_come_back(suite: Suite) -> None:
    """From set-ups and finalizers; they leave at once, and say so."""
    suite.write(
        {
            "conftest.py": TWO
            + """
def wait(pid): note("status", status=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
@global_fixture
def returns(first):
    if pid := os.fork(): wait(pid)
    return 1
@global_fixture
def fails(first):
    if not (pid := os.fork()): raise ValueError("in the child")
    wait(pid)
    yield 2
    if not (pid := os.fork()): raise ValueError("in the child")
    wait(pid)
    note("fails down")
@global_fixture
def exits(first):
    if not (pid := os.fork()): sys.exit(3)
    wait(pid)
    yield 3
    if pid := os.fork(): wait(pid)
    note("exits down", child=not pid)
""",
            "test_it.py": "def test_it(returns, fails, exits): note('test')",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1}, result.output
    assert [note.more["status"] for note in result.notes if note.what == "status"] == [
        1,
        1,
        3,
        1,
        1,
    ]
    assert result.noted("test", "first down") == ["test", "first down"]
    assert [note.more for note in result.notes if note.what == "exits down"] == [
        {"child": True},
        {"child": False},
    ]
    told = result.output + result.errors
    assert told.count("which a global fixture forked in process") == 5
    assert "INTERNALERROR" not in told


TIMER = """
import signal
def handler(*_): raise TimeoutError("too long")
@global_fixture
def server(first):
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    yield 2
    signal.setitimer(signal.ITIMER_REAL, 0)
    note("server down")
"""
RAISES = """
import ctypes, threading
def raise_in(ident):
    while not os.path.exists("enough"):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(OSError))
        time.sleep(0.02)
@global_fixture
def server(first):
    ident = threading.main_thread().ident
    thread = threading.Thread(target=raise_in, args=[ident], daemon=True)
    threading.Timer(0.1, thread.start).start()
    yield 2
    note("server down")
"""
MANY = """
from pathlib import Path
def test_server(server): time.sleep(0.5)
@pytest.mark.parametrize("i", range(5))
def test_first(request, i): assert request.getfixturevalue(f"later{i}") == i
def test_last(): Path("enough").touch()
"""


@pytest.mark.parametrize("conftest", [TIMER, RAISES], ids=["timer", "thread"])
def test_what_is_raised_again_and_again_while_idle(suite: Suite, conftest: str) -> None:
    """No request is lost by it, nor a finalizer."""
    later = "".join(
        f"\n@global_fixture\ndef later{i}():\n    yield {i}\n    note('down')" for i in range(5)
    )
    if conftest == TIMER:  # it may come in a set-up as well
        later = ""
    suite.write(
        {
            "conftest.py": TWO + "import time\n" + conftest + later,
            "test_it.py": "import time\n"
            + (MANY if later else "def test_server(server): time.sleep(0.5)"),
        }
    )
    result = suite.run(*ONE)
    assert "too early" not in result.output, result.output
    assert result.outcomes["passed"] >= 1
    assert result.noted("server down", "first down") == ["server down", "first down"]
    assert result.lines("PytestWarning: (TimeoutError|OSError)")


def test_a_hook_that_keeps_pytest_from_tearing_an_item_down(suite: Suite) -> None:
    """The next set-up does not depend on it."""
    suite.write(
        {
            "conftest.py": TWO
            + """
def pytest_runtest_teardown(item):
    if item.name == "global fixture broken": raise RuntimeError("in a hook")
@global_fixture
def broken(first): return 2
""",
            "test_it.py": "def test_it(broken): pass\ndef test_first(first): note('test')",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes["passed"] == 1, result.output
    assert result.noted() == ["test", "first down"]
    assert result.lines("RuntimeError: in a hook")
    assert "previous item" not in result.output

"""Whoever dies, finalizers run once, and nothing hangs. Real processes, real signals."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import partial

import psutil
import pytest

from ..running import Controller, count, running, until
from ..suite import FIXTURE_WORKER, Note, Suite, sampled

FOUR = ("-n4", "--fixture-worker")
TWO = ("-n2", "--fixture-worker")
#: Two global fixtures, each with a server that must be there until its finalizer runs.
CONFTEST = """
import subprocess, time

def server(name):
    child = subprocess.Popen(["sleep", "3600"])
    note(name + " up", server=child.pid)
    yield child.pid
    note(name + " down", alive=child.poll() is None)
    child.kill()
    child.wait()

@global_fixture
def first(): yield from server("first")

@global_fixture
def second(first): yield from server("second")
"""
LIFE = ["first up", "second up", "second down", "first down"]
#: As many tests as there are workers with TWO, all of them in flight until a file is there.
IN_FLIGHT = """
@pytest.mark.parametrize("i", range(2))
def test_it(second, i):
    note("test", server=second)
    wait_for("go")
    note("test ends")
"""
IN_FLIGHT_BY_NAME = IN_FLIGHT.replace(
    "(second, i):", "(request, i):\n    second = request.getfixturevalue('second')"
)


def _suite(suite: Suite, tests: str, more: str = "") -> None:
    suite.write(
        {
            "conftest.py": CONFTEST + more,
            "test_it.py": tests,
        }
    )


def assert_lived_once(notes: Sequence[Note], *last: str) -> None:
    """Each fixture was set up once, and finalized once, after all else; with its server, which
    was there until then."""
    noted = [note.what for note in notes]
    assert [what for what in noted if what in LIFE] == LIFE
    assert noted[-len(LIFE) // 2 - len(last) :] == [*last, *LIFE[2:]]
    assert {note.worker for note in notes if note.what in LIFE} == {FIXTURE_WORKER}
    assert all(note.more["alive"] for note in notes if note.what in LIFE[2:])
    for note in notes:
        if note.what in LIFE[:2]:
            assert not psutil.pid_exists(int(str(note.more["server"])))


def kill_servers(controller: Controller) -> None:
    """End the servers that lost their finalizers."""
    for note in controller.notes():
        if note.what in LIFE[:2]:
            try:
                psutil.Process(int(str(note.more["server"]))).kill()
            except psutil.NoSuchProcess:
                pass


# --- a test worker dies


@pytest.mark.parametrize(
    "death",
    ["os.kill(os.getpid(), 9)", "os._exit(0)", "import ctypes; ctypes.string_at(0)"],
    ids=["SIGKILL", "_exit", "segfault"],
)
def test_test_worker_dies_in_a_test(suite: Suite, death: str) -> None:
    """The one that replaces it gets the same values."""
    _suite(
        suite,
        f"""
@pytest.mark.parametrize("i", range(12))
def test_it(second, i):
    note("test", server=second)
    if i == 3:
        {death}
""",
    )
    result = suite.run(*TWO, "-p", "no:faulthandler")
    assert result.outcomes == {"passed": 11, "failed": 1}
    assert_lived_once(result.notes)
    assert len({note.more["server"] for note in result.notes if note.what == "test"}) == 1
    assert result.lines("replacing crashed worker")


def test_asking_test_worker_dies_during_the_set_up(suite: Suite) -> None:
    _suite(
        suite,
        """
def test_a(request):
    import threading
    def die():
        wait_for("up")
        os.kill(os.getpid(), 9)
    note("asks")
    threading.Thread(target=die).start()
    request.getfixturevalue("slow")
def test_b(): wait_for("up")
@pytest.mark.parametrize("i", range(4))
def test_it(slow, i): assert slow == "slow"
""",
        """
import psutil

def wait_dead(pid):
    try:
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE: time.sleep(0.01)
    except psutil.NoSuchProcess: pass

@global_fixture
def slow():
    note("slow")
    (asking,) = wait_noted("asks", 1)
    open("up", "w").close()
    wait_dead(asking["pid"])  # the set-up is going on when that one dies
    return "slow"
""",
    )
    result = suite.run(*FOUR)
    assert result.outcomes == {"passed": 5, "failed": 1}
    assert result.noted("slow") == ["slow"]


@pytest.mark.parametrize("workers", ["-n1", "-n2"])
def test_all_test_workers_die_and_none_is_replaced(suite: Suite, workers: str) -> None:
    _suite(
        suite,
        "@pytest.mark.parametrize('i', range(4))\ndef test_it(second, i):\n"
        "    note('test')\n    os._exit(1)",
    )
    result = suite.run(workers, "--fixture-worker", "--max-worker-restart=0")
    assert result.code == 1
    assert_lived_once(result.notes)
    assert result.lines("worker restarting disabled")


def test_the_only_worker_crashes_and_is_replaced(suite: Suite) -> None:
    _suite(
        suite,
        "def test_a(second): os._exit(1)\ndef test_b(second): note('test', server=second)",
    )
    result = suite.run("-n1", "--fixture-worker")
    assert result.outcomes == {"passed": 1, "failed": 1}
    assert_lived_once(result.notes)


def test_internal_error_in_a_test_worker(suite: Suite) -> None:
    _suite(
        suite,
        "@pytest.mark.parametrize('i', range(8))\ndef test_it(second, i): pass",
        """
def pytest_runtest_logfinish(nodeid):
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw0": raise RuntimeError("broken plugin")
""",
    )
    result = suite.run(*TWO)
    assert result.code != 0
    assert "RuntimeError: broken plugin" in result.output
    assert_lived_once(result.notes)


# --- the controller is asked to end


@pytest.mark.parametrize(
    ("everyone", "tests"),
    sampled(
        lambda everyone, tests: everyone == (tests is IN_FLIGHT),
        [True, False],
        [IN_FLIGHT, IN_FLIGHT_BY_NAME],
    ),
)
def test_interrupt(suite: Suite, everyone: bool, tests: str) -> None:
    _suite(suite, tests)
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        controller.send_signal(signal.SIGINT, group=everyone)
        code, output = controller.end()
        controller.wait_gone(family)
    assert code == 2, output
    assert_lived_once(controller.notes())
    assert "KeyboardInterrupt" in output


@pytest.mark.parametrize("everyone", [True, False], ids=["group", "controller"])
def test_interrupt_twice_within_a_second(suite: Suite, everyone: bool) -> None:
    _suite(suite, IN_FLIGHT)
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        for _ in range(2):
            controller.send_signal(signal.SIGINT, group=everyone)
        code, output = controller.end()
        controller.wait_gone(family)
    assert code == 2, output
    assert_lived_once(controller.notes())


LONG_FINALIZER = """
@global_fixture
def long(second):
    yield
    note("long down")
    time.sleep({seconds})
    note("long is down")
"""


def test_interrupt_and_a_finalizer_that_outlasts_xdist(suite: Suite) -> None:
    """xdist kills its workers 10 s after the end, execnet interrupts after 5."""
    _suite(
        suite, IN_FLIGHT.replace("second, i", "second, long, i"), LONG_FINALIZER.format(seconds=13)
    )
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        controller.send_signal(signal.SIGINT, group=True)
        code, output = controller.end()
        controller.wait_gone(family)
    assert code == 2, output
    assert_lived_once(controller.notes(), "long down", "long is down")
    assert "fixture worker: waiting for the finalizer of long (conftest.py:" in output


LONG_SET_UP = """
@global_fixture
def long(second, request):
    request.addfinalizer(lambda: note("long down"))
    note("long")
    time.sleep(1200)
"""


def test_interrupt_during_a_long_set_up(suite: Suite) -> None:
    _suite(suite, "def test_it(long): pass\ndef test_2(long): pass", LONG_SET_UP)
    with running(suite, *TWO) as controller:
        until(suite, count("long"))
        controller.send_signal(signal.SIGINT, group=True)
        said = controller.read_until("Ctrl-C 2 times more abandons them")
        code, output = controller.end()
    assert code == 2, output
    assert_lived_once(controller.notes(), "long", "long down")
    lines = (suite.path / "conftest.py").read_text().splitlines()
    place = lines.index("def long(second, request):")
    long = f"set-up of long (conftest.py:{place})"
    assert f"ending the test workers and the {long}; then the finalizers of first (conf" in said
    assert f"{long} interrupted at conftest.py:{place + 4}" in output
    assert "xdist_fixtureworker/" not in output  # no frame of ours


LATE_FINALIZER = LONG_FINALIZER.replace("time.sleep({seconds})", "wait_for('go')")


def test_interrupts_while_finalizers_run(suite: Suite) -> None:
    """The first one says what is waited for; the run then ends as an interrupted one."""
    _suite(suite, "def test_it(long): pass", LATE_FINALIZER)
    with running(suite, *TWO) as controller:
        until(suite, count("long down"))
        controller.send_signal(signal.SIGINT, group=True)
        said = controller.read_until("Ctrl-C")
        assert "long (conftest.py:" in said
        assert "Ctrl-C 2 times more abandons them" in said
        controller.send_signal(signal.SIGINT, group=True)
        assert "Ctrl-C once more abandons them" in controller.read_until("once more")
        (suite.path / "go").touch()
        code, output = controller.end()
    assert code == 2, output
    assert_lived_once(controller.notes(), "long down", "long is down")


def test_third_interrupt_abandons(suite: Suite) -> None:
    _suite(suite, "def test_it(long): pass", LATE_FINALIZER)
    with running(suite, *TWO) as controller:
        until(suite, count("long down"))
        (fixture_worker,) = controller.workers(FIXTURE_WORKER)
        for text in ("Ctrl-C 2 times", "Ctrl-C once"):
            controller.send_signal(signal.SIGINT)
            controller.read_until(text)
        controller.send_signal(signal.SIGINT)
        code, output = controller.end()
        controller.wait_gone([fixture_worker])
        kill_servers(controller)
    assert code == 2, output
    assert "The fixture worker ended too early: abandoned on Ctrl-C" in output
    for name in ("first", "second", "long"):
        assert f"  {name} (conftest.py:" in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_controller_is_asked_to_end(suite: Suite, number: signal.Signals) -> None:
    _suite(suite, IN_FLIGHT)
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        controller.send_signal(number)
        code, output = controller.end()
        controller.wait_gone(family)
    assert code == 128 + number, output
    assert_lived_once(controller.notes())
    assert "ending the test workers; then the finalizers of first (conftest.py:" in output
    assert "Ctrl-C 2 times more abandons them" in output
    assert f"{number.name} received" in output


def test_a_finalizer_that_fails_then_is_shown(suite: Suite) -> None:
    """Though pytest shows no errors for such an exit code."""
    _suite(
        suite,
        "def test_it(bad):\n    note('test')\n    wait_for('go')",
        "\n@global_fixture\ndef bad(second):\n    yield\n    raise RuntimeError('cannot be dropped')",
    )
    with running(suite, *TWO) as controller:
        until(suite, count("test"))
        controller.send_signal(signal.SIGTERM)
        code, output = controller.end()
    assert code == 128 + signal.SIGTERM
    assert_lived_once(controller.notes())
    assert output.count("ERROR at teardown of global fixture bad") == 1
    assert output.count("E       RuntimeError: cannot be dropped") == 1


def test_a_handler_of_somebody_else_is_left_alone(suite: Suite) -> None:
    _suite(
        suite,
        IN_FLIGHT,
        """
import signal
def pytest_configure():
    if "PYTEST_XDIST_WORKER" not in os.environ:
        signal.signal(signal.SIGTERM, lambda *_: note("handled"))
""",
    )
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        controller.send_signal(signal.SIGTERM)
        until(suite, count("handled"))
        (suite.path / "go").touch()
        code, output = controller.end()
    assert code == 0, output
    assert_lived_once(controller.notes())


def test_grace_period_of_a_continuous_integration(suite: Suite) -> None:
    """SIGTERM to the process group, and SIGKILL a while later to who is left in it."""
    _suite(suite, IN_FLIGHT.replace("second, i", "second, long, i"), LATE_FINALIZER)
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        controller.send_signal(signal.SIGTERM, group=True)
        until(suite, count("long down"))
        controller.send_signal(signal.SIGKILL, group=True)
        (suite.path / "go").touch()
        controller.wait_gone(family)
    assert_lived_once(controller.notes(), "long down", "long is down")


# --- the controller dies


@pytest.mark.parametrize("tests", [IN_FLIGHT, IN_FLIGHT_BY_NAME], ids=["argument", "by name"])
def test_controller_is_killed_in_tests(suite: Suite, tests: str) -> None:
    _suite(suite, tests)
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        controller.kill()
        assert controller.noted("second down") == []
        (suite.path / "go").touch()
        controller.wait_gone(family)
    assert_lived_once(controller.notes())  # after the test workers, which ended their tests


def test_controller_is_killed_while_tests_do_not_end(suite: Suite) -> None:
    _suite(suite, IN_FLIGHT)
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        controller.kill()
        controller.wait_gone(family)
    assert_lived_once(controller.notes())


@pytest.fixture
def reaping_nobody() -> Iterator[None]:
    """Make this process the parent of orphans, as the first process of a container is; it does not
    take their exit status, as many of those do not."""
    if sys.platform != "linux":
        pytest.skip("only Linux has subreapers")
    set_child_subreaper = partial(ctypes.CDLL(None).prctl, 36)
    set_child_subreaper(1, 0, 0, 0)
    yield
    set_child_subreaper(0, 0, 0, 0)


def test_controller_is_killed_and_nobody_reaps(suite: Suite, reaping_nobody: None) -> None:
    """A zombie is dead: nothing waits for it."""
    _suite(
        suite,
        IN_FLIGHT,
        """
from xdist_fixtureworker.fixture_worker import orphaned as waiting
waiting.TEST_WORKERS_TIMEOUT = 3600.0
""",
    )
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        controller.kill()
        (suite.path / "go").touch()
        until(suite, count("first down"))
        controller.wait_gone(family)  # takes their exit status
    assert_lived_once(controller.notes())


def test_controller_is_killed_in_a_set_up(suite: Suite) -> None:
    """Nobody wants what is being set up any more: it does not go on to its end."""
    _suite(suite, "def test_it(long): pass", LONG_SET_UP)
    with running(suite, *TWO) as controller:
        until(suite, count("long"))
        family = controller.family()
        controller.kill()
        controller.wait_gone(family)
    assert_lived_once(controller.notes(), "long", "long down")


def test_controller_is_killed_in_a_finalizer(suite: Suite) -> None:
    """That takes longer than 15 s, after which execnet would end the process."""
    _suite(suite, "def test_it(long): pass", LONG_FINALIZER.format(seconds=20))
    with running(suite, *TWO) as controller:
        until(suite, count("long down"))
        family = controller.family()
        controller.kill()
        controller.wait_gone(family)
    assert_lived_once(controller.notes(), "long down", "long is down")


def test_a_plugin_ends_the_controller_at_once(suite: Suite) -> None:
    _suite(
        suite,
        IN_FLIGHT,
        """
def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and report.when == "setup":
        wait_for("exit")
        os._exit(7)
""",
    )
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        family = controller.family()
        for file in ("go", "exit"):
            (suite.path / file).touch()
        code, _ = controller.end()
        controller.wait_gone(family)
    assert code == 7
    assert_lived_once(controller.notes())


def test_internal_error_in_the_controller(suite: Suite) -> None:
    _suite(
        suite,
        "@pytest.mark.parametrize('i', range(4))\ndef test_it(second, i): note('test')",
        """
def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and report.when == "call": raise RuntimeError("broken plugin")
""",
    )
    result = suite.run(*TWO)
    assert result.code == 3
    assert_lived_once(result.notes)


def test_session_start_that_fails_in_the_controller(suite: Suite) -> None:
    _suite(
        suite,
        "def test_it(second): pass",
        """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart():
    yield
    if "PYTEST_XDIST_WORKER" not in os.environ: raise RuntimeError("broken plugin")
""",
    )
    result = suite.run(*TWO)
    assert result.code == 3


@pytest.mark.parametrize(
    "where",
    ["def test_exit(second): pytest.exit('enough', returncode=9)", ""],
    ids=["test", "controller"],
)
def test_pytest_exit(suite: Suite, where: str) -> None:
    _suite(
        suite,
        "@pytest.mark.parametrize('i', range(4))\ndef test_it(second, i): note('test')\n" + where,
        f"""
def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and report.when == "call" and {not where}:
        pytest.exit("enough", returncode=9)
""",
    )
    result = suite.run(*TWO)
    assert result.code != 0
    assert_lived_once(result.notes)


def test_interrupt_raised_in_a_set_up(suite: Suite) -> None:
    _suite(
        suite,
        "def test_it(bad): pass\ndef test_other(second): pass",
        "\n@global_fixture\ndef bad(second): raise KeyboardInterrupt",
    )
    result = suite.run("-n1", "--fixture-worker")
    assert result.code == 2
    assert_lived_once(result.notes)


def test_a_finalizer_that_raises(suite: Suite) -> None:
    _suite(
        suite,
        "@pytest.mark.parametrize('i', range(4))\ndef test_it(second, bad, i): note('test')",
        "\n@global_fixture\ndef bad(second):\n    yield\n    raise RuntimeError('no way down')",
    )
    result = suite.run(*TWO)
    assert result.code == 1
    assert result.outcomes == {"passed": 4, "errors": 1}
    assert result.lines("ERROR at teardown of global fixture bad")
    assert_lived_once(result.notes)


# --- the fixture worker dies


DEATHS = {
    "SIGKILL": ("os.kill(os.getpid(), 9)", "killed by signal 9"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "killed by signal 11"),
    "_exit": ("os._exit(0)", "exit status 0"),
}
PLACES = ("set-up", "idle", "finalizer")


@pytest.mark.parametrize(
    ("how", "where", "forks"),
    sampled(
        # Each way at each place, and with each of them both alone and forked.
        lambda how, where, forks: (list(DEATHS).index(how) + PLACES.index(where)) % 2 == forks,
        DEATHS,
        PLACES,
        [False, True],
    ),
)
def test_fixture_worker_dies(suite: Suite, how: str, where: str, forks: bool) -> None:
    """Who waits fails at once; whose value is there go on; what is left is named.

    Also where a forked child holds the pipes of the fixture worker.
    """
    death, status = DEATHS[how]
    dying = {
        "set-up": f"note('dies')\n    {death}",
        "idle": f"""import threading
    def die():
        wait_for("now")
        {death}
    threading.Thread(target=die, daemon=True).start()""",
        "finalizer": f"yield\n    note('dies')\n    {death}",
    }[where]
    fork = (
        """
    child = os.fork()
    if child == 0:
        wait_for("end")
        os._exit(0)
    note("child", child=child)
"""
        if forks
        else ""
    )
    _suite(
        suite,
        """
@pytest.mark.parametrize("i", range(4))
def test_ready(second, i): assert isinstance(second, int)
def test_deadly(second, deadly): open("now", "w").close()
def test_ready_again(second): wait_for("now")
def test_other(): pass
""".replace("wait_for", "pass #" if where == "set-up" else "wait_for"),
        f"\n@global_fixture\ndef deadly(second):\n    {fork}\n    {dying}",
    )
    with running(suite, "-n1", "--fixture-worker", "-p", "no:faulthandler") as controller:
        until(suite, count("first up"))
        said = controller.read_until(" in ")  # the last line; a child may hold the output open
        (suite.path / "end").touch()
        code, output = controller.end()
        output = said + output
        kill_servers(controller)
    assert code == 1, output
    assert ("7 passed" if where != "set-up" else "6 passed") in output
    assert "ERROR at teardown of the fixture worker" in output
    assert status in output
    left = ["first", "second", "deadly"]
    for name in left:
        assert f"\n  {name} (conftest.py:" in output
    if where == "set-up":
        assert "the fixture worker ended before the global fixture 'deadly' (conftest.py:" in output


KILLS_INTERPRETER = """
import psutil

@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):  # before test workers are started
    if "PYTEST_XDIST_WORKER" in os.environ: return
    children = []
    while not children: children = psutil.Process().children()
    (fixture_worker,) = children
    while {prepared} and os.getsid(fixture_worker.pid) != fixture_worker.pid: pass
    fixture_worker.kill()
"""


@pytest.mark.parametrize("start", ["cold"], indirect=True)  # nothing is prepared in a fork
@pytest.mark.parametrize("prepared", [False, True], ids=["bootstrap", "no-pytest-yet"])
def test_fixture_worker_dies_before_pytest_is_started_in_it(suite: Suite, prepared: bool) -> None:
    _suite(suite, IN_FLIGHT, KILLS_INTERPRETER.format(prepared=prepared))
    result = suite.run("-n1", "--fixture-worker")
    assert result.code == 4
    assert "the fixture worker could not start" in result.errors
    assert result.noted() == []
    assert not result.lines("INTERNALERROR")


def test_who_waits_for_a_dead_fixture_worker_is_told_at_once(suite: Suite) -> None:
    """While a child that a fixture forked holds the connection open."""
    _suite(
        suite,
        """
@pytest.mark.parametrize("i", range(4))
def test_it(request, i):
    note("asks")
    try: request.getfixturevalue("deadly")
    finally: note("told")
""",
        """
@global_fixture
def deadly():
    if os.fork() == 0:
        wait_for("end")
        os._exit(0)
    wait_noted("asks", 4)
    note("dies")
    os.kill(os.getpid(), 9)
""",
    )
    with running(suite, *FOUR) as controller:
        until(suite, count("told", 4))
        (suite.path / "end").touch()
        controller.end()
    assert controller.noted("dies", "told") == ["dies", "told", "told", "told", "told"]


# --- processes are stopped and go on


@pytest.mark.parametrize("worker", ["gw0", FIXTURE_WORKER])
def test_a_stopped_process_goes_on(suite: Suite, worker: str) -> None:
    _suite(
        suite,
        IN_FLIGHT + "\ndef test_late(late): assert late == 'late'",
        "\n@global_fixture\ndef late(second): return 'late'",
    )
    with running(suite, *TWO) as controller:
        until(suite, count("test", 2))
        (process,) = controller.workers(worker)
        controller.stop(process)
        (suite.path / "go").touch()
        until(suite, count("test ends", 1))
        assert process.status() == psutil.STATUS_STOPPED
        process.resume()
        code, output = controller.end()
    assert code == 0, output
    assert_lived_once(controller.notes())


def test_a_message_of_ours_goes_wrong(suite: Suite) -> None:
    """A bug, or somebody else's hands on our channel: an error, and no wait without end."""
    _suite(
        suite,
        """
def test_it(pytestconfig, second):
    pytestconfig.workerinput["xdist_fixtureworker"][1].send("rubbish")
def test_other(first): pass
""",
    )
    with running(suite, "-n1", "--fixture-worker") as controller:
        code, output = controller.end()
        kill_servers(controller)
    assert code == 3
    assert "Internal error: test worker gw0 sent an unknown message: 'rubbish'" in output


@pytest.mark.skipif(sys.platform != "linux", reason="where a pipe can be opened by its number")
def test_a_large_value_for_a_test_worker_that_died(suite: Suite) -> None:
    """While a child that a test forked there holds the connection, and reads nothing from it."""
    _suite(
        suite,
        """
def test_dies(request):
    note("test")
    if os.fork() == 0:
        wait_for("end")
        os._exit(0)
    request.getfixturevalue("large")

def test_other(large): assert len(large) == 10_000_000
""",
        """
@global_fixture
def large():
    note("set-up")
    wait_for("killed")
    return b"x" * 10_000_000
""",
    )
    with running(suite, *TWO, "--max-worker-restart=0") as controller:
        notes = until(suite, lambda notes: count("test")(notes) and count("set-up")(notes))
        (worker,) = (note.worker for note in notes if note.what == "test")
        (process,) = controller.workers(worker)
        process.kill()
        (suite.path / "killed").touch()
        controller.read_until("1 failed, 1 passed")
        (suite.path / "end").touch()  # it holds our end of the output, too
        code, _ = controller.end()
    assert code == 1

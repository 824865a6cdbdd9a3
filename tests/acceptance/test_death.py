"""Whoever dies, finalizers run once, and nothing hangs. Real processes, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from .conftest import DISTRIBUTED, FIXTURE_WORKER, NEVER_HANG, Note, Suite, read_notes

CONFTEST = """
import time

def wait_for(file):
    while not os.path.exists(file): time.sleep(0.01)

@global_fixture
def first():
    note("first up")
    yield 1
    note("first down")

@global_fixture
def second(first):
    note("second up")
    yield 2
    note("second down")
"""
LIFE = ["first up", "second up", "second down", "first down"]


def _suite(suite: Suite, tests: str, conftest: str = CONFTEST) -> None:
    suite.write({"conftest.py": conftest, "test_it.py": "from conftest import wait_for\n" + tests})


@contextmanager
def _running(suite: Suite, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """pytest, running; killed at the end if it still does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=suite.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _until(suite: Suite, condition: Callable[[list[Note]], bool]) -> list[Note]:
    """Wait until what was noted so far meets a condition."""
    file = suite.path / "notes.jsonl"
    deadline = time.monotonic() + NEVER_HANG
    while time.monotonic() < deadline:
        notes = read_notes(file)
        if condition(notes):
            return notes
    raise AssertionError(f"never came about; noted: {read_notes(file)}")


def _noted(notes: list[Note], what: str) -> list[Note]:
    return [note for note in notes if note.what == what]


@pytest.mark.parametrize(
    "death",
    ["os.kill(os.getpid(), 9)", "os._exit(0)", "import ctypes; ctypes.string_at(0)"],
    ids=["SIGKILL", "_exit", "segfault"],
)
def test_test_worker_dies_in_a_test(suite: Suite, death: str) -> None:
    _suite(
        suite,
        f"""
@pytest.mark.parametrize("i", range(12))
def test_it(second, i):
    assert second == 2
    note("test")
    if i == 3:
        {death}
""",
    )
    result = suite.run("-n4", "--fixture-worker", "-p", "no:faulthandler")
    assert result.outcomes == {"passed": 11, "failed": 1}
    assert result.noted(*LIFE) == LIFE
    assert result.noted()[-2:] == LIFE[-2:]
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
    threading.Thread(target=die).start()
    request.getfixturevalue("slow")
def test_b(): wait_for("up")
@pytest.mark.parametrize("i", range(4))
def test_it(slow, i): assert slow == "slow"
""",
        CONFTEST
        + """
@global_fixture
def slow():
    note("slow")
    open("up", "w").close()
    time.sleep(1)  # the set-up is to be going on when its first user dies
    return "slow"
""",
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 5, "failed": 1}
    assert result.noted("slow") == ["slow"]


@pytest.mark.parametrize("workers", ["-n1", "-n2"])
def test_all_test_workers_die_and_none_is_replaced(suite: Suite, workers: str) -> None:
    _suite(suite, "@pytest.mark.parametrize('i', range(4))\ndef test_it(second, i): os._exit(1)")
    result = suite.run(workers, "--fixture-worker", "--max-worker-restart=0")
    assert result.code == 1
    assert result.noted(*LIFE) == LIFE
    assert result.lines("worker restarting disabled")


def test_controller_is_killed(suite: Suite) -> None:
    _suite(
        suite,
        """
@pytest.mark.parametrize("i", range(2))
def test_it(second, i):
    note("test")
    wait_for("go")
    note("test ends")
""",
    )
    with _running(suite, *DISTRIBUTED) as controller:
        notes = _until(suite, lambda notes: len(_noted(notes, "test")) == 2)
        processes = [psutil.Process(pid) for pid in {note.pid for note in notes}]
        controller.kill()
        controller.wait()
        assert not _noted(read_notes(suite.path / "notes.jsonl"), "second down")
        (suite.path / "go").touch()
        _, alive = psutil.wait_procs(processes, timeout=NEVER_HANG)
    assert not alive
    noted = [note.what for note in read_notes(suite.path / "notes.jsonl")]
    assert [what for what in noted if what in LIFE] == LIFE
    assert noted[-2:] == LIFE[-2:]  # after the test workers


def test_controller_is_killed_during_a_long_finalizer(suite: Suite) -> None:
    """Longer than execnet's 15 s, after which it would end the process."""
    _suite(
        suite,
        "def test_it(slow): pass",
        CONFTEST
        + """
@global_fixture
def slow(second):
    yield
    note("slow")
    time.sleep(18)
    note("slow down")
""",
    )
    with _running(suite, *DISTRIBUTED) as controller:
        notes = _until(suite, lambda notes: bool(_noted(notes, "slow")))
        processes = [psutil.Process(n.pid) for n in notes if n.worker == FIXTURE_WORKER][:1]
        controller.kill()
        controller.wait()
        _, alive = psutil.wait_procs(processes, timeout=NEVER_HANG)
    assert not alive
    noted = [note.what for note in read_notes(suite.path / "notes.jsonl")]
    assert noted == ["first up", "second up", "slow", "slow down", "second down", "first down"]


@pytest.mark.parametrize("everyone", [True, False], ids=["group", "controller"])
def test_interrupt(suite: Suite, everyone: bool) -> None:
    _suite(
        suite,
        """
@pytest.mark.parametrize("i", range(2))
def test_it(second, i):
    note("test")
    wait_for("never")
""",
    )
    with _running(suite, *DISTRIBUTED) as controller:
        _until(suite, lambda notes: len(_noted(notes, "test")) == 2)
        if everyone:
            os.killpg(controller.pid, signal.SIGINT)
        else:
            controller.send_signal(signal.SIGINT)
        output, _ = controller.communicate(timeout=NEVER_HANG)
    assert controller.returncode == 2, output
    noted = [note.what for note in read_notes(suite.path / "notes.jsonl")]
    assert [what for what in noted if what in LIFE] == LIFE
    assert noted[-2:] == LIFE[-2:]
    assert "KeyboardInterrupt" in output


@pytest.mark.parametrize("where", ["set-up", "idle"])
@pytest.mark.parametrize(
    ("death", "status"),
    [
        ("os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("os._exit(3)", "exit status 3"),
        ("os._exit(0)", "exit status 0"),
    ],
    ids=["SIGKILL", "_exit 3", "_exit 0"],
)
def test_fixture_worker_dies(suite: Suite, where: str, death: str, status: str) -> None:
    dying = {
        "set-up": f"note('deadly')\n    {death}",
        "idle": "import threading\n"
        f"    def die():\n        wait_for('now')\n        {death}\n"
        "    threading.Thread(target=die, daemon=True).start()",
    }[where]
    _suite(
        suite,
        """
@pytest.mark.parametrize("i", range(4))
def test_ready(second, i): assert second == 2
def test_deadly(second, deadly): open("now", "w").close()
def test_other(): pass
""",
        CONFTEST + f"\n@global_fixture\ndef deadly(second):\n    {dying}",
    )
    result = suite.run("-n1", "--fixture-worker")
    assert result.code == 1
    assert result.outcomes["passed"] == (5 if where == "set-up" else 6)
    assert result.lines("ERROR at teardown of the fixture worker")
    assert result.lines(status)
    assert result.lines(r"^  first \(conftest.py:\d+\)$")
    assert result.lines(r"^  second \(conftest.py:\d+\)$")


def test_fixture_worker_dies_while_a_forked_child_holds_its_pipes(suite: Suite) -> None:
    _suite(
        suite,
        "def test_it(deadly): pass",
        CONFTEST
        + """
@global_fixture
def deadly():
    child = os.fork()
    if child == 0:
        wait_for("end")
        os._exit(0)
    note("child", child=child)
    os.kill(os.getpid(), 9)
""",
    )
    with _running(suite, *DISTRIBUTED) as controller:
        controller.wait(timeout=NEVER_HANG)
        assert controller.stdout is not None
        output = os.read(controller.stdout.fileno(), 100_000).decode()  # the child holds it open
        (suite.path / "end").touch()
    assert "killed by signal 9" in output
    assert controller.returncode == 1


def test_interrupt_raised_in_a_set_up(suite: Suite) -> None:
    _suite(
        suite,
        "def test_it(bad): pass\ndef test_other(second): pass",
        CONFTEST + "\n@global_fixture\ndef bad(second): raise KeyboardInterrupt",
    )
    result = suite.run("-n1", "--fixture-worker")
    assert result.code == 2
    assert result.noted(*LIFE) == LIFE


def test_internal_error_in_the_controller(suite: Suite) -> None:
    _suite(
        suite,
        "@pytest.mark.parametrize('i', range(4))\ndef test_it(second, i): pass",
        CONFTEST
        + """
def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and report.when == "call": raise RuntimeError("broken plugin")
""",
    )
    result = suite.run_distributed()
    assert result.code == 3
    assert result.noted(*LIFE) == LIFE


def test_session_start_that_fails_in_the_controller(suite: Suite) -> None:
    _suite(
        suite,
        "def test_it(second): pass",
        CONFTEST
        + """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart():
    yield
    if "PYTEST_XDIST_WORKER" not in os.environ: raise RuntimeError("broken plugin")
""",
    )
    result = suite.run_distributed()
    assert result.code == 3


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
    result = suite.run("-n1", "--fixture-worker")
    assert result.code == 3
    assert "Internal error: test worker gw0 sent an unknown message: 'rubbish'" in result.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_controller_is_asked_to_end(suite: Suite, number: signal.Signals) -> None:
    _suite(
        suite,
        """
@pytest.mark.parametrize("i", range(2))
def test_it(second, i):
    note("test")
    wait_for("never")
""",
    )
    with _running(suite, *DISTRIBUTED) as controller:
        _until(suite, lambda notes: len(_noted(notes, "test")) == 2)
        controller.send_signal(number)
        output, _ = controller.communicate(timeout=NEVER_HANG)
    assert controller.returncode == 128 + number, output
    noted = [note.what for note in read_notes(suite.path / "notes.jsonl")]
    assert [what for what in noted if what in LIFE] == LIFE
    assert f"{number.name} received" in output


def test_a_handler_of_somebody_else_is_left_alone(suite: Suite) -> None:
    _suite(
        suite,
        "def test_it(second):\n    note('test')\n    wait_for('go')",
        CONFTEST
        + """
import signal
def pytest_configure():
    if "PYTEST_XDIST_WORKER" not in os.environ:
        signal.signal(signal.SIGTERM, lambda *_: note("handled"))
""",
    )
    with _running(suite, *DISTRIBUTED) as controller:
        _until(suite, lambda notes: bool(_noted(notes, "test")))
        controller.send_signal(signal.SIGTERM)
        _until(suite, lambda notes: bool(_noted(notes, "handled")))
        (suite.path / "go").touch()
        controller.communicate(timeout=NEVER_HANG)
    assert controller.returncode == 0


LONG_SET_UP = """
@global_fixture
def long(second, request):
    request.addfinalizer(lambda: note("long down"))
    note("long")
    time.sleep(600)
"""


def test_interrupt_during_a_long_set_up(suite: Suite) -> None:
    _suite(suite, "def test_it(long): pass\ndef test_2(long): pass", CONFTEST + LONG_SET_UP)
    with _running(suite, *DISTRIBUTED) as controller:
        _until(suite, lambda notes: bool(_noted(notes, "long")))
        os.killpg(controller.pid, signal.SIGINT)
        output, _ = controller.communicate(timeout=NEVER_HANG)
    assert controller.returncode == 2, output
    noted = [note.what for note in read_notes(suite.path / "notes.jsonl")]
    assert noted == [*LIFE[:2], "long", "long down", *LIFE[2:]]


LONG_FINALIZER = """
@global_fixture
def long(second):
    yield
    note("long down")
    wait_for("go")
    note("long is down")
"""


def _output(controller: subprocess.Popen[str], text: str) -> str:
    """What it prints until a text has come."""
    assert controller.stdout is not None
    output = ""
    while text not in output:
        line = controller.stdout.readline()
        assert line, f"ended without {text!r}: {output}"
        output += line
    return output


def test_interrupts_while_finalizers_run(suite: Suite) -> None:
    """The first one says what is waited for; the run then ends as an interrupted one."""
    _suite(suite, "def test_it(long): pass", CONFTEST + LONG_FINALIZER)
    with _running(suite, *DISTRIBUTED) as controller:
        _until(suite, lambda notes: bool(_noted(notes, "long down")))
        os.killpg(controller.pid, signal.SIGINT)
        said = _output(controller, "Ctrl-C")
        assert "long (conftest.py:" in said
        assert "Ctrl-C 2 times more abandons them" in said
        os.killpg(controller.pid, signal.SIGINT)
        assert "Ctrl-C once more abandons them" in _output(controller, "Ctrl-C")
        (suite.path / "go").touch()
        output, _ = controller.communicate(timeout=NEVER_HANG)
    assert controller.returncode == 2, output
    noted = [note.what for note in read_notes(suite.path / "notes.jsonl")]
    assert noted == [*LIFE[:2], "long down", "long is down", *LIFE[2:]]


def test_third_interrupt_abandons(suite: Suite) -> None:
    _suite(suite, "def test_it(long): pass", CONFTEST + LONG_FINALIZER)
    with _running(suite, *DISTRIBUTED) as controller:
        notes = _until(suite, lambda notes: bool(_noted(notes, "long down")))
        for text in ("Ctrl-C 2 times", "Ctrl-C once"):
            controller.send_signal(signal.SIGINT)
            _output(controller, text)
        controller.send_signal(signal.SIGINT)
        output, _ = controller.communicate(timeout=NEVER_HANG)
    assert controller.returncode == 2, output
    assert "The fixture worker ended too early: abandoned on Ctrl-C" in output
    for name in ("first", "second", "long"):
        assert f"  {name} (conftest.py:" in output
    fixture_worker = next(note.pid for note in notes if note.worker == FIXTURE_WORKER)
    assert not psutil.pid_exists(fixture_worker)

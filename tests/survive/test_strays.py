"""Processes that tests and fixtures leave behind are named, or ended, and no others are."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from xdist_fixtureworker.processes import ending
from xdist_fixtureworker.processes.identity import Identity, wait_gone

from ..running import count, running, until
from ..suite import FIXTURE_WORKER, ONE, Note, Result, Suite, read_notes

LEAVE = """
import multiprocessing, subprocess, time
import psutil
from xdist_fixtureworker.processes.identity import started

def left(what, pid):
    note(what, left=pid, started=started(pid))

def sleep(what="sleep", **kwargs):
    process = subprocess.Popen(["sleep", "3600"], **kwargs)
    left(what, process.pid)
    return process

def daemon(execute):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writing, str(os.getpid()).encode())
            os.closerange(3, 256)  # the connection to the controller as well
            if execute: os.execvp("sleep", ["sleep", "3600"])
            time.sleep(3600)
        os._exit(0)
    os.wait()
    pid = int(os.read(reading, 20))
    while execute and psutil.Process(pid).name() != "sleep": time.sleep(0.01)
    left("daemon with exec" if execute else "daemon without exec", pid)

def stay(file):
    open(file, "w").close()
    time.sleep(3600)

def multiprocess(method):
    process = multiprocessing.get_context(method).Process(target=stay, args=[method])
    process.start()
    wait_for(method)
    left(method, process.pid)

def lives(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"
"""
KINDS = ["sleep", "daemon with exec", "daemon without exec"]


@pytest.fixture(autouse=True)
def cleanup(suite: Suite) -> Iterator[None]:
    """Whatever a suite left is ended after the test."""
    yield
    ending.end([_identity(note) for note in _left(read_notes(suite.path / "notes.jsonl"))], 5.0)


def _left(notes: list[Note]) -> list[Note]:
    return [note for note in notes if "left" in note.more]


def _identity(note: Note) -> Identity:
    pid, since = note.more["left"], note.more["started"]
    assert isinstance(pid, int)
    assert isinstance(since, str)
    return Identity(pid, since)


def _alive(notes: list[Note]) -> set[str]:
    """What was left and is still there."""
    return {note.what for note in _left(notes) if wait_gone([_identity(note)], 0)}


def _pid(result: Result, what: str) -> int:
    (note,) = [note for note in result.notes if note.what == what]
    return _identity(note).pid


def _named(result: Result) -> list[tuple[int, str, str]]:
    """Each process in the summary: its id, its command with what became of it, and its origin."""
    lines = result.output.splitlines()
    return [
        (int(line.split()[1]), line.partition(" ")[2].partition(" ")[2], lines[number + 1].strip())
        for number, line in enumerate(lines)
        if line.startswith("process ")
    ]


def _suite(suite: Suite, tests: str, treatment: str, conftest: str = "") -> None:
    (suite.path / "pytest.ini").write_text(
        f"[pytest]\npythonpath = .\nfixture_worker_strays = {treatment}\n"
    )
    suite.write(
        {
            "leave.py": LEAVE,
            "conftest.py": f"from leave import *\n{conftest}",
            "test_it.py": f"from leave import *\n{tests}",
        }
    )


ENDED = {"report": "is still running", "kill": "was terminated"}

LEAVING = """
def test_leaves(server):
    sleep()
    daemon(execute=True)
    daemon(execute=False)
    cleared = {k: v for k, v in os.environ.items() if k != "XDIST_FIXTUREWORKER_RUN"}
    sleep("cleared", env=cleared)
    sleep("another run", env={**os.environ, "XDIST_FIXTUREWORKER_RUN": "another"})
"""
SERVER = """
@global_fixture
def server():
    sleep("unfinalized server")
    server = sleep("server")
    yield
    note("server lives" if server.poll() is None else "server is dead")
    server.terminate()
    server.wait()
"""


@pytest.mark.parametrize("treatment", ["report", "kill", "ignore"])
def test_at_the_end(suite: Suite, treatment: str) -> None:
    _suite(suite, LEAVING, treatment, SERVER)
    result = suite.run(*ONE)
    assert result.code == 0
    assert result.noted("server lives")
    untouched = {"cleared", "another run"}
    ours = {*KINDS, "unfinalized server"}
    assert _alive(result.notes) == (untouched if treatment == "kill" else untouched | ours)
    if treatment == "ignore":
        assert _named(result) == []
        assert not result.lines("left behind")
        return
    assert result.lines("^=+ processes left behind =+$")
    fate = ENDED[treatment]
    (worker,) = result.workers("sleep")
    by_the_test = f"started by test worker {worker}, in test_it.py::test_leaves (call)"
    by_the_fixture = "started by the fixture worker, in conftest.py::global fixture server (setup)"
    named = {pid: (what, origin) for pid, what, origin in _named(result)}
    assert len(named) == len(_named(result)) == 4
    assert named[_pid(result, "sleep")] == (f"{fate}: sleep 3600", by_the_test)
    assert named[_pid(result, "daemon with exec")] == (f"{fate}: sleep 3600", by_the_test)
    assert named[_pid(result, "unfinalized server")] == (f"{fate}: sleep 3600", by_the_fixture)
    forked, origin = named[_pid(result, "daemon without exec")]
    assert forked.startswith(f"{fate}: {sys.executable}")
    assert origin == "which worker started it is not known"


def test_report_is_the_default(suite: Suite) -> None:
    suite.write({"leave.py": LEAVE, "test_it.py": "from leave import *\ndef test_it(): sleep()"})
    result = suite.run(*ONE)
    ((pid, what, _),) = _named(result)
    assert (pid, what) == (_pid(result, "sleep"), "is still running: sleep 3600")
    assert result.lines("--fixture-worker-strays=kill ends them, ignore says nothing")
    assert result.code == 0


def test_nothing_is_said_where_nothing_is_left(suite: Suite) -> None:
    _suite(suite, "def test_it(): sleep().kill()", "report")
    result = suite.run(*ONE)
    assert result.code == 0
    assert not result.lines("left behind|fixture-worker-strays")


CRASH = """
def test_other(server):
    other = sleep("of a worker that lives")
    wait_for("crashed")
    while lives(int(open("crashed").read())): time.sleep(0.01)
    assert other.poll() is None
    other.terminate()
    other.wait()

def test_crashes(server):
    process = sleep()
    daemon(execute=False)
    with open("crashing", "w") as file: file.write(str(process.pid))
    os.rename("crashing", "crashed")
    os._exit(1)
"""


def test_after_a_crash_what_the_worker_left_is_ended_at_once_and_nothing_else(
    suite: Suite,
) -> None:
    """Otherwise the other test would wait for ever."""
    _suite(suite, CRASH, "kill", SERVER)
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1, "failed": 1}
    assert result.noted("server lives")
    assert _alive(result.notes) == set()
    (worker,) = result.workers("sleep")
    named = {pid: (what, origin) for pid, what, origin in _named(result)}
    assert named.keys() == {
        _pid(result, what) for what in ("sleep", "daemon without exec", "unfinalized server")
    }
    assert named[_pid(result, "sleep")] == (
        "was terminated: sleep 3600",
        f"started by test worker {worker}, in test_it.py::test_crashes (call)",
    )


@pytest.mark.parametrize("treatment", ["report", "kill"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing_after_a_crash(
    suite: Suite, method: str, treatment: str
) -> None:
    """The forked one holds the connection of the worker that crashed."""
    _suite(suite, f"def test_it():\n    multiprocess('{method}')\n    os._exit(1)", treatment)
    result = suite.run(*ONE, "--max-worker-restart=0")
    assert result.outcomes == {"failed": 1}
    assert result.code == 1
    assert _alive(result.notes) == ({method} if treatment == "report" else set())
    # That of "spawn" has a helper that lives as long as it does.
    assert _pid(result, method) in {pid for pid, _, _ in _named(result)}
    assert {what.partition(":")[0] for _, what, _ in _named(result)} <= {ENDED[treatment]}


HANGS = """
def test_hangs():
    note("worker", left=os.getpid(), started=started(os.getpid()))
    def hang():
        note("hangs")
        time.sleep(3600)
    import atexit, signal, threading
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    """
IN_ITS_EXIT = HANGS + "atexit.register(hang)\n"
IN_A_THREAD = HANGS + "threading.Thread(target=hang).start()\n"


@pytest.mark.parametrize("tests", [IN_ITS_EXIT, IN_A_THREAD], ids=["exit", "thread"])
def test_a_test_worker_that_does_not_end(suite: Suite, tests: str) -> None:
    """xdist kills it."""
    _suite(suite, tests, "ignore")
    result = suite.run(*ONE)
    assert result.code == 0
    assert result.noted("hangs")
    assert _alive(result.notes) == set()
    assert _named(result) == []


def test_a_fixture_worker_that_does_not_end(suite: Suite) -> None:
    """All is finalized by then: so it is killed, and told."""
    conftest = """
@global_fixture
def server():
    yield 1
    note("down")
def pytest_unconfigure():
    if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker":
        note("hangs", left=os.getpid(), started=started(os.getpid()))
        time.sleep(3600)
"""
    _suite(suite, "def test_it(server): pass", "ignore", conftest)
    result = suite.run(*ONE)
    assert result.code == 0
    assert [note.what for note in result.notes] == ["down", "hangs"]
    assert result.lines(
        "^all is finalized, but the process of the fixture worker did not end by itself"
    )
    assert _alive(result.notes) == set()


def test_a_test_worker_that_xdist_does_not_get_at(suite: Suite) -> None:
    """What xdist starts, and kills, is a shell, which starts the worker."""
    _suite(suite, IN_ITS_EXIT, "ignore")
    python = suite.path / "python.sh"
    python.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    python.chmod(0o755)
    result = suite.run("-d", "--tx", f"popen//python={python}", "--fixture-worker")
    assert result.code == 0
    assert result.noted("hangs")
    assert _alive(result.notes) == set()
    pid = _pid(result, "worker")
    assert result.lines(f"^process {pid} was killed: test worker gw0 itself$")


def _kill_the_controller(suite: Suite, *arguments: str) -> list[Note]:
    """Kill it when the test waits for the file "go"; returns what was noted when all is over."""
    with running(suite, *arguments) as controller:
        until(suite, count("waiting"))
        (fixture_worker,) = controller.workers(FIXTURE_WORKER)
        controller.kill()
        (suite.path / "go").touch()
        controller.wait_gone([fixture_worker])
        return controller.notes()


WAITS = """
    note("waiting")
    wait_for("go")
"""


@pytest.mark.parametrize("treatment", ["report", "kill", "ignore"])
def test_after_the_controller_was_killed(suite: Suite, treatment: str) -> None:
    _suite(suite, LEAVING + WAITS, treatment, SERVER)
    notes = _kill_the_controller(suite, *ONE)
    assert [note.what for note in notes if note.what.startswith("server ")] == ["server lives"]
    untouched = {"cleared", "another run"}
    ours = {*KINDS, "unfinalized server"}
    assert _alive(notes) == (untouched if treatment == "kill" else untouched | ours)
    # There was no terminal to say it on: the next run does.
    suite.write({"test_next.py": "def test_next(): pass"})
    said = suite.run(*ONE, "test_next.py")
    if treatment == "report":
        assert said.lines("^a run that started at .* was killed and left:$")
    else:
        assert not said.lines("was killed")
    named = {int(line.split()[1]) for line in said.lines("^  process ")}
    pids = {_identity(note).pid for note in _left(notes) if note.what in ours}
    assert named == (pids if treatment == "report" else set())


def test_a_test_worker_that_does_not_end_after_the_controller_was_killed(suite: Suite) -> None:
    """It is killed, and then everything is finalized."""
    conftest = """
@global_fixture
def server():
    note("server up")
    yield
    (worker,) = [line for line in map(json.loads, open("notes.jsonl")) if line["what"] == "worker"]
    note("server down", worker_lives=lives(worker["left"]))
"""
    tests = IN_ITS_EXIT.replace("test_hangs()", "test_hangs(server)") + WAITS
    _suite(suite, tests, "report", "import json\n" + conftest)
    notes = _kill_the_controller(suite, *ONE)
    assert [note.what for note in notes] == [
        "server up",
        "worker",
        "waiting",
        "hangs",
        "server down",
    ]
    assert notes[-1].more == {"worker_lives": False}
    assert _alive(notes) == set()


@pytest.mark.parametrize("inner", ["inner: report", "inner: kill"])
def test_a_run_within_a_run(suite: Suite, inner: str) -> None:
    """Each deals with its own."""
    treatment = inner.removeprefix("inner: ")
    _suite(
        suite,
        f"""
def test_outer():
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "inner.py", "-n1", "--fixture-worker",
         "--fixture-worker-strays={treatment}"],
        stdout=subprocess.PIPE, text=True
    )
    note("inner", output=run.stdout)
    sleep("of the outer one")
""",
        "kill",
    )
    suite.write({"inner.py": "from leave import *\ndef test_inner():\n  sleep()\n  daemon(False)"})
    result = suite.run(*ONE, "test_it.py")
    assert result.code == 0
    (note,) = [note for note in result.notes if note.what == "inner"]
    output = str(note.more["output"])
    inner_named = _named(Result(0, output, "", []))
    assert [origin for _, _, origin in inner_named] == [
        "started by test worker gw0, in inner.py::test_inner (call)",
        "which worker started it is not known",
    ]
    left = {"sleep", "daemon without exec"} if treatment == "report" else set()
    assert _alive(result.notes) == left
    assert [pid for pid, _, _ in _named(result)] == [_pid(result, "of the outer one")]


def test_a_run_within_a_crashed_test_is_brought_down_and_takes_care_of_its_own(
    suite: Suite,
) -> None:
    _suite(
        suite,
        """
def test_outer():
    subprocess.Popen([sys.executable, "-m", "pytest", "inner.py", "-n1", "--fixture-worker"])
    wait_for("inside")
    os._exit(1)
""",
        "kill",
        """
@global_fixture
def server():
    server = sleep("server")
    yield
    server.terminate()
    server.wait()
    note("server down")
""",
    )
    inner = "from leave import *\ndef test_inner(server): stay('inside')"
    suite.write({"inner.py": inner})
    result = suite.run(*ONE, "--max-worker-restart=0", "test_it.py")
    assert result.outcomes == {"failed": 1}
    notes = until(suite, count("server down"))
    assert _alive(notes) == set()
    ((_, what, origin),) = _named(result)
    assert "-m pytest inner.py" in what
    assert origin == "started by test worker gw0, in test_it.py::test_outer (call)"


def test_what_the_controller_started_is_not_left_behind(suite: Suite) -> None:
    _suite(
        suite,
        "def test_it(): pass",
        "kill",
        """
def pytest_sessionstart(session):
    if "PYTEST_XDIST_WORKER" not in os.environ: session.config.server = sleep()
@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        note("lives" if config.server.poll() is None else "dead")
        config.server.kill()
""",
    )
    result = suite.run(*ONE)
    assert result.noted("lives", "dead") == ["lives"]
    assert _named(result) == []


@pytest.mark.parametrize("arguments", [ONE, ()], ids=["distributed", "serial"])
def test_a_setting_that_is_none(suite: Suite, arguments: tuple[str, ...]) -> None:
    _suite(suite, "def test_it(): pass", "murder")
    result = suite.run(*arguments)
    assert result.code == pytest.ExitCode.USAGE_ERROR
    assert "the ini setting fixture_worker_strays is 'murder'." in result.errors


def test_a_serial_run_looks_for_nothing(suite: Suite) -> None:
    _suite(
        suite,
        "def test_it():\n    assert 'XDIST_FIXTUREWORKER_RUN' not in os.environ\n    sleep()",
        "kill",
    )
    result = suite.run(subprocess=True)
    assert result.outcomes == {"passed": 1}
    assert _alive(result.notes) == {"sleep"}
    assert _named(result) == []

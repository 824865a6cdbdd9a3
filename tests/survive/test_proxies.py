"""Live objects when something dies, hangs, or is interrupted."""

from __future__ import annotations

import re
import signal

import pytest

from ..running import count, running, until
from ..suite import DISTRIBUTED, FIXTURE_WORKER, ONE, Suite

CONFTEST = """
import signal, threading, time

class Gate:
    def __init__(self):
        self.calls = 0
    def wait(self):
        note("waits")
        self.calls += 1
        wait_for("open")
        return self.calls
    def kill_fixture_worker(self): os.kill(os.getpid(), signal.SIGKILL)
    def part(self): return Part()
    def pid(self): return os.getpid()
    def sleep(self): time.sleep(1200)
    def leave_child(self):
        child = os.fork()
        if not child: wait_for("open")
        return child or os._exit(0)
    def stop(self, pid):
        os.kill(pid, signal.SIGSTOP)
        note("stopped", pid=pid)
        return bytes(10_000_000)
    def fork(self):
        child = os.fork()
        if child: os.waitpid(child, 0)
        return child

class Part:
    def __init__(self): self.lock = threading.Lock()
    def __del__(self): note("part gone")

@global_fixture(share="proxy")
def gate():
    yield (made := Gate())
    note("down", calls=made.calls)
"""


@pytest.fixture
def gated(suite: Suite) -> Suite:
    suite.write({"conftest.py": CONFTEST})
    return suite


def test_a_test_worker_that_dies_in_a_call(gated: Suite) -> None:
    """The object stays usable, what the worker had of it is gone, the others get their turn."""
    gated.write(
        {
            "test_it.py": """
import signal, threading, time
def die():
    wait_for("waiting")
    os.kill(os.getpid(), signal.SIGKILL)

def test_dies(gate):
    part = gate.part()
    threading.Thread(target=die).start()
    gate.wait()

def test_goes_on(gate):
    assert gate.wait() == 2
"""
        }
    )
    with running(gated, *ONE) as controller:
        until(gated, count("waits"))
        (gated.path / "waiting").touch()
        until(gated, count("part gone"))
        (gated.path / "open").touch()
        code, output = controller.end()
    assert code == 1
    assert "1 failed, 1 passed" in output
    assert controller.noted("down") == ["down"]


def test_a_test_worker_that_dies_with_exclusive_use(gated: Suite) -> None:
    gated.write(
        {
            "test_it.py": """
import signal
def test_dies(gate):
    gate.exclusive().__enter__()
    os.kill(os.getpid(), signal.SIGKILL)
def test_goes_on(gate):
    with gate.exclusive(timeout=600): assert gate.calls == 0
"""
        }
    )
    result = gated.run(*ONE)
    assert result.outcomes == {"failed": 1, "passed": 1}, result.output


@pytest.mark.parametrize("how", ["gate.kill_fixture_worker()", "gate.wait()"])
def test_the_fixture_worker_dies(gated: Suite, how: str) -> None:
    """A call that waits, and each one after it, fails at once."""
    gated.write(
        {
            "test_it.py": f"""
import threading
from xdist_fixtureworker import FixtureWorkerDiedError
def test_first(gate):
    with pytest.raises(FixtureWorkerDiedError, match="before there was an answer to gate."):
        if "wait" in "{how}":
            threading.Thread(target=os.kill, args=(fixture_worker(), 9)).start()
        {how}
def test_second(gate):
    with pytest.raises(FixtureWorkerDiedError, match="was killed by signal 9"):
        gate.part()
    with pytest.raises(FixtureWorkerDiedError):
        gate.calls
def fixture_worker():
    import psutil
    siblings = psutil.Process(os.getppid()).children()
    return next(s.pid for s in siblings if s.pid != os.getpid() and "python" in s.name())
"""
        }
    )
    result = gated.run(*ONE)
    assert result.outcomes["passed"] == 2, result.output
    assert result.code == 1
    assert result.lines("gate")


def test_the_fixture_worker_dies_and_a_child_of_it_has_its_sockets(gated: Suite) -> None:
    """So that these do not end."""
    gated.write(
        {
            "test_it.py": """
import threading, time
from xdist_fixtureworker import FixtureWorkerDiedError
def test_it(gate):
    fixture_worker = gate.pid()
    assert gate.leave_child()
    def kill():
        wait_for("notes.jsonl")
        os.kill(fixture_worker, 9)
    threading.Thread(target=kill).start()
    with pytest.raises(FixtureWorkerDiedError, match="killed by signal 9"):
        gate.wait()
    for _ in range(3):
        with pytest.raises(FixtureWorkerDiedError, match="killed by signal 9"):
            gate.part()
    open("open", "w").close()
"""
        }
    )
    result = gated.run(*ONE)
    assert result.outcomes["passed"] == 1, result.output


def test_a_test_worker_that_is_stopped_and_does_not_read_its_answer(gated: Suite) -> None:
    gated.write(
        {
            "test_it.py": """
import signal, time
def test_stopped(gate): assert len(gate.stop(os.getpid())) == 10_000_000
def test_other(gate):
    (stopped,) = wait_noted("stopped")
    for _ in range(100): assert gate.calls == 0
    os.kill(stopped["pid"], signal.SIGCONT)
"""
        }
    )
    result = gated.run(*DISTRIBUTED)
    assert result.outcomes == {"passed": 2}, result.output


def test_a_test_that_forks(gated: Suite) -> None:
    """Its child cannot call, and its end does not end the connection."""
    gated.write(
        {
            "test_it.py": """
from xdist_fixtureworker import CallError
def test_it(gate):
    assert gate.calls == 0
    child = os.fork()
    if not child:
        try:
            gate.calls
        except CallError as error:
            os._exit(7 if "forked process" in str(error) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert gate.calls == 0
"""
        }
    )
    result = gated.run(*ONE)
    assert result.outcomes == {"passed": 1}, result.output


def test_interrupted_while_a_test_waits_for_a_call(gated: Suite) -> None:
    gated.write({"test_it.py": "def test_it(gate): gate.wait()"})
    with running(gated, *ONE) as controller:
        until(gated, count("waits"))
        controller.send_signal(signal.SIGINT, group=True)
        code, output = controller.end()
    assert code == 2, output
    assert controller.noted() == ["waits", "down"]


def test_the_controller_dies_while_a_test_waits_for_a_call(gated: Suite) -> None:
    gated.write({"test_it.py": "def test_it(gate): gate.wait()"})
    with running(gated, *ONE) as controller:
        until(gated, count("waits"))
        processes = controller.family()
        controller.kill()
        controller.wait_gone(processes)
        assert controller.noted() == ["waits", "down"]


def test_a_call_that_takes_too_long(gated: Suite) -> None:
    gated.write(
        {
            "test_it.py": """
from xdist_fixtureworker import CallError
def test_slow(gate): gate.sleep()
def test_busy(gate):
    with pytest.raises(CallError, match="has not ended yet"):
        gate.part()
"""
        }
    )
    result = gated.run(*ONE, "-o", "fixture_worker_timeout=5")
    assert result.outcomes == {"failed": 1, "passed": 1}, result.output
    assert result.lines(
        r"^E +.*gate.sleep\(\) \(conftest.py:\d+\) took longer than the 5 s of fixt"
    )
    assert result.lines(r"def sleep\(self\): time.sleep\(1200\)")
    assert result.noted() == ["down"]


def test_what_is_waited_for(gated: Suite) -> None:
    gated.write({"test_it.py": "def test_it(gate): gate.wait()"})
    with running(gated, *ONE) as controller:
        line = controller.read_until("waiting for")
        (gated.path / "open").touch()
        code, _ = controller.end()
    assert code == 0
    assert re.search(
        r"waiting for gate.wait\(\) \(conftest.py:\d+\), asked for by gw0 for \d", line
    )


def test_large_arguments_and_results(gated: Suite) -> None:
    gated.write(
        {
            "conftest.py": "@global_fixture(share='proxy')\ndef kept(): return {}",
            "test_it.py": """
def test_it(kept):
    kept["a"] = os.urandom(1000) * 100_000
    assert len(kept["a"]) == 100_000_000
""",
        }
    )
    result = gated.run(*ONE)
    assert result.outcomes == {"passed": 1}, result.output


def test_a_child_that_a_call_forks(gated: Suite) -> None:
    gated.write(
        {
            "test_it.py": "def test_it(gate): assert gate.fork() > 0\ndef test_more(gate): assert gate.calls == 0"
        }
    )
    result = gated.run(*ONE)
    assert result.outcomes == {"passed": 2}, result.output
    assert result.noted() == ["down"]
    assert {note.worker for note in result.notes} == {FIXTURE_WORKER}

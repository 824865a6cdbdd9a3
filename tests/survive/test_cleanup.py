"""What tests start ends with the run of the tests, however that ends: real runs, real signals."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ..running import count, running, until
from ..suite import Note, Suite, read_notes

ROOT = Path(__file__).parents[2]
TESTS = """
import subprocess

def sleep(name, **options):
    process = subprocess.Popen(["sleep", "600"], **options)
    note(name, left=process.pid)

def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(3, 256)
            note("daemon", left=os.getpid())
            os.execvp("sleep", ["sleep", "600"])
        os._exit(0)
    os.wait()

def test_leaves():
    sleep("child")
    sleep("child in a session of its own", start_new_session=True)
    daemon()
    note("worker", left=os.getpid())
    while not os.path.exists("go"): subprocess.run(["sleep", "0.01"])
"""
LEFT = 4


@pytest.fixture
def leaving(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    """A suite whose tests leave processes, and that cleans up as the suite of this project does."""
    suite.write({"test_it.py": TESTS})
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield suite
    for process in alive(read_notes(suite.path / "notes.jsonl")):
        process.kill()


def alive(notes: list[Note]) -> list[psutil.Process]:
    """The processes that were left and are there."""
    found = []
    for note in notes:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(str(note.more["left"])))
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [("-n1",), ()], ids=["-n1", "serial"])
def test_after_a_run_that_a_signal_ends(
    leaving: Suite, workers: tuple[str, ...], number: signal.Signals
) -> None:
    with running(leaving, "-p", "tests.cleanup", *workers) as controller:
        notes = until(leaving, lambda notes: len(notes) == LEFT)
        processes = [process for process in alive(notes) if process.pid != controller.pid]
        assert len(processes) == (LEFT if workers else LEFT - 1)
        controller.send_signal(number)
        controller.end()
        controller.wait_gone(processes)


def test_after_a_run_in_good_order(leaving: Suite) -> None:
    (leaving.path / "go").touch()
    result = leaving.run("-n1", "-p", "tests.cleanup")
    assert result.outcomes == {"passed": 1}
    assert len(result.notes) == LEFT
    assert alive(result.notes) == []


def test_nobody_waits_for_a_run_that_has_ended(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.running.LOOK_EACH", 0.1)
    suite.write({"test_it.py": "def test(): note('only')"})
    with running(suite) as controller:
        controller.end()
        with pytest.raises(AssertionError, match=r"^the run ended before it came about; noted: \["):
            until(suite, count("other"))
        until(suite, count("only"))

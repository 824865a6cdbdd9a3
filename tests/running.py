"""Runs pytest on a suite as a process that goes on while the test looks at it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import psutil

from .suite import NEVER_HANG, Note, Suite, read_notes

LOOK_EACH = 10.0
"""Seconds after which :func:`until` looks whether the run goes on."""


class Controller:
    """A run of pytest, and the processes that it started."""

    def __init__(self, suite: Suite, arguments: Sequence[str]) -> None:
        self._suite = suite
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=suite.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._lines: SimpleQueue[str] = SimpleQueue()  # an empty one is the end
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put("")

    def notes(self) -> list[Note]:
        """What the suite noted so far."""
        return read_notes(self._suite.notes)

    def noted(self, *what: str) -> list[str]:
        """What was noted so far, in order; only of the given kinds if there are any."""
        return [note.what for note in self.notes() if not what or note.what in what]

    def workers(self, worker: str = "") -> list[psutil.Process]:
        """The workers that run, or the one of a name."""
        found = []
        for child in psutil.Process(self.pid).children():
            names = {note.worker for note in self.notes() if note.pid == child.pid}
            if not worker or worker in names:
                found.append(child)
        return found

    def family(self) -> list[psutil.Process]:
        """All processes of the run but the controller, as they are now."""
        return psutil.Process(self.pid).children(recursive=True)

    def send_signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to the controller, or as a terminal does, to its whole process group."""
        (os.killpg if group else os.kill)(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is dead."""
        self._process.kill()
        self._process.wait()

    def read_until(self, text: str) -> str:
        """What it prints until a text has come."""
        output = ""
        while text not in output:
            line = self._lines.get(timeout=NEVER_HANG)
            assert line, f"ended without {text!r}: {output}"
            output += line
        return output

    def end(self) -> tuple[int, str]:
        """Wait until it has ended; returns the exit code and the rest of the output."""
        output = ""
        while line := self._lines.get(timeout=NEVER_HANG):
            output += line
        return self._process.wait(timeout=NEVER_HANG), output

    @staticmethod
    def stop(process: psutil.Process) -> None:
        """Stop a worker, and wait until it is: a process goes on until it has a processor again."""
        process.suspend()
        deadline = time.monotonic() + NEVER_HANG
        while process.status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @staticmethod
    def wait_gone(processes: Iterable[psutil.Process]) -> None:
        """Wait until they are gone, which a zombie is as well."""
        _, alive = psutil.wait_procs(list(processes), timeout=NEVER_HANG)
        assert not alive

    def close(self) -> None:
        """End it, if it is still there."""
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def running(suite: Suite, *arguments: str) -> Iterator[Controller]:
    """pytest, running; killed at the end if it still does, and so are its workers."""
    suite.notes.unlink(missing_ok=True)
    controller = Controller(suite, arguments)
    try:
        yield controller
    finally:
        left = []
        if psutil.pid_exists(controller.pid):
            left = controller.family()
        controller.close()
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass


def until(suite: Suite, condition: Callable[[list[Note]], bool]) -> list[Note]:
    """Wait until what was noted so far meets a condition, or no process is left that could note
    anything."""
    start = looked = time.monotonic()
    is_over = False
    while time.monotonic() < start + NEVER_HANG:
        notes = read_notes(suite.notes)
        if condition(notes):
            return notes
        assert not is_over, f"the run ended before it came about; noted: {notes}"
        time.sleep(0.01)
        if time.monotonic() > looked + LOOK_EACH:
            is_over = not _may_note(suite, notes)
            looked = time.monotonic()
    raise AssertionError(f"never came about; noted: {read_notes(suite.notes)}")


def _may_note(suite: Suite, notes: Iterable[Note]) -> bool:
    """Whether a process is left of those that have noted something, or that run in the suite."""
    noted = {note.pid for note in notes}
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # of another user, or it ends
            is_suite = Path(process.cwd()).is_relative_to(suite.path)
            if process.pid in noted or (is_suite and process.pid != os.getpid()):
                return True
    return False


def count(what: str, number: int = 1) -> Callable[[list[Note]], bool]:
    """A condition: that it was noted at least that often."""
    return lambda notes: sum(note.what == what for note in notes) >= number

"""Runs pytest on a suite, and says what that took."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

NEVER_HANG = 900.0  #: seconds; no run takes that long


@dataclass(frozen=True)
class Usage:
    """What a run took."""

    wall: float  #: in seconds
    cpu: float  #: in seconds, user and system, of pytest and of the processes that it waited for
    others: float  #: what the rest of the machine used meanwhile, in percent of all CPUs

    def figures(self) -> dict[str, list[float]]:
        return {"wall": [self.wall], "cpu": [self.cpu], "others": [self.others]}


class Run:
    """A run of pytest, from its start to its end; ended with the block that it is used in."""

    def __init__(self, command: list[str], suite: Path, variables: dict[str, str]) -> None:
        temporary = suite.with_name(f"{suite.name}-temporary")  # taken away with the suite
        temporary.mkdir(exist_ok=True)
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed at the end of the run
        self._busy = _busy_seconds()
        self.started = time.monotonic()  #: by the clock that tests read
        self._process = subprocess.Popen(
            command,
            cwd=suite,
            env={**variables, "PYTEST_DEBUG_TEMPROOT": str(temporary)},
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self._limit = threading.Timer(NEVER_HANG, self._process.kill)
        self._limit.start()

    def end(self) -> Usage:
        """Wait until it has ended.

        :raises SystemExit: with pytest's output, if not all tests pass.
        """
        _, status, used = os.wait4(self._process.pid, 0)
        wall = time.monotonic() - self.started
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode != 0:
            self._output.seek(0)
            sys.exit(f"{self._process.args!r}: {status}\n{self._output.read()}")
        cpu = used.ru_utime + used.ru_stime
        others = max(0.0, _busy_seconds() - self._busy - cpu) / (wall * (os.cpu_count() or 1))
        return Usage(wall, cpu, 100 * others)

    def processes(self) -> list[psutil.Process]:
        """Get all processes of the run; none if it has ended."""
        try:
            controller = psutil.Process(self._process.pid)
            if controller.status() == psutil.STATUS_ZOMBIE:
                return []
            return [controller, *controller.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def __enter__(self) -> Run:  # noqa: PYI034  Python 3.10 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        """End what is left of it."""
        self._limit.cancel()
        if self._process.returncode is None:
            for process in reversed(self.processes()):
                process.kill()
            self._process.wait()
        self._output.close()


def _busy_seconds() -> float:
    """CPU seconds since the machine started in which any process ran."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))

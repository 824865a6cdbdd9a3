"""Ends what tests started and left, however the run of the tests ends: a plugin, and a process that waits for that.

The process is started with the run, in a session of its own. Its standard input ends when the run does,
also if the run is killed. It then kills whatever has the run's identifier in its environment, which all
that tests start inherit: test workers, runs of pytest, servers and daemons.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import psutil
import pytest

RUN = "FIXTUREWORKER_TEST_RUN"
"""The environment variable by which the processes of a run are known."""

WAITING = pytest.StashKey["subprocess.Popen[bytes]"]()
_LONGEST = 60.0  # seconds; what cannot be killed in that time is left
_LOOK = 0.1  # seconds between looks for what a process that was killed had just started


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # a test worker of xdist; its controller sees to it
    run = uuid.uuid4().hex
    os.environ.pop(RUN, None)  # of a run around this one, which would take the process for its own
    config.stash[WAITING] = subprocess.Popen(
        [sys.executable, __file__, run],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.environ[RUN] = run


def pytest_unconfigure(config: pytest.Config) -> None:
    if WAITING in config.stash:
        config.stash[WAITING].communicate()


def processes(run: str) -> Iterator[psutil.Process]:
    """The processes of a run, as they are now, but not this one."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN) == run and process.pid != os.getpid():
                yield process
        except psutil.Error:
            pass  # gone, or of somebody else


def end(run: str) -> None:
    """Kill the processes of a run until there are none."""
    deadline = time.monotonic() + _LONGEST
    while time.monotonic() < deadline and (left := list(processes(run))):
        for process in left:
            try:
                process.kill()
            except psutil.Error:
                pass  # gone
        psutil.wait_procs(left, timeout=_LOOK)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of the run is what counts
    sys.stdin.buffer.read()
    end(sys.argv[1])

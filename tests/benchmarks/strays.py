"""Measures the look-up of strays on a machine that has many other processes. See README.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from xdist_fixtureworker.processes import strays
from xdist_fixtureworker.processes.strays import RunIdentity
from xdist_fixtureworker.roles import RUN

from .figures import spread


@contextmanager
def sleeping(count: int, **env: str) -> Iterator[None]:
    """That many processes more on the machine; each is ended by its id."""
    processes = [
        subprocess.Popen(["sleep", "600"], env={**os.environ, **env}) for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(run: RunIdentity, found: int, rounds: int) -> None:
    """Look for the processes of ``run``, of which there are ``found``, and say how long it takes."""
    wall, cpu = [], []
    for _ in range(rounds):
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        assert len(strays.find(run)) == found
        wall.append(time.perf_counter() - wall_before)
        cpu.append(time.process_time() - cpu_before)
    lower, median, upper = (1000 * seconds for seconds in spread(wall))
    print(
        f"{len(psutil.pids()):5} processes, {found:3} of the run: {median:6.1f} ms "
        f"({lower:.1f}-{upper:.1f}), CPU {1000 * spread(cpu).median:6.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=500, help="unrelated ones, at most")
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    run = RunIdentity(uuid.uuid4().hex, None)
    for unrelated in (0, arguments.processes // 2, arguments.processes):
        with sleeping(unrelated):
            measure(run, 0, arguments.rounds)
    with sleeping(arguments.processes), sleeping(10, **{RUN: run.id}):
        measure(run, 10, arguments.rounds)


if __name__ == "__main__":
    main()

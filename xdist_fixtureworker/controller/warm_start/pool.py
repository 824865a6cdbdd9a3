"""Forks processes, and has execnet take them for interpreters; runs in the controller."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import pytest

from . import child, circumstances, randomness
from .process import Connection, Process
from .wanted import can_be_fork

_OF_FIXTURE_WORKER = (
    *("xdist_fixtureworker.fixture_worker.server", "xdist_fixtureworker.rules.guard_plugin"),
)
"""By name: nothing of that room runs in the controller."""


class Pool:
    """One per run. Its processes wait until they are taken, and end with their pipes.

    :param fixture_workers: the ids of those that there may be. The first process is for the first
        of them, and imports what it needs while it waits: on a core that would be idle.
    """

    def __init__(self, fixture_workers: Sequence[str] = ()) -> None:
        self._fixture_workers = fixture_workers
        self.size = 0  #: how many processes were forked
        self._waiting: list[Connection] = []
        self._taken: list[Connection] = []
        self._lock = threading.Lock()  # the fixture worker is started in a thread
        self._patch = pytest.MonkeyPatch()
        self._variables = _variables_of_start()

    def fork(self, count: int) -> None:
        """Fork so many processes, or as many as the system allows."""
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()  # or each child would write it again
        generators = randomness.generators()
        # What a handler raises in a child would run through the controller's code there.
        signals = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        gc.freeze()  # what is there now needs no look by the collectors of the children
        try:
            for number in range(count):
                first = number == 0 and bool(self._fixture_workers)
                modules = _OF_FIXTURE_WORKER if first else ()
                self._waiting.append(_fork(signals, generators, modules))
                self.size += 1
        except OSError:
            pass  # no memory, or too many processes: the others start as ever
        finally:
            gc.unfreeze()
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)

    def replace_starts(self) -> None:
        """From now on, hand them out where execnet would start an interpreter for a worker."""
        from execnet import gateway_io

        start = gateway_io.create_io

        def create_io(spec: Any, execmodel: Any) -> Any:
            return self.take(spec, execmodel) or start(spec, execmodel)

        self._patch.setattr(gateway_io, "create_io", create_io)

    def reason_against(self) -> str | None:
        """Why no process is handed out, although they are there."""
        if not self.size:
            return cannot_fork()
        now = _variables_of_start()
        changed = {name for name, _ in self._variables.items() ^ now.items()}
        return variables_changed(sorted(changed)) if changed else None

    def take(self, spec: Any, execmodel: Any) -> Connection | None:
        """A process for this spec of execnet; None: start one."""
        if not can_be_fork(spec) or self.reason_against():
            return None
        while (connection := self._next(spec.id)) is not None:
            connection.execmodel = execmodel
            try:
                connection.write(circumstances.current())
            except OSError:
                continue  # it was killed
            return connection
        return None

    def close(self) -> None:
        """End processes that nobody took, and have execnet start interpreters again."""
        self._patch.undo()
        while (connection := self._next()) is not None:
            connection.kill()  # it has nothing to lose
            connection.wait()
            connection.close_write()
            connection.close_read()
        for connection in self._taken:
            connection.process.poll()  # execnet has waited for it, or has given it up

    def _next(self, worker: str | None = None) -> Connection | None:
        with self._lock:
            if not self._waiting:
                return None
            self._taken.append(self._waiting.pop(0 if worker in self._fixture_workers else -1))
            return self._taken[-1]


def _fork(
    signals: AbstractSet[int], generators: Iterable[random.Random], modules: Sequence[str]
) -> Connection:
    its_input, outfile = os.pipe()
    infile, its_output = os.pipe()
    try:
        pid = os.fork()
    except BaseException:
        for end in (its_input, outfile, infile, its_output):
            os.close(end)
        raise
    if pid == 0:
        child.run(its_input, its_output, signals, generators, modules)
    os.close(its_input)
    os.close(its_output)
    return Connection(Process(pid), outfile, infile)


def _variables_of_start() -> dict[str, str]:
    """The variables that an interpreter, or the system's loader, looks at only when it starts."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH"  # xdist sends that
        and (name.startswith(("PYTHON", "LD_")) or name in ("LC_ALL", "LC_CTYPE", "LANG"))
    }


# --- messages


def cannot_fork() -> str:
    return "the system refused to fork"


def variables_changed(names: list[str]) -> str:
    return f"a conftest or a plugin has changed what Python starts with: {', '.join(names)}"

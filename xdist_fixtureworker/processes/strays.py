"""Finds processes that a run left behind; controller and fixture worker.

A *stray* is a process of this run that outlived the worker that started it. Processes of a run are
recognised by a variable in the environment that they were executed with: no change of parent,
session or process group takes it away, and a fork inherits it. A process that was started without
it is not found, and left alone.

On Linux, /proc tells whether there is any. psutil, which takes longer to import than most runs need
to look, is loaded for what is found.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import Enum

from ..roles import RUN
from ..wire.frozen import Frozen
from .identity import Identity, started


class Stray(Identity):
    """A process that outlived its worker."""

    command: str
    worker: str | None  #: xdist's id of the worker that started it, where that shows
    test: str | None  #: the value of ``PYTEST_CURRENT_TEST`` then, where that shows

    # It may execute another program between two looks: then it is still the same one.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stray) and other.pid == self.pid and other.started == self.started

    def __hash__(self) -> int:
        return hash((self.pid, self.started))


class Fate(Enum):
    """The end of a process, or why there was none."""

    RUNNING = "is still running"
    GONE = "has ended since"
    TERMINATED = "was terminated"
    KILLED = "was killed"
    LEFT = "could not be ended"


class RunIdentity(Frozen):
    """Identity of a run, as the environments of its processes show it."""

    id: str
    testrun_uid: str | None  #: as xdist has it: its variables about another run tell nothing

    def worker(self, environment: Mapping[str, str]) -> str | None:
        """The id of the worker that this environment comes from, if it is of this run."""
        return self._of_this_run(environment).get("PYTEST_XDIST_WORKER")

    def test(self, environment: Mapping[str, str]) -> str | None:
        """The test, with its phase, that was running when the process was started."""
        return self._of_this_run(environment).get("PYTEST_CURRENT_TEST")

    def _of_this_run(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        # A run within a test inherits our id, but its variables are about itself.
        uid = environment.get("PYTEST_XDIST_TESTRUNUID")
        return environment if uid is not None and uid == self.testrun_uid else {}


def find(run: RunIdentity, exclude: Collection[int] = ()) -> list[Stray]:
    """Find all living processes of ``run`` and of this user.

    A run within this run has an id of its own: only its controller, which a process of this run
    started, is found.

    :param exclude: process ids to leave out.
    """
    return find_each([run], exclude)[run]


def find_each(
    runs: Iterable[RunIdentity], exclude: Collection[int] = ()
) -> dict[RunIdentity, list[Stray]]:
    """What :func:`find` finds of each run, with one look at all processes."""
    found: dict[RunIdentity, list[Stray]] = {run: [] for run in runs}
    by_id = {run.id: run for run in found}
    for pid in _pids():
        if pid in exclude:
            continue
        environment = _environment(pid)
        run = by_id.get(environment.get(RUN, ""))
        stray = None if run is None else _stray(pid, run, environment)
        if run is not None and stray is not None:
            found[run].append(stray)
    return found


def _pids() -> Iterator[int]:
    """The ids of all processes that can be seen, at least."""
    try:
        if sys.platform == "linux":
            yield from (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208
        else:
            from .details import pids

            yield from pids()
    except (OSError, LookupError):
        pass  # there is no /proc, by which psutil looks, too: nothing can be found


def _environment(pid: int) -> Mapping[str, str]:
    """The environment that a process was executed with; empty where it cannot be seen.

    It ended meanwhile, is a zombie, or belongs to somebody else.
    """
    if sys.platform != "linux":
        from .details import environment

        return environment(pid)
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  # a path takes longer
            data = file.read()
    except OSError:
        return {}
    if RUN.encode() not in data:
        return {}  # most processes are not of the run
    pairs = (os.fsdecode(variable).partition("=") for variable in data.split(b"\0"))
    return {name: value for name, _, value in pairs}


def _stray(pid: int, run: RunIdentity, environment: Mapping[str, str]) -> Stray | None:
    from .details import own_command

    when = started(pid)
    command = own_command(pid)
    if when is None or command is None:
        return None
    return Stray(pid, when, command, run.worker(environment), run.test(environment))

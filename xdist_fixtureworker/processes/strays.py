"""Finds and ends processes that a run left behind; used by the controller and the fixture worker.

A *stray* is a process of this run that outlived the worker that started it. Processes of a run are
recognised by a variable in the environment that they were executed with: no change of parent,
session or process group takes it away, and a fork inherits it. A process that was started without
it is not found, and left alone.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

import psutil

from ..roles import RUN

GRACE = 5.0
"""Seconds that a process gets to end after it was asked to; then it is killed."""

_SAME = 2.0
"""Seconds by which two processes may disagree about the start of a third: each computes it from the
time of the boot, which is read in whole seconds."""
_LOST = (psutil.Error, OSError)  # psutil translates most errors of the system, but not all
_DEAD = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_LOOK_AGAIN = 0.05
_ROUNDS = 3


@dataclass(frozen=True)
class Identity:
    """A process on this machine, told by its start from a later one with the same id."""

    pid: int
    created: float  #: seconds since the epoch; 0.0 if it was gone already

    @staticmethod
    def of(pid: int) -> Identity:
        """Get the identity of the process that has this id now."""
        try:
            return Identity(pid, psutil.Process(pid).create_time())
        except _LOST:
            return Identity(pid, 0.0)

    @property
    def runs(self) -> bool:
        """Whether it is still running; a zombie is not."""
        return _find(self) is not None


@dataclass(frozen=True)
class Stray(Identity):
    # Not compared: it depends on the time of the boot, which may read differently next time.
    created: float = field(compare=False)
    command: str
    worker: str | None  #: xdist's id of the worker that started it, where that shows
    test: str | None  #: the value of ``PYTEST_CURRENT_TEST`` then, where that shows


class Fate(Enum):
    """The end of a process, or why there was none."""

    RUNNING = "is still running"
    GONE = "has ended since"
    TERMINATED = "was terminated"
    KILLED = "was killed"
    LEFT = "could not be ended"


@dataclass(frozen=True)
class Run:
    """A run, as the environments of its processes show it."""

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


def find(run: Run, exclude: Collection[int] = ()) -> list[Stray]:
    """Find all living processes of ``run`` and of this user.

    A run within this run has an id of its own: only its controller, which a process of this run
    started, is found.

    :param exclude: process ids to leave out.
    """
    found = []
    # Not process_iter(), which may return data of an earlier process with the same id.
    for pid in psutil.pids():
        if pid in exclude:
            continue
        try:
            process = psutil.Process(pid)
            environment = process.environ()
            if environment.get(RUN) == run.id and _is_mine(process):
                found.append(
                    Stray(
                        pid=pid,
                        created=process.create_time(),
                        command=shlex.join(process.cmdline()) or process.name(),
                        worker=run.worker(environment),
                        test=run.test(environment),
                    )
                )
        except _LOST:
            pass  # ended meanwhile, a zombie, or of another user
    return found


def _is_mine(process: psutil.Process) -> bool:
    return not hasattr(os, "getuid") or process.uids().real == os.getuid()


def descends_from(process: Identity, pid: int) -> bool:
    """Whether ``pid`` is at present an ancestor of ``process``."""
    found = _find(process)
    if found is None:
        return False
    try:
        return any(parent.pid == pid for parent in found.parents())
    except _LOST:
        return False


P = TypeVar("P", bound=Identity)


def wait_gone(processes: Iterable[P], timeout: float) -> list[P]:
    """Wait until all have ended; return those that still run after ``timeout`` seconds.

    Not ``psutil.wait_procs()``, which takes the exit status of a child away from others who wait
    for it, and waits for a zombie that nobody reaps.
    """
    deadline = time.monotonic() + timeout
    left = list(processes)
    while left := [process for process in left if _find(process) is not None]:
        if time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_AGAIN)
    return left


def end(processes: Iterable[P], grace: float = GRACE) -> dict[P, Fate]:
    """Terminate, wait for ``grace`` seconds, kill, wait for as long again."""
    fates = dict.fromkeys(processes, Fate.GONE)
    left = list(fates)
    for fate, send in (
        (Fate.TERMINATED, psutil.Process.terminate),
        (Fate.KILLED, psutil.Process.kill),
    ):
        for process in left:
            if _send(process, send):
                fates[process] = fate
        left = wait_gone(left, grace)
    fates.update(dict.fromkeys(left, Fate.LEFT))
    return fates


def _send(process: Identity, send: Callable[[psutil.Process], None]) -> bool:
    found = _find(process)
    if found is None:
        return False
    try:
        send(found)
    except _LOST:
        return False  # ended meanwhile, or of another user now
    return True


def end_all(look: Callable[[], Iterable[Stray]], grace: float = GRACE) -> dict[Stray, Fate]:
    """End what ``look`` finds, and again: it may have started more meanwhile."""
    fates: dict[Stray, Fate] = {}
    for _ in range(_ROUNDS):
        new = [stray for stray in look() if stray not in fates]
        if not new:
            break
        fates.update(end(new, grace))
    return fates


def _find(process: Identity) -> psutil.Process | None:
    """The living process of that identity; None if there is none, or a zombie."""
    try:
        found = psutil.Process(process.pid)
        if abs(found.create_time() - process.created) > _SAME:
            return None
        return None if found.status() in _DEAD else found
    except _LOST:
        return None

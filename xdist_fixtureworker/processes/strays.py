"""Finds and ends processes that a run left behind; shared by all processes.

A *stray* is a process of this run that outlived the worker that started it. All processes of a
run are known by a variable in the environment that they were executed with, which no change of
parent, session or process group takes away; a fork shows the environment of the process that it
was forked from. A process that was started without that variable is not found, and left alone.
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
"""Seconds by which two processes may disagree about when a third one was started: each works it out
from the time of the boot, which is read in whole seconds."""
_LOST = (psutil.Error, OSError)  # psutil translates most errors of the system, but not all
_DEAD = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_LOOK_AGAIN = 0.05
_ROUNDS = 3


@dataclass(frozen=True)
class Identity:
    """A process on this machine, and no later one that got the same id."""

    pid: int
    created: float  #: seconds since the epoch; 0.0 where it was gone already when asked about

    @staticmethod
    def of(pid: int) -> Identity:
        """The identity of the process that has the id now."""
        try:
            return Identity(pid, psutil.Process(pid).create_time())
        except _LOST:
            return Identity(pid, 0.0)

    @property
    def runs(self) -> bool:
        """Whether it is there still; a zombie is dead."""
        return _find(self) is not None


@dataclass(frozen=True)
class Stray(Identity):
    # The time of the boot may read otherwise in the next look: then it is still the same one.
    created: float = field(compare=False)
    command: str
    worker: str | None  #: xdist's id of the worker that started it, where that shows
    test: str | None  #: the value of ``PYTEST_CURRENT_TEST`` then, where that shows


class Fate(Enum):
    """What became of a process."""

    RUNNING = "is still running"
    GONE = "has ended since"
    TERMINATED = "was terminated"
    KILLED = "was killed"
    LEFT = "could not be ended"


@dataclass(frozen=True)
class RunIdentity:
    """Identity of a run, as the environments of its processes show it."""

    id: str
    testrun_uid: str | None  #: as xdist has it: its variables about another run tell nothing

    def worker(self, environment: Mapping[str, str]) -> str | None:
        """The worker that ``environment`` is of."""
        return self._of_this_run(environment).get("PYTEST_XDIST_WORKER")

    def test(self, environment: Mapping[str, str]) -> str | None:
        """The test, with its phase, that was running."""
        return self._of_this_run(environment).get("PYTEST_CURRENT_TEST")

    def _of_this_run(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        # A fork in a run within a test shows what that test's run set, and what a test of ours
        # runs under xdist alone carries our id.
        uid = environment.get("PYTEST_XDIST_TESTRUNUID")
        return environment if uid is not None and uid == self.testrun_uid else {}


def find(run: RunIdentity, exclude: Collection[int] = ()) -> list[Stray]:
    """All living processes of ``run`` and of this user, but those whose ids are to be excluded.

    Of a run within this run, with an id of its own, only the controller is found: it is a process
    of ours, and the others are its own.
    """
    found = []
    # Not process_iter(), which may give what it remembers of an earlier process with the same id.
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
            pass  # it ended meanwhile, is a zombie, or belongs to somebody else
    return found


def _is_mine(process: psutil.Process) -> bool:
    return not hasattr(os, "getuid") or process.uids().real == os.getuid()


def descends_from(process: Identity, pid: int) -> bool:
    """Whether ``pid`` is its parent, or a parent's parent, at present."""
    found = _find(process)
    if found is None:
        return False
    try:
        return any(parent.pid == pid for parent in found.parents())
    except _LOST:
        return False


P = TypeVar("P", bound=Identity)


def wait_gone(processes: Iterable[P], timeout: float) -> list[P]:
    """Wait until all have ended; returns those that still run after ``timeout`` seconds.

    psutil's own waiting takes the exit status of a child away from whoever else waits for it, and
    goes on for a zombie that nobody reaps.
    """
    deadline = time.monotonic() + timeout
    left = list(processes)
    while left := [process for process in left if _find(process) is not None]:
        if time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_AGAIN)
    return left


def end(processes: Iterable[P], grace: float = GRACE) -> dict[P, Fate]:
    """Terminate, wait for ``grace`` seconds, kill, wait for as long again; says what it did."""
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
        return False  # it ended meanwhile, or has become somebody else's
    return True


def end_all(look: Callable[[], Iterable[Stray]], grace: float = GRACE) -> dict[Stray, Fate]:
    """End what ``look`` finds, and what it finds afterwards: it may have started more."""
    fates: dict[Stray, Fate] = {}
    for _ in range(_ROUNDS):
        new = [stray for stray in look() if stray not in fates]
        if not new:
            break
        fates.update(end(new, grace))
    return fates


def _find(process: Identity) -> psutil.Process | None:
    """The living process of that identity. A zombie is dead."""
    try:
        found = psutil.Process(process.pid)
        if abs(found.create_time() - process.created) > _SAME:
            return None
        return None if found.status() in _DEAD else found
    except _LOST:
        return None

"""Tells a process from a later one with the same id; controller and fixture worker.

Not by ``psutil.Process.create_time()``: on Linux it is worked out from the time of the boot, which
moves when the clock is set. The kernel's own count of clock ticks since the boot does not.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from ..wire.frozen import Frozen

_LOOK_AGAIN = 0.05
_STOPPED = (b"T", b"t")
_DEAD = (b"Z", b"X", b"x")
_LINUX: bool = sys.platform == "linux"
_UNKNOWN = "?"
"""Stands for when a process was started, where the system does not tell."""


class Identity(Frozen):
    """A process on this machine, told by its start from a later one with the same id."""

    pid: int
    started: str  #: as :func:`started` tells it; empty: it was gone already when asked about

    @staticmethod
    def of(pid: int) -> Identity:
        """Get the identity of the process that has this id now."""
        return Identity(pid, started(pid) or "")

    @property
    def runs(self) -> bool:
        """Whether it is still running; a zombie is not."""
        return self.started != "" and started(self.pid) == self.started


def started(pid: int) -> str | None:
    """When the living process of that id was started, as no change of the clock changes it.

    None if there is no such process, or if it is a zombie. To be compared only.
    """
    if not 0 < pid < 2**31:
        return None
    if not Path("/proc/self/stat").exists():
        return _without_proc(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    state, *fields = stat.rpartition(b")")[2].split()  # the name before may have any bytes in it
    return None if state in _DEAD else f"{_boot()}/{int(fields[18])}"


def is_stopped(pid: int) -> bool:
    """Whether that process is stopped, as by SIGSTOP or a debugger; False where nobody tells."""
    try:
        if Path("/proc/self/stat").exists():
            stat = Path(f"/proc/{pid}/stat").read_bytes()
            return stat.rpartition(b")")[2].split()[0] in _STOPPED
        if _LINUX:
            return False
        import psutil

        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except Exception:  # it is gone
        return False


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _UNKNOWN


def _without_proc(pid: int) -> str | None:
    if _LINUX:  # psutil would say that nothing runs
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass  # it is there
        return _UNKNOWN
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return repr(process.create_time())
    except (psutil.Error, OSError):
        return None


P = TypeVar("P", bound=Identity)


def wait_gone(processes: Iterable[P], timeout: float) -> list[P]:
    """Wait until all have ended; return those that still run after ``timeout`` seconds.

    Not ``psutil.wait_procs()``, which takes the exit status of a child away from others who wait
    for it, and waits for a zombie that nobody reaps.
    """
    left = list(processes)
    pause = threading.Event()
    # Counted, as fixtures may have stopped the clock of this process, or replaced time.sleep().
    for _ in range(math.ceil(timeout / _LOOK_AGAIN)):
        left = [process for process in left if process.runs]
        if not left:
            break
        pause.wait(_LOOK_AGAIN)
    return [process for process in left if process.runs]

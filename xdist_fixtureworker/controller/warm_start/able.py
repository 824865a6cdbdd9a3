"""Finds what forbids to fork workers; runs in the controller.

A fork is no different from a new interpreter as long as the controller has done nothing yet that
leaves more in a process than imported modules.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

_FDS = Path("/proc/self/fd")
_TASKS = Path("/proc/self/task")
_WORKERS_HAVE_THEM = "usPBq"
"""Options of Python that workers have anyway, or that make no difference to tests."""


def reason_against() -> str | None:
    """Why this process cannot be forked into workers; None if it can."""
    if sys.platform != "linux" or not _TASKS.is_dir():
        return other_system()
    for look in (_options, _tracing, _threads, _files, _environment, _execnet):
        if (found := look()) is not None:
            return found
    return None


def _options() -> str | None:
    """Look for options of Python; a worker's interpreter would be started without them."""
    for argument in sys.orig_argv[1:]:
        if not argument.startswith("-"):
            break
        for letter in argument[1:]:
            if letter in "mc":
                return None
            if letter not in _WORKERS_HAVE_THEM:
                return python_options(argument)
    return None


def _tracing() -> str | None:
    hooks = (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())
    found = [hook for hook in (*hooks, *_monitoring()) if hook is not None]
    if not found:
        return None
    hook = found[0]
    return traced(hook if isinstance(hook, str) else getattr(hook, "__module__", None))


def _monitoring() -> Iterator[str | None]:
    monitoring = getattr(sys, "monitoring", None)  # since Python 3.12
    if monitoring is not None:
        for tool in range(6):
            yield monitoring.get_tool(tool)


def _threads() -> str | None:
    names = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    if names:
        return threads(", ".join(names))
    if _tasks() > 1:
        # Libraries such as OpenBLAS end theirs when the process forks, and start them when needed.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # which Python has for forks where there are threads
            child = os.fork()
            if child == 0:
                os._exit(0)
        os.waitpid(child, 0)
    return threads(f"{_tasks() - 1} of a library") if _tasks() > 1 else None


def _tasks() -> int:
    return len(list(_TASKS.iterdir()))


def _files() -> str | None:
    """Look for files that code of this process has opened, and still uses.

    A worker must not write to them; and without them, their objects would write to others that get
    the same number. What this process was started with can be inherited, and belongs to nobody.
    """
    for entry in list(_FDS.iterdir()):
        number = int(entry.name)
        try:
            if number > 2 and not os.get_inheritable(number):
                return open_file(number, str(entry.readlink()))
        except OSError:
            pass  # it was the listing itself
    return None


def _environment() -> str | None:
    try:
        from .environment import can_be_shown
    except ImportError:
        return no_ctypes()
    return None if can_be_shown() else no_prctl()


def _execnet() -> str | None:
    import execnet.gateway_io

    return None if hasattr(execnet.gateway_io, "create_io") else no_create_io(execnet.__version__)


# --- messages


def other_system() -> str:
    return "only Linux has what that takes"


def python_options(argument: str) -> str:
    return f"Python was started with {argument}, which workers are started without"


def traced(what: str | None) -> str:
    return f"this process is traced or profiled ({what or 'by an unknown module'})"


def threads(which: str) -> str:
    return f"this process has threads: {which}"


def open_file(number: int, what: str) -> str:
    return f"a plugin holds a file open: descriptor {number}, {what}"


def no_ctypes() -> str:
    return "this Python has no ctypes"


def no_prctl() -> str:
    return "this Linux does not let a process change which environment others see (PR_SET_MM_MAP)"


def no_create_io(version: str) -> str:
    return f"execnet {version} starts processes in another way than its versions so far"

"""Finds out how much of an interpreter's end a worker needs; runs in forks of the controller.

An interpreter tears down all that is in it. In a fork nearly all of that is the controller's, in
memory that would be copied to be freed. It is left where nothing that the fork has made would
notice.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import sys
import threading
import types
from collections.abc import Collection
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import Any

_TASKS = Path("/proc/self/task")
_SUSPENDED = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
"""What may have something to run finally."""
_DATABASES = ("sqlite3", "_gdbm", "_dbm")
"""Modules of connections that are closed when they are freed, with no method that says so."""


def end(inherited: Collection[str]) -> bool:
    """End threads, call what is registered for the end, and flush files, as an interpreter does.

    :param inherited: the names of the controller's modules.
    :returns: whether nothing is left for which the rest of its end has to come.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # it has been there since Python 3
    atexit._run_exitfuncs()
    made_here = gc.get_objects()  # what was there before the fork is not among them
    _write_out([each for each in made_here if issubclass(type(each), io.IOBase)])
    if any(_has_finalizer(kind) for kind in set(map(type, made_here))):
        gc.unfreeze()  # it may hang on something that was
        return False
    if len(list(_TASKS.iterdir())) > 1:
        return False  # a thread that a library joins might want Python, which C would not let go
    own = [name for name in sys.modules if name not in inherited]
    return not any(_is_in_c(name, sys.modules[name]) for name in own)


def _write_out(files: Collection[Any]) -> None:
    for file in files:
        with contextlib.suppress(Exception):  # closed, or only to be read
            file.flush()
    for file in files:
        if _has("close", type(file)):  # as those of gzip, which then write their last bytes
            with contextlib.suppress(Exception):
                file.close()


def _is_in_c(name: str, module: types.ModuleType) -> bool:
    """Whether it may have registered something with the interpreter, as extensions can."""
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    known = {*sys.stdlib_module_names, "setproctitle"}  # which xdist imports where it is installed
    return isinstance(loader, ExtensionFileLoader) and name.partition(".")[0] not in known


def _has_finalizer(kind: type) -> bool:
    if issubclass(kind, _SUSPENDED) or _has("__del__", kind):
        return True
    return any(base.__module__ in _DATABASES for base in kind.__mro__)


def _has(method: str, kind: type) -> bool:
    """Whether a class has a method of its own: not that of Python's files, or execnet's."""
    others = ("_io", "io", "execnet")
    return any(
        method in vars(base)
        for base in kind.__mro__
        if str(base.__module__).partition(".")[0] not in others
    )

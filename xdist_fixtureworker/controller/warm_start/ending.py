"""Ends what a fork has made in its time as a worker; runs in forks of the controller.

An interpreter tears down all that is in it. In a fork nearly all of that is the controller's, in
memory that would be copied to be freed. What the fork has made itself is finalized as it is at the
end of an interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import sys
import threading
import types
from collections.abc import Iterable, Mapping
from importlib.machinery import ExtensionFileLoader

_SUSPENDED = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


def end(inherited: Mapping[str, types.ModuleType]) -> bool:
    """End threads, call what is registered for the end, finalize what was made here, flush files.

    :param inherited: the modules of the controller.
    :returns: whether nothing is left for which the interpreter has to end as well.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # it has been there since Python 3
    atexit._run_exitfuncs()
    own = {name: each for name, each in sys.modules.items() if inherited.get(name) is not each}
    has_c_code = any(_is_in_c(name, module) for name, module in own.items())
    for name in own:
        del sys.modules[name]
    own.clear()
    gc.collect()  # not what was there before the fork
    left = gc.get_objects()
    _flush(left)
    if any(_has_finalizer(kind) for kind in set(map(type, left))):
        # It may hang on something of the controller, which the interpreter has to look through.
        gc.unfreeze()
        return False
    return not has_c_code


def _is_in_c(name: str, module: types.ModuleType) -> bool:
    """Whether it may have registered something with the interpreter, as extensions can."""
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    standard = name.partition(".")[0] in sys.stdlib_module_names
    return isinstance(loader, ExtensionFileLoader) and not standard


def _flush(objects: Iterable[object]) -> None:
    for each in objects:
        if isinstance(each, io.IOBase):
            with contextlib.suppress(Exception):  # closed, or only to be read
                each.flush()


def _has_finalizer(kind: type) -> bool:
    if issubclass(kind, _SUSPENDED):  # with what is to run finally
        return True
    # Files of Python itself have been flushed; those of gzip write more when they are closed.
    names = ("__del__", "close") if issubclass(kind, io.IOBase) else ("__del__",)
    return any(
        name in vars(base)
        for base in kind.__mro__
        if str(base.__module__).partition(".")[0] not in ("_io", "io", "execnet")
        for name in names
    )

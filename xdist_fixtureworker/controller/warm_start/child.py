"""Makes of a fork of the controller what a new interpreter would be, and serves execnet in it."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import importlib.machinery
import io
import os
import random
import signal
import sys
import types
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NoReturn

from . import circumstances, randomness
from .ending import end

_OUR_MODULES = f"{__name__.partition('.')[0]}."

_BOOTSTRAP = b"import sys;exec(eval(sys.stdin.readline()))"
"""What execnet has an interpreter of a ``popen`` execute."""


def run(
    its_input: int,
    its_output: int,
    signals: AbstractSet[int],
    generators: Iterable[random.Random],
    modules: Sequence[str],
) -> NoReturn:
    """Wait to be wanted, be a worker, and end. Call it right after the fork.

    It must not return, nor raise: the code that called it is the controller's.

    :param signals: those that were blocked before all were blocked for the fork.
    :param generators: to be seeded anew.
    :param modules: what to import before it is wanted.
    """
    try:
        _forget_handlers()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those that are at work
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        _keep_only(its_input, its_output)
        for name in modules:
            importlib.import_module(name)
        _wait()
        _begin()
        randomness.seed(generators)
        _work()
    finally:
        os._exit(1)  # not reached but by an error of ours, or an interrupt at the last moment


def _wait() -> None:
    """Wait for the line that says what a process inherits that is started now."""
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)  # nobody wants it
    circumstances.take_over(line)


def _work() -> None:
    """Do what ``python -c`` does with what execnet sends, and end as an interpreter ends."""
    inherited = frozenset(sys.modules)
    status = 1
    is_simple = False
    try:
        # It shows an exception, and ends the process at SystemExit.
        status = int(ctypes.pythonapi.PyRun_SimpleString(_BOOTSTRAP) != 0)
        is_simple = end(inherited)
    except BaseException:  # an interrupt, which keeps no interpreter from its end
        sys.excepthook(*sys.exc_info())
    if is_simple:
        ctypes.pythonapi.exit(status)  # of C
    # Waits for threads, calls atexit, flushes files, tears modules down.
    ctypes.pythonapi.Py_Exit(status)


def _forget_handlers() -> None:
    """Have signals do what they do in a new process, but leave those that are ignored."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


def _keep_only(its_input: int, its_output: int) -> None:
    """Have nothing open but 0, 1 and 2, as Popen does: other forks end when their pipes do."""
    os.dup2(its_input, 0)
    os.dup2(its_output, 1)
    for entry in list(Path("/proc/self/fd").iterdir()):
        if int(entry.name) > 2:
            with contextlib.suppress(OSError):  # it was the listing itself
                os.close(int(entry.name))
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        stream = _stream(name, number, getattr(sys, f"__{name}__"))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(name: str, number: int, like: Any) -> Any:
    """A standard stream of a Python that was started with -u."""
    mode = "r" if number == 0 else "w"
    raw = io.FileIO(number, mode, closefd=False)
    raw.name = f"<{name}>"
    stream: Any = io.TextIOWrapper(
        io.BufferedReader(raw) if number == 0 else raw,
        encoding=getattr(like, "encoding", None) or "utf-8",
        errors=getattr(like, "errors", None) or "backslashreplace",
        newline="\n",
        write_through=True,
    )
    stream.mode = mode
    return stream


def _begin() -> None:
    """Be as an interpreter that has just been started."""
    main = types.ModuleType("__main__")
    vars(main).update(
        __annotations__={},
        __builtins__=builtins,
        __loader__=importlib.machinery.BuiltinImporter,
    )
    sys.modules["__main__"] = main
    sys.argv = ["-c"]
    sys.orig_argv = [sys.executable, "-u", "-c", _BOOTSTRAP.decode()]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    # Those of the controller's pytest and of our plugin there; the worker has its own.
    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if not type(finder).__module__.startswith(("_pytest.", _OUR_MODULES))
    ]
    importlib.invalidate_caches()

"""Says what to do where a debugger found no terminal; controller, fixture worker, test workers."""

from __future__ import annotations

import bdb
from types import FrameType, TracebackType

import pytest

_DEBUGGERS = ("bdb.", "pdb.", "_pytest.")


def refuse_trace(config: pytest.Config) -> None:
    """Refuse ``--trace`` where tests are distributed: each would end before its first line, and
    pass. xdist refuses ``--pdb``.

    :raises pytest.UsageError: if it is given.
    """
    if config.getoption("trace", False):
        raise pytest.UsageError(no_terminal("--trace"))


def explain_quit(error: BaseException) -> None:
    """Let ``error`` say what to do, and where the debugger was called, if that is what ended it: a
    worker has no terminal."""
    if not isinstance(error, bdb.BdbQuit) or error.args:
        return
    error.args = (no_terminal("breakpoint()"),)
    users, stopped, frames = None, None, set[FrameType]()
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        frames.add(frame)
        module = str(frame.f_globals.get("__name__", ""))
        if not f"{module}.".startswith(_DEBUGGERS):
            users = traceback
        elif module == "bdb":
            stopped = frame.f_locals.get("frame", stopped)
        traceback = traceback.tb_next
    if users is not None:
        users.tb_next = None
        if isinstance(stopped, FrameType) and stopped not in frames:
            # It was the last line of a function, which is not in the traceback any more.
            users.tb_next = TracebackType(None, stopped, stopped.f_lasti, stopped.f_lineno)


# --- messages


def no_terminal(what: str) -> str:
    return f"{what} needs the terminal, which no worker has: run pytest with -n0"

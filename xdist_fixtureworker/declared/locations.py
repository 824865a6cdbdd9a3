"""Finds the place of a function in the source, for messages; every process."""

from __future__ import annotations

import functools
import inspect
import os
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_NOT_USERS = ("xdist_fixtureworker.", "_pytest.")


def location(function: Any) -> str:
    """``file:line`` of a function or class, for error messages. Never raises."""
    try:
        found = in_source(function)
        if hasattr(found, "__code__"):
            file, line = found.__code__.co_filename, found.__code__.co_firstlineno
        else:
            file = inspect.getsourcefile(found) or inspect.getfile(found)
            line = inspect.getsourcelines(found)[1]
    except Exception:  # of any module: inspect looks at all that are loaded
        return f"{getattr(function, '__module__', '?')}:?"
    return f"{_relative(file)}:{line}"


def _relative(file: str) -> str:
    # As by Path.relative_to(), which takes longer than all else that a decorator does.
    try:
        here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118
    except OSError:
        return file
    return file.removeprefix(here)


def in_source(function: Any) -> Any:
    """The function or class to look for in a file: for another callable, its class."""
    found = underlying(function)
    if isinstance(found, functools.partial):
        return in_source(found.func)
    return found if inspect.isroutine(found) or inspect.isclass(found) else type(found)


def underlying(function: Any) -> Any:
    """The function that the user wrote, below bindings and wrappers."""
    return inspect.unwrap(unbound(function))


def unbound(function: Any) -> Any:
    """The function below ``@classmethod``, ``@staticmethod`` or a binding."""
    return getattr(function, "__func__", function)


def line_of_user() -> str:
    """``file:line`` of the innermost call that is neither in this package nor in pytest."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_NOT_USERS):
        frame = frame.f_back
    return "?:?" if frame is None else f"{_relative(frame.f_code.co_filename)}:{frame.f_lineno}"


def place_in(error: BaseException) -> str | None:
    """``file:line`` where the user's code was when ``error`` came up; None: not in any."""
    found = None
    in_project = False
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if not f"{module}.".startswith((*_NOT_USERS, "pluggy.")):
            shown = _relative(code.co_filename)
            is_project = not Path(shown).is_absolute() and "site-packages" not in shown
            if is_project or not in_project:  # rather than in a library that it calls
                found, in_project = f"{shown}:{traceback.tb_lineno}", is_project
        traceback = traceback.tb_next
    return found


def code_of(function: Any) -> CodeType | None:
    """The code that the user wrote; None for what is not written in Python."""
    code = getattr(underlying(function), "__code__", None)
    return code if isinstance(code, CodeType) else None


def body_of(code: CodeType | None) -> FrameType | None:
    """The frame of the module or class body that defines this code, if it is running now.

    None for functions in functions. A module that is loaded again has new code objects, even where
    its source is the same.
    """
    frame = inspect.currentframe()
    while frame is not None and not any(const is code for const in frame.f_code.co_consts):
        frame = frame.f_back
    if code is None or frame is None or frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return None
    return frame

"""Tells what is raised while no fixture runs, as by a timer that one has left; fixture worker."""

from __future__ import annotations

import contextlib
import traceback
import warnings
from functools import partial
from types import FrameType

import pytest

from ..errors import describe
from .foreign import Foreign
from .reports import NOT_USERS, module_of_frame


class Surprises:
    """Shows each of them once, among the warnings in the summary: the run goes on."""

    def __init__(self, config: pytest.Config, foreign: Foreign) -> None:
        self._config = config
        self._foreign = foreign
        self._told: set[tuple[str, int, str]] = set()

    def tell(self, error: BaseException, why: str = "") -> None:
        """Tell that ``error`` came up, and where, unless another one did there. Never raises.

        :param why: default: while no fixture ran.
        """
        with contextlib.suppress(BaseException):
            frame, line = _place(error)
            file = frame.f_code.co_filename if frame is not None else "?"
            key = file, line, type(error).__name__
            if key in self._told:
                return
            self._told.add(key)
            function = frame.f_code.co_name if frame is not None else "?"
            place = f"{file}:{line} (in {function})"
            said = self._foreign.telling(partial(describe, error), lambda _: key[2])
            text = raised(said, place, why or between_fixtures())
            # Past the filters: "error" would raise here, where nobody catches it.
            self._config.hook.pytest_warning_recorded.call_historic(
                kwargs={
                    "warning_message": warnings.WarningMessage(
                        pytest.PytestWarning(text), pytest.PytestWarning, file, line
                    ),
                    "when": "runtest",
                    "nodeid": "",
                    "location": None,
                }
            )


def _place(error: BaseException) -> tuple[FrameType | None, int]:
    """The innermost frame that is neither ours nor pytest's, and its line."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if not module_of_frame(frame).startswith(NOT_USERS):
            return frame, line
    return None, 0


# --- messages


def raised(error: str, place: str, why: str) -> str:
    return f"{error}\nThis was raised at {place} in the fixture worker {why}"


def between_fixtures() -> str:
    return (
        "while it ran no fixture; probably by a signal handler or a timer that a set-up has left. "
        "Nothing was ended by it.\n"
        "Take it back before the set-up ends, for instance with signal.alarm(0)."
    )

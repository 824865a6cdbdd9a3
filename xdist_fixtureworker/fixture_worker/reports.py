"""Makes the reports that no hook has made; fixture worker.

Hooks of other plugins make a report of each phase, and may raise instead. What a fixture raised is
told all the same.
"""

from __future__ import annotations

import traceback
from types import FrameType
from typing import Literal, NoReturn

import pytest

Phase = Literal["setup", "teardown"]

NOT_USERS = ("xdist_fixtureworker.", "_pytest.", "pluggy.")
_FRAMES = 20
_LONGEST = 20_000  # characters


def own_report(item: pytest.Item, error: BaseException, when: Phase) -> pytest.TestReport:
    """pytest's own report of ``error``, by no hook; a plain one if that cannot be made either."""

    def again() -> NoReturn:
        __tracebackhide__ = True
        raise error

    context = error.__context__
    try:
        call = pytest.CallInfo.from_call(again, when)
        error.__context__ = context  # not what a hook raised since
        return pytest.TestReport.from_item_and_call(item, call)
    except BaseException:  # of the exception's own methods, or a time-out
        return plain_report(item.nodeid, item.name, shown(error), when)


def plain_report(nodeid: str, name: str, text: str, when: Phase) -> pytest.TestReport:
    """The report of a failure that is known as text only."""
    return pytest.TestReport(
        nodeid=nodeid,
        location=("", None, name),
        keywords={},
        outcome="failed",
        longrepr=text,
        when=when,
    )


def shown(error: BaseException) -> str:
    """The innermost frames of ``error``, those of pytest and pluggy left out, and what it says;
    without what led to it. Never raises."""
    try:
        frames = list(traceback.walk_tb(error.__traceback__))
        foreign = [frame for frame in frames if not module_of_frame(frame[0]).startswith(NOT_USERS)]
        stack = traceback.StackSummary.extract(iter((foreign or frames)[-_FRAMES:]))
        said = "".join(traceback.format_exception_only(type(error), error))
        return f"{''.join(stack.format())}{said:.{_LONGEST}}".rstrip()
    except Exception:
        return type(error).__name__


def module_of_frame(frame: FrameType) -> str:
    """The name of the module whose code runs in ``frame``."""
    return str(frame.f_globals.get("__name__", ""))


# --- messages


def set_up_broke(fixture: str, traceback: str) -> str:
    return (
        f"the global fixture '{fixture}' could not be set up, because an exception came up around "
        f"it in the fixture worker, in a hook for instance:\n{traceback}"
    )


def finalizer_broke(fixture: str, where: str, traceback: str) -> str:
    return (
        f"an exception came up around the finalizer of the fixture '{fixture}' ({where}) in the "
        f"fixture worker, in a hook for instance. The finalizer itself was run.\n{traceback}"
    )

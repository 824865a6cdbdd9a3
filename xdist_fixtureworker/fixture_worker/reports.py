"""Makes the reports that no hook has made; fixture worker.

Hooks of other plugins make a report of each phase, and may raise instead. What a fixture raised is
told all the same.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Literal, NoReturn

import pytest

Phase = Literal["setup", "teardown"]

NOT_USERS = ("xdist_fixtureworker.", "_pytest.", "pluggy.")
_FRAMES = 20
LONGEST_CHAIN = 20
"""Exceptions that led to one another and are shown. It takes seconds to show hundreds."""
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
        with shortened(error):
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


class NotShown(Exception):
    """Stands for those that led to an exception and are left out."""


@contextlib.contextmanager
def shortened(error: BaseException) -> Iterator[None]:
    """Leave out, within it, what is far behind ``error`` among its causes."""
    chain = list(_chain(error))
    last, rest = chain[LONGEST_CHAIN - 1 :][:1], len(chain) - LONGEST_CHAIN
    if rest <= 0:
        yield
        return
    cause, suppress = last[0].__cause__, last[0].__suppress_context__
    last[0].__cause__ = NotShown(not_shown(rest))
    try:
        yield
    finally:
        last[0].__cause__, last[0].__suppress_context__ = cause, suppress


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those that led to it, as tracebacks show them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        context = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or context


def shown(error: BaseException) -> str:
    """The innermost frames of ``error``, those of pytest and pluggy left out, and what it says;
    without what led to it. Never raises."""
    try:
        frames = list(traceback.walk_tb(error.__traceback__))
        foreign = [frame for frame in frames if not module_of_frame(frame[0]).startswith(NOT_USERS)]
        stack = traceback.StackSummary.extract(iter((foreign or frames)[-_FRAMES:]))
        said = "".join(traceback.format_exception_only(type(error), error))
        return f"{''.join(stack.format())}{said:.{_LONGEST}}".rstrip()
    except BaseException:  # of its own methods, or a time-out
        return type(error).__name__


def module_of_frame(frame: FrameType) -> str:
    """The name of the module whose code runs in ``frame``."""
    return str(frame.f_globals.get("__name__", ""))


# --- messages


def not_shown(number: int) -> str:
    return f"{number} exceptions more that led to this one are not shown"


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

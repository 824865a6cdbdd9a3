"""Tells which marks of a test did not hold for a set-up that failed; runs in a test worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from ..roles import ANY_MARK, MARKS_ASKED

#: Asked for by pytest and well-known plugins, and about tests only.
OF_TESTS = {
    *("skip", "skipif", "xfail", "usefixtures", "parametrize", "parallel_only", "serial_only"),
    *("anyio", "asyncio", "django_db", "flaky", "ignore_template_errors", "urls", "xdist_group"),
    *("benchmark", "dependency", "forked", "incremental", "order", "repeat", "trio"),
}
#: What the report of a set-up says, in small letters, if such a mark would have made a difference.
_SIGNS = {"filterwarnings": "warning", "timeout": "timeout"}


def marks_hint(item: pytest.Item, report: pytest.TestReport) -> str:
    """What to do about marks of the test that hooks asked the set-up for; empty if there are none.

    :param report: of the set-up.
    """
    asked: Mapping[str, Any] | None = getattr(report, MARKS_ASKED, None)
    if asked is None:
        return ""
    text = report.longreprtext.lower()
    marks = tuple(
        _written(mark)
        for mark in _in_question(item, asked["asked"], asked["has"])
        if _SIGNS.get(mark.name, "") in text
    )
    unique = tuple(dict.fromkeys(marks))
    return marks_do_not_hold(unique, asked["fixture"], asked["where"]) if unique else ""


def _in_question(
    item: pytest.Item, asked: Sequence[str], has: Sequence[str]
) -> Iterator[pytest.Mark]:
    for mark in item.iter_markers():
        if (
            (mark.name in asked or ANY_MARK in asked)
            and mark.name not in OF_TESTS
            and str(mark) not in has
        ):
            yield mark


def _written(mark: pytest.Mark) -> str:
    """The mark as it is written behind ``@pytest.mark.``."""
    words = [f"{name}={_quoted(value)}" for name, value in mark.kwargs.items()]
    arguments = ", ".join((*map(_quoted, mark.args), *words))
    return f"{mark.name}({arguments})" if arguments else mark.name


def _quoted(value: object) -> str:
    """As in Python, but texts in the quotation marks that the message does not use."""
    return f'"{value}"' if isinstance(value, str) and repr(value) == f"'{value}'" else repr(value)


# --- messages


def marks_do_not_hold(marks: tuple[str, ...], fixture: str, where: str) -> str:
    listed = ", ".join(marks)
    those = "The mark of this test" if len(marks) == 1 else "These marks of this test"
    does = "does" if len(marks) == 1 else "do"
    return (
        f"{those}, {listed}, {does} not hold for the set-up of the global fixture '{fixture}' "
        f"({where}), whichever test asks first.\n"
        f"If the set-up needs it, write @pytest.mark.{marks[0]} above @global_fixture, or "
        f"'{fixture}: marks({listed})' in global_fixtures."
    )

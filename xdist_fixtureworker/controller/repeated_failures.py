"""Shows in full once why a set-up failed, and refers to it after that; runs in the controller.

Each test that needs a global fixture whose set-up failed has the whole report of that, also for
junitxml and for other plugins. Only the terminal shows the first of them in full.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ..roles import FAILED_SET_UP

_SHOWN = ("error", "failed")


class RepeatedFailures:
    """Replaces reports among those that the terminal will show."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._shown_at: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)  # after the terminal has put it there
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, FAILED_SET_UP):
            return
        failure, sections = getattr(report, FAILED_SET_UP)
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None:
            return
        for reports in (terminal.stats.get(category) for category in _SHOWN):
            if reports and reports[-1] is report:
                if failure in self._shown_at:
                    text = shown_in_full(failure, self._shown_at[failure])
                    reports[-1] = _referring(report, text, sections)
                self._shown_at.setdefault(failure, report.nodeid)


def _referring(report: pytest.TestReport, text: str, sections: int) -> pytest.TestReport:
    short = copy.copy(report)
    short.longrepr = _Reference(text, report.longrepr)  # type: ignore[assignment]  # as the terminal reads it
    short.sections = report.sections[sections:]
    return short


class _Reference:
    """What the terminal shows of an exception: a line, and the message for its last lines."""

    def __init__(self, text: str, whole: Any) -> None:
        self._text = text
        self.reprcrash = getattr(whole, "reprcrash", None)

    def __str__(self) -> str:
        return self._text

    def toterminal(self, writer: Any) -> None:
        writer.line(self._text)


# --- messages


def shown_in_full(failure: str, nodeid: str) -> str:
    return f"{failure.rstrip('.:')}; shown in full at {nodeid}"

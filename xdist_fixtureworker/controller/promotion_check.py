"""Checks which fixtures are global; runs in the controller, or in the only process."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from ..declared.promotion import promotions
from ..roles import COLLECTS_EVERYTHING, MISUSE, PLAIN_VALUES, is_fixture_workers
from ..rules.findings import Findings
from ..rules.refused import examine_global


class PromotionCheck:
    """Ends the run with a usage error if a name is wrong, whichever process finds it out.

    It is there in all runs, with or without global fixtures: so it imports what only some need
    when it is needed.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._error = ""
        self._notes: dict[str, None] = {}
        self._in_fixture_worker: dict[str, set[str]] = {}
        self._in_test_workers: dict[str, set[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._config.option.showfixtures:
            return  # which is how to find the right name
        findings = Findings()
        if promotions(self._config):
            from ..rules.promotable import collects_everything, examine

            findings = examine(session, collects_everything(self._config))
        findings += examine_global(session, is_served=False)
        if findings.error:
            raise pytest.UsageError(findings.error)
        self._notes.update(dict.fromkeys(findings.notes))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if promotions(self._config):
            from ..rules.promotable import collects_everything

            node.workerinput[COLLECTS_EVERYTHING] = collects_everything(self._config)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})  # a worker that crashed left none
        error, notes = output.get(MISUSE, ("", []))
        self._error = self._error or error
        self._notes.update(dict.fromkeys(notes))
        seen = self._in_fixture_worker if is_fixture_workers(node) else self._in_test_workers
        for fixture, digests in output.get(PLAIN_VALUES, {}).items():
            seen.setdefault(fixture, set()).update(digests)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        result = yield
        if self._error:
            raise pytest.UsageError(self._error)
        return result

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in self._notes:
            terminalreporter.write_line(line)
        if self._in_fixture_worker:
            from .reporting import values_lines

            for line in values_lines(self._in_fixture_worker, self._in_test_workers):
                terminalreporter.write_line(line)

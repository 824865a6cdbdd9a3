"""Checks which fixtures are global, and where they ran; runs in the controller, or in the only
process, once a suite is known to have global fixtures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pytest

from ..declared.promotion import promotions
from ..roles import COLLECTS_EVERYTHING, MISUSE, PLAIN_VALUES, RAN, is_fixture_workers
from ..rules.findings import Findings
from ..rules.refused import examine_global
from .summary import Note, summary_of


class PromotionCheck:
    """Ends the run with a usage error if a name is wrong, whichever process finds it out; and says
    in the summary which global fixtures ran once per test worker."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._error = ""
        self._notes: dict[str, None] = {}
        self._ran: dict[str, None] = {}
        self._in_fixture_worker: dict[str, set[str]] = {}
        self._in_test_workers: dict[str, set[str]] = {}
        summary_of(config).add(self._summary)

    def examine(self, session: pytest.Session) -> None:
        """:raises pytest.UsageError: if something is wrong in this process, which runs tests."""
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

    def node_down(self, node: Any, output: Mapping[str, Any]) -> None:
        """Note what a worker has told."""
        error, notes = output.get(MISUSE, ("", []))
        self._error = self._error or error
        self._notes.update(dict.fromkeys(notes))
        self._ran.update(dict.fromkeys(output.get(RAN, ())))
        seen = self._in_fixture_worker if is_fixture_workers(node) else self._in_test_workers
        for fixture, digests in output.get(PLAIN_VALUES, {}).items():
            seen.setdefault(fixture, set()).update(digests)

    def raise_error(self) -> None:
        """:raises pytest.UsageError: if a worker has told one."""
        if self._error:
            raise pytest.UsageError(self._error)

    def _summary(self) -> Iterator[Note]:
        yield from map(Note, self._notes)
        if self._ran:
            yield Note(ran_once_per_worker(", ".join(sorted(self._ran))))
        for fixture in other_values(self._in_fixture_worker, self._in_test_workers):
            yield Note(had_another_value(fixture))


def other_values(
    in_fixture_worker: Mapping[str, Collection[str]],
    in_test_workers: Mapping[str, Collection[str]],
) -> Iterator[str]:
    """The session fixtures whose values differ between the fixture worker, where a global fixture
    used them, and the test workers.

    Both arguments are digests of the values, by ``name (file:line)``.
    """
    for fixture, there in sorted(in_fixture_worker.items()):
        if not set(in_test_workers.get(fixture, ())) <= set(there):
            yield fixture


# --- messages


def ran_once_per_worker(names: str) -> str:
    return (
        f"global fixtures ran once per test worker: {names}\n"
        f"With --fixture-worker, they run once per test run."
    )


def had_another_value(fixture: str) -> str:
    return (
        f"session fixture {fixture} had another value in the fixture worker, where a global "
        f"fixture depends on it, than in the test workers, where tests use it.\n"
        f"In global_fixtures, {fixture.partition(' ')[0]} would be one value for all."
    )

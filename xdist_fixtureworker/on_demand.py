"""Loads what a process needs for its role, and only if it does; every process.

The plugin is there in all runs where it is installed. What is only for suites with global fixtures
is imported once there is one, so that all others pay for next to nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from ._compat import cache_directory
from .roles import (
    CRASH_FILES,
    GLOBAL_FIXTURES,
    MISUSE,
    PLAIN_VALUES,
    RAN,
    Role,
    handed_over,
    is_program,
)
from .rules.registrations import Registrations

if TYPE_CHECKING:
    from .controller.promotion_check import PromotionCheck

_TOLD = frozenset({MISUSE, PLAIN_VALUES, RAN})
"""What test workers tell of global fixtures."""


def wanted(config: pytest.Config) -> bool:
    """Whether the user asked for a fixture worker."""
    option: bool | None = config.getoption("fixture_worker")
    return bool(config.getini("fixture_worker")) if option is None else option


def role_plugin(config: pytest.Config, role: Role) -> object | None:
    """The plugin of this process's role, if it has one from the start. Imports that role only."""
    match role:
        case Role.CONTROLLER if wanted(config):
            from .controller.supervisor import Supervisor

            return Supervisor(config)
        case Role.FIXTURE_WORKER:
            from .fixture_worker.server import FixtureWorker

            return FixtureWorker(config, handed_over(config))
        case _:
            return None


def fork_workers(config: pytest.Config) -> None:
    """Fork the processes of workers, if that can be done; in the controller only."""
    from .controller.warm_start.start import prepare

    prepare(config)


def explain_start_of_workers(config: pytest.Config) -> None:
    """Have the header say why no worker is forked, if it was too late to try."""
    from .controller.warm_start.start import explain

    explain(config, is_program(config))


def record_timeline(config: pytest.Config) -> None:
    """Have the timeline of the run recorded, and written at its end; in the controller only.

    :raises pytest.UsageError: if it cannot be written where the user wants it.
    """
    from .controller.timeline.recorder import register
    from .settings import timeline

    register(config, timeline(config) or "")


class OnDemand:
    """Asks what this process has to do with global fixtures."""

    def __init__(self, config: pytest.Config, role: Role, registrations: Registrations) -> None:
        self._config = config
        self._role = role
        self._registrations = registrations
        self._check: PromotionCheck | None = None  # in the controller
        self._are_promoted = bool(config.getini(GLOBAL_FIXTURES) or config.option.global_fixtures)
        if self._are_promoted:
            from .declared.promotion import read_promotions

            read_promotions(config)
            if role is Role.CONTROLLER:
                self._controllers_check()
        if config.option.showfixtures or config.option.show_fixtures_per_test:
            from .controller.listing import Listing

            config.pluginmanager.register(Listing(config), "xdist_fixtureworker_listing")

    @pytest.hookimpl(tryfirst=True)  # before xdist tells the controller what was collected
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not self._has_global:
            return
        match self._role:
            case Role.CONTROLLER:
                self._controllers_check().examine(session)
            case Role.TEST_WORKER | Role.UNSERVED_TEST_WORKER:
                from .test_worker.promotion_check import check

                check(session)
        if self._role is Role.UNSERVED_TEST_WORKER:
            from .test_worker.no_fixture_worker import UnservedTestWorker

            plugin = UnservedTestWorker(self._config)
            self._config.pluginmanager.register(plugin, "xdist_fixtureworker_unserved")
        if self._role in (Role.CONTROLLER, Role.UNSERVED_TEST_WORKER):
            self._share_in_process()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})  # a worker that crashed left none
        if not _TOLD.isdisjoint(output):
            self._controllers_check().node_down(node, output)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if self._role is Role.TEST_WORKER and self._has_global:
            from .test_worker.client import TestWorker

            plugin = TestWorker(session, handed_over(self._config))
            self._config.pluginmanager.register(plugin, "xdist_fixtureworker_role")
        result = yield
        if self._check is not None:
            self._check.raise_error()
        return result

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._role is not Role.CONTROLLER:
            return  # terminal plugins may be loaded in workers, too
        skipped = self._registrations.skipped(terminalreporter.stats.get("skipped", ()))
        directory = cache_directory(self._config)
        may_be_left = directory is not None and (directory / CRASH_FILES).is_dir()
        if not (skipped or may_be_left or self._check or wanted(self._config)):
            return
        from .controller.summary import Note, summary_of

        summary = summary_of(self._config)
        if skipped:
            summary.add(lambda: [Note(skipped)])
        if may_be_left:
            from .controller.earlier_runs import notes_of_earlier_runs

            summary.add(lambda: notes_of_earlier_runs(self._config))
        summary.write(terminalreporter)

    def _share_in_process(self) -> None:
        from .settings import COPIES, mapped_from

        if self._config.getini(COPIES):
            from .sharing.in_process import SharesInProcess

            plugin = SharesInProcess(self._config, mapped_from(self._config))
            self._config.pluginmanager.register(plugin, "xdist_fixtureworker_copies")

    @property
    def _has_global(self) -> bool:
        return self._are_promoted or self._registrations.has_global

    def _controllers_check(self) -> PromotionCheck:
        if self._check is None:
            from .controller.promotion_check import PromotionCheck

            self._check = PromotionCheck(self._config)
            self._config.pluginmanager.register(self._check, "xdist_fixtureworker_promotions")
        return self._check

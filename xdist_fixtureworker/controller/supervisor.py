"""The plugin of the controller in a run with ``--fixture-worker``.

Maps pytest's and xdist's hooks to :mod:`.run`, which starts the fixture worker beside the test
workers and connects them, and to :mod:`.shutdown`, which brings all of them down in order.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from ..roles import is_fixture_workers
from ..rules.debugger import refuse_trace
from ..settings import shows_only
from . import versions
from .changed_values import ChangedValues
from .journal import Journal
from .repeated_failures import RepeatedFailures
from .run import DistributedRun
from .shutdown import Shutdown
from .signals import EndSignals
from .summary import summary_of


class Supervisor:
    """One per run. Does nothing where xdist does not distribute tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._run: DistributedRun | None = None
        self._shutdown: Shutdown | None = None

    @property
    def journal(self) -> Journal | None:
        """What happened in the run so far; None where there is no fixture worker."""
        return None if self._run is None else self._run.journal

    def pytest_report_header(self) -> list[str]:
        if self._starts_fixture_worker():
            line = "fixture worker: one process beside the test workers, for global fixtures"
            return [line, *versions.untested()]
        if _distributes(self._config):
            return []
        return ["fixture worker: none, because tests are not distributed (-n)"]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionstart(self) -> Generator[None, None, None]:
        if not self._starts_fixture_worker():
            return (yield)
        versions.check()
        versions.check_threads()
        refuse_trace(self._config)
        from .python_versions import check_local_pythons
        from .start_failures import check_worker_id

        check_local_pythons(self._config)
        check_worker_id(self._config)
        signals = EndSignals()
        self._run = run = DistributedRun(self._config)
        self._shutdown = Shutdown(self._config, run, signals)
        manager = self._config.pluginmanager
        changed_values = ChangedValues()
        manager.register(changed_values, "xdist_fixtureworker_changed_values")
        summary_of(self._config).add(changed_values.notes)
        manager.register(RepeatedFailures(self._config), "xdist_fixtureworker_repeated_failures")
        yield
        run.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._run is not None and not is_fixture_workers(node):
            self._run.connect(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        if self._run is not None:
            from .python_versions import check_python

            check_python(".".join(map(str, node.workerinfo["version_info"][:2])), node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        if self._run is not None and error is not None:
            self._run.stray_search.test_worker_crashed(node.gateway.id)

    # Innermost, so that the reports are in time for plugins that end their work around this hook,
    # pytest-cov's combining of data among them.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        interrupted = False
        ended_by: BaseException | None = None
        try:
            return (yield)
        except BaseException as error:
            ended_by = error
            exits = isinstance(error, pytest.exit.Exception)
            # Not xdist's Interrupted, with which -x ends a run.
            interrupted = exits or type(error) is KeyboardInterrupt
            raise
        finally:
            if self._shutdown is not None:
                self._shutdown.finish(session, interrupted, ended_by)

    # After other plugins have ended what is theirs, and before the summary.
    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if self._shutdown is not None:
            self._shutdown.end_processes()

    # On demand, the section of all notes comes before.
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._shutdown is not None:
            self._shutdown.show_left_behind(terminalreporter)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        if self._shutdown is None:
            return
        # Where an exception at the session's start kept the test loop from running:
        self._shutdown.finish(None, interrupted=True)
        self._shutdown.end_processes()
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            self._shutdown.show_summary_late(terminal)

    def _starts_fixture_worker(self) -> bool:
        return _distributes(self._config) and not shows_only(self._config)


def _distributes(config: pytest.Config) -> bool:
    return bool(config.pluginmanager.hasplugin("dsession"))

"""The plugin of the controller in a run with ``--fixture-worker``.

Starts the fixture worker beside xdist's test workers, connects them, and at the end brings them
down in order: test workers, finalizers, fixture worker.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import pytest

from ..roles import FIXTURE_WORKER_ID
from . import reporting, versions
from .service import Run
from .signals import EndSignals

_SHOWS_ONLY = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")


class Supervisor:
    """One per run. Does nothing where xdist does not distribute tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._run: Run | None = None
        self._finished = False
        self._signals: EndSignals | None = None
        self._summary: list[str] = []
        self._summary_shown = False

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
        from .process import check_local_pythons

        check_local_pythons(self._config)
        self._signals = EndSignals()
        self._run = run = Run(self._config, self._signals)
        yield
        run.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._run is not None and node.gateway.id != FIXTURE_WORKER_ID:
            self._run.connect(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        if self._run is not None:
            from .process import check_python

            check_python(".".join(map(str, node.workerinfo["version_info"][:2])), node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        if self._run is not None and error is not None:
            self._run.sweep.test_worker_crashed(node.gateway.id)

    # Innermost, so that the reports are in time for plugins that end their work around this hook,
    # pytest-cov's combining of data among them.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        interrupted = False
        try:
            return (yield)
        except BaseException as error:
            exits = isinstance(error, pytest.exit.Exception)
            # Not xdist's Interrupted, with which -x ends a run.
            interrupted = exits or type(error) is KeyboardInterrupt
            raise
        finally:
            self._finish(session, interrupted)

    # After other plugins have ended what is theirs, and before the summary.
    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if self._finished and self._run is not None:
            self._run.sweep_up()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        # Where an exception at the session's start kept the test loop from running:
        self._finish(None, interrupted=True)
        if self._run is not None:
            self._run.sweep_up()
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and not self._summary_shown:
            # As with the exit code of SIGTERM, for which pytest shows none, or with --no-summary.
            self._show_summary(terminal, () if self._run is None else self._run.failures())

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        option = self._config.getoption
        hides_errors = option("no_summary") or option("tbstyle") == "no"
        left = self._run.left() if hides_errors and self._run is not None else ()
        self._show_summary(terminalreporter, left)

    def _show_summary(self, terminal: Any, first: Iterable[str] = ()) -> None:
        self._summary_shown = True
        for line in (*first, *self._summary):
            terminal.write_line(line)
        if self._run is not None:
            reporting.write_left_behind(terminal, self._run.sweep.lines())
            self._run.told()

    def _finish(self, session: pytest.Session | None, interrupted: bool) -> None:
        if self._run is None or self._signals is None or self._finished:
            return
        self._finished = True
        try:
            self._run.finish(interrupted)
        finally:
            self._signals.restore()
        self._summary.extend(self._run.report(session))
        if session is not None:
            self._run.raise_what_ended_it()

    def _starts_fixture_worker(self) -> bool:
        return _distributes(self._config) and not any(
            self._config.getoption(name, False) for name in _SHOWS_ONLY
        )


def _distributes(config: pytest.Config) -> bool:
    return bool(config.pluginmanager.hasplugin("dsession"))

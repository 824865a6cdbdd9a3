"""The plugin of the controller in a run with ``--fixture-worker``.

Starts the fixture worker beside xdist's test workers, connects them, and at the end brings them
down in order: test workers, finalizers, fixture worker.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

from .. import errors
from ..protocol import HANDOVER, TEST_WORKER
from . import reporting
from .relay import Relay
from .switchboard import Switchboard

if TYPE_CHECKING:
    from .process import FixtureWorkerProcess  # imports xdist, which may not be there

_SHOWS_ONLY = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")


class Supervisor:
    """One per run. Does nothing where xdist does not distribute tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._run: Run | None = None
        self._summary: list[str] = []

    def pytest_report_header(self) -> str:
        if _distributes(self._config):
            return "fixture worker: one process beside the test workers, for global fixtures"
        return "fixture worker: none, because tests are not distributed (-n)"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionstart(self) -> Generator[None, None, None]:
        if not _distributes(self._config):
            return (yield)
        from .process import check_local_pythons

        check_local_pythons(self._config)
        self._run = run = Run(self._config)
        # The test workers first: the fixture worker, which does not collect, is up before them
        # all the same, and they do not have to wait until its interpreter has started.
        yield
        run.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._run is not None and node.gateway.id != errors.FIXTURE_WORKER_ID:
            self._run.connect(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        if self._run is not None:
            from .process import check_python

            check_python(".".join(map(str, node.workerinfo["version_info"][:2])), node.gateway.id)

    # Innermost, so that the reports are in time for plugins that end their work around this hook,
    # pytest-cov's combining of data among them.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            self._finish()

    def pytest_unconfigure(self) -> None:
        self._finish()  # where an exception at the session's start kept the test loop from running

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in self._summary:
            terminalreporter.write_line(line)

    def _finish(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.finish()
            self._summary.extend(reporting.environment_lines(run.relay.record))
            run.raise_what_ended_it()


class Run:
    """The fixture worker of one run, from its start to its end."""

    def __init__(self, config: pytest.Config) -> None:
        self.relay = Relay()
        self._config = config
        self._switchboard = Switchboard(self.relay, self._end_early)
        self._process: FixtureWorkerProcess | None = None
        self._dsession: Any = config.pluginmanager.get_plugin("dsession")

    def connect(self, node: Any) -> None:
        """Make the channel over which a test worker is served, and hand it over."""
        channel = node.gateway.newchannel()
        node.workerinput[HANDOVER] = (TEST_WORKER, channel)
        self._switchboard.connect_test_worker(node.gateway.id, channel)

    def start(self) -> None:
        """Start the fixture worker; returns before it is up."""
        from .process import FixtureWorkerProcess

        process = FixtureWorkerProcess(
            self._config, self._dsession.nodemanager, self._switchboard.fixture_worker_down
        )
        try:
            process.start()
        except BaseException:
            process.kill()
            raise
        self._switchboard.connect_fixture_worker(process.channel)
        self._process = process

    def finish(self) -> None:
        """Bring the test workers down, have everything finalized, stop the fixture worker."""
        manager = self._dsession.nodemanager
        if manager is not None:
            _despite_interrupt(manager.teardown_nodes)
        if self._process is not None:
            self._switchboard.finish()
            if self._wait_done():
                _despite_interrupt(self._process.stop)
                self._config.hook.pytest_testnodedown(node=self._process.node, error=None)
            else:
                self._switchboard.fixture_worker_down("abandoned on Ctrl-C")
                self._process.kill()
        self._switchboard.close()
        self._report()

    def raise_what_ended_it(self) -> None:
        """:raises pytest.UsageError: if the fixture worker did not come up.
        :raises pytest.exit.Exception: if a set-up called ``pytest.exit``."""
        record = self.relay.record
        if self._switchboard.error is not None:
            raise errors.FixtureWorkerError(f"Internal error:\n{self._switchboard.error}")
        if record.died is not None and not record.served:
            raise pytest.UsageError(errors.fixture_worker_did_not_start(record.died))
        if record.exit_requested is not None:
            raise pytest.exit.Exception(
                record.exit_requested.reason, returncode=record.exit_requested.returncode
            )

    def _end_early(self) -> None:
        """Have xdist hand out no more tests. Runs in the switchboard's thread."""
        record = self.relay.record
        if record.exit_requested is not None:
            self._dsession.shouldstop = record.exit_requested.reason
        elif not record.served:
            self._dsession.shouldstop = "the fixture worker could not start"

    def _wait_done(self) -> bool:
        """Wait for the finalizers; False if the user pressed Ctrl-C twice meanwhile."""
        for attempt in range(2):
            try:
                self._switchboard.wait_done()
            except KeyboardInterrupt:
                if attempt == 0:
                    self._write_line(
                        "waiting for the finalizers of "
                        f"{', '.join(self.relay.record.unfinalized) or 'global fixtures'}; "
                        "Ctrl-C again abandons them"
                    )
            else:
                return True
        return False

    def _report(self) -> None:
        for warning in self._process.warnings if self._process else ():
            self._config.hook.pytest_warning_recorded.call_historic(kwargs=warning)
        reporting.log_failures(self._config, self.relay.record)
        reporting.add_durations(self._config, self.relay.record)

    def _write_line(self, line: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(line)


def _distributes(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("dsession") and not any(
        config.getoption(name, False) for name in _SHOWS_ONLY
    )


def _despite_interrupt(action: Callable[[], object]) -> None:
    """Call ``action``, which can be called again, until Ctrl-C does not cut it short."""
    while True:
        try:
            action()
            return
        except KeyboardInterrupt:
            continue

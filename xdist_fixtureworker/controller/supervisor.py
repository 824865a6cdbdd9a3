"""The plugin of the controller in a run with ``--fixture-worker``.

Starts the fixture worker beside xdist's test workers, connects them, and at the end brings them
down in order: test workers, finalizers, fixture worker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

from .. import errors
from ..promotion import promotions
from ..roles import FIXTURE_WORKER_ID, HANDOVER, TEST_WORKER
from . import reporting, versions
from .relay import Relay
from .signals import EndSignals, HeldSignals
from .switchboard import Switchboard

if TYPE_CHECKING:
    from .process import FixtureWorkerProcess  # imports xdist, which may not be there

_ABANDONING_INTERRUPT = 3
_LOOK_FOR_SIGNALS = 0.2  # seconds; what is waited for wakes us at once
_SHOWS_ONLY = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")


class Supervisor:
    """One per run. Does nothing where xdist does not distribute tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._run: Run | None = None
        self._stopping: threading.Event | None = None
        self._signals: EndSignals | None = None
        self._summary: list[str] = []

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
        self._run = run = Run(self._config)
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

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        # Where an exception at the session's start kept the test loop from running:
        self._finish(None, interrupted=True)
        while self._stopping is not None and not self._stopping.wait(_LOOK_FOR_SIGNALS):
            pass

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in self._summary:
            terminalreporter.write_line(line)

    def _finish(self, session: pytest.Session | None, interrupted: bool) -> None:
        run, self._run = self._run, None
        if run is not None:
            try:
                self._stopping = run.finish(interrupted)
            finally:
                if self._signals is not None:
                    self._signals.restore()
            run.report(session)
            promoted = promotions(self._config)
            self._summary.extend(reporting.environment_lines(run.relay.record, promoted))
            run.raise_what_ended_it()

    def _starts_fixture_worker(self) -> bool:
        return _distributes(self._config) and not any(
            self._config.getoption(name, False) for name in _SHOWS_ONLY
        )


class Run:
    """The fixture worker of one run, from its start to its end."""

    def __init__(self, config: pytest.Config) -> None:
        from .process import Interpreter

        self.relay = Relay()
        self._config = config
        self._switchboard = Switchboard(self.relay, self._end_early)
        self._interpreter = Interpreter()
        self._process: FixtureWorkerProcess | None = None
        self._dsession: Any = config.pluginmanager.get_plugin("dsession")
        self._interrupted = False
        self._interruption: BaseException | None = None

    def connect(self, node: Any) -> None:
        """Make the channel over which a test worker is served, and hand it over."""
        channel = node.gateway.newchannel()
        node.workerinput[HANDOVER] = (TEST_WORKER, channel)
        self._switchboard.connect_test_worker(node.gateway.id, channel)

    def start(self) -> None:
        """Start pytest in the fixture worker; returns before it is up.

        Call it after the test workers have been started: they do not have to wait, and the
        fixture worker, which does not collect, is up before them all the same.
        """
        from .process import FixtureWorkerProcess

        process = FixtureWorkerProcess(
            self._config,
            self._interpreter,
            self._dsession.nodemanager,
            self._switchboard.fixture_worker_down,
        )
        process.start()
        self._switchboard.connect_fixture_worker(process.channel)
        self._process = process

    def finish(self, interrupted: bool) -> threading.Event:
        """Bring the test workers down, have everything finalized, stop the fixture worker.

        :param interrupted: whether the user, or the system, wants it to end now.
        :return: is set when the process of the fixture worker is gone, too.
        """
        self._interrupted = interrupted
        with HeldSignals() as signals:
            try:
                if interrupted:
                    self._switchboard.interrupt()
                return self._finish(signals)
            except Abandoned:
                self._switchboard.fixture_worker_down("abandoned on Ctrl-C")
                return _in_thread(self._interpreter.kill)
            finally:
                self._interruption = signals.received
                self._switchboard.close()

    def _finish(self, signals: HeldSignals) -> threading.Event:
        def wait(event: threading.Event) -> None:
            self._wait_patiently(event, signals)

        if self._dsession.nodemanager is not None:
            wait(_in_thread(self._dsession.nodemanager.teardown_nodes))
        if self._process is None:
            return _in_thread(self._interpreter.kill)
        self._switchboard.finish()
        wait(self._switchboard.done)
        wait(_in_thread(self._process.wait_ended))
        self._config.hook.pytest_testnodedown(node=self._process.node, error=None)
        return _in_thread(self._process.stop)

    def report(self, session: pytest.Session | None) -> None:
        """Log what went wrong, and keep what the summary is to show."""
        record = self.relay.record
        for warning in self._process.warnings if self._process else ():
            self._config.hook.pytest_warning_recorded.call_historic(kwargs=warning)
        if session is not None:
            reporting.log_failures(session, record)
            reporting.add_durations(self._config, record)

    def raise_what_ended_it(self) -> None:
        """:raises pytest.UsageError: if the fixture worker did not come up.
        :raises pytest.exit.Exception: if a set-up called ``pytest.exit``."""
        record = self.relay.record
        if self._switchboard.error is not None:
            raise errors.FixtureWorkerError(f"Internal error:\n{self._switchboard.error}")
        if self._interruption is not None:
            raise self._interruption
        if record.died is not None and not record.served and not self._interrupted:
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

    def _wait_patiently(self, event: threading.Event, signals: HeldSignals) -> None:
        """Wait, and say what is waited for whenever a signal asks to end.

        :raises Abandoned: at the third Ctrl-C of the run.
        """
        told = signals.received
        while not event.wait(_LOOK_FOR_SIGNALS):
            if signals.received is not told:
                told = signals.received
                left = _ABANDONING_INTERRUPT - self._interrupted - signals.interrupts
                if left <= 0:
                    raise Abandoned
                self._switchboard.interrupt()
                self._tell_what_it_waits_for(left)

    def _tell_what_it_waits_for(self, interrupts_left: int) -> None:
        what = ", ".join(self.relay.record.unfinalized) or "nothing that was announced"
        times = "once" if interrupts_left == 1 else f"{interrupts_left} times"
        self._write_line(
            f"waiting for the test workers and for the finalizers of {what}; "
            f"Ctrl-C {times} more abandons them"
        )

    def _write_line(self, line: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(line)


class Abandoned(Exception):
    """The user did not want to wait for the finalizers."""


def _distributes(config: pytest.Config) -> bool:
    return bool(config.pluginmanager.hasplugin("dsession"))


def _in_thread(action: Callable[[], object]) -> threading.Event:
    """Do it in a thread, so that Ctrl-C interrupts the waiting only; set the event at the end."""
    done = threading.Event()

    def run() -> None:
        try:
            action()
        finally:
            done.set()

    threading.Thread(target=run, name="fixture worker end", daemon=True).start()
    return done

"""The fixture worker of one run, from its start to its end; runs in the controller."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .. import errors
from ..declared.promotion import promotions
from ..roles import LEDGERS, Role, hand_over
from ..rules.worker_id import worker_id_hint
from ..settings import timeout, treatment_of_strays
from ..wire.messages import Begin, WorkerJoined
from . import reporting
from .earlier_runs import ledger_directory
from .relay import Live, Relay
from .signals import ABANDONING_INTERRUPT, EndSignals
from .slow_notice import WaitingLine
from .stray_search import Sweep
from .switchboard import Switchboard
from .worker_exits import Exits

if TYPE_CHECKING:
    from .process import FixtureWorkerProcess, Interpreter

_LOOK_FOR_SIGNALS = 0.2  # seconds; what is waited for wakes us at once
_SILENCE = 15.0
"""Seconds beyond ``fixture_worker_timeout`` after which the fixture worker must have said that what
it does hangs, which it finds out after 10."""
_TELL_EVENT = "fixture_worker_tells"


class Service:
    """One fixture worker with all that the controller has for it.

    :param on_end: called in another thread when the run is to end early.
    :param on_slow: called in another thread with a line that says what is waited for, and with
        None when that is over.
    """

    def __init__(
        self,
        config: pytest.Config,
        relay: Relay,
        on_end: Callable[[], None],
        on_slow: Callable[[str | None], None],
    ) -> None:
        from .process import Interpreter

        self.relay = relay
        limit = timeout(config)
        self.switchboard = Switchboard(
            self.relay, on_end, on_slow, math.inf if limit is None else limit + _SILENCE
        )
        self.process: FixtureWorkerProcess | None = None
        self._config = config
        self._interpreter: Interpreter = Interpreter()

    def start(self, manager: Any, run: str, ledger: Path | None) -> None:
        """Start pytest in it; returns before it is up.

        :param manager: xdist's, of the test workers.
        """
        from .process import FixtureWorkerProcess

        process = FixtureWorkerProcess(
            self._config, self._interpreter, manager, self.switchboard.fixture_worker_down
        )
        process.start()
        begin = Begin(run, os.getpid(), None if ledger is None else str(ledger))
        self.switchboard.connect_fixture_worker(process.channel, begin)
        self.process = process

    def stop(self) -> threading.Event:
        """Let the process end, which has nothing left to do; the event is set when it is gone."""
        if self.process is None or self.relay.record.hanging is not None:
            return self.kill()
        return in_thread(self.process.stop)

    def kill(self) -> threading.Event:
        """End the process, whatever it is doing."""
        return in_thread(self._interpreter.kill)


class Run:
    """One per run of tests.

    :param signals: how often the user asked to end.
    """

    def __init__(self, config: pytest.Config, signals: EndSignals) -> None:
        relay = Relay()
        # Before anything is started in which something may be left behind:
        self.sweep = Sweep(treatment_of_strays(config), relay.record)
        self._config = config
        self._signals = signals
        self._exits = Exits()
        self._dsession: Any = config.pluginmanager.get_plugin("dsession")
        self._line = WaitingLine(
            config.pluginmanager.get_plugin("terminalreporter"), config.get_verbosity()
        )
        self._lines: list[str | None] = []
        self._ledger = ledger_directory(config)
        if self._ledger is not None:
            try:
                # So that it is pytest that makes its cache directory, with all that belongs there.
                config.cache.mkdir(LEDGERS)
            except OSError:
                self._ledger = None  # as without a cache; pytest warns when it cannot write there
        self._service = Service(config, relay, self._end_early, self._tell_later)
        self._recovering: Service | None = None
        self._recovered: list[str] = []
        self._failed: list[pytest.TestReport] = []  # of finalizers
        self._what_was_left: str | None = None
        self._stopping: list[threading.Event] = []
        self._interrupted = False
        self._told = 0
        self._before_holding = 0
        setattr(self._dsession, f"worker_{_TELL_EVENT}", self._tell_now)

    def connect(self, node: Any) -> None:
        """Make the channel over which a test worker is served, and hand it over."""
        channel = node.gateway.newchannel()
        hand_over(node.workerinput, Role.TEST_WORKER, channel)
        self._service.switchboard.connect_test_worker(node.gateway.id, channel)
        if node.gateway.spec.popen and not node.gateway.spec.via:
            from ..processes.identity import Identity

            process = Identity.of(node.gateway._rinfo().pid)
            joined = WorkerJoined(node.gateway.id, process.pid, process.started)
            self._service.switchboard.test_worker_joined(joined)
        self._exits.watch(node, channel)

    def start(self) -> None:
        """Start pytest in the fixture worker; returns before it is up.

        Call it after the test workers have been started: they do not have to wait, and the
        fixture worker, which does not collect, is up before them all the same.
        """
        self.sweep.testrun_uid = str(self._dsession.nodemanager.testrunuid)
        self._service.start(self._dsession.nodemanager, self.sweep.run, self._ledger)

    def finish(self, interrupted: bool) -> None:
        """Bring the test workers down, have everything finalized, stop the fixture worker.

        :param interrupted: whether the user, or the system, wants it to end now.
        """
        self._signals.hold()
        self._interrupted = interrupted
        self._before_holding = self._signals.interrupts
        self._told = min(self._signals.received, 1)  # the one that interrupts needs no answer
        try:
            if interrupted:
                self._service.switchboard.interrupt()
            if self._dsession.nodemanager is not None:
                down = in_thread(self._dsession.nodemanager.teardown_nodes)
                # That waits, too, for who holds their connections, though nobody sends there.
                in_thread(self._exits.wait_all, down)
                self._wait(down)
            self._bring_down(self._service)
            lost = self._service.relay.record.recoverable
            if lost and self._service.relay.record.died is not None:
                self._recover(lost)
        except Abandoned:
            for service in self._services:
                service.switchboard.fixture_worker_down("abandoned on Ctrl-C")
                self._stopping.append(service.kill())
        finally:
            for service in self._services:
                service.switchboard.close()
            self._line.show(None)

    @property
    def _services(self) -> list[Service]:
        again = self._recovering
        return [self._service] if again is None else [self._service, again]

    def _bring_down(self, service: Service) -> None:
        if service.process is not None:
            service.switchboard.finish()
            self._wait(service.switchboard.done)
            if service.relay.record.hanging is None:
                self._wait(in_thread(service.process.wait_ended))
            self._config.hook.pytest_testnodedown(node=service.process.node, error=None)
        self._stopping.append(service.stop())

    def _recover(self, lost: dict[int, Live]) -> None:
        """Have another fixture worker undo what the one that died left."""
        self._recovering = again = Service(self._config, Relay(), lambda: None, self._tell_later)
        again.start(self._dsession.nodemanager, self.sweep.run, None)
        again.switchboard.recover(lost)
        self._bring_down(again)
        live = self._service.relay.record.live
        for id_ in lost.keys() - again.relay.record.live.keys():
            self._recovered.append(str(live.pop(id_)))

    def sweep_up(self) -> None:
        """Wait until the fixture worker is gone, and look for what is left of the run."""
        for stopping in self._stopping:
            while not stopping.wait(_LOOK_FOR_SIGNALS):
                pass
        self.sweep.finish()

    def report(self, session: pytest.Session | None) -> list[str]:
        """Log what went wrong; returns the lines for the summary."""
        record = self._service.relay.record
        for service in self._services:
            for warning in service.process.warnings if service.process else ():
                self._config.hook.pytest_warning_recorded.call_historic(kwargs=warning)
        if self._recovering is not None:
            record.failed_finalizers.extend(self._recovering.relay.record.failed_finalizers)
        failed = [reporting.report_from(self._config, data) for data in record.failed_finalizers]
        self._failed = failed
        self._what_was_left = reporting.what_was_left(record, self._recovered)
        if session is not None:
            reporting.log_failures(session, failed, self._what_was_left)
            reporting.add_durations(self._config, record)
        return list(reporting.environment_lines(record, promotions(self._config)))

    def left(self) -> list[str]:
        """What was left, where pytest does not show its report."""
        return (self._what_was_left or "").splitlines()

    def failures(self) -> list[str]:
        """All that went wrong at the end, where pytest shows no report."""
        return [*reporting.lines_of(self._failed), *self.left()]

    def told(self) -> None:
        """Note that it was told what was left: not before, as this process can be killed any time,
        and then the next run is to tell it."""
        if self._ledger is not None:
            from ..processes.crash_file import forget

            forget(self._ledger, self.sweep.run)

    def raise_what_ended_it(self) -> None:
        """:raises pytest.UsageError: if the fixture worker did not come up.
        :raises pytest.exit.Exception: if a set-up called ``pytest.exit``."""
        record = self._service.relay.record
        error = self._service.switchboard.error
        if error is not None:
            raise errors.FixtureWorkerError(f"Internal error:\n{error}")
        if self._signals.held is not None:
            raise self._signals.held
        if record.died is not None and not record.served and not self._interrupted:
            raise pytest.UsageError(fixture_worker_did_not_start(record.died))
        if record.exit_requested is not None:
            raise pytest.exit.Exception(
                record.exit_requested.reason, returncode=record.exit_requested.returncode
            )

    def _end_early(self) -> None:
        """Have xdist hand out no more tests. Runs in the switchboard's thread."""
        record = self._service.relay.record
        if record.exit_requested is not None:
            self._dsession.shouldstop = record.exit_requested.reason
        elif not record.served:
            self._dsession.shouldstop = "the fixture worker could not start"

    def _tell_later(self, line: str | None) -> None:
        """Have the main thread tell it, which is in xdist's loop or in :meth:`_wait`."""
        self._lines.append(line)
        self._dsession.queue.put((_TELL_EVENT, {}))

    def _tell_now(self) -> None:
        while self._lines:
            self._line.show(self._lines.pop(0))

    def _wait(self, event: threading.Event) -> None:
        """Wait, and say what is waited for whenever a signal asks to end, or when it takes long.

        :raises Abandoned: at the third Ctrl-C of the run.
        """
        while not event.wait(_LOOK_FOR_SIGNALS):
            self._tell_now()
            if self._signals.received != self._told:
                self._told = self._signals.received
                pressed = self._signals.interrupts
                if self._interrupted and not self._before_holding:
                    pressed += 1  # what interrupted it was no Ctrl-C that we know of
                if pressed >= ABANDONING_INTERRUPT:
                    raise Abandoned
                self._service.switchboard.interrupt()
                self._line.show(None)
                reporting.tell_what_is_waited_for(
                    self._config,
                    self._service.relay.record,
                    ABANDONING_INTERRUPT - pressed,
                )


class Abandoned(Exception):
    """The user did not want to wait for the finalizers."""


def in_thread(action: Callable[[], object], done: threading.Event | None = None) -> threading.Event:
    """Do it in a thread, so that Ctrl-C interrupts the waiting only; set the event at the end."""
    done = done or threading.Event()

    def run() -> None:
        try:
            action()
        finally:
            done.set()

    threading.Thread(target=run, name="fixture worker end", daemon=True).start()
    return done


# --- messages


def fixture_worker_did_not_start(reason: str) -> str:
    return f"the fixture worker could not start.\n{reason.rstrip()}{worker_id_hint(reason)}"

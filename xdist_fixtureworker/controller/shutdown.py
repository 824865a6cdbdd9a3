"""The end of a run with a fixture worker, in order; runs in the controller.

1. :meth:`Shutdown.finish`, when the test loop ends: test workers down, finalizers, ``recover=``
   functions if the fixture worker died, reports, and the exception that ends the session.
2. :meth:`Shutdown.end_processes`, when the session finishes: the fixture worker's process is gone,
   and so are its files, and so are, or are reported, processes that the run left behind.
3. The summary, or what is shown where there is none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from .. import errors
from ..declared.promotion import promotion_of
from ..wire.messages import Finish
from . import reporting
from .run import DistributedRun
from .service import Service, in_thread
from .set_up_once import once_lines
from .signals import ABANDONING_INTERRUPT, EndSignals
from .start_failures import could_not_start
from .summary import Note, summary_of

_LOOK_FOR_SIGNALS = 0.2  # seconds; what is waited for wakes us at once


class Shutdown:
    """The end of one run; made at its start.

    :param signals: how often the user asked to end.
    """

    def __init__(self, config: pytest.Config, run: DistributedRun, signals: EndSignals) -> None:
        self._config = config
        self._run = run
        self._signals = signals
        self._recovering: Service | None = None
        self._stopping: list[threading.Event] = []
        self._finished = False
        self._summary_shown = False
        self._is_late = False
        self._failed_finalizers: list[pytest.TestReport] = []
        self._what_was_left: str | None = None
        summary_of(config).add(self._notes, first=True)

    # --- 1. when the test loop ends

    def finish(
        self,
        session: pytest.Session | None,
        interrupted: bool,
        error: BaseException | None = None,
    ) -> None:
        """Bring all down and report; does nothing if called again.

        :param session: None: it did not come to the test loop.
        :param interrupted: whether the user, or the system, wants it to end now.
        :param error: that ended the test loop.
        """
        if self._finished:
            return
        self._finished = True
        self._signals.hold()
        try:
            self._bring_all_down(interrupted, partial(_outcome, session, error))
        finally:
            self._signals.restore()
        self._report(session)
        if session is not None:
            self._raise_what_ended_the_run(interrupted)

    def _bring_all_down(self, interrupted: bool, outcome: Callable[[], Finish]) -> None:
        """Bring the test workers down, have everything finalized, stop the fixture worker.

        :param outcome: tells how the run went, once they are down.
        """
        run = self._run
        waiting = InterruptibleWait(self._config, run, self._signals, interrupted)
        try:
            if interrupted:
                waiting.say_what_is_ended()
                run.interrupt()
            test_workers_down = run.end_test_workers()
            if test_workers_down is not None:
                waiting.wait(test_workers_down)
            self._finish_all(outcome())
            self._bring_down(run.services, waiting)
            self._recover_lost(waiting)
        except Abandoned:
            for each in self._services:
                each.switchboard.fixture_worker_down("abandoned on Ctrl-C")
                self._stopping.append(each.kill())
        finally:
            for each in self._services:
                each.switchboard.close()
            run.display.show()  # also what was said before
            run.display.lines.wait(None)

    @property
    def _services(self) -> list[Service]:
        return [*self._run.services, *([self._recovering] if self._recovering else [])]

    def _finish_all(self, finish: Finish) -> None:
        """Have fixture workers finalize. No test worker is left."""
        if self._run.lanes is not None:
            self._run.lanes.end.begin()
        for service in self._run.services:
            if service.process is not None:
                service.switchboard.finish(finish)

    def _bring_down(self, services: list[Service], waiting: InterruptibleWait) -> None:
        """Wait for fixture workers that finalize, side by side, and stop them."""
        for service in services:
            if service.process is not None:
                waiting.wait(service.switchboard.done)
                if not service.fixture_worker.hangs:
                    waiting.wait(in_thread(service.process.wait_ended))
                self._config.hook.pytest_testnodedown(node=service.process.node, error=None)
            self._stopping.append(service.stop())

    def _recover_lost(self, waiting: InterruptibleWait) -> None:
        """Have another fixture worker undo what those that died left, last set up first."""
        died = [each.relay for each in self._run.services if each.fixture_worker.died is not None]
        lost = [(each, relay.fixture_worker.name) for relay in died for each in relay.recoverable]
        if not lost:
            return
        order = list(self._run.journal.live)
        lost.sort(key=lambda each: order.index((each[1], each[0].id)), reverse=True)
        self._recovering = again = self._run.recovery_service(died[0])
        self._run.start_recovery(again)
        again.switchboard.put(partial(again.relay.recover, lost))
        again.switchboard.finish(Finish())
        self._bring_down([again], waiting)

    def _report(self, session: pytest.Session | None) -> None:
        """Log what went wrong, below what was printed."""
        self._run.display.show_output()
        journal = self._run.journal
        for service in self._services:
            for warning in service.process.warnings if service.process else ():
                self._config.hook.pytest_warning_recorded.call_historic(kwargs=warning)
        self._failed_finalizers = [
            reporting.report_from(self._config, data) for data in journal.failed_finalizers
        ]
        states = [service.fixture_worker for service in self._run.services]
        self._what_was_left = reporting.what_was_left(states, journal)
        if session is not None:
            reporting.log_failures(session, self._failed_finalizers, self._what_was_left)
            reporting.add_durations(self._config, journal)
            reporting.add_properties(self._config, journal)

    def _raise_what_ended_the_run(self, interrupted: bool) -> None:
        """:raises pytest.UsageError: if the fixture worker did not come up.
        :raises pytest.exit.Exception: if a set-up called ``pytest.exit``."""
        exit_called = self._run.journal.exit_called
        for service in self._run.services:
            if service.switchboard.error is not None:
                raise errors.FixtureWorkerError(f"Internal error:\n{service.switchboard.error}")
        if self._signals.held is not None:
            raise self._signals.held
        for service in self._run.services:
            died = service.fixture_worker.died
            if died is not None and not service.fixture_worker.came_up and not interrupted:
                raise pytest.UsageError(could_not_start(died, self._config.rootpath, service.id))
        if exit_called is not None:
            raise pytest.exit.Exception(exit_called.reason, returncode=exit_called.returncode)

    # --- 2. when the session finishes

    def end_processes(self) -> None:
        """Wait until the fixture worker is gone, and look for what is left of the run; does nothing
        before :meth:`finish`."""
        if not self._finished:
            return
        for stopping in self._stopping:
            while not stopping.wait(_LOOK_FOR_SIGNALS):
                self._run.display.show()
        self._run.display.show_output(last=True)
        self._run.stray_search.finish()
        for service in self._services:
            service.remove_run_files()

    # --- 3. the summary

    def show_left_behind(self, terminal: Any) -> None:
        """Show which processes were left behind, behind the section of notes."""
        self._summary_shown = True
        search = self._run.stray_search
        reporting.write_left_behind(terminal, search.lines())
        if self._run.crash_files is not None:
            # Not before: this process can be killed any time, and then the next run says it.
            from ..processes.crash_file import forget

            forget(self._run.crash_files, search.run)

    def show_summary_late(self, terminal: Any) -> None:
        """Show what went wrong where pytest showed no summary: as with the exit code of SIGTERM,
        or with ``--no-summary``."""
        if not self._summary_shown:
            self._is_late = True
            summary_of(self._config).write(terminal)
            self.show_left_behind(terminal)

    def _notes(self) -> Iterator[Note]:
        """What pytest's own summary does not show."""
        journal, option = self._run.journal, self._config.getoption
        yield from map(Note, once_lines(journal, option("verbose")))
        without_errors = self._is_late or option("no_summary")
        if without_errors:
            for text in reporting.failures(self._failed_finalizers):
                yield Note(text, is_error=True)
        if self._what_was_left and (without_errors or option("tbstyle") == "no"):
            yield Note(self._what_was_left, is_error=True)
        yield from map(Note, reporting.interruptions(journal))
        signals = [service.killed_at_end_by for service in self._services]
        for number in filter(None, signals):
            yield Note(reporting.killed_at_end(number))
        if self._finished:
            yield from map(Note, reporting.changes_elsewhere(journal, self._is_promoted))

    def _is_promoted(self, name: str) -> bool:
        return promotion_of(name, self._config) is not None


def _outcome(session: pytest.Session | None, error: BaseException | None) -> Finish:
    if session is None:
        return Finish()
    from .outcome import outcome

    return outcome(session, error)


class Abandoned(Exception):
    """The user did not want to wait for the finalizers."""


class InterruptibleWait:
    """Waits for the steps of the end, while signals may ask for it to be faster.

    :param interrupted: whether the user, or the system, wants it to end now.
    """

    def __init__(
        self,
        config: pytest.Config,
        run: DistributedRun,
        signals: EndSignals,
        interrupted: bool,
    ) -> None:
        self._config = config
        self._run = run
        self._signals = signals
        self._answered = min(signals.received, 1)  # the one that interrupts needs no answer
        # What interrupted it may have been no signal that we know of.
        self._by_another = interrupted and not signals.received

    def say_what_is_ended(self) -> None:
        """Say at once that it is being ended, if it was a signal that asked for it."""
        if not self._signals.received:
            return
        states = [service.fixture_worker for service in self._run.services]
        left = max(1, ABANDONING_INTERRUPT - self._interrupts)
        reporting.say_what_is_ended(self._run.display.lines, self._run.journal, states, left)

    def wait(self, event: threading.Event) -> None:
        """Wait for ``event``, and say what is waited for whenever a signal asks to end, or when it
        takes long.

        :raises Abandoned: at the third Ctrl-C of the run.
        """
        while not event.wait(_LOOK_FOR_SIGNALS):
            self._run.display.show()
            if self._signals.received != self._answered:
                self._answered = self._signals.received
                self._answer(self._interrupts)
        self._run.display.show()

    @property
    def _interrupts(self) -> int:
        """How often Ctrl-C was pressed; another signal, or another cause, counts once."""
        interrupts = self._signals.interrupts
        return interrupts + (self._by_another or self._signals.received > interrupts)

    def _answer(self, interrupts: int) -> None:
        if interrupts >= ABANDONING_INTERRUPT:
            raise Abandoned
        self._run.interrupt()
        interrupts_left = ABANDONING_INTERRUPT - interrupts
        reporting.say_what_is_waited_for(
            self._run.display.lines, self._run.journal, interrupts_left
        )

"""One fixture worker with all that serves it: relay, switchboard, process; in the controller."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..settings import timeout, worker_id
from ..wire.messages import Begin
from ..wire.pickles import describe
from .fixture_worker_state import State
from .relay import Relay
from .start_failures import ended_too_early
from .switchboard import Switchboard

if TYPE_CHECKING:
    from .process import FixtureWorkerProcess, Interpreter

_SILENCE = 15.0
"""Seconds beyond ``fixture_worker_timeout`` after which the fixture worker must have said that what
it does hangs, which it finds out after 10."""


class Service:
    """One fixture worker, from its start to its end. Its interpreter starts at once.

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
        self.process: FixtureWorkerProcess | None = None
        self.fixture_worker = relay.fixture_worker
        limit = timeout(config)
        self.switchboard = Switchboard(
            self.relay,
            on_end,
            on_slow,
            math.inf if limit is None else limit + _SILENCE,
            self._is_stopped,
        )
        self._config = config
        self._interpreter: Interpreter = Interpreter(worker_id(config))

    def start(self, manager: Any, run: str, directory: Path | None, *, eager: bool = False) -> None:
        """Start pytest in it; returns before it is up.

        :param manager: xdist's, of the test workers.
        :param run: the id that the processes of the run carry.
        :param directory: for the file in which it notes what is set up; None: no file.
        :param eager: whether it sets fixtures up before a test asks for them.
        """
        from .process import START_FAILURES, FixtureWorkerProcess

        try:
            process = FixtureWorkerProcess(
                self._config, self._interpreter, manager, self.switchboard.fixture_worker_down
            )
            process.start()
        except START_FAILURES as error:
            self.switchboard.fixture_worker_down(ended_too_early(describe(error)))
            return
        begin = Begin(run, os.getpid(), None if directory is None else str(directory), eager)
        self.switchboard.connect_fixture_worker(process.channel, begin)
        self.process = process

    @property
    def is_ready(self) -> bool:
        """Whether its interpreter is up, so that pytest can be started in it without waiting."""
        return self._interpreter.is_up

    def _is_stopped(self) -> bool:
        from ..processes.identity import is_stopped

        return self.process is not None and is_stopped(self.process.pid)

    @property
    def killed_at_end_by(self) -> int | None:
        """The signal that ended its process after it had finalized all; None if none did."""
        finished = self.fixture_worker.state is State.FINISHED
        return self.process.killed_by if self.process is not None and finished else None

    def stop(self) -> threading.Event:
        """Let the process end, which has nothing left to do; the event is set when it is gone."""
        if self.process is None or self.fixture_worker.hangs:
            return self.kill()
        return in_thread(self.process.stop)

    def kill(self) -> threading.Event:
        """End the process, whatever it is doing; the event is set when it is gone."""
        return in_thread(self._interpreter.kill)


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

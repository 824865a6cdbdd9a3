"""One fixture worker with all that serves it: relay, switchboard, process; in the controller."""

from __future__ import annotations

import math
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import describe
from ..roles import RUN_FILES
from ..settings import lane_id, timeout
from ..wire.messages import Begin
from .display import Display
from .fixture_worker_state import State
from .relay import Relay
from .start_failures import ended_too_early
from .switchboard import Switchboard

if TYPE_CHECKING:
    from .process import FixtureWorkerProcess, Interpreter

_SILENCE = 15.0
"""Seconds beyond ``fixture_worker_timeout`` after which the fixture worker must have said that what
it does hangs, which it finds out after 10."""
_IN_MEMORY = "/dev/shm"
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")
"""Variables that say where temporary files belong."""


class Service:
    """One fixture worker, from its start to its end. Its interpreter starts at once.

    :param on_end: called in another thread when the run is to end early.
    :param display: shows what is waited for, and what it has shown at once.
    :param number: of the lane, where there may be several.
    """

    def __init__(
        self,
        config: pytest.Config,
        relay: Relay,
        on_end: Callable[[], None],
        display: Display,
        number: int | None = None,
    ) -> None:
        from .process import Interpreter

        self.relay = relay
        self.process: FixtureWorkerProcess | None = None
        self._run = ""  # the id that its processes carry
        self._run_files: tuple[Path, ...] = ()
        self.fixture_worker = relay.fixture_worker
        limit = timeout(config)
        self.switchboard = Switchboard(
            self.relay,
            on_end,
            display.wait if number is None else partial(_named, display.wait, relay),
            interval=display.interval,
            limit=math.inf if limit is None else limit + _SILENCE,
            is_stopped=self._is_stopped,
        )
        self._config = config
        self._number = number
        self.id = lane_id(config, number or 0)  #: as xdist knows it
        self._output = output = display.output
        printed_into = output.path if output is not None and output.prints else None
        self._interpreter: Interpreter = Interpreter(self.id, printed_into)

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
                self._config,
                self._interpreter,
                manager,
                self.switchboard.fixture_worker_down,
                self._output,
            )
            process.start()
        except START_FAILURES as error:
            self.switchboard.fixture_worker_down(ended_too_early(describe(error)))
            return
        self._run = run
        self._run_files = places_for_files(run, is_noted=directory is not None)
        run_files = tuple(map(str, self._run_files))
        crash_files = None if directory is None else str(directory)
        begin = Begin(*(run, os.getpid(), crash_files, run_files), eager, self._number)
        self.switchboard.connect_fixture_worker(process.channel, begin)
        self.process = process

    @property
    def is_ready(self) -> bool:
        """Whether its interpreter is up, so that pytest can be started in it without waiting."""
        return self._interpreter.is_up

    def wait_ready(self) -> None:
        """Wait until it is, or has failed to be."""
        self._interpreter.wait_up()

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

    def remove_run_files(self) -> None:
        """Remove its files, where it has not done so itself. It is gone."""
        if self._run_files and self.fixture_worker.state is not State.FINISHED:
            from ..processes.run_files import remove

            for directory in self._run_files:
                remove(directory, self._run)

    def kill(self) -> threading.Event:
        """End the process, whatever it is doing; the event is set when it is gone."""
        return in_thread(self._interpreter.kill)


def _named(show: Callable[[str | None], None], relay: Relay, notice: str | None) -> None:
    """Show a notice with the name of a lane."""
    name = relay.fixture_worker.name
    show(None if notice is None else notice.replace("fixture worker", name, 1))


def places_for_files(run: str, *, is_noted: bool) -> tuple[Path, ...]:
    """The directories for files of a run: in memory where Linux has that, unless the user says
    where temporary files belong; and among those.

    :param is_noted: whether the next run finds what is left if all is killed. Else it might take
        memory for as long as the machine is up.
    """
    try:
        temporary = tempfile.gettempdir()
    except OSError:  # nobody can write anywhere; who needs the directory says so
        temporary = os.sep
    parents = [temporary]
    if (
        is_noted
        and sys.platform == "linux"
        and not any(map(os.environ.get, _TEMPORARY))
        and os.path.ismount(_IN_MEMORY)
    ):
        parents.insert(0, _IN_MEMORY)
    return tuple(Path(parent, f"{RUN_FILES}{run}") for parent in parents)


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

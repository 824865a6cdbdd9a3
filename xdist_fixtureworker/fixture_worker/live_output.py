"""Has it shown at once what is printed, logged or begun; runs in the fixture worker.

All of that goes through one pipe to the controller, so that it is shown in that order. What is
printed goes there by itself: ``controller.process`` has put it in the place of stdout and stderr.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from .._compat import silence_terminal
from ..wire.messages import Finalizing, Message, SettingUp

_PIECE = 1 << 16


class LiveOutput:
    """The controller's pipe, as a plugin of this process.

    :param path: of the pipe.
    :param prints: whether it has all that is printed.
    :param logs: whether log messages are to go there by themselves.
    :param set_ups: which set-ups and finalizers are announced: ``all``, ``global`` or none.
    """

    def __init__(self, path: str, prints: bool, logs: bool, set_ups: str) -> None:
        # Not to be read, as long as the controller does. But a pipe that nobody can read any more
        # would be an error for all who print.
        self._reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._path = path
        self._writing = os.open(path, os.O_WRONLY)
        self._prints = prints
        self._logs = logs
        self._announced = Announced(set_ups)

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # before the terminal's
    def pytest_sessionstart(self, session: pytest.Session) -> Generator[None, None, None]:
        manager = session.config.pluginmanager
        if self._prints:
            silence_terminal(manager.get_plugin("terminalreporter"))
        if self._logs:
            self._show_logs(manager.get_plugin("logging-plugin"))
        yield

    def _show_logs(self, plugin: Any) -> None:
        """Have pytest's live logs, which workers do not show, go there."""
        handler = LiveLogs(os.fdopen(self._writing, "w", encoding="utf-8", closefd=False))
        handler.setFormatter(plugin.log_cli_handler.formatter)
        plugin.log_cli_handler = handler

    def announce(self, message: Message) -> None:
        """Show what begins, if the controller is told so."""
        line = self._announced.line(message)
        if line is not None:
            os.write(self._writing, f"{line}\n".encode("utf-8", "backslashreplace"))

    def controller_is_gone(self) -> None:
        """Read it all, so that nobody who prints has to wait. As long as the controller reads, this
        would take it away."""
        threading.Thread(target=self._drain, name="output of nobody", daemon=True).start()
        with contextlib.suppress(OSError):  # the controller would have removed it
            Path(self._path).unlink()
            Path(self._path).parent.rmdir()

    def _drain(self) -> None:
        os.set_blocking(self._reading, True)
        while os.read(self._reading, _PIECE):
            pass


class LiveLogs(logging.StreamHandler):  # type: ignore[type-arg]  # since Python 3.11
    """Stands in for pytest's handler of live logs."""

    def reset(self) -> None:
        """Called by pytest at the beginning of each test. There are no titles here."""

    def set_when(self, when: str) -> None:
        """Called by pytest in each phase; likewise."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # of logging
        """Nothing: pytest's handler that captures it raises an error."""


class Announced:
    """The lines that say what begins, in the style in which xdist shows tests.

    :param which: set-ups, and the finalizers that belong to them: ``all``, ``global`` or none.
    """

    def __init__(self, which: str) -> None:
        self._which = which
        self._set_ups: dict[int, bool] = {}  # by number: whether it was announced

    def line(self, message: Message) -> str | None:
        """The line for what ``message`` tells, if there is one."""
        match message:
            case SettingUp():
                shown = self._which == "all" or (self._which == "global" and message.is_global)
                self._set_ups[message.id] = shown
                return self._line("SETUP", message)
            case Finalizing() if message.id in self._set_ups:
                return self._line("TEARDOWN", message)
            case Finalizing() if message.id and self._which:  # 0 is the session itself
                return f"RECOVER {message.fixture} ({message.where})"
        return None

    def _line(self, what: str, message: SettingUp | Finalizing) -> str | None:
        if not self._set_ups[message.id]:
            return None
        return f"{what} {message.fixture} ({message.where})"

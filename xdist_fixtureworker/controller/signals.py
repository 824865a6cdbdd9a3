"""Makes an orderly end of the signals with which systems end a process; runs in the controller."""

from __future__ import annotations

import signal
import threading
from typing import NoReturn

import pytest

_NAMES = ("SIGTERM", "SIGHUP")


class EndSignals:
    """Handlers for the signals that nobody else handles, from now until :meth:`restore`."""

    def __init__(self) -> None:
        self._installed: list[int] = []
        if threading.current_thread() is not threading.main_thread():
            return  # handlers can be set there only
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)
                self._installed.append(number)

    def restore(self) -> None:
        """Let the signals do what they did before."""
        for number in self._installed:
            if signal.getsignal(number) is _end:
                signal.signal(number, signal.SIG_DFL)
        self._installed.clear()


def _end(number: int, _frame: object) -> NoReturn:
    """End the session, with the exit code that a shell would show."""
    name = signal.Signals(number).name
    raise pytest.exit.Exception(f"{name} received", returncode=128 + number)

"""Turns signals that end a run into an orderly end; runs in the controller."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

ABANDONING_INTERRUPT = 3
"""The Ctrl-C that always interrupts: whoever presses it so often does not want to wait."""


class EndSignals:
    """Handlers for Ctrl-C, SIGTERM and SIGHUP where nobody else handles them.

    The first signal ends the run by an exception, as Ctrl-C does in any pytest. The next one must
    not cut short what that sets going, the finalizers most of all: so further signals are counted
    only. After :meth:`hold`, so is the first one.
    """

    def __init__(self) -> None:
        self.interrupts = 0  #: how often Ctrl-C was pressed
        self.received = 0  #: signals of all kinds
        self.held: BaseException | None = None  #: what the last one that was held would have raised
        self._holding = False
        self._before: dict[int, Any] = {}
        # Handlers can be set in the main thread only; SIGHUP is not there on Windows.
        if threading.current_thread() is threading.main_thread():
            for name, default in (
                ("SIGINT", signal.default_int_handler),
                ("SIGTERM", signal.SIG_DFL),
                ("SIGHUP", signal.SIG_DFL),
            ):
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) == default:
                    self._before[number] = signal.signal(number, self._received)

    def hold(self) -> None:
        """Count signals only, from now on."""
        self._holding = True

    def restore(self) -> None:
        """Put the earlier handlers back, but where somebody else has set another one since."""
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._received:
                signal.signal(number, handler)
        self._before.clear()

    def _received(self, number: int, _frame: object) -> None:
        __tracebackhide__ = True
        self.received += 1
        self.interrupts += number == signal.SIGINT
        error = _error(number)
        if not self._holding and (self.received == 1 or self.interrupts >= ABANDONING_INTERRUPT):
            raise error
        self.held = error


def _error(number: int) -> BaseException:
    if number == signal.SIGINT:
        return KeyboardInterrupt()
    # Ends the session, with the exit code that a shell would show.
    name = signal.Signals(number).name
    return pytest.exit.Exception(f"{name} received", returncode=128 + number)

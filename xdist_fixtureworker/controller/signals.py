"""Makes an orderly end of the signals with which a run is ended; runs in the controller."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, final

import pytest

_NAMES = ("SIGTERM", "SIGHUP")  # the latter is not there on Windows


class EndSignals:
    """Handlers for the signals that nobody else handles, from now until :meth:`restore`."""

    def __init__(self) -> None:
        self._installed: list[int] = []
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and _replace(number, signal.SIG_DFL, _end):
                self._installed.append(number)

    def restore(self) -> None:
        """Let the signals do what they did before."""
        for number in self._installed:
            _replace(number, _end, signal.SIG_DFL)
        self._installed.clear()


@final
class HeldSignals:
    """Within it, Ctrl-C and the signals of :class:`EndSignals` interrupt nothing; they are counted.

    What ends a run must not be cut short at any place where an exception happens to come up.
    """

    def __init__(self) -> None:
        self.interrupts = 0  #: how often Ctrl-C was pressed
        self.received: BaseException | None = None  #: what the last signal would have raised
        self._replaced: list[tuple[int, Callable[..., object]]] = []

    def __enter__(self) -> HeldSignals:
        numbers = [signal.SIGINT, *(getattr(signal, name, signal.SIGINT) for name in _NAMES)]
        for number in numbers:
            for handler in (signal.default_int_handler, _end):
                if _replace(number, handler, self._hold):
                    self._replaced.append((number, handler))
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._replaced:
            _replace(number, self._hold, handler)
        self._replaced.clear()

    def _hold(self, number: int, _frame: object) -> None:
        if number == signal.SIGINT:
            self.interrupts += 1
            self.received = KeyboardInterrupt()
        else:
            self.received = _end_of_session(number)


def _replace(number: int, old: Any, new: Any) -> bool:
    """Set the handler of a signal if it is ``old``. Handlers can be set in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(number) != old:
        return False
    signal.signal(number, new)
    return True


def _end(number: int, _frame: object) -> NoReturn:
    raise _end_of_session(number)


def _end_of_session(number: int) -> BaseException:
    """Ends the session, with the exit code that a shell would show."""
    name = signal.Signals(number).name
    return pytest.exit.Exception(f"{name} received", returncode=128 + number)

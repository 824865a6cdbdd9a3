"""Keeps signal handlers that fixtures have left from raising where no fixture runs; fixture worker.

Python runs them in the main thread, wherever it is. What one raises there would end the bookkeeping
of this plugin half-way, and with a timer that goes on, again and again.
"""

from __future__ import annotations

import signal
import threading

# What signal.getsignal() calls, without the enumeration that takes 20 times as long.
from _signal import getsignal  # type: ignore[import-not-found]  # typeshed knows the public one
from collections.abc import Callable, Iterator
from operator import is_
from types import FrameType
from typing import Any

_UNTOUCHED = {signal.SIGINT, *(getattr(signal, name, 0) for name in ("SIGKILL", "SIGSTOP"))}
_REAL_TIME = 32  # the first of those that no timer of Python sends
_NUMBERS = [int(n) for n in signal.valid_signals() if n not in _UNTOUCHED and n < _REAL_TIME]
_KEPT = 20


class Handlers:
    """The handlers of all signals but SIGINT and real-time ones.

    :param in_users_code: whether the code of fixtures runs, in which they may raise.
    """

    def __init__(self, in_users_code: Callable[[], bool]) -> None:
        self._in_users_code = in_users_code
        self._raised: list[BaseException] = []
        self._found: tuple[Any, ...] = (None,) * len(_NUMBERS)  # by the last call

    def raised(self) -> Iterator[BaseException]:
        """What they have raised elsewhere since the last call."""
        while self._raised:
            yield self._raised.pop()

    def guard(self) -> None:
        """Stand in for those that were set since the last call."""
        if threading.current_thread() is not threading.main_thread():
            return
        found: tuple[Any, ...] = tuple(map(getsignal, _NUMBERS))
        if all(map(is_, found, self._found)):
            return
        for number, handler in zip(_NUMBERS, found, strict=True):
            if type(handler) is not int and callable(handler) and type(handler) is not Guarded:
                signal.signal(number, Guarded(handler, self._in_users_code, self._note))
        self._found = tuple(map(getsignal, _NUMBERS))

    def _note(self, error: BaseException) -> None:
        """Not told here, as it may have been raised in the middle of what tells."""
        if len(self._raised) < _KEPT:
            self._raised.append(error)


class Guarded:
    """Stands in for a handler. Whoever asks for the handler, to put it back later, gets this one.

    :param raised: called with what it raises while no fixture runs.
    """

    def __init__(
        self,
        handler: Callable[[int, FrameType | None], object],
        in_users_code: Callable[[], bool],
        raised: Callable[[BaseException], None],
    ) -> None:
        self._handler = handler
        self._in_users_code = in_users_code
        self._raised = raised

    def __call__(self, number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        try:
            self._handler(number, frame)
        except BaseException as error:
            if self._in_users_code():
                raise
            self._raised(error)

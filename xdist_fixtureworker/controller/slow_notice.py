"""Says what is being waited for when it takes long; runs in the controller."""

from __future__ import annotations

import math
from typing import Any

FIRST = 2.0
"""Seconds after which what is going on is told; then after twice, four times as long, and so on."""


class Patience:
    """When to tell what goes on in the fixture worker. Pure: the clock is the caller's.

    :param limit: seconds after which the fixture worker must have said something, even if what
        goes on hangs.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self._limit = limit
        self._what: str | None = None
        self._since = 0.0
        self._next = math.inf
        self._given_up = False

    def update(self, what: str | None, now: float) -> bool:
        """``what`` goes on now; None: nothing. Tells whether that ends something that was told."""
        if what == self._what:
            return False
        told = self._what is not None and self._next > self._since + FIRST
        self._what, self._since, self._given_up = what, now, False
        self._next = math.inf if what is None else now + FIRST
        return told

    def seconds_left(self, now: float) -> float | None:
        """Until there is something to tell; None: for ever."""
        until = self._next
        if self._what is not None and not self._given_up:
            until = min(until, self._since + self._limit)
        return None if until == math.inf else max(0.0, until - now)

    def gives_up(self, now: float) -> bool:
        """Whether the limit is over; once."""
        if self._what is None or self._given_up or now < self._since + self._limit:
            return False
        self._given_up = True
        return True

    def line(self, now: float) -> str | None:
        """What to tell now, if it is time."""
        if self._what is None or now < self._next:
            return None
        passed = now - self._since
        self._next = now + max(FIRST, passed)
        return f"fixture worker: waiting for {self._what} for {passed:.0f} s"


class WaitingLine:
    """A line of the terminal that is written over when it is told anew; a line each elsewhere.

    Main thread only, as everything that writes by pytest's reporter.
    """

    def __init__(self, terminal: Any, verbosity: int) -> None:
        self._terminal: Any = terminal if verbosity >= 0 else None
        self._width: int | None = None  # of the line, while it is the last thing on the terminal

    def show(self, line: str | None) -> None:
        """Show ``line``; None: what it told of is over."""
        if self._terminal is None:
            return
        untouched = self._width is not None and self._width == self._column()
        self._width = None
        if line is None:
            if untouched:
                self._terminal.write("\n")
            return
        if not self._terminal.isatty:
            self._start_line()
            self._terminal.write_line(line)
            self._terminal.flush()  # into a file or a pipe, it would wait for more
            return
        if untouched:
            self._terminal.rewrite(line, erase=True)
        else:
            self._start_line()
            self._terminal.write(line, flush=True)
        self._width = self._column()

    def _start_line(self) -> None:
        self._terminal.ensure_newline()
        if self._column() > 0:  # behind the dots of tests
            self._terminal.write("\n")

    def _column(self) -> int:
        return int(self._terminal._tw.width_of_current_line)

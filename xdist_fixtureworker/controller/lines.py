"""Writes lines of ours between the dots and lines of tests; runs in the controller.

Main thread only, as everything that writes by pytest's reporter.
"""

from __future__ import annotations

import os
from typing import Any

from .._compat import terminal_column, terminal_file

TICK = 1.0
"""Seconds between two notices of what is waited for, on a terminal, where they are one line."""
SELDOM = 30.0
"""The same elsewhere, where each is a line of its own: in a file, or the log of a CI."""


class Lines:
    """What this plugin shows while tests run.

    :param terminal: pytest's reporter; None: nothing is shown.
    :param verbosity: below 0, nothing is said about waiting.
    """

    def __init__(self, terminal: Any, verbosity: int) -> None:
        self._terminal: Any = terminal
        self._says_what_is_waited_for = terminal is not None and verbosity >= 0
        self._notice = ""  # that is shown, on a terminal
        self._back = ""  # from there to where pytest was

    @property
    def interval(self) -> float:
        """Seconds between two notices of what is waited for."""
        return TICK if self._rewrites else SELDOM

    def wait(self, notice: str | None) -> None:
        """Show what is waited for; None: the wait is over.

        On a terminal it is the line below all others, and moves down with them. When it is gone,
        all stands where it would have stood without.
        """
        if not self._says_what_is_waited_for:
            return
        if self._rewrites:
            self._rewrite(notice)
        elif notice is not None:
            self.write(notice)

    def write(self, text: str, **markup: bool) -> None:
        """Write whole lines, below what has been begun."""
        if self._terminal is None:
            return
        self._terminal.ensure_newline()
        if terminal_column(self._terminal) > 0:  # behind the dots of tests
            self._terminal.write("\n")
        self._terminal.write(text, **markup)
        if self._terminal.showlongtestinfo:
            self._terminal.currentfspath = -2  # as lines of tests, which the next line ends
        else:
            self._terminal.write("\n")
        self._terminal.flush()  # into a file or a pipe, it would wait for more

    @property
    def _rewrites(self) -> bool:
        """Whether the cursor can be moved."""
        terminal = self._terminal
        return terminal is not None and terminal.isatty and os.environ.get("TERM") != "dumb"

    def _rewrite(self, notice: str | None) -> None:
        shown, self._notice = self._notice, notice or ""
        if shown:
            self._take_back()
        elif notice:
            self._follow()
        if notice:
            self._put_below()
        elif shown:
            del self._terminal.config.get_terminal_writer().write  # that of _follow()
        self._file.flush()

    def _follow(self) -> None:
        """Keep the waiting line below all that pytest writes."""
        writer = self._terminal.config.get_terminal_writer()
        write = writer.write

        def write_above(text: str, *, flush: bool = False, **markup: bool) -> None:
            self._take_back()
            write(text, **markup)
            self._put_below()
            if flush:
                writer.flush()

        writer.write = write_above

    def _put_below(self) -> None:
        column = terminal_column(self._terminal)
        width = self._terminal.config.get_terminal_writer().fullwidth
        if column and column % width == 0:
            return  # where the cursor is then, terminals do not agree
        down, self._back = "", "\r\x1b[K"
        if column:
            down = "\n"
            self._back += f"\x1b[A\x1b[{column % width}C"
        encoding = self._file.encoding or "utf-8"
        notice = self._notice.encode(encoding, "backslashreplace").decode(encoding)
        self._file.write(f"{down}{notice[: width - 1]}")

    def _take_back(self) -> None:
        """Leave the terminal as if there had been no such line."""
        self._file.write(self._back)
        self._back = ""

    @property
    def _file(self) -> Any:
        """What is written into it, pytest does not know of: it counts columns where it was."""
        return terminal_file(self._terminal)

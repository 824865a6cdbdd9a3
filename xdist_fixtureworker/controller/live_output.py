"""Shows what the fixture worker prints, logs and begins, when it does; runs in the controller.

It comes through a named pipe, and not over the connection: what a process has written there can be
read when it hangs, and when it is dead. Whoever prints more than is shown waits, as at any
terminal; so nothing is kept but what is in the pipe and a few pieces on their way.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

_CAPACITY = 1 << 20
"""Bytes that the pipe has room for, where that can be chosen."""
_PIECE = 1 << 16
"""Bytes that are shown at once, and of a line before the rest of it is shown as another one."""
_PIECES = 64
"""Pieces that the main thread has not shown yet; then no more is read."""
_UNFINISHED = 1.0
"""Seconds after which a line is shown that has no end yet, such as a question."""


class LiveOutput:
    """The pipe, and the thread that reads it.

    :param prints: whether all that is printed is to go there.
    :param logs: whether log messages are to go there by themselves.
    :param set_ups: which set-ups and finalizers are to be announced there: ``all``, ``global`` or
        none.
    :param prefix: stands before each line.
    :param show: has the main thread show some lines, and call the function after that.
    """

    def __init__(
        self,
        prints: bool,
        logs: bool,
        set_ups: str,
        *,
        prefix: str,
        show: Callable[[str, Callable[[], object]], object],
    ) -> None:
        self.prints = prints
        self._directory = Path(tempfile.mkdtemp(prefix="fixture-worker-"))
        self.path = str(self._directory / "output")
        os.mkfifo(self.path, 0o600)
        self._reading = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        # One of our own, so that the pipe has no end when a process that writes has one.
        self._writing = os.open(self.path, os.O_WRONLY)
        _enlarge(self._writing)
        self.handed_over = self.path, prints, logs, set_ups  #: to the fixture worker
        self._wake_reading, self._wake = os.pipe()
        self._lines = Splitter(prefix)
        self._show = show
        self._room = threading.Semaphore(_PIECES)
        self._asked: SimpleQueue[tuple[threading.Event, bool]] = SimpleQueue()
        threading.Thread(target=self._run, name="fixture worker output", daemon=True).start()

    def catch_up(self, *, last: bool) -> threading.Event:
        """Have all read that is there; the event is set when it has been handed on.

        :param last: whether no more is to be read.
        """
        done = threading.Event()
        self._asked.put((done, last))
        os.write(self._wake, b"!")
        return done

    def close(self) -> None:
        """Remove the pipe, from which no more is read."""
        for each in (self._reading, self._writing, self._wake_reading, self._wake):
            os.close(each)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        poll.register(self._wake_reading, select.POLLIN)
        last = False
        while not last:
            ready = {each for each, _ in poll.poll(self._patience)}
            if self._wake_reading in ready:
                last = self._catch_up()
            else:
                self._hand_on(self._lines.split(self._read()) if ready else self._lines.rest())

    def _catch_up(self) -> bool:
        """Read what is there; returns whether that is the last of it."""
        os.read(self._wake_reading, 1)
        done, last = self._asked.get()
        for _ in range(_CAPACITY // _PIECE):  # what was left behind may print for ever
            self._hand_on(self._lines.split(self._read()))
        if last:
            self._hand_on(self._lines.rest())
        done.set()
        return last

    @property
    def _patience(self) -> float | None:
        """Milliseconds to wait for more."""
        return _UNFINISHED * 1000 if self._lines.has_rest else None

    def _read(self) -> bytes:
        try:
            return os.read(self._reading, _PIECE)
        except BlockingIOError:
            return b""

    def _hand_on(self, text: str) -> None:
        if text:
            self._room.acquire()
            self._show(text, self._room.release)


class Splitter:
    """Makes whole lines of what comes in pieces."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._rest = b""

    @property
    def has_rest(self) -> bool:
        """Whether there is a line without an end."""
        return bool(self._rest)

    def split(self, data: bytes) -> str:
        """The lines that are whole now, each with the prefix and its end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) >= _PIECE:
            lines.append(self._rest)
            self._rest = b""
        return "".join(map(self._line, lines))

    def rest(self) -> str:
        """What there is of the next line, as one."""
        return self.split(b"\n") if self._rest else ""

    def _line(self, line: bytes) -> str:
        # What comes behind a carriage return, a terminal would show in the place of all before.
        shown = line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
        return f"{self._prefix}{shown}\n"


def _enlarge(pipe: int) -> None:
    """Have room for what a process may print before it dies, and nobody has come to read yet."""
    with contextlib.suppress(ImportError, AttributeError, OSError):  # Linux only
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _CAPACITY)

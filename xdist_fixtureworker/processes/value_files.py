"""Keeps large values in files of the run; fixture worker, and controller to remove them.

They are in a directory of their own, which nobody else can read. The fixture worker removes it at
its end, the controller if that died, and if both did the controller of the next run.

A file is complete when others are told of it, is never changed, and is removed, not cut short: who
has mapped it keeps what is in it. It is written, and not mapped for that: a mapped page for which a
full disk has no room would end the process.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from pickle import PickleBuffer

from ..errors import CannotWriteError
from ..roles import VALUE_FILES
from ..wire.messages import Mapped, Span

_TOKEN = 16
_ALIGNED = 64
"""Bytes: where arrays begin, so that any processor reads them at full speed."""
_AT_ONCE = 1 << 30
"""Bytes. Linux writes 2 GiB at most in one call."""
_FILE = re.compile("[1-9][0-9]*|calls")  # with the socket for calls of live objects
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_FLAGS_IF_THERE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

Dump = Callable[["ValueFile"], Sequence[PickleBuffer]]
"""Writes a pickle to a file, and returns the buffers that belong behind it."""


class ValueFiles:
    """The files of this run. Runs in the fixture worker.

    :param directory: made with the first file.
    :param first: the number of that file.
    """

    def __init__(self, directory: Path, first: int = 1) -> None:
        self._directory = directory
        self._first = first
        self._last = first - 1

    def add(self, dump: Dump) -> Mapped:
        """Write a file.

        :raises CannotWriteError: as on a full disk; there is no such file then.
        :raises Exception: whatever ``dump`` raises; likewise.
        """
        number = self._last + 1
        file = ValueFile(self._made() / str(number))
        try:
            mapped = _written(file, number, dump)
        except BaseException:
            file.path.unlink(missing_ok=True)
            raise
        finally:
            file.close()  # there may be more of them than a process may have open
        self._last = number
        return mapped

    def read(self, number: int, part: Span) -> bytes:
        """Get a part of a file. Any thread.

        :raises OSError: if it cannot be read, as where somebody has removed it.
        """
        with (self._directory / str(number)).open("rb", buffering=0) as file:
            file.seek(part.start)
            return file.read(part.size)

    def remove(self) -> None:
        """Remove the directory with all files."""
        remove(self._directory, self._directory.name.removeprefix(VALUE_FILES))

    def _made(self) -> Path:
        if self._last < self._first:
            try:
                make(self._directory)
            except OSError as error:
                raise CannotWriteError(str(self._directory), error) from error
        return self._directory


class ValueFile:
    """A file that is being written.

    :raises CannotWriteError: if it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  #: bytes that were written
        try:
            self._descriptor = os.open(path, _FLAGS | _FLAGS_IF_THERE, 0o600)
        except OSError as error:
            raise CannotWriteError(str(path), error) from error

    def write(self, data: bytes | PickleBuffer) -> Span:
        """Add something that has bytes.

        :raises CannotWriteError: if there is no room.
        """
        start = self.size
        # Arrays in the order of Fortran have no other view that is flat.
        with PickleBuffer(data).raw() as view:
            self._write(view)
        return Span(start, self.size - start)

    def align(self) -> None:
        """Have what comes next begin where an array may."""
        self.write(bytes(-self.size % _ALIGNED))

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, view: memoryview) -> None:
        end = self.size + len(view)
        try:
            while self.size < end:
                start = len(view) - (end - self.size)
                self.size += os.write(self._descriptor, view[start : start + _AT_ONCE])
        except OSError as error:
            raise CannotWriteError(str(self.path), error) from error


def _written(file: ValueFile, number: int, dump: Dump) -> Mapped:
    token = secrets.token_bytes(_TOKEN)
    file.write(token)
    file.align()
    start = file.size
    buffers = dump(file)
    pickle = Span(start, file.size - start)
    spans = []
    for buffer in buffers:
        file.align()
        spans.append(file.write(buffer))
    return Mapped(number, str(file.path), token, pickle, tuple(spans))


def make(directory: Path) -> None:
    """Make the directory, if it is not there.

    :raises OSError: if it cannot be made, or others can read what is there by that name.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not _is_ours(found) or stat.S_IMODE(found.st_mode) & 0o077:
        raise FileExistsError("it is there already, and is not of this run")


def remove(directory: Path, run: str) -> None:
    """Remove the directory of a run with its files, if it is one. What else may be in there is left
    alone, as is what belongs to another user. Controller or fixture worker."""
    try:
        if directory.name != f"{VALUE_FILES}{run}" or not _is_ours(directory.lstat()):
            return
        for file in directory.iterdir():
            if _FILE.fullmatch(file.name):
                file.unlink(missing_ok=True)
        directory.rmdir()
    except OSError:
        pass  # it is not there, or not to be removed now; the system clears its temporary files


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and (
        not hasattr(os, "getuid") or found.st_uid == os.getuid()
    )

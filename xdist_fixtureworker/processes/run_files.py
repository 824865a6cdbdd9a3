"""Keeps files of the run, such as large values; fixture worker, and controller to remove them.

They are in directories of their own, which nobody else can read: one in memory, which is faster,
and one among the temporary files, which has more room. The fixture worker removes both at its end,
the controller if that died, and if both did the controller of the next run.

A file is complete when others are told of it, is never changed, and is removed, not cut short: who
has mapped it keeps what is in it. It is written, and not mapped for that: a mapped page for which a
full disk has no room would end the process.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from pickle import PickleBuffer

from ..errors import CannotWriteError
from ..roles import RUN_FILES
from ..wire.messages import LANE_BITS, Mapped, Span
from . import memory

_TOKEN = 16
_ALIGNED = 64
"""Bytes: where arrays begin, so that any processor reads them at full speed."""
_AT_ONCE = 1 << 30
"""Bytes. Linux writes 2 GiB at most in one call."""
_COPIED_AT_ONCE = 1 << 20
_AHEAD = 1 << 20
"""Bytes that there must be room for, so that not each little write looks for it."""
_FILE = re.compile("[1-9][0-9]*")
_SOCKET = "calls"  # for calls of live objects, among the temporary files


class RunFiles:
    """The files of this run. Runs in the fixture worker.

    :param directories: each is made with the first file in it. A file goes to the first one that
        has room: of those but the last, which are in memory, half must stay free for others.
    :param first: the number of the first file.
    """

    def __init__(self, directories: Sequence[Path], first: int = 1) -> None:
        self._directories = tuple(directories)
        self._first = first
        self._paths: dict[int, Path] = {}

    @contextmanager
    def new(self) -> Iterator[RunFile]:
        """Write a file: a pickle, which is then finished. If that raises, there is no such file.

        :raises CannotWriteError: as on a full disk.
        """
        number = self._first + len(self._paths)
        file = RunFile(self._directories, number)
        try:
            yield file
        except BaseException:
            file.path.unlink(missing_ok=True)
            raise
        finally:
            file.close()  # there may be more of them than a process may have open
        self._paths[number] = file.path

    def read(self, number: int, part: Span) -> bytes:
        """Get a part of a file. Any thread.

        :raises OSError: if it cannot be read, as where somebody has removed it.
        """
        path = self._paths.get(number)
        if path is None:
            raise FileNotFoundError(f"no file {number}")
        with path.open("rb", buffering=0) as file:
            file.seek(part.start)
            return file.read(part.size)

    def remove(self) -> None:
        """Remove all files. What other lanes have in the directories is theirs."""
        for directory in self._directories:
            remove(directory, directory.name.removeprefix(RUN_FILES), self._first >> LANE_BITS)


class RunFile:
    """A file that is being written: in the first directory, as long as there is room for it, else
    in the next one, with what was written so far.

    :raises CannotWriteError: if it can be made in none, or there is no room.
    """

    def __init__(self, directories: Sequence[Path], number: int) -> None:
        self._number = number
        self._others = list(directories)
        self._room = 0  # bytes up to which we know that there is some
        self._token = secrets.token_bytes(_TOKEN)
        self._open()
        self.write(self._token)
        self.align()
        self._start = self.size

    def write(self, data: bytes | PickleBuffer) -> Span:
        """Add something that has bytes.

        :raises CannotWriteError: if there is no room.
        """
        start = self.size
        # Arrays in the order of Fortran have no other view that is flat.
        with PickleBuffer(data).raw() as view:
            self.look_for_room(len(view))
            written = 0
            while written < len(view):
                with view[written : written + _AT_ONCE] as part:
                    written += self._write(part)
        return Span(start, self.size - start)

    def finish(self, buffers: Sequence[PickleBuffer]) -> Mapped:
        """Add the buffers that belong to the pickle which was written.

        :raises CannotWriteError: if there is no room.
        """
        pickle = Span(self._start, self.size - self._start)
        self.look_for_room(sum(memoryview(buffer).nbytes + _ALIGNED for buffer in buffers))
        spans = []
        for buffer in buffers:
            self.align()
            spans.append(self.write(buffer))
        return Mapped(self._number, str(self.path), self._token, pickle, tuple(spans))

    def align(self) -> None:
        """Have what comes next begin where an array may."""
        self.write(bytes(-self.size % _ALIGNED))

    def look_for_room(self, size: int) -> None:
        """Go on where there is room for that many bytes, if there is not here."""
        if self._others and self.size + size > self._room:
            size = max(size, _AHEAD)
            while self._others and not _leaves_room(self.path.parent, size):
                self._move()
            self._room = self.size + size

    def close(self) -> None:
        self._file.close()

    def _write(self, view: memoryview) -> int:
        """Write some of it; returns how many bytes."""
        while True:
            try:
                written = self._file.write(view)
            except OSError as error:
                if not self._others:
                    raise CannotWriteError(str(self.path), error) from error
                self._move()
            else:
                self.size += written
                return written

    def _open(self) -> None:
        while True:
            directory = self._others.pop(0)
            try:
                self._file = _made(directory, str(self._number))
            except CannotWriteError:
                if not self._others:
                    raise
            else:
                self.path = directory / str(self._number)
                self.size = 0  #: bytes that were written
                return

    def _move(self) -> None:
        """Go on in the next directory."""
        path = self.path
        with self._file as file:
            try:
                self._open()
                file.seek(0)
                while data := file.read(_COPIED_AT_ONCE):
                    self.write(data)
            finally:
                path.unlink(missing_ok=True)


def _made(directory: Path, name: str) -> FileIO:
    """:raises CannotWriteError: if there can be no such file."""
    path = directory
    try:
        make(directory)
        path = directory / name
        return open(path, "x+b", buffering=0, opener=_open_private)
    except OSError as error:
        raise CannotWriteError(str(path), error) from error


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _leaves_room(directory: Path, size: int) -> bool:
    """Whether half of a file system in memory, and of the memory that is left, stay free when that
    many bytes are added: other programs have memory in common there, too."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    half = found.f_blocks * found.f_frsize // 2
    return used + size <= half and size <= memory.available() // 2


def make(directory: Path) -> None:
    """Make the directory, if it is not there.

    :raises OSError: if it cannot be made, or others can read what is there by that name.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not _is_ours(found) or stat.S_IMODE(found.st_mode) & 0o077:
        raise FileExistsError("it is there already, and is not of this run")


def remove(directory: Path, run: str, lane: int | None = None) -> None:
    """Remove a directory of a run with its files, if it is one. What else may be in there is left
    alone, as is what belongs to another user. Controller or fixture worker.

    :param lane: whose files are removed, and the directory with the last one; None: all are.
    """
    try:
        if directory.name != f"{RUN_FILES}{run}" or not _is_ours(directory.lstat()):
            return
        for file in directory.iterdir():
            if _is_file_of(lane, file.name):
                file.unlink(missing_ok=True)
        directory.rmdir()
    except OSError:
        pass  # it is not there, or not to be removed now; the system clears its temporary files


def _is_file_of(lane: int | None, name: str) -> bool:
    if not _FILE.fullmatch(name):
        return lane is None and name == _SOCKET
    return lane is None or int(name) >> LANE_BITS == lane


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and (
        not hasattr(os, "getuid") or found.st_uid == os.getuid()
    )

"""Makes large values of the files that they are in; a process that uses them, as a test worker.

Buffers are used where they are mapped, which all processes of a machine have in common: so they are
not copied, and cannot be written to.
"""

from __future__ import annotations

import mmap
import os
import stat
import sys

from ..wire.messages import Mapped, Span
from ..wire.pickles import unpack

_FOR_READING = sum(
    # Some of them are not there on Windows.
    getattr(os, name, 0)
    for name in ("O_RDONLY", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)


def mapped(value: Mapped, *, private: bool = False) -> memoryview | None:
    """The file of a value; None if this process cannot map it, as on another machine or where it
    was removed. A file of that name may be another one: so it is tried, and not guessed.

    Before Python 3.13, what is mapped keeps a file open. Where a process has half as many open as
    it may have, this is a copy.

    :param private: whether it can be written to, which nobody else sees.
    """
    try:
        descriptor = os.open(value.file, _FOR_READING)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size(value):
            return None
        view = _content(descriptor, found.st_size, private=private)
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    return view if view[: len(value.token)] == value.token else None


def _content(descriptor: int, size: int, *, private: bool) -> memoryview:
    """:raises OSError: or ValueError: if there is no way to have it."""
    access = mmap.ACCESS_COPY if private else mmap.ACCESS_READ
    if sys.version_info >= (3, 13) and sys.platform != "win32":
        return memoryview(mmap.mmap(descriptor, size, access=access, trackfd=False))
    limit = os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else -1
    if limit < 0 or descriptor < limit // 2:  # it is the lowest number that is free
        return memoryview(mmap.mmap(descriptor, size, access=access))
    content = memoryview(bytearray(size))
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        read = 0
        while got := file.readinto(content[read:]):
            read += got
    return content if private else content.toreadonly()


def size(value: Mapped) -> int:
    """Bytes of the file."""
    last = (value.pickle, *value.buffers)[-1]
    return last.start + last.size


def unpack_from(value: Mapped, content: memoryview) -> object:
    """Unpickle a value.

    :param content: of its file; what is in the value may refer to it, for as long as it lives.
    :raises Exception: whatever pickle, or the value's class, raises.
    """

    def part(span: Span) -> memoryview:
        return content[span.start : span.start + span.size]

    return unpack(part(value.pickle), map(part, value.buffers))

"""Reads and shows the environment of a process as the system has it; controller and its forks.

A process that is executed gets the variables of the C library, which are more than those of
``os.environ`` where C code sets some, as readline does.

``/proc/PID/environ`` has what a process was executed with, and a fork is not executed: the search
for strays would not find what a worker's tests fork. The kernel keeps two addresses for that, which
are moved to a copy here. The memory where it was is left as it is: libraries may point into it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_PR_SET_MM = 35
_PR_SET_MM_MAP = 14
_KEEP_EXECUTABLE = 0xFFFFFFFF
#: Where they stand in /proc/self/stat after the name of the program, as ``man proc`` counts them.
_FIELDS = {
    "start_code": 26,
    "end_code": 27,
    "start_stack": 28,
    "start_data": 45,
    "end_data": 46,
    "start_brk": 47,
    "arg_start": 48,
    "arg_end": 49,
    "env_start": 50,
    "env_end": 51,
}


class _Map(ctypes.Structure):
    """The kernel's ``struct prctl_mm_map``."""

    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("start_code", "end_code", "start_data", "end_data")),
        *((name, ctypes.c_uint64) for name in ("start_brk", "brk", "start_stack")),
        *((name, ctypes.c_uint64) for name in ("arg_start", "arg_end", "env_start", "env_end")),
        ("auxv", ctypes.c_void_p),
        ("auxv_size", ctypes.c_uint32),
        ("exe_fd", ctypes.c_uint32),
    )


def can_be_shown() -> bool:
    """Whether the kernel allows it: tried by changing nothing."""
    return _set()


def current() -> dict[str, str]:
    """The environment that a process would get which is executed now."""
    pairs: dict[str, str] = {}
    for variable in _variables():
        name, equals, value = os.fsdecode(variable).partition("=")
        if equals:
            pairs.setdefault(name, value)
    return pairs


def show(environment: Mapping[bytes, bytes]) -> None:
    """Let others see this environment as that of this process."""
    text = b"".join(b"%b=%b\0" % pair for pair in environment.items())
    libc = _libc()
    start = libc.malloc(len(text) + 1)  # never freed: it is needed to the end
    if start:
        ctypes.memmove(start, text, len(text))
        _set(env_start=start, env_end=start + len(text))


def _set(**changes: int) -> bool:
    libc = _libc()
    values = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    fields = {name: int(values[number - 3]) for name, number in _FIELDS.items()}
    fields.update(changes)
    while True:
        end_of_heap = libc.sbrk(0)
        wanted = _Map(**fields, brk=end_of_heap, auxv_size=0, exe_fd=_KEEP_EXECUTABLE)
        failed = libc.prctl(
            _PR_SET_MM, _PR_SET_MM_MAP, ctypes.addressof(wanted), ctypes.sizeof(wanted), 0
        )
        if failed or libc.sbrk(0) == end_of_heap:  # else the heap has grown in between
            return not failed


def _variables() -> Iterator[bytes]:
    """What the C library has, which ends with a null pointer."""
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    if environ:  # type: ignore[truthy-bool]  # a null pointer is false
        number = 0
        while (variable := environ[number]) is not None:
            yield variable
            number += 1


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    libc.sbrk.argtypes, libc.sbrk.restype = [ctypes.c_ssize_t], ctypes.c_void_p
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    return libc

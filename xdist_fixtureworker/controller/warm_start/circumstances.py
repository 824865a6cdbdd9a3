"""What a process inherits that is started now: read in the controller, taken over by its forks.

Forks are made before conftests are loaded, and are wanted later: what conftests have changed of
it in the controller, the processes have that are started then.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import environment

_LIMITS = sorted({vars(resource)[name] for name in dir(resource) if name.startswith("RLIMIT_")})
_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
_OF_TEMPORARY_FILES = {"TMPDIR", "TEMP", "TMP"}


def current() -> bytes:
    """All of it, as one line."""
    try:
        directory = str(Path.cwd())
    except FileNotFoundError:
        directory = ""  # it was removed, and a fork is in it, too
    others = [read() for read, _ in _OTHERS]
    return json.dumps([environment.current(), directory, others]).encode() + b"\n"


def take_over(line: bytes) -> None:
    """Be as a process is that was started when the line was made."""
    variables, directory, others = json.loads(line)
    _replace_environment(variables)
    if directory:
        os.chdir(directory)
    for (read, change), value in zip(_OTHERS, others, strict=True):
        if read() != value:
            with contextlib.suppress(OSError, ValueError):  # which it may not do any more
                change(value)


def _replace_environment(variables: dict[str, str]) -> None:
    changed = {name for name, _ in os.environ.items() ^ variables.items()}
    for name in changed:
        if name in variables:
            os.environ[name] = variables[name]
        else:
            del os.environ[name]
    environment.show(os.environb)
    time.tzset()  # Python has the names of time zones, and
    if changed & _OF_TEMPORARY_FILES:
        tempfile.tempdir = None  # this, from before


def _umask() -> int | None:
    status = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1], 8) for line in status if line.startswith("Umask:")), None)


def _limits() -> list[list[int]]:
    return [list(resource.getrlimit(limit)) for limit in _LIMITS]


def _set_limits(limits: list[list[int]]) -> None:
    for number, (soft, hard) in zip(_LIMITS, limits, strict=True):
        if resource.getrlimit(number) != (soft, hard):
            resource.setrlimit(number, (soft, hard))


def _ignored() -> list[int]:
    numbers = signal.valid_signals() - _IGNORED_BY_PYTHON
    return sorted(n for n in numbers if signal.getsignal(n) == signal.SIG_IGN)


def _ignore(signals: list[int]) -> None:
    for number in {*signals, *_ignored()}:
        of_python = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in signals else of_python)


def _blocked() -> list[int]:
    return sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


#: How each of the others is read, and changed.
_OTHERS: list[tuple[Callable[[], Any], Callable[[Any], object]]] = [
    (_umask, os.umask),
    (_limits, _set_limits),
    (os.getpgrp, lambda group: os.setpgid(0, group)),
    (lambda: os.getpriority(os.PRIO_PROCESS, 0), lambda n: os.setpriority(os.PRIO_PROCESS, 0, n)),
    (lambda: sorted(os.sched_getaffinity(0)), lambda cpus: os.sched_setaffinity(0, cpus)),
    (_ignored, _ignore),
    (_blocked, lambda signals: signal.pthread_sigmask(signal.SIG_SETMASK, signals)),
]

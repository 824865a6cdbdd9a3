"""Notes what is set up in a file that outlives a crash; the fixture worker writes it, the
controller of the next run reads it.

There is one file per run and process, and only while something is set up. If it is there and its
processes are not, everything was killed: the next run of the project says what was left. It holds
names, places, times and process ids, never values: those may be credentials.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..wire.frozen import Frozen
from .identity import Identity

_VERSION = 2
_SUFFIX = ".json"
_DAMAGED = ".damaged"
_UNFINISHED = ".new"
_OURS = re.compile(r"[0-9a-f]{32}-[1-9][0-9]{0,9}\.json")
_LIMIT = 1 << 20
"""Bytes that a file may have: enough for thousands of fixtures."""
_LONGEST = 1000
"""Characters of a name or a place that are kept of what a file says."""
_FOR_READING = sum(
    # Some of them are not there on Windows.
    getattr(os, name, 0)
    for name in ("O_RDONLY", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC")
)
_LATEST = 32503680000.0  # the year 3000, in seconds since the epoch


class LiveFixture(Frozen):
    """A global fixture that is set up, or being set up."""

    fixture: str
    where: str  #: ``file:line``
    since: float  #: seconds since the epoch


class Leftover(Frozen):
    """The file of a run that ended without its finalizers."""

    file: Path
    run: str  #: the id that its processes carry
    testrun_uid: str | None  #: xdist's id of it
    started: float  #: seconds since the epoch
    run_files: tuple[Path, ...]  #: the directories of its files, if it had any
    controller: Identity
    fixture_worker: Identity
    fixtures: tuple[LiveFixture, ...]


class CrashFile:
    """The file of this run, rewritten at each change. Runs in the fixture worker.

    It is written under another name and then renamed, so that it is complete at any time.

    :param directory: created if missing.
    :param run: the id that the run's processes carry.
    :param testrun_uid: xdist's id of it.
    :param run_files: the directories of its files, if it has any.
    """

    def __init__(
        self,
        directory: Path,
        run: str,
        testrun_uid: str,
        controller: Identity,
        run_files: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.run_files = run_files
        self.run = run
        self.testrun_uid = testrun_uid
        self.controller = controller
        self._live: dict[int, LiveFixture] = {}
        self._started = time.time()

    def add(self, key: int, fixture: str, where: str) -> None:
        """Note that a set-up starts."""
        self._live[key] = LiveFixture(fixture, where, time.time())
        self._write()

    def remove(self, key: int) -> None:
        """Note that it is finalized. Does nothing if it was not added."""
        if self._live.pop(key, None) is not None:
            self._write()

    def keep(self) -> None:
        """Keep the file, so that the next run looks for processes that this one left."""
        self._write(keep=True)

    def _write(self, *, keep: bool = False) -> None:
        name = self.directory / f"{self.run}-{os.getpid()}"
        file = name.with_suffix(_SUFFIX)
        try:
            if not self._live and not keep:
                file.unlink(missing_ok=True)
                return
            text = json.dumps(self._content(), indent=1)
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = name.with_suffix(_UNFINISHED)
            temporary.touch(mode=0o600)
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(file)
        except OSError:
            pass  # the disk is full or read-only; the run itself does not need the file

    def _content(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "host": socket.gethostname(),
            "run": self.run,
            "testrun_uid": self.testrun_uid,
            "started": self._started,
            "run_files": list(self.run_files),
            "controller": vars(self.controller),
            "fixture_worker": vars(Identity.of(os.getpid())),
            "fixtures": [vars(live) for live in self._live.values()],
        }


def forget(directory: Path, run: str) -> None:
    """Remove the files of a run whose leftovers were reported. Runs in the controller."""
    for file in directory.glob(f"{run}-*"):
        file.unlink(missing_ok=True)


def read_leftovers(directory: Path) -> tuple[list[Leftover], list[Path]]:
    """Read the files of runs whose processes are gone. Runs in the controller.

    The directory may come with a repository: only what a run of this user can have written is
    read, and nothing else is touched. Runs of other hosts, which may share the directory, are
    passed over: their processes cannot be seen from here.
    """
    leftovers, damaged = [], []
    for file in _files(directory):
        try:
            content = _bytes_of(file)
            leftover = None if content is None else _parsed(file, content)
        except Exception:  # whatever is in it, it must not end the run
            damaged.append(_set_aside(file))
            continue
        if leftover and not (leftover.controller.runs or leftover.fixture_worker.runs):
            leftovers.append(leftover)
    return leftovers, damaged


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if _OURS.fullmatch(path.name))
    except OSError:
        return []


def _bytes_of(file: Path) -> bytes | None:
    """What is in a file; None where it is not for us to read.

    :raises Exception: if it is no regular file, or larger than any of ours.
    """
    try:
        # Without following a link, nor waiting for who writes into a named pipe.
        descriptor = os.open(file, _FOR_READING)
    except (FileNotFoundError, PermissionError):
        return None  # finalized meanwhile, or told by another run; or of another user
    with open(descriptor, "rb") as opened:  # noqa: PTH123  # a descriptor has no path
        found = os.fstat(descriptor)
        if hasattr(os, "getuid") and found.st_uid != os.getuid():
            return None
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LIMIT:
            raise ValueError(f"{file} is not a file of ours")
        return opened.read(_LIMIT)


def _parsed(file: Path, data: bytes) -> Leftover | None:
    """What the data of a file say; None where that cannot be judged here.

    :raises Exception: if it is not a file of ours, or damaged.
    """
    content = json.loads(data)
    if content["version"] != _VERSION or content["host"] != socket.gethostname():
        return None
    return Leftover(
        file=file,
        run=_text(content["run"]),
        testrun_uid=_text(content["testrun_uid"]),
        started=_time(content["started"]),
        run_files=tuple(Path(_text(each)) for each in content.get("run_files", ())),
        controller=_identity(content["controller"]),
        fixture_worker=_identity(content["fixture_worker"]),
        fixtures=tuple(
            LiveFixture(_text(live["fixture"]), _text(live["where"]), _time(live["since"]))
            for live in content["fixtures"]
        ),
    )


def _identity(content: Any) -> Identity:
    pid = int(content["pid"])
    if not 0 < pid < 2**31:
        raise ValueError(f"{pid} is no process id")
    return Identity(pid, _text(content["started"]))


def _text(content: object) -> str:
    if not isinstance(content, str):
        raise TypeError(f"{content!r:.100} is no text")
    return content[:_LONGEST]


def _time(content: object) -> float:
    seconds = float(content)  # type: ignore[arg-type]  # raises the TypeError that it is about
    if not 0 <= seconds <= _LATEST:
        raise ValueError(f"{seconds} is no time of a run")
    return seconds


def _set_aside(file: Path) -> Path:
    aside = file.with_suffix(_DAMAGED)
    try:
        return file.replace(aside)
    except OSError:
        return file


def remove(leftovers: Iterable[Leftover]) -> None:
    """Remove files that were reported, so that each is once. Runs in the controller."""
    for leftover in leftovers:
        for suffix in (_SUFFIX, _UNFINISHED):
            leftover.file.with_suffix(suffix).unlink(missing_ok=True)

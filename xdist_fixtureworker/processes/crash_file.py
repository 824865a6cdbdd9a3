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

_VERSION = 3
_SUFFIX = ".json"
_DAMAGED = ".damaged"
_UNFINISHED = ".new"
_OURS = r"[0-9a-f]{32}-[1-9][0-9]{0,9}\.json"
_LIMIT = 1 << 20
"""Bytes that a file may have: enough for thousands of fixtures."""
_LONGEST = 1000
"""Characters of a name or a place that are kept of what a file says."""
_FOR_READING = sum(
    # Some of them are not there on Windows.
    getattr(os, name, 0)
    for name in ("O_RDONLY", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC")
)
_FOR_APPENDING = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
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
    """The file of this run. Runs in the fixture worker.

    Its first line says all, and comes by way of another name, so that it is whole at any time. Then
    comes a line for each change: to make and rename a file takes 50 times as long. A last line
    without an end was not written to its end.

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
        self._live: dict[int, str] = {}  # as JSON
        self._started = time.time()
        self._process = 0  # that has written the file; a fork writes one of its own
        self._written = ""  # that file
        self._room = 0  # bytes for changes, until all is written anew

    def add(self, key: int, fixture: str, where: str) -> None:
        """Note that a set-up starts."""
        about = {"id": key, "fixture": fixture, "where": where, "since": time.time()}
        self._live[key] = json.dumps(about)
        self._append(self._live[key])

    def remove(self, key: int) -> None:
        """Note that it is finalized. Does nothing if it was not added."""
        if self._live.pop(key, None) is None:
            return
        if self._live:
            self._append(json.dumps({"id": key}))
            return
        self._process = 0
        try:
            self._file(_SUFFIX).unlink(missing_ok=True)
        except OSError:
            pass  # as below

    def keep(self) -> None:
        """Keep the file, so that the next run looks for processes that this one left."""
        self._write_all()

    def _append(self, line: str) -> None:
        data = f"{line}\n".encode("ascii")
        if self._process != os.getpid() or self._room < len(data):
            self._write_all()
            return
        self._room -= len(data)
        try:
            descriptor = os.open(self._written, _FOR_APPENDING)
            with open(descriptor, "ab", buffering=0) as file:  # noqa: PTH123  # it has no path
                if file.write(data) < len(data):
                    self._room = 0
        except FileNotFoundError:
            self._write_all()  # somebody has removed it
        except OSError:
            self._room = 0  # part of the line may be there

    def _write_all(self) -> None:
        fixtures = ", ".join(self._live.values())
        text = f'{json.dumps(self._about_run())[:-1]}, "fixtures": [{fixtures}]}}\n'
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self._file(_UNFINISHED)
            temporary.touch(mode=0o600)
            temporary.write_text(text, encoding="ascii")
            self._written = str(temporary.replace(self._file(_SUFFIX)))
        except OSError:
            return  # the disk is full or read-only; the run itself does not need the file
        self._process, self._room = os.getpid(), _LIMIT // 2

    def _file(self, suffix: str) -> Path:
        return self.directory / f"{self.run}-{os.getpid()}{suffix}"

    def _about_run(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "host": socket.gethostname(),
            "run": self.run,
            "testrun_uid": self.testrun_uid,
            "started": self._started,
            "run_files": list(self.run_files),
            "controller": vars(self.controller),
            "fixture_worker": vars(Identity.of(os.getpid())),
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
        return sorted(path for path in directory.iterdir() if re.fullmatch(_OURS, path.name))
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
    first, *changes = data.split(b"\n")
    content = json.loads(first)
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
        fixtures=tuple(_live([*content["fixtures"], *map(json.loads, changes[:-1])]).values()),
    )


def _live(lines: Iterable[Any]) -> dict[int, LiveFixture]:
    """Those that are set up, after all that the lines say."""
    live: dict[int, LiveFixture] = {}
    for line in lines:
        key = int(line["id"])
        if "fixture" in line:
            where, since = _text(line["where"]), _time(line["since"])
            live[key] = LiveFixture(_text(line["fixture"]), where, since)
        else:
            del live[key]
    return live


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

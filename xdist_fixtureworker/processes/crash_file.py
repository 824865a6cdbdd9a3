"""Notes what is set up in a file that outlives a crash; the fixture worker writes it, the
controller of the next run reads it.

There is one file per run and process, and only while something is set up. If it is there and its
processes are not, everything was killed: the next run of the project says what was left. It holds
names, places, times and process ids, never values: those may be credentials.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .strays import Identity

_VERSION = 1
_SUFFIX = ".json"
_DAMAGED = ".damaged"
_UNFINISHED = ".new"


@dataclass(frozen=True)
class LiveFixture:
    """A global fixture that is set up, or being set up."""

    fixture: str
    where: str  #: ``file:line``
    since: float  #: seconds since the epoch


@dataclass(frozen=True)
class Leftover:
    """The file of a run that ended without its finalizers."""

    file: Path
    run: str  #: the id that its processes carry
    testrun_uid: str | None  #: xdist's id of it
    started: float  #: seconds since the epoch
    controller: Identity
    fixture_worker: Identity
    fixtures: tuple[LiveFixture, ...]


@dataclass
class LedgerFile:
    """The file of this run, rewritten at each change. Runs in the fixture worker.

    It is written under another name and then renamed, so that it is complete at any time.

    :param directory: created if missing.
    :param run: the id that the run's processes carry.
    :param testrun_uid: xdist's id of it.
    """

    directory: Path
    run: str
    testrun_uid: str
    controller: Identity
    _live: dict[int, LiveFixture] = field(default_factory=dict)
    _started: float = field(default_factory=time.time)

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
            "controller": asdict(self.controller),
            "fixture_worker": asdict(Identity.of(os.getpid())),
            "fixtures": [asdict(live) for live in self._live.values()],
        }


def forget(directory: Path, run: str) -> None:
    """Remove the files of a run whose leftovers were reported. Runs in the controller."""
    for file in directory.glob(f"{run}-*"):
        file.unlink(missing_ok=True)


def read_leftovers(directory: Path) -> tuple[list[Leftover], list[Path]]:
    """Read the files of runs whose processes are gone. Runs in the controller.

    Files that cannot be parsed are renamed, and their new names are returned, too. Files of other
    hosts, which may share the directory, are skipped: their processes are not visible from here.
    """
    leftovers, damaged = [], []
    for file in sorted(directory.glob(f"*{_SUFFIX}")):
        try:
            leftover = _read(file)
        except (FileNotFoundError, PermissionError):
            continue  # finalized meanwhile, reported by another run, or of another user
        except (OSError, ValueError, TypeError, LookupError, OverflowError):
            damaged.append(_set_aside(file))
            continue
        if leftover and not (leftover.controller.runs or leftover.fixture_worker.runs):
            leftovers.append(leftover)
    return leftovers, damaged


def _read(file: Path) -> Leftover | None:
    """Read a file; None if it is of another host or version.

    :raises Exception: if it is not a file of ours, or damaged.
    """
    content = json.loads(file.read_bytes())
    if content["version"] != _VERSION or content["host"] != socket.gethostname():
        return None
    controller, fixture_worker = (
        Identity(int(content[name]["pid"]), float(content[name]["created"]))
        for name in ("controller", "fixture_worker")
    )
    fixtures = tuple(
        LiveFixture(str(live["fixture"]), str(live["where"]), float(live["since"]))
        for live in content["fixtures"]
    )
    started = float(content["started"])
    time.localtime(started)  # fails for a time that could not be shown
    ids = str(content["run"]), str(content["testrun_uid"])
    return Leftover(file, *ids, started, controller, fixture_worker, fixtures)


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

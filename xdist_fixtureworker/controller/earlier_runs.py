"""Reports what earlier runs left unfinalized because all was killed; runs in the controller."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .._compat import cache_directory
from ..roles import CRASH_FILES
from .escaping import escaped
from .stray_search import stray_lines
from .summary import Note

if TYPE_CHECKING:
    from ..processes.crash_file import Leftover
    from ..processes.strays import Fate, Stray


def crash_file_directory(config: pytest.Config) -> Path | None:
    """The directory where runs of this project note what is set up; None without pytest's cache, or
    where it leads out of it."""
    directory = cache_directory(config)
    if directory is None or (directory / CRASH_FILES).is_symlink():
        return None  # a link may lead to somebody else's files
    return directory / CRASH_FILES


def notes_of_earlier_runs(config: pytest.Config) -> Iterator[Note]:
    """For the summary: what other runs left, once."""
    directory = crash_file_directory(config)
    if directory is None or not directory.is_dir():
        return
    from ..processes.crash_file import read_leftovers, remove

    leftovers, damaged = read_leftovers(directory)
    yield from _notes(leftovers)
    for file in damaged:
        yield Note(damaged_file(escaped(str(file))))
    if leftovers:
        from ..processes import run_files

        for leftover in leftovers:
            for run_directory in leftover.run_files:
                run_files.remove(run_directory, leftover.run)
    remove(leftovers)


def _notes(leftovers: Sequence[Leftover]) -> Iterator[Note]:
    from ..processes import strays

    runs = [strays.RunIdentity(leftover.run, leftover.testrun_uid) for leftover in leftovers]
    found = strays.find_each(runs)  # looks at all processes, which takes its time, once
    for leftover, run in zip(leftovers, runs, strict=True):
        if leftover.fixtures or found[run]:
            processes = dict.fromkeys(found[run], strays.Fate.RUNNING)
            yield Note("\n".join(_lines_of(leftover, processes)))


def _lines_of(leftover: Leftover, processes: Mapping[Stray, Fate]) -> Iterator[str]:
    yield (
        f"a run that started at {_shown(leftover.started)} (controller "
        f"{leftover.controller.pid}, fixture worker {leftover.fixture_worker.pid}) was killed and "
        f"left:"
    )
    for live in leftover.fixtures:
        yield (
            f"the global fixture {escaped(live.fixture)} ({escaped(live.where)}) unfinalized, "
            f"set up at {_shown(live.since)}"
        )
    yield from stray_lines(processes)


def _shown(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


# --- messages


def damaged_file(now: str) -> str:
    return f"the file in which a run notes what is set up is damaged; it is now {now}"

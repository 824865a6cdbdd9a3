"""Reports what earlier runs left unfinalized because all was killed; runs in the controller."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .._compat import cache_directory
from ..roles import LEDGERS
from .stray_search import stray_lines

if TYPE_CHECKING:
    from ..processes.crash_file import Leftover


def crash_file_directory(config: pytest.Config) -> Path | None:
    """The directory where runs of this project note what is set up; None without pytest's cache."""
    directory = cache_directory(config)
    return None if directory is None else directory / LEDGERS


class EarlierRuns:
    """The plugin that adds to the summary what other runs left, once."""

    def __init__(self, config: pytest.Config) -> None:
        self._directory = crash_file_directory(config)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._directory is None or not self._directory.is_dir():
            return
        from ..processes.crash_file import read_leftovers, remove

        leftovers, damaged = read_leftovers(self._directory)
        for leftover in leftovers:
            for line in _lines(leftover):
                terminalreporter.write_line(line)
        for file in damaged:
            terminalreporter.write_line(
                f"fixture worker: the file in which a run notes what is set up is damaged; it is "
                f"now {file}"
            )
        remove(leftovers)


def _lines(leftover: Leftover) -> Iterator[str]:
    from ..processes import strays

    left = strays.find(strays.RunIdentity(leftover.run, leftover.testrun_uid))
    if not leftover.fixtures and not left:
        return
    yield (
        f"fixture worker: a run that started at {_shown(leftover.started)} (controller "
        f"{leftover.controller.pid}, fixture worker {leftover.fixture_worker.pid}) was killed and "
        f"left:"
    )
    for live in leftover.fixtures:
        yield (
            f"  the global fixture {live.fixture} ({live.where}) unfinalized, set up at "
            f"{_shown(live.since)}"
        )
    for line in stray_lines(dict.fromkeys(left, strays.Fate.RUNNING)):
        yield f"  {line}"


def _shown(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))

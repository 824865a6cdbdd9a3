"""Does what a page of the documentation says, and checks that it comes out as the page says."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from .commands import missing, run
from .pages import Command, File, Project


def follow(project: Project, folder: Path, python: str = sys.executable) -> None:
    """Write the files of a project and run its commands.

    :param folder: an empty one.
    :raises AssertionError: if something comes out differently.
    """
    place = folder / "project"
    if project.example is None:
        place.mkdir()
    else:
        ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
        shutil.copytree(project.example, place, ignore=ignored)
    for step in project.steps:
        match step:
            case File() if project.example is None:
                (place / step.name).parent.mkdir(parents=True, exist_ok=True)
                (place / step.name).write_text(step.text, encoding="utf-8")
            case File():
                _assert_excerpt(step, place)
            case Command():
                _assert_output(step, place, folder / "temporary", python)


def _assert_excerpt(step: File, place: Path) -> None:
    excerpt = step.text.partition("\n")[2].strip("\n")
    assert excerpt in (place / step.name).read_text(encoding="utf-8"), step.where


def _assert_output(step: Command, place: Path, temporary: Path, python: str) -> None:
    result = run(step.arguments, place, temporary, python)
    line = missing(step.output, result.stdout)
    assert line is None, f"{step.where}: {line!r} is not in its place in:\n{result.stdout}"
    last = step.output[-1] if step.output else ""
    should_fail = re.search(r"failed|error", last, re.IGNORECASE) is not None
    assert (result.returncode != 0) == should_fail, f"{step.where}:\n{result.stdout}"

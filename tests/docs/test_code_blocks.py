"""Every code block of the documentation that can run is run. The convention is in ``pages.py``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .commands import missing, run
from .pages import (
    FILES,
    NOT_RUN,
    ROOT,
    Command,
    File,
    Project,
    blocks,
    commands,
    file_name,
    pages,
    projects,
)

PAGES = [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages()]
PROJECTS = [
    pytest.param(project, id=project.name) for page in pages() for project in projects(page)
]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_follows_the_convention(page: Path) -> None:
    for block in blocks(page):
        if block is None or block.language in NOT_RUN or block.language.startswith("{"):
            continue
        if block.language in FILES:
            assert file_name(block)
        else:
            assert block.language == "console", f"{block.where}: language {block.language!r}"
            assert list(commands(block))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_is_followed_by_a_command(page: Path) -> None:
    for project in projects(page):
        if project.example is None:
            assert isinstance(project.steps[-1], Command), project.steps[-1].where


@pytest.mark.parametrize("project", PROJECTS)
def test_code_blocks(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    if project.example is None:
        folder.mkdir()
    else:
        shutil.copytree(
            project.example, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache")
        )
    for step in project.steps:
        match step:
            case File() if project.example is None:
                (folder / step.name).parent.mkdir(parents=True, exist_ok=True)
                (folder / step.name).write_text(step.text, encoding="utf-8")
            case File():
                _assert_excerpt(step, folder)
            case Command():
                _assert_output(step, folder, tmp_path / "temporary")


def _assert_excerpt(step: File, folder: Path) -> None:
    excerpt = step.text.partition("\n")[2].strip("\n")
    assert excerpt in (folder / step.name).read_text(encoding="utf-8"), step.where


def _assert_output(step: Command, folder: Path, temporary: Path) -> None:
    result = run(step.arguments, folder, temporary)
    line = missing(step.output, result.stdout)
    assert line is None, f"{step.where}: {line!r} is not in its place in:\n{result.stdout}"
    last = step.output[-1] if step.output else ""
    should_fail = re.search(r"failed|error", last, re.IGNORECASE) is not None
    assert (result.returncode != 0) == should_fail, f"{step.where}:\n{result.stdout}"

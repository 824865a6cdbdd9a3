"""Every code block of the documentation that can run is run. The convention is in ``pages.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..warm import unmeasured
from .following import follow
from .pages import (
    FILES,
    NOT_RUN,
    ROOT,
    Command,
    Project,
    blocks,
    commands,
    file_name,
    pages,
    projects,
)

__all__ = ["unmeasured"]  # an autouse fixture: one page is about warm workers

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
    follow(project, tmp_path)

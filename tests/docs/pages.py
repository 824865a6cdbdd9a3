"""Reads the Markdown pages of the documentation: which code blocks they have, and what to do with them.

The convention, which :func:`projects` applies and ``test_code_blocks.py`` enforces:

- A block of Python, INI or TOML is a file; its first line is a comment with the file's name.
- A ``console`` block has commands behind ``$``, each followed by the lines of its output that
  matter. They must all be there, in this order; ``...`` stands for others, as an empty line does.
- ``text`` and ``sh`` blocks are not run: output by itself, and what installs something.
- A page is one project, whose files are written and whose commands are run from top to bottom.
  The comment ``<!-- new project -->`` starts another one, in an empty folder.
- A page in a folder of ``docs/examples`` is about that folder. Its commands run in a copy of it,
  and its files are excerpts of those in the folder.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
FILES = ("python", "ini", "toml")
NOT_RUN = ("text", "sh")
NEW_PROJECT = "<!-- new project -->"


@dataclass(frozen=True)
class Block:
    """A fenced code block."""

    language: str
    text: str
    where: str  #: ``page:line``


@dataclass(frozen=True)
class File:
    """A block to be written to a file, or to be found in one."""

    name: str
    text: str
    where: str


@dataclass(frozen=True)
class Command:
    """A command to be run, and the lines that its output must have."""

    arguments: list[str]
    output: list[str]
    where: str


@dataclass
class Project:
    """Files and commands that belong together, in the order of the page."""

    name: str
    example: Path | None = None  #: the folder of ``docs/examples`` that it is about
    steps: list[File | Command] = field(default_factory=list)


def pages() -> list[Path]:
    """All pages: the README and what Sphinx makes the documentation of."""
    docs = ROOT / "docs"
    documents = [
        page
        for page in sorted(docs.rglob("*.md"))
        if not {"_build", "newsfragments", ".pytest_cache"}.intersection(page.parts)
    ]
    return [ROOT / "README.md", *documents]


def blocks(page: Path) -> Iterator[Block | None]:
    """The code blocks of a page; None where a new project starts."""
    name = page.relative_to(ROOT).as_posix()
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block" and token.content.strip() == NEW_PROJECT:
            yield None
        elif token.type == "fence":
            line = token.map[0] + 1 if token.map else 0
            yield Block(token.info.strip(), token.content, f"{name}:{line}")


def projects(page: Path) -> Iterator[Project]:
    """The projects of a page that have something to run or to compare."""
    number = 1
    project = _project(page, number)
    for block in blocks(page):
        if block is None:
            if project.steps:
                yield project
            number += 1
            project = _project(page, number)
        elif block.language in FILES:
            project.steps.append(File(file_name(block), block.text, block.where))
        elif block.language == "console":
            project.steps.extend(commands(block))
    if project.steps:
        yield project


def _project(page: Path, number: int) -> Project:
    name = page.relative_to(ROOT).with_suffix("").as_posix()
    example = page.parent if page.is_relative_to(EXAMPLES) else None
    return Project(f"{name}-{number}", example)


def file_name(block: Block) -> str:
    """:raises ValueError: if the first line does not name a file."""
    first = block.text.partition("\n")[0]
    name = first.removeprefix("# ")
    if name == first or Path(name).suffix not in {".py", ".ini", ".toml"} or " " in name:
        raise ValueError(f'{block.where}: the first line must be a comment, "# name.py": {first!r}')
    return name


def commands(block: Block) -> Iterator[Command]:
    """:raises ValueError: if the block does not start with a command."""
    lines = block.text.splitlines()
    if not lines or not lines[0].startswith("$ "):
        raise ValueError(f'{block.where}: a console block starts with "$ "')
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        output = [line for line in lines[start + 1 : end] if line.strip() not in {"", "..."}]
        yield Command(shlex.split(lines[start][2:]), output, block.where)

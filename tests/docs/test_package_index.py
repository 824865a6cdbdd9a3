"""The README where a package index shows it: all its links and pictures lead somewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from .commands import NEVER_HANG
from .pages import ROOT

HOME = "https://example.org/owner/name/blob/main/"
NO_HOME = "replacement = ']('\n"


def built(pyproject: Path) -> str:
    """The README that a wheel has, if it is built by this configuration."""
    done = subprocess.run(
        [sys.executable, "-m", "hatch_fancy_pypi_readme", str(pyproject)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=NEVER_HANG,
        check=True,
    )
    return done.stdout


def targets(text: str) -> Iterator[tuple[str, str]]:
    """What the text leads to: ``("a", address)`` for links, ``("img", address)`` for pictures."""
    waiting = list(MarkdownIt().parse(text))
    while waiting:
        token: Token = waiting.pop(0)
        address = token.attrs.get("href") or token.attrs.get("src")
        if address is not None:
            yield token.tag, str(address)
        waiting[:0] = token.children or []


def paths() -> list[tuple[str, str]]:
    """What the README itself leads to in the project."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [(tag, address) for tag, address in targets(text) if not urlsplit(address).scheme]


def test_the_paths_of_the_readme_exist() -> None:
    assert {tag for tag, _ in paths()} == {"a", "img"}
    assert [
        address for _, address in paths() if not (ROOT / urlsplit(address).path).is_file()
    ] == []


def test_without_a_home_no_link_is_dead() -> None:
    assert NO_HOME in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text = built(ROOT / "pyproject.toml")
    assert [address for _, address in targets(text) if not urlsplit(address).scheme] == []
    assert "- Tutorial: from nothing" in text
    assert "![" not in text


def test_with_a_home_they_lead_there(tmp_path: Path) -> None:
    configuration = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(configuration.replace(NO_HOME, f"replacement = ']({HOME}'\n"))
    expected = [
        (tag, f"{HOME}{address}{'?raw=true' if tag == 'img' else ''}") for tag, address in paths()
    ]
    found = [(tag, address) for tag, address in targets(built(pyproject)) if HOME in address]
    assert found == expected

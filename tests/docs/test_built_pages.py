"""The pages that Sphinx makes of the documentation: what ``-W`` does not see."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.deflist import deflist_plugin

from .commands import NEVER_HANG
from .pages import ROOT, pages

DOCS = ROOT / "docs"
SOURCES = [page for page in pages() if page.is_relative_to(DOCS)]


def build(folder: Path) -> Path:
    """Build the documentation in a folder, with warnings as errors; where its pages are."""
    options = ("-q", "-W", "--keep-going", "-b", "html", "-d", str(folder / "doctrees"))
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder / "html")],
        capture_output=True,
        text=True,
        timeout=NEVER_HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Page(HTMLParser):
    """What a page has of terms of definition lists, of paragraphs, and of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.terms = 0
        self.paragraphs: list[str] = []
        self.scripts: list[str] = []
        self._in_paragraph = False
        self._lists: list[bool] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kind = (dict(attrs).get("class") or "").split()
        if tag == "dl":
            self._lists.append(not {"py", "field-list"}.intersection(kind))  # of functions
        if tag == "dt":
            self.terms += self._lists[-1]
        if tag == "p":
            self._in_paragraph = True
            self.paragraphs.append("")
        if tag == "script":
            self.scripts.append(dict(attrs).get("src") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "dl":
            self._lists.pop()
        if tag == "p":
            self._in_paragraph = False

    def handle_data(self, data: str) -> None:
        if self._in_paragraph:
            self.paragraphs[-1] += data


def built(site: Path, source: Path) -> Page:
    name = source.relative_to(DOCS).with_suffix(".html")
    return Page((site / name).read_text(encoding="utf-8"))


def terms(source: Path) -> int:
    """How many entries the definition lists of a source have."""
    tokens = MarkdownIt().use(deflist_plugin).parse(source.read_text(encoding="utf-8"))
    return sum(token.type == "dt_open" for token in tokens)


def test_pages(tmp_path: Path) -> None:
    """All in one test: building takes longer than the rest, and each test worker would do it."""
    site = build(tmp_path)
    each_entry_of_a_definition_list_is_a_term(site)
    no_paragraph_has_markup_left(site)
    code_can_be_copied(site)
    the_changelog_begins_with_the_next_release(site)


def each_entry_of_a_definition_list_is_a_term(site: Path) -> None:
    written = {source: terms(source) for source in SOURCES}
    assert sum(written.values()) >= 30
    assert {source: built(site, source).terms for source in SOURCES} == written


def no_paragraph_has_markup_left(site: Path) -> None:
    left = re.compile(r"^: |\n: |^```|\]\(|<!--", re.MULTILINE)
    for source in SOURCES:
        for paragraph in built(site, source).paragraphs:
            assert not left.search(paragraph), f"{source}: {paragraph}"


def code_can_be_copied(site: Path) -> None:
    assert any("copybutton" in script for script in built(site, DOCS / "index.md").scripts)


def the_changelog_begins_with_the_next_release(site: Path) -> None:
    text = (site / "changelog.html").read_text(encoding="utf-8")
    fragments = len(list((DOCS / "newsfragments").glob("*.md")))
    assert "not released yet" in text
    assert text.count("<li><p>") >= fragments

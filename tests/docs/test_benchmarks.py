"""The benchmarks run, and the page that shows their figures is what they write."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from ..benchmarks import results
from ..benchmarks.__main__ import KEYS
from ..benchmarks.page import DRAWN, MARKS, PAGE, results_of, write
from .commands import NEVER_HANG
from .pages import ROOT

SVG = "{http://www.w3.org/2000/svg}"


def _page(folder: Path, keys: list[str]) -> Path:
    page = folder / "page.md"
    marks = [f"<!-- figures: {key} -->\n<!-- end -->" for key in keys]
    page.write_text("\n".join(["# Figures", *marks, "The end.", ""]))
    return page


def test_smallest_sizes(tmp_path: Path) -> None:
    """Two rivals that are installed anyway, and each way to measure."""
    keys = ["empty", "set-up", "latency", "memory", "array", "growth-workers", "imports"]
    page = _page(tmp_path, [*keys, "overview", "where"])
    command = [sys.executable, "-m", "tests.benchmarks", "--here", "--quick", "--rivals", "ours"]
    done = subprocess.run(
        [*command, "--only", *keys, "--page", str(page)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=NEVER_HANG,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    measured = results.load(results_of(page))
    assert list(measured) == keys
    for key, result in measured.items():
        shown = {row.of for row in result.rows}
        assert shown <= {"plain", "ours"} or key == "imports", (key, shown)
        for row in result.rows:
            assert row.figures, (key, row)
            for name, values in row.figures.items():
                assert values, (key, row, name)
                assert name == "others" or min(values) > 0, (key, row)
    assert measured["memory"].row("plain") is not None
    ours = measured["growth-workers"].row("ours", 3)
    assert ours is not None
    assert len(ours.figures["wall"]) == 1
    text = page.read_text()
    assert text.endswith("<!-- end -->\nThe end.\n")
    assert all(written.count("\n| ") > 2 for _, key, written in _parts(text) if key != "where")
    for key in set(keys) & set(DRAWN):
        picture = ET.parse(page.with_suffix("") / f"{key}.svg").getroot()
        labels = {element.text for element in picture.iter(f"{SVG}text")}
        assert "ours: --fixture-worker" in labels, key


def _parts(text: str) -> list[tuple[str, str, str]]:
    return [(found[1], found[2], found[0]) for found in MARKS.finditer(text)]


def test_the_page_has_a_place_for_each_benchmark() -> None:
    keys = {key for _, key, _ in _parts(PAGE.read_text(encoding="utf-8"))}
    assert keys == {*KEYS, "overview", "faster", "where"}


def test_the_page_shows_the_figures_that_are_kept(tmp_path: Path) -> None:
    page = Path(shutil.copy(PAGE, tmp_path))
    kept = results_of(PAGE)
    write(page, results.load(kept))
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
    pictures = [file.name for file in kept.parent.glob("*.svg")]
    assert sorted(pictures) == sorted(f"{key}.svg" for key in set(DRAWN) & set(results.load(kept)))
    for name in pictures:
        written = (page.with_suffix("") / name).read_text(encoding="utf-8")
        assert written == (kept.parent / name).read_text(encoding="utf-8"), name

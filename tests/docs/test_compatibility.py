"""The tables of the page on compatibility say what is tested, all of it and no more."""

from __future__ import annotations

import ast
import configparser
import re
from importlib.metadata import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "compatibility.md"
PLUGINS = ROOT / "tests" / "plugins"


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its first two."""
    section = (
        PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    )
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) > 2, heading
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def requirements() -> dict[str, Requirement]:
    """What the extra ``plugins`` asks for."""
    found = [
        Requirement(text)
        for text in metadata("pytest-xdist-fixtureworker").get_all("Requires-Dist") or []
    ]
    return {
        one.name: one for one in found if one.marker and one.marker.evaluate({"extra": "plugins"})
    }


def test_each_plugin_has_a_requirement_and_a_test_and_the_reverse() -> None:
    listed = [row[0] for row in table("Plugins")]
    assert listed == sorted(set(listed))
    assert set(listed) == set(requirements())
    tests = {path.stem.removeprefix("test_") for path in PLUGINS.glob("test_*.py")}
    # What plugins' fixtures become by configuration is the table of a how-to; and all at once.
    tests -= {name for name in tests if name.startswith("promoted_")} | {"all_plugins"}
    no_plugins = {
        "dist_modes",
        "layouts",
        "message_fuzz",
        "numpy",
        "paths",
        "types",
        "versions",
        "warm_workers",
    }
    tests -= no_plugins
    assert tests == {name.replace("-", "_") for name in listed} - {"django"}  # with pytest-django


def test_the_versions_of_plugins_are_among_those_that_are_asked_for() -> None:
    for name, version, *_ in table("Plugins"):
        assert re.fullmatch(r"\d+\.\d+", version), name
        assert requirements()[name].specifier.contains(f"{version}.0"), name


def test_each_plugin_has_a_result() -> None:
    for name, _, checked, result in table("Plugins"):
        assert checked, name
        assert result.startswith("works"), name


def test_each_layout_has_its_test_and_the_reverse() -> None:
    named = [re.sub("`", "", row[1]) for row in table("Distribution and layouts")]
    found = {
        f"{name}.py::{node.name}"
        for name in ("test_dist_modes", "test_layouts")
        for node in ast.parse((PLUGINS / f"{name}.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    # A detail of one that is there.
    assert set(named) == found - {"test_layouts.py::test_confcutdir_hides_a_conftest"}


def test_the_environments_are_those_of_tox() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    tested = [name for name in tox["tox"]["env_list"].split() if name.startswith("py")]
    assert [row[0].strip("`") for row in table("Versions")] == tested
    for name, *versions in table("Versions"):
        factors = name.strip("`").split("-")
        if "oldest" not in factors:
            python, pytest, xdist = (version.replace(".", "") for version in versions)
            assert factors == [f"py{python}", f"pytest{pytest}", f"xdist{xdist}"]
        else:
            wanted = dict(re.findall(r"oldest: ([\w-]+)==([\d.]+)", (ROOT / "tox.ini").read_text()))
            assert versions[1:] == [wanted["pytest"], wanted["pytest-xdist"]]

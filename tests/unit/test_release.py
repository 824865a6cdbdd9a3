"""What the metadata of a release says is true, and said once."""

from __future__ import annotations

import configparser
import re
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
METADATA = metadata("pytest-xdist-fixtureworker")


def classifiers(start: str) -> set[str]:
    found = METADATA.get_all("Classifier") or []
    return {text.removeprefix(start) for text in found if text.startswith(start)}


def matrix() -> set[str]:
    """The factors of all environments in which tox runs tests."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    names = tox["tox"]["env_list"].split()
    return {factor for name in names for factor in name.split("-")}


def test_the_versions_of_python_are_those_of_the_matrix() -> None:
    pythons = {f"{found[1]}.{found[2]}" for f in matrix() if (found := re.match(r"py(3)(\d+)$", f))}
    said = classifiers("Programming Language :: Python :: ")
    assert pythons
    assert {text for text in said if re.match(r"3\.\d+$", text)} == pythons
    oldest = min(pythons, key=lambda text: int(text.partition(".")[2]))
    assert METADATA["Requires-Python"] == f">={oldest}"


def test_the_oldest_versions_that_it_asks_for_are_in_the_matrix() -> None:
    required = METADATA.get_all("Requires-Dist") or []
    bounds = {
        text.partition(">=")[0]: text.partition(">=")[2] for text in required if "; " not in text
    }
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    oldest = dict(re.findall(r"^ +oldest: ([\w-]+)==([\d.]+)$", tox, re.MULTILINE))
    assert set(bounds) == set(oldest) == {"execnet", "psutil", "pytest", "pytest-xdist"}
    for name, version in oldest.items():
        assert re.fullmatch(re.escape(bounds[name]) + r"(\.0)*", version), name


def test_what_it_is() -> None:
    assert classifiers("Framework :: ") == {"Pytest"}
    assert classifiers("Operating System :: ") == {"POSIX :: Linux"}, "nothing else is tested"
    assert "Typed" in classifiers("Typing :: ")
    assert (ROOT / "xdist_fixtureworker" / "py.typed").exists()


def test_the_version_stands_in_one_place() -> None:
    number = METADATA["Version"]
    places = [
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.toml", "*.ini", "docs/conf.py", "xdist_fixtureworker/**/*.py")
        for path in ROOT.glob(pattern)
        for _ in range(path.read_text(encoding="utf-8").count(f'"{number}"'))
    ]
    assert places == ["pyproject.toml"]

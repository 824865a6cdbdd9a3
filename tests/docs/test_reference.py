"""The reference names every option, ini setting and hook that the plugin adds, and no other."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import xdist_fixtureworker
import xdist_fixtureworker.plugin

from ..isolation import ONLY_OURS
from .commands import NEVER_HANG

ROOT = Path(__file__).parents[2]
OPTION = re.compile(r"^  (?:-\w, )?(--[\w-]+)", re.MULTILINE)
SETTING = re.compile(r"^  (\w+) \([\w ]+\):", re.MULTILINE)
TERM = re.compile(r"^`([\w-]+)[^`]*`[^\n]*\n: ", re.MULTILINE)


def _helped(folder: Path, **variables: str) -> Iterator[str]:
    """The names of options and ini settings in pytest's help."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=NEVER_HANG,
    )
    yield from OPTION.findall(done.stdout)
    yield from SETTING.findall(done.stdout)


@pytest.fixture
def added(tmp_path: Path) -> set[str]:
    """What the plugin adds to pytest's help."""
    without = set(_helped(tmp_path, **{**ONLY_OURS, "PYTEST_ADDOPTS": "-p xdist"}))
    assert {"--exitfirst", "testpaths"} <= without  # so it can be read
    return set(_helped(tmp_path, **ONLY_OURS)) - without


def _documented() -> set[str]:
    text = (ROOT / "docs" / "reference" / "options.md").read_text(encoding="utf-8")
    ours, _, _ = text.partition("\n## Together with options of pytest")
    return set(TERM.findall(ours))


def test_options_and_settings(added: set[str]) -> None:
    assert {"--fixture-worker", "fixture_worker", "--global-fixture", "global_fixtures"} <= added
    assert _documented() == added


def test_the_readme_names_them_too(added: set[str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(added) if f"`{name}" not in text] == []


def test_hooks() -> None:
    text = (ROOT / "docs" / "reference" / "options.md").read_text(encoding="utf-8")
    assert ("adds no hooks" in text) != hasattr(xdist_fixtureworker.plugin, "pytest_addhooks")


def test_public_names() -> None:
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    documented = re.findall(
        r"^\.\. auto(?:function|class|exception):: (\w+)(?:\(.*\))?$", text, re.MULTILINE
    )
    documented += re.findall(
        r"`(\w+)`", next(line for line in text.splitlines() if re.match("`[^`]", line))
    )
    assert sorted(documented) == sorted(xdist_fixtureworker.__all__)


def test_the_signature_of_global_fixture() -> None:
    """It stands in the page, because the function takes any argument, to say which there are."""
    signature = inspect.signature(xdist_fixtureworker.global_fixture)
    *parameters, unknown = signature.parameters.values()
    assert unknown.kind is unknown.VAR_KEYWORD
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    [written] = re.findall(r"^\.\. autofunction:: global_fixture(\(.+\))$", text, re.MULTILINE)
    assert written == str(inspect.Signature(bare)).replace("'", '"')

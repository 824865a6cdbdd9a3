"""The example with a database for each test: nothing of one is seen by another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .commands import run
from .pages import EXAMPLES

TESTS = 33


@pytest.mark.parametrize(
    "arguments",
    [("-n4", "--fixture-worker"), ("-o", "fixture_worker_copies=true")],
    ids=" ".join,
)
def test_each_test_has_its_own(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder = Path(shutil.copytree(EXAMPLES / "clones", tmp_path / "clones"))
    result = run(["pytest", *arguments], folder, tmp_path / "temporary")
    assert pytest.RunResult.parse_summary_nouns(result.stdout.splitlines()) == {"passed": TESTS}
    assert result.returncode == 0, result.stdout

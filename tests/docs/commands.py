"""Runs the commands of the documentation, and compares what they print with what it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..isolation import ONLY_OURS, VARIABLES

NEVER_HANG = 1200.0  # seconds, which no machine is too slow for: it only ends what hangs

_VARYING = [
    (re.compile(r"\d+\.\d+s( \([\d:]+\))?"), "0.00s"),
    (re.compile(r"\d+\.\d+ s\b"), "0.0 s"),
    (re.compile(r"\bgw\d+"), "gw0"),
    (re.compile(r"\bprocess \d+"), "process 0"),
    # From version to version of pytest: how it names an exception, which line a fixture is at.
    (re.compile(r"\b_pytest\.config\.exceptions\.(?=UsageError\b)"), "pytest."),
    (re.compile(r"(?<= -- )(\S+\.py):\d+"), r"\1:0"),
]


def run(
    arguments: Sequence[str], folder: Path, temporary: Path, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would.

    :param temporary: where pytest makes its temporary directories.
    """
    match list(arguments):
        case ["pytest", *rest]:
            command = [python, "-m", "pytest", *rest]
        case ["python" | ".venv/bin/python", *rest]:
            command = [python, *rest]
        case ["cat", *rest]:
            command = ["cat", *rest]
        case _:
            raise ValueError(f"not a command that can be run here: {arguments}")
    with subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        try:
            output, _ = process.communicate(timeout=NEVER_HANG)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # faulthandler then shows where it hangs
            output, _ = process.communicate()
            raise AssertionError(f"{arguments} hangs:\n{output}") from None
    return subprocess.CompletedProcess(command, process.returncode, output)


def _environment(temporary: Path) -> dict[str, str]:
    """That of this process, without what concerns the run of pytest that it belongs to."""
    temporary.mkdir(exist_ok=True)
    return {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTEST_") and name not in VARIABLES
        },
        **ONLY_OURS,
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "PYTHONFAULTHANDLER": "1",
        # Kept with the test, and not one of the three runs of which pytest keeps the files.
        "PYTEST_DEBUG_TEMPROOT": str(temporary),
        # Files are replaced faster than the time stamps of bytecode can tell.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def missing(expected: Iterable[str], output: str) -> str | None:
    """The first of the expected lines that does not follow in the output; None if all do."""
    lines = iter([_essence(line) for line in output.splitlines()])
    return next((line for line in expected if _essence(line) not in lines), None)


def _essence(line: str) -> str:
    """A line without what differs from run to run, and without rules of ``=`` around it."""
    for pattern, replacement in _VARYING:
        line = pattern.sub(replacement, line)
    return " ".join(line.strip().strip("=").split())

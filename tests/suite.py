"""Runs pytest on a small suite that a test writes out, and tells what happened.

A run that needs no other process is in that of the test; in ``tests/acceptance``, so is the controller
of one that does. Others are in a subprocess.

What fixtures and tests of such a suite did, and in which process, they write down themselves: with
``note()`` of the module ``notes``, which every suite has. There, ``wait_for()`` and ``wait_noted()`` wait for
others.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .in_process import is_serial, run_in_process

NOTES = '''
import json, os, time

# On another host, that is a copy of the suite.
FOLDER = os.environ.get("NOTES_FOLDER") or os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(FOLDER, "notes.jsonl")

def note(what, **more):
    # Not known when this is imported, if it is by a plugin: this process may be forked then.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    line = json.dumps({"what": what, "pid": os.getpid(), "worker": worker, **more})
    with open(FILE, "a") as file:
        file.write(line + "\\n")

def wait_for(file):
    """Wait until a file is there."""
    path = os.path.join(FOLDER, file)
    end = time.monotonic() + 600  # only ends what hangs
    while not os.path.exists(path):
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.01)

def wait_noted(what, number=1):
    """Wait until it was noted so often; returns these notes."""
    end = time.monotonic() + 600
    while True:
        lines = open(FILE).readlines() if os.path.exists(FILE) else []
        notes = [json.loads(line) for line in lines if line.endswith("\\n")]
        found = [each for each in notes if each["what"] == what]
        if len(found) >= number: return found
        assert time.monotonic() < end, f"{what} was never noted"
        time.sleep(0.01)
'''
DISTRIBUTED = ("-n2", "--fixture-worker")
ONE = ("-n1", "--fixture-worker")  # where it matters that one test worker runs all tests
MODES = pytest.mark.parametrize("mode", [DISTRIBUTED, ()], ids=["distributed", "serial"])
ONE_MODES = pytest.mark.parametrize("mode", [ONE, ()], ids=["distributed", "serial"])
FIXTURE_WORKER = "fixtureworker"
NEVER_HANG = 1200.0  # seconds, which no machine is too slow for: it only ends what hangs
_ENDS = {"PASSED": "passed", "FAILED": "failed", "SKIPPED": "skipped", "ERROR": "errors"}


def sampled(core: Callable[..., bool], *axes: Iterable[Any]) -> list[Any]:
    """The product of the axes, for ``parametrize``: those that ``core`` is true of are run always,
    the others by ``tox -e full`` only."""
    return [
        pytest.param(
            *values,
            marks=() if core(*values) else pytest.mark.full,
            id="-".join(map(_id, values)),
        )
        for values in product(*axes)
    ]


def _id(value: object) -> str:
    return (" ".join(value) or "serial") if type(value) is tuple else str(value)


@dataclass(frozen=True)
class Note:
    """One thing that happened in the suite."""

    what: str
    pid: int
    worker: str  #: "" in a serial run, else as xdist calls it, or "fixtureworker"
    more: dict[str, object]


@dataclass(frozen=True)
class Result:
    """What a run of pytest did."""

    code: int
    output: str
    errors: str
    notes: list[Note]

    @property
    def outcomes(self) -> dict[str, int]:
        """Counts from the last line, as ``{"passed": 3, "errors": 1}``."""
        return pytest.RunResult.parse_summary_nouns(self.output.splitlines())

    def noted(self, *what: str) -> list[str]:
        """What was noted, in order; only of the given kinds if there are any."""
        return [note.what for note in self.notes if not what or note.what in what]

    def workers(self, what: str) -> set[str]:
        """The workers in which ``what`` was noted."""
        return {note.worker for note in self.notes if note.what == what}

    def lines(self, pattern: str) -> list[str]:
        """The lines of the output in which the regular expression is found."""
        return [line for line in self.output.splitlines() if re.search(pattern, line)]


class Case(NamedTuple):
    """A folder of a suite, beside others. Its test modules have names that no other's have."""

    files: dict[str, str]
    outcomes: dict[str, int]  #: of its tests, as in :attr:`Result.outcomes`


class Suite:
    """A suite in a directory of its own.

    :param controls: whether the process of the test is the controller where tests are distributed.
    """

    def __init__(self, pytester: pytest.Pytester, *, controls: bool = False) -> None:
        self._pytester = pytester
        self._controls = controls
        self.path: Path = pytester.path
        self.notes = self.path / "notes.jsonl"
        self.write({"notes.py": NOTES, "pytest.ini": "[pytest]\npythonpath = .\n"})

    def write(self, files: dict[str, str]) -> None:
        """Write files; each may use ``pytest``, ``global_fixture`` and what is in ``notes`` without importing."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".py") and name != "notes.py":
                text = (
                    "import os, sys, pytest\n"
                    "from notes import note, wait_for, wait_noted\n"
                    "from xdist_fixtureworker import global_fixture\n" + text
                )
            path.write_text(text, encoding="utf-8")

    def run(self, *arguments: str, subprocess: bool = False) -> Result:
        """Run pytest in this suite; in the current directory, which is that of the suite at first.

        :param subprocess: whatever the arguments are: where the run needs an interpreter that has
            imported nothing, or its end is that of the process; or where an ini file says "-n".
        """
        self.notes.unlink(missing_ok=True)
        if subprocess or not (self._controls or is_serial(arguments)):
            result = self._pytester.runpytest_subprocess(*arguments, timeout=NEVER_HANG)
        else:
            result = run_in_process(self._pytester, *arguments)
        return Result(
            code=int(result.ret),
            output=result.stdout.str(),
            errors=result.stderr.str(),
            notes=read_notes(self.notes),
        )

    def run_cases(self, cases: dict[str, Case], *arguments: str) -> Result:
        """Run several cases at once, each in a folder of that name, and see how their tests end."""
        for name, case in cases.items():
            self.write({f"{name}/{file}": text for file, text in case.files.items()})
        result = self.run(*arguments, "-v", "-rs")
        for name, case in cases.items():
            ended = {
                (test, _ENDS[end])
                for line in result.lines(rf"(^| ){name}/\S+::")
                for test in re.findall(rf"{name}/\S+::\S+", line)
                for end in re.findall(rf"\b({'|'.join(_ENDS)})\b", line)
            }
            assert Counter(end for _, end in ended) == case.outcomes, (name, result.output)
        return result

    def run_distributed(self, *arguments: str) -> Result:
        """Run pytest on two test workers and a fixture worker."""
        return self.run(*DISTRIBUTED, *arguments)


def read_notes(file: Path) -> list[Note]:
    """What was noted so far; while the suite is running, too."""
    lines = file.read_text().splitlines() if file.exists() else []
    parsed = [json.loads(line) for line in lines]
    return [Note(data.pop("what"), data.pop("pid"), data.pop("worker"), data) for data in parsed]

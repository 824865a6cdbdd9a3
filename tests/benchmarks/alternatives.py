"""Measures what other answers to "run it once" do: set-ups and teardowns, when a run ends well or badly.

``python -m tests.benchmarks.alternatives`` prints the table of ``docs/explanation/alternatives.md``, and
needs what is measured: ``pip install filelock pytest-shared-session-scope pytest-parallex pytest-once``.
What is not installed is left out.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

NEVER_HANG = 120.0  # seconds: some of them do hang, which is told

HEAD = """
import os, pytest
from pathlib import Path

def note(what):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(what + "\\n")

def set_up():
    note("set-up")
    if os.environ["CASE"] == "fails":
        raise ConnectionError
    return "value"
"""

TESTS = """
import os, time, pytest
from conftest import note

@pytest.mark.parametrize("number", range(12))
def test_it(value, number):
    assert value == "value"
    if number == 3 and os.environ["CASE"] == "crash":
        os._exit(1)
    if number == 3 and os.environ["CASE"] == "stop":
        assert False
    time.sleep(0.1)
    note("test")
"""

SESSION = """
@pytest.fixture(scope="session")
def value():
    yield set_up()
    note("teardown")
"""

LOCK = """
import json
from filelock import FileLock

@pytest.fixture(scope="session")
def value(tmp_path_factory, worker_id):
    if worker_id == "master":
        yield set_up()
    else:
        file = tmp_path_factory.getbasetemp().parent / "value.json"
        with FileLock(f"{file}.lock"):
            if not file.is_file():
                file.write_text(json.dumps(set_up()))
        yield json.loads(file.read_text())
    note("teardown")
"""

SHARED = """
from pytest_shared_session_scope import CleanupToken, SetupToken, shared_session_scope_json

@shared_session_scope_json()
def value():
    data = yield
    if data is SetupToken.FIRST:
        data = set_up()
    token = yield data
    if token is CleanupToken.LAST:
        note("teardown")
"""

CONTROLLER = """
def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):
        os.environ["VALUE"] = set_up()

def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        note("teardown")

@pytest.fixture(scope="session")
def value():
    return os.environ["VALUE"]
"""

ONCE = """
from pytest_once import once_fixture

@once_fixture("once", autouse=False, scope="session")
def once():
    set_up()

@pytest.fixture(scope="session")
def value(once):
    return "value"
"""

OURS = """
from xdist_fixtureworker import global_fixture

@global_fixture
def value():
    yield set_up()
    note("teardown")
"""


@dataclass(frozen=True)
class Answer:
    """One way of running a fixture once."""

    name: str
    conftest: str
    plugins: tuple[str, ...]
    workers: tuple[str, ...]  #: the arguments that distribute the tests
    needs: str = "xdist"  #: the module that it cannot be without
    tests: str = TESTS


XDIST = ("-p", "xdist")
ANSWERS = (
    Answer("session fixture", SESSION, XDIST, ("-n4",)),
    Answer("file lock", LOCK, XDIST, ("-n4",), "filelock"),
    Answer(
        "`--dist=loadgroup`",
        SESSION,
        XDIST,
        ("-n4", "--dist=loadgroup"),
        tests=TESTS.replace("def test_it", '@pytest.mark.xdist_group("one")\ndef test_it'),
    ),
    Answer("before the workers start", CONTROLLER, XDIST, ("-n4",)),
    Answer(
        "pytest-shared-session-scope",
        SHARED,
        (*XDIST, "-p", "pytest_shared_session_scope.plugin"),
        ("-n4",),
        "pytest_shared_session_scope",
    ),
    Answer(
        "pytest-parallex, fork",
        SESSION,
        ("-p", "pytest_parallex.plugin"),
        ("--parallel=fork", "--parallel-workers=4"),
        "pytest_parallex",
    ),
    Answer("pytest-once", ONCE, XDIST, ("-n4",), "pytest_once"),
    Answer(
        "global fixture",
        OURS,
        (*XDIST, "-p", "xdist_fixtureworker.plugin"),
        ("-n4", "--fixture-worker"),
        "xdist_fixtureworker",
    ),
)


def notes(answer: Answer, case: str, *arguments: str) -> list[str] | None:
    """What happened in a run, in order; None if it did not end."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "conftest.py").write_text(HEAD + answer.conftest, encoding="utf-8")
        Path(folder, "test_it.py").write_text(answer.tests, encoding="utf-8")
        file = Path(folder, "notes")
        file.touch()
        variables = {"NOTES": str(file), "CASE": case, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *answer.plugins, *answer.workers, *arguments],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(NEVER_HANG)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None
        return file.read_text(encoding="utf-8").split()


def cells(answer: Answer) -> list[str]:
    """A row: set-ups and teardowns at a normal end, and in each other case."""
    row = [answer.name]
    for case, arguments in (("well", ()), ("stop", ("-x",)), ("crash", ()), ("fails", ())):
        seen = notes(answer, case, *arguments)
        if seen is None:
            row.append("hangs")
            continue
        text = f"{seen.count('set-up')} / {seen.count('teardown')}"
        if "teardown" in seen and "test" in seen[seen.index("teardown") :]:
            text += ", too early"
        row.append(text)
    return row


def main() -> None:
    print("| | normal end | `-x` | a worker crashes | the set-up fails |")
    print("|---|---|---|---|---|")
    for answer in ANSWERS:
        if importlib.util.find_spec(answer.needs) is not None:
            print("|", " | ".join(cells(answer)), "|", flush=True)


if __name__ == "__main__":
    main()

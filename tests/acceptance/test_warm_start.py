"""Workers that are forked from the controller do what workers do."""

from __future__ import annotations

import os
import sys

import pytest

from ..suite import FIXTURE_WORKER, Suite

if sys.platform != "linux":
    pytest.skip("warm workers are for Linux", allow_module_level=True)


@pytest.fixture
def controls() -> bool:
    """What is forked is a controller that did nothing else."""
    return False


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage that measures these runs from the start of their interpreters keeps them cold."""
    for name in os.environ:
        if name.startswith("COV"):
            monkeypatch.delenv(name)


def test_a_run_with_a_fixture_worker_and_a_crash(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
COMMAND = open("/proc/self/cmdline").read().split("\\0")
note("started" if COMMAND[1] == "-u" else "forked")  # as execnet starts Python
@global_fixture
def shared():
    note("up")
    yield os.getpid()
    note("down")
""",
            "test_it.py": """
@pytest.mark.parametrize("i", range(6))
def test_it(shared, i):
    note("test", shared=shared)
    if i == 1: os._exit(1)
    assert [i] != [5]
""",
        }
    )
    result = suite.run("-n2", "--fixture-worker", "--warm-workers")
    assert result.outcomes == {"passed": 4, "failed": 2}
    assert result.lines("^warm workers: 3 processes, forked in the place of new interpreters$")
    assert result.lines(r"assert \\[5\\] != \\[5\\]".replace("\\\\", "\\"))
    assert result.noted("up", "down") == ["up", "down"]
    assert {note.worker for note in result.notes if note.what == "forked"} == {
        *("", "gw0", "gw1", FIXTURE_WORKER)
    }
    assert result.workers("started") == {"gw2"}  # which replaces the one that crashed
    assert len({note.more["shared"] for note in result.notes if note.what == "test"}) == 1


def test_a_reason_against_it_is_told(suite: Suite) -> None:
    suite.write(
        {
            "pump.py": "import threading\n"
            "threading.Thread(target=threading.Event().wait, daemon=True, name='pump').start()",
            "test_it.py": "def test_it(): pass",
        }
    )
    result = suite.run("-n1", "--warm-workers", "-p", "pump")
    assert result.outcomes == {"passed": 1}
    assert result.lines("^warm workers: none, because this process has threads: pump$")


def test_without_distribution(suite: Suite) -> None:
    suite.write({"test_it.py": "def test_it(): pass"})
    result = suite.run("--warm-workers")
    assert result.lines(r"^warm workers: none, because tests are not distributed \(-n\)$")
    assert not suite.run("--warm-workers", "--no-warm-workers").lines("^warm workers")

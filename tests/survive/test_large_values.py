"""Large values, which are in files: whoever dies, the values are there, and then the files are not.

All runs have a directory in memory, and one among the temporary files with a socket for calls.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from ..running import count, running, until
from ..suite import ONE, Suite, read_notes

TWO = ("-n2", "--fixture-worker")
INI = "[pytest]\npythonpath = .\nfixture_worker_mapped_from = 100 KB\n"
ARRAYS = """
import os, tempfile
from pickle import PickleBuffer

BYTES = bytes(range(256)) * 2000

class Array:
    def __init__(self, memory): self.memory = memoryview(memory)
    def __reduce_ex__(self, protocol): return Array, (PickleBuffer(self.memory),)

def file(number):
    name = f"pytest-fixtureworker-{os.environ['XDIST_FIXTUREWORKER_RUN']}/{number}"
    (found,) = filter(os.path.exists, [f"/dev/shm/{name}", f"{tempfile.gettempdir()}/{name}"])
    return found
"""
CONFTEST = """
from arrays import *

def undo(value): note("undone", equal=value.memory == BYTES)

@global_fixture(recover=undo)
def data():
    note("up")
    yield Array(BYTES)
    note("down")

@global_fixture(share="proxy")
def state():
    note("run", id=os.environ["XDIST_FIXTUREWORKER_RUN"])
    return []

@pytest.fixture(autouse=True)
def calls(state): pass
"""


@pytest.fixture(autouse=True)
def suite(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """With large values in the conftest."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    suite.write({"pytest.ini": INI, "arrays.py": ARRAYS, "conftest.py": CONFTEST})
    return suite


def directories(suite: Suite) -> list[Path]:
    """Those of the first run of a suite, if they are there."""
    run = next(note.more["id"] for note in read_notes(suite.notes) if note.what == "run")
    parents = ["/dev/shm"] if os.path.ismount("/dev/shm") else []
    found = [Path(parent, f"pytest-fixtureworker-{run}") for parent in (*parents, "/tmp")]
    return [directory for directory in found if directory.exists()]


def test_test_worker_dies(suite: Suite) -> None:
    """The one in its place maps the same file."""
    suite.write(
        {
            "test_it.py": """
from arrays import *
@pytest.mark.parametrize("i", range(4))
def test_it(data, i):
    assert data.memory == BYTES
    note("mapped", readonly=data.memory.readonly)
    if i == 1: os.kill(os.getpid(), 9)
"""
        }
    )
    result = suite.run(*ONE, "-p", "no:faulthandler")
    assert result.outcomes == {"passed": 3, "failed": 1}, result.output
    assert [note.more for note in result.notes if note.what == "mapped"] == [{"readonly": True}] * 4
    assert len({note.pid for note in result.notes if note.what == "mapped"}) == 2
    assert result.noted("up", "down", "undone") == ["up", "down"]
    assert directories(suite) == []


def test_fixture_worker_dies(suite: Suite) -> None:
    """Who asks later maps the file all the same, recover= too; and the controller removes it. Where
    the file is gone as well, the test says so."""
    suite.write(
        {
            "conftest.py": CONFTEST
            + """
@global_fixture
def other(): return Array(BYTES)
@global_fixture
def killer(): os.kill(os.getpid(), 9)
""",
            "test_it.py": """
from arrays import *
def test_kill(data, request):
    if os.environ["PYTEST_XDIST_WORKER"] == "gw0":
        request.getfixturevalue("other")
        with pytest.raises(Exception, match="killed by signal 9"): request.getfixturevalue("killer")
        os.unlink(file(2))
        os.kill(os.getpid(), 9)
def test_later(data):
    assert data.memory == BYTES
    assert data.memory.readonly
def test_file_is_gone(other): pass
""",
        }
    )
    result = suite.run(*ONE, "-p", "no:faulthandler")
    assert result.outcomes == {"passed": 1, "failed": 1, "errors": 2}, result.output
    assert [note.more for note in result.notes if note.what == "undone"] == [{"equal": True}]
    shown = " ".join(result.output.split())
    assert (
        "which test worker gw1 cannot map, and it cannot be fetched from the fixture worker"
        in shown
    )
    assert directories(suite) == []


def test_controller_dies(suite: Suite) -> None:
    suite.write({"test_it.py": "from arrays import *\ndef test_it(data):\n    wait_for('go')\n"})
    with running(suite, *ONE) as controller:
        # pytest 8 does not set them up in the order of later ones.
        until(suite, lambda notes: {"run", "up"} <= {note.what for note in notes})
        family = controller.family()
        controller.kill()
        (suite.path / "go").touch()
        controller.wait_gone(family)
    assert controller.noted("up", "down") == ["up", "down"]
    assert directories(suite) == []


def test_all_die(suite: Suite) -> None:
    """The next run removes what they left."""
    suite.write(
        {
            "test_it.py": """
from arrays import *
def test_it(data):
    note("test")
    wait_for('go')
"""
        }
    )
    with running(suite, *ONE) as controller:
        until(suite, count("test"))
        family = controller.family()
        controller.send_signal(signal.SIGSTOP)
        for process in [*family, psutil.Process(controller.pid)]:
            process.kill()
        controller.end()
        controller.wait_gone(family)
    left = directories(suite)
    assert [sorted(os.listdir(each)) for each in left] in ([["1"], ["calls"]], [["1", "calls"]])
    (crash_file,) = (suite.path / ".pytest_cache" / "fixture_worker").glob("*.json")
    first, *_ = crash_file.read_text().splitlines()
    assert json.loads(first)["run_files"] == list(map(str, left))
    (suite.path / "go").touch()
    assert suite.run(*TWO).outcomes == {"passed": 1}
    assert directories(suite) == []

"""Large values, which are in files: whoever dies, the values are there, and then the files are not."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psutil
import pytest

from ..running import count, running, until
from ..suite import ONE, Suite

TWO = ("-n2", "--fixture-worker")
INI = "[pytest]\npythonpath = .\nfixture_worker_mapped_from = 100 KB\n"
ARRAYS = """
from pickle import PickleBuffer

BYTES = bytes(range(256)) * 2000

class Array:
    def __init__(self, memory): self.memory = memoryview(memory)
    def __reduce_ex__(self, protocol): return Array, (PickleBuffer(self.memory),)
"""
CONFTEST = """
from arrays import *

def undo(value): note("undone", equal=value.memory == BYTES)

@global_fixture(recover=undo)
def data():
    note("up")
    yield Array(BYTES)
    note("down")
"""


@pytest.fixture
def files(suite: Suite) -> Path:
    """The directory for temporary files in runs of the suite, which is written."""
    suite.write({"pytest.ini": INI, "arrays.py": ARRAYS, "conftest.py": CONFTEST})
    directory = suite.path / "temporary"
    directory.mkdir()
    return directory


@pytest.fixture(autouse=True)
def temporary(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(files))


def left(files: Path) -> list[str]:
    return [file.name for file in files.glob("pytest-fixtureworker-*")]


def test_test_worker_dies(suite: Suite, files: Path) -> None:
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
    assert left(files) == []


def test_fixture_worker_dies(suite: Suite, files: Path) -> None:
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
import glob, tempfile
from arrays import *
def test_kill(data, request):
    if os.environ["PYTEST_XDIST_WORKER"] == "gw0":
        request.getfixturevalue("other")
        with pytest.raises(Exception, match="killed by signal 9"): request.getfixturevalue("killer")
        os.unlink(sorted(glob.glob(tempfile.gettempdir() + "/pytest-fixtureworker-*/*"))[1])
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
    assert left(files) == []


def test_controller_dies(suite: Suite, files: Path) -> None:
    suite.write({"test_it.py": "from arrays import *\ndef test_it(data):\n    wait_for('go')\n"})
    with running(suite, *ONE) as controller:
        until(suite, count("up"))
        family = controller.family()
        controller.kill()
        (suite.path / "go").touch()
        controller.wait_gone(family)
    assert controller.noted() == ["up", "down"]
    assert left(files) == []


def test_all_die(suite: Suite, files: Path) -> None:
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
    (directory,) = files.glob("pytest-fixtureworker-*")
    assert [file.name for file in directory.iterdir()] == ["1"]
    (crash_file,) = (suite.path / ".pytest_cache" / "fixture_worker").glob("*.json")
    first, *_ = crash_file.read_text().splitlines()
    assert json.loads(first)["value_files"] == str(directory)
    (suite.path / "go").touch()
    assert suite.run(*TWO).outcomes == {"passed": 1}
    assert left(files) == []

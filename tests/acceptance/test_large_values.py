"""Large values: in a file that test workers map, and have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..suite import DISTRIBUTED, MODES, ONE, Suite

ARRAYS = """
from dataclasses import dataclass
from pathlib import Path
from pickle import PickleBuffer

BYTES = bytes(range(256)) * 2000

class Array:
    '''Gives its memory to pickle, as arrays of libraries do.'''
    def __init__(self, memory): self.memory = memoryview(memory)
    def __reduce_ex__(self, protocol): return Array, (PickleBuffer(self.memory),)

@dataclass
class Data:
    array: Array
    others: dict

def mapped():
    '''The files of large values that are mapped here.'''
    maps = Path("/proc/self/maps").read_text() if Path("/proc/self/maps").exists() else ""
    return {line.split(maxsplit=5)[5] for line in maps.splitlines() if "pytest-fixtureworker-" in line}
"""
CONFTEST = """
from arrays import *

@global_fixture
def data():
    others = {"bytes": [BYTES], "bytearray": bytearray(BYTES), "view": memoryview(BYTES)}
    yield Data(Array(bytearray(BYTES)), others)
    note("down")

@global_fixture
def small(): return Array(bytearray(b"small"))
"""
TESTS = """
from arrays import *

def check(data, small):
    WORKER = os.environ.get("PYTEST_XDIST_WORKER")
    assert data.array.memory == BYTES
    assert data.array.memory.readonly == IS_SHARED
    if IS_SHARED:
        with pytest.raises(TypeError): data.array.memory[0] = 1
    bytearray(data.array.memory)[0] = 1
    others = data.others
    assert (type(others["bytes"][0]), others["bytes"][0]) == (bytes, BYTES)
    assert (type(others["bytearray"]), others["bytearray"]) == (bytearray, BYTES)
    assert (type(others["view"]), others["view"]) == (memoryview, BYTES)
    others["bytearray"].append(1)
    others["bytearray"].pop()
    small.memory[0] = 0
    note("mapped", files=sorted(mapped()))

@pytest.mark.parametrize("i", range(2))
def test_by_argument(data, small, i): check(data, small)

@pytest.mark.parametrize("i", range(2))
def test_by_name(request, i):
    check(request.getfixturevalue("data"), request.getfixturevalue("small"))
"""
INI = "[pytest]\npythonpath = .\nfixture_worker_mapped_from = 100 KB\n"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files in runs of the suite."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


def write(suite: Suite, *, is_shared: bool) -> None:
    suite.write(
        {
            "pytest.ini": INI,
            "arrays.py": ARRAYS,
            "conftest.py": CONFTEST,
            "test_it.py": f"IS_SHARED = {is_shared}\n{TESTS}",
        }
    )


@MODES
def test_they_are_not_copied(suite: Suite, temporary: Path, mode: tuple[str, ...]) -> None:
    write(suite, is_shared=mode == DISTRIBUTED)
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 4}, result.output
    assert result.noted("down") == ["down"]
    files = {str(note.more["files"]) for note in result.notes if note.what == "mapped"}
    if mode == DISTRIBUTED and Path("/proc/self/maps").exists():
        assert len(files) == 1
        assert f"{temporary}/pytest-fixtureworker-" in files.pop()
    assert [file.name for file in temporary.iterdir() if "fixtureworker-" in file.name] == []


def test_a_serial_run_that_checks_for_it(suite: Suite) -> None:
    write(suite, is_shared=True)
    result = suite.run("-o", "fixture_worker_copies=true")
    assert result.outcomes == {"passed": 4}, result.output


def test_switched_off(suite: Suite, temporary: Path) -> None:
    write(suite, is_shared=False)
    result = suite.run(*ONE, "-o", "fixture_worker_mapped_from=off")
    assert result.outcomes == {"passed": 4}, result.output
    assert [note.more["files"] for note in result.notes if note.what == "mapped"] == [[]] * 4


def test_no_room_no_way_to_map_and_no_file(suite: Suite, temporary: Path) -> None:
    """The tests that need what there is no room for, or what somebody has removed, have an error;
    all else goes on. Who cannot map a file gets what is in it all the same."""
    suite.write(
        {
            "pytest.ini": INI,
            "arrays.py": ARRAYS,
            "conftest.py": """
import resource
from arrays import *
LIMITS = resource.getrlimit(resource.RLIMIT_FSIZE)

@global_fixture
def no_room():
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, LIMITS[1]))
    yield Array(BYTES)
    note("no room down")

@global_fixture
def later():
    resource.setrlimit(resource.RLIMIT_FSIZE, LIMITS)
    return [Array(BYTES * 10), BYTES]

@global_fixture
def removed(later): return BYTES
""",
            "test_it.py": """
import resource, tempfile
from arrays import *
import xdist_fixtureworker.test_worker.large  # which cannot be imported below

def test_no_room(no_room): pass

@pytest.mark.parametrize("i", range(2))
def test_way(request, i):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    note(f"begun {i}")
    wait_noted(f"begun {1 - i}")
    if i: resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try: array, data = request.getfixturevalue("later")
    finally: resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (array.memory, array.memory.readonly, data) == (BYTES * 10, True, BYTES)
    note("mapped", number=i, is_mapped=bool(mapped()))
    if i:
        wait_noted("gone")
        request.getfixturevalue("removed")
    else:
        request.getfixturevalue("removed")
        (directory,) = Path(tempfile.gettempdir()).glob("pytest-fixtureworker-*")
        (directory / "2").unlink()
        note("gone")
""",
        }
    )
    result = suite.run(*DISTRIBUTED, "--dist=load", "--maxschedchunk=1")
    assert result.outcomes == {"passed": 1, "failed": 1, "errors": 1}, result.output
    assert result.noted("no room down") == ["no room down"]
    way = {note.more["number"]: note.more["is_mapped"] for note in result.notes if note.more}
    assert way == {0: Path("/proc/self/maps").exists(), 1: False}
    shown = " ".join(result.output.split())
    assert "is large, so the test workers are to map it, but it cannot be written to" in shown
    assert "/1 ([Errno 27] File too large). Make room there, or set TMPDIR" in shown
    assert (
        "cannot map, and it cannot be fetched from the fixture worker (FileNotFoundError:" in shown
    )
    assert [file.name for file in temporary.iterdir() if "fixtureworker-" in file.name] == []

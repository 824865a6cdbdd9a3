"""Arrays of numpy as values: in memory once, for all workers."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from ..suite import ONE, ONE_MODES, Suite

CONFTEST = """
import weakref
import numpy

SIZE = 1_000_000

SEEN = []

@global_fixture
def array():
    array = numpy.arange(float(SIZE))
    SEEN.append(weakref.ref(array))  # as frames of pandas have to themselves
    return array

@global_fixture
def needing(array):
    note("needing", owns=bool(array.flags.owndata))
    array[0] = 7
    yield array[:2].tolist()
    note("after", first=float(array[0]))

@global_fixture
def kept():
    array = numpy.ones((2, SIZE), order="F")[:, 1:]
    yield {"whole": numpy.ones((2, SIZE), order="F"), "part": array, "few": numpy.zeros(3)}
    note("kept down", whole=float(array.sum()))

@global_fixture
def times():
    times = numpy.arange(SIZE).astype("M8[s]")
    rows = numpy.zeros((2, SIZE), dtype=[("time", "m8[ms]"), ("value", "f8")], order="F")
    rows["value"] = 2
    return {"times": times, "rows": rows, "none": times[:0], "some": times[::2]}

KEPT = numpy.ones(SIZE)
@global_fixture
def referred(): return KEPT

@global_fixture
def watched():
    held = [numpy.ones(SIZE)]
    weakref.finalize(held[0], note, "watched is gone")
    yield held.pop()
    note("watched down")

@global_fixture
def referring(referred):
    return referred is KEPT
"""
TESTS = """
import numpy
from conftest import SIZE
SHARED = bool(os.environ.get("PYTEST_XDIST_WORKER"))

@pytest.mark.parametrize("i", range(2))
def test_array(array, i):
    assert array[-1] == SIZE - 1
    assert array.flags.writeable == (not SHARED)
    if SHARED:
        with pytest.raises(ValueError, match="assignment destination is read-only"): array[0] = 1
    mine = array.copy()
    mine[0] = 1

@pytest.mark.parametrize("i", range(2))
def test_needing(array, needing, i):
    assert needing == [7, 1]
    assert array[0] == (0 if SHARED else 7)

def test_kept(request):
    kept = request.getfixturevalue("kept")
    assert kept["whole"].flags.f_contiguous and kept["whole"].sum() == 2 * SIZE
    assert kept["part"].shape == (2, SIZE - 1) and kept["part"].sum() == 2 * SIZE - 2
    kept["few"][0] = 1

def test_times(request):
    # Such memory is no buffer for Python, and is mapped all the same.
    times, rows, none, some = request.getfixturevalue("times").values()
    assert (times.dtype, rows.dtype["time"]) == ("M8[s]", "m8[ms]")
    assert (times == numpy.arange(SIZE).astype("M8[s]")).all() and (some == times[::2]).all()
    assert rows.flags.f_contiguous and rows.shape == (2, SIZE) and (rows["value"] == 2).all()
    assert none.dtype == "M8[s]" and none.shape == (0,)
    assert times.flags.writeable == rows.flags.writeable == (not SHARED)

def test_referred(referred, watched, referring): assert referring
"""


@pytest.mark.skipif(find_spec("numpy") is None, reason="needs numpy")
@ONE_MODES
def test_arrays(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*mode, subprocess=True)
    assert result.outcomes == {"passed": 7}, result.output
    (needing,) = [note.more for note in result.notes if note.what == "needing"]
    # The fixture worker has let go of the object that was sent, which only pytest had.
    assert needing == {"owns": mode != ONE}
    assert [note.more for note in result.notes if note.what == "after"] == [{"first": 7}]
    assert len(result.noted("kept down")) == 1
    watched = "watched down", "watched is gone"
    assert result.noted(*watched) == list(watched)

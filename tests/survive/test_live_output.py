"""With ``-s``, what the fixture worker prints is seen whatever becomes of it, and holds nothing up."""

from __future__ import annotations

import pytest

from ..running import count, running, until
from ..suite import ONE, Suite

DIES = """
import time
@global_fixture
def dying():
    print("Waiting for the server ...", end="", flush=True)
    wait_for("seen")
    print("gives up")
    os._exit(3)
"""
#: More than the pipe has room for, and what is on its way from there.
TALKS = """
@global_fixture
def talking():
    yield
    note("talks")
    for _ in range(200): print("x" * 99_999)
    note("has talked")
"""


def test_one_that_hangs_and_then_dies(suite: Suite) -> None:
    suite.write({"conftest.py": DIES, "test_it.py": "def test_it(dying): pass"})
    with running(suite, *ONE, "-s") as controller:
        controller.read_until("[fixtureworker] Waiting for the server ...\n")
        (suite.path / "seen").touch()
        code, output = controller.end()
    assert code == 1
    assert "[fixtureworker] gives up\n" in output
    assert "its process" in output


def test_one_that_prints_more_than_anybody_reads(suite: Suite) -> None:
    suite.write({"conftest.py": TALKS, "test_it.py": "def test_it(talking): pass"})
    result = suite.run(*ONE, "-s")
    assert result.code == 0
    lines = result.lines(r"^\[fixtureworker\] x+$")
    prefixes = len(lines)  # each has an x, too
    assert sum(line.count("x") for line in lines) - prefixes == 200 * 99_999
    assert result.noted() == ["talks", "has talked"]


def test_the_controller_is_killed(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who prints after that is not held up, and gets no error; and no file is left."""
    temporary = suite.path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    test = "def test_it(talking):\n    note('test')\n    import time\n    time.sleep(600)"
    suite.write({"conftest.py": TALKS, "test_it.py": test})
    with running(suite, *ONE, "-s") as controller:
        until(suite, count("test"))
        family = controller.family()
        (pipe,) = temporary.glob("*/output")
        controller.kill()
        notes = until(suite, count("has talked"))
        controller.wait_gone(family)
    assert not pipe.parent.exists()
    assert [note.what for note in notes] == ["test", "talks", "has talked"]

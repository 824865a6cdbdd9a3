"""What the terminal says while a set-up or a finalizer takes long."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from ..running import running
from ..suite import DISTRIBUTED, Suite

SLOW = {
    "conftest.py": """
import time
@pytest.fixture(scope="session")
def plain(): time.sleep({seconds})
@global_fixture
def slow(plain):
    time.sleep({seconds})
    yield
    time.sleep({seconds})
""",
    "test_it.py": "def test_it(slow): pass\ndef test_other(): pass\ndef test_last(slow): pass",
}


@pytest.fixture
def slow(suite: Suite, request: pytest.FixtureRequest) -> Suite:
    seconds = getattr(request, "param", 2.5)
    suite.write({name: text.replace("{seconds}", str(seconds)) for name, text in SLOW.items()})
    return suite


def test_plain_lines(slow: Suite) -> None:
    """Each on a line of its own, between the dots of tests."""
    result = slow.run_distributed()
    assert result.outcomes == {"passed": 3}
    assert [re.sub(r"\d+", "", line) for line in result.lines("waiting for")] == [
        "fixture worker: waiting for the set-up of plain (conftest.py:) for  s",
        "fixture worker: waiting for the set-up of slow (conftest.py:) for  s",
        "fixture worker: waiting for the finalizer of slow (conftest.py:) for  s",
    ]


def test_a_pipe_gets_the_line_at_once(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import time
@global_fixture
def slow():
    while not os.path.exists("told"): time.sleep(0.01)
""",
            "test_it.py": "def test_it(slow): pass",
        }
    )
    with running(suite, *DISTRIBUTED) as controller:
        controller.read_until("waiting for the set-up of slow")
        (suite.path / "told").touch()
        code, output = controller.end()
    assert code == 0, output


def test_nothing_when_quiet(slow: Suite) -> None:
    assert slow.run_distributed("-q").lines("waiting for") == []


@pytest.mark.parametrize("option", ["no:terminal", "no:xdist"])
def test_where_nobody_listens(slow: Suite, option: str) -> None:
    arguments = DISTRIBUTED if option == "no:terminal" else ()
    result = slow.run("-p", option, *arguments)
    assert result.code == 0
    assert "waiting for" not in result.output


@pytest.mark.parametrize("slow", [0.1], indirect=True)
def test_nothing_when_it_does_not_take_long(slow: Suite) -> None:
    assert slow.run_distributed().lines("waiting for") == []


@pytest.mark.parametrize("slow", [4.5], indirect=True)
def test_one_line_of_a_terminal(slow: Suite) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "100"}
    command = [sys.executable, "-m", "pytest", *DISTRIBUTED]
    with subprocess.Popen(command, cwd=slow.path, stdout=slave, env=environment) as controller:
        os.close(slave)
        output = b""
        try:
            while data := os.read(master, 10_000):
                output += data
        except OSError:
            pass  # what reading from a terminal ends with on Linux
        finally:
            os.close(master)
    assert controller.returncode == 0
    (line,) = [line for line in output.decode().split("\r\n") if "set-up of slow" in line]
    shown = [re.sub(r"\(.*\)", "()", part).rstrip() for part in line.split("\r")]
    assert shown == [f"fixture worker: waiting for the set-up of slow () for {n} s" for n in (2, 4)]

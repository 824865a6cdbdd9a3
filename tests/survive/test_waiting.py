"""What the terminal says while a set-up or a finalizer takes long."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from ..running import running
from ..suite import ONE, Suite

TESTS = "def test_it(slow): pass\ndef test_other(): pass\ndef test_last(slow): pass"
#: Each step takes until a file is there.
WAITS = {
    "conftest.py": """
@pytest.fixture(scope="session")
def plain(): wait_for("plain told")

@global_fixture
def slow(plain):
    wait_for("slow told")
    yield
    wait_for("end told")
""",
    "test_it.py": TESTS,
}
SLEEPS = {
    "conftest.py": """
import time
@global_fixture
def slow(): time.sleep({seconds})
""",
    "test_it.py": TESTS,
}


@pytest.fixture
def slow(suite: Suite, request: pytest.FixtureRequest) -> Suite:
    seconds = getattr(request, "param", 2.5)
    suite.write({name: text.replace("{seconds}", str(seconds)) for name, text in SLEEPS.items()})
    return suite


def test_plain_lines(suite: Suite) -> None:
    """Each comes at once, also through a pipe, and is a line of its own, between the dots of tests."""
    suite.write(WAITS)
    said = ""
    with running(suite, *ONE) as controller:
        for told, what in {
            "plain": "the set-up of plain",
            "slow": "the set-up of slow",
            "end": "the finalizer of slow",
        }.items():
            said += controller.read_until(f"waiting for {what}")
            (suite.path / f"{told} told").touch()
        code, rest = controller.end()
    assert code == 0, said + rest
    assert "3 passed" in rest
    lines = [line for line in (said + rest).splitlines() if "waiting for" in line]
    assert list(dict.fromkeys(re.sub(r"\d+", "", line) for line in lines)) == [
        "fixture worker: waiting for the set-up of plain (conftest.py:) for  s",
        "fixture worker: waiting for the set-up of slow (conftest.py:) for  s",
        "fixture worker: waiting for the finalizer of slow (conftest.py:) for  s",
    ]


def test_nothing_when_quiet(slow: Suite) -> None:
    assert slow.run(*ONE, "-q").lines("waiting for") == []


@pytest.mark.parametrize("option", ["no:terminal", "no:xdist"])
def test_where_nobody_listens(slow: Suite, option: str) -> None:
    arguments = ONE if option == "no:terminal" else ()
    result = slow.run("-p", option, *arguments, subprocess=True)
    assert result.code == 0
    assert "waiting for" not in result.output


@pytest.mark.parametrize("slow", [0.1], indirect=True)
def test_nothing_of_what_does_not_take_long(slow: Suite) -> None:
    """Two seconds are long, which a machine may take for a tenth of one."""
    lines = slow.run(*ONE).lines("waiting for")
    assert all(float(line.split()[-2]) >= 2 for line in lines), lines


def test_one_line_of_a_terminal(suite: Suite) -> None:
    """It is written over each second, and gone at the end."""
    suite.write(WAITS)
    (suite.path / "plain told").touch()
    (suite.path / "end told").touch()
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "100"}
    command = [sys.executable, "-m", "pytest", *ONE]
    with subprocess.Popen(command, cwd=suite.path, stdout=slave, env=environment) as controller:
        os.close(slave)
        output = b""
        try:
            while data := os.read(master, 10_000):
                output += data
                if output.count(b"waiting for the set-up of slow") == 2:
                    (suite.path / "slow told").touch()
        except OSError:
            pass  # what reading from a terminal ends with on Linux
        finally:
            os.close(master)
    assert controller.returncode == 0
    # Behind each, the cursor goes to the beginning of the line, and erases it.
    line = r"fixture worker: waiting for the set-up of slow \(\S+\) for (\d+) s\r\x1b\[K"
    seconds = [int(each) for each in re.findall(line, output.decode())]
    assert seconds == sorted(seconds)
    assert len(set(seconds)) >= 2
    assert len(seconds) == output.count(b"set-up of slow")

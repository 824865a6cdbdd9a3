"""Set-ups that nobody waits for are ended, and undone, as any other."""

from __future__ import annotations

import signal

from ..running import count, running, until
from ..suite import ONE, Suite

CONFTEST = """
import time

note("loaded")

def undo(value): note("undone")

@global_fixture(eager=True, recover=undo)
def first():
    note("first")
    yield 1
    note("first down")

@global_fixture(eager=True)
def second():
    note("second")
    {second}

@global_fixture(eager=True)
def third(): note("third")
"""
TEST = """
import time

def test_it(first):
    note("test")
    time.sleep(3600)
"""


def test_an_interrupt_while_one_runs(suite: Suite) -> None:
    """No other one begins."""
    suite.write({"conftest.py": CONFTEST.format(second="time.sleep(3600)"), "test_it.py": TEST})
    with running(suite, *ONE) as controller:
        until(suite, count("second"))
        family = controller.family()
        controller.send_signal(signal.SIGINT, group=True)
        code, output = controller.end()
        controller.wait_gone(family)
    assert code == 2, output
    assert "set-up of second (conftest.py:" in output  # was interrupted
    noted = controller.noted("first", "second", "third", "first down")
    assert noted == ["first", "second", "first down"]


def test_the_fixture_worker_dies_of_one(suite: Suite) -> None:
    """The one that undoes what it left sets nothing up."""
    suite.write(
        {
            "conftest.py": CONFTEST.format(second="os.kill(os.getpid(), 9)"),
            "test_it.py": """
def test_other():
    wait_noted("second")
""",
        }
    )
    result = suite.run(*ONE)
    assert result.code == 1
    assert result.outcomes == {"passed": 1, "errors": 1}, result.output
    noted = result.noted("first", "second", "third", "first down", "undone")
    assert noted == ["first", "second", "undone"]
    assert "was killed by signal 9" in result.output
    assert result.lines(r"^  second \(conftest.py:\d+\), while it was being set up")

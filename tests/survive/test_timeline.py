"""The timeline of a run that did not end as it should."""

from __future__ import annotations

import json
import signal
from collections import Counter

from ..running import count, running, until
from ..suite import ONE, Suite

OPTION = "--fixture-worker-timeline=timeline.json"


def outcomes(suite: Suite, category: str) -> list[tuple[str, str]]:
    """What there is of a kind, and how it ended."""
    found = json.loads((suite.path / "timeline.json").read_text())["traceEvents"]
    return [
        (each["name"], each["args"].get("outcome", ""))
        for each in found
        if each.get("cat") == category
    ]


def test_ctrl_c(suite: Suite) -> None:
    """In a set-up, of which one test waits."""
    suite.write(
        {
            "conftest.py": """
import time
@global_fixture
def server():
    yield 1
@global_fixture
def slow(server):
    note("slow")
    while True: time.sleep(0.01)
""",
            "test_it.py": "def test_a(server): pass\ndef test_b(slow): pass",
        }
    )
    with running(suite, *ONE, OPTION) as controller:
        until(suite, count("slow"))
        controller.send_signal(signal.SIGINT)
        code, output = controller.end()
    assert code == 2
    assert "timeline: " in output
    assert outcomes(suite, "set-up") == [("server", "set up"), ("slow", "interrupted")]
    assert ("finalizer of server", "finalized") in outcomes(suite, "finalizer")
    assert ("test_it.py::test_a", "passed") in outcomes(suite, "test")


def test_deaths(suite: Suite) -> None:
    """Of a test worker in a test, and then of the fixture worker in a set-up."""
    suite.write(
        {
            "conftest.py": """
def undo(value): note("undone")
@global_fixture(recover=undo)
def server():
    yield 1
@global_fixture
def deadly(server): os.kill(os.getpid(), 9)
""",
            "test_it.py": """
def test_a(server): pass
def test_b(server): os.kill(os.getpid(), 9)
def test_c(deadly): pass
""",
        }
    )
    result = suite.run(*ONE, OPTION)
    assert result.code == 1
    assert Counter(outcomes(suite, "test")) == Counter(
        [
            ("test_it.py::test_a", "passed"),
            ("test_it.py::test_b", "crashed"),
            ("test_it.py::test_c", "error"),
        ]
    )
    assert outcomes(suite, "set-up") == [("server", "set up"), ("deadly", "unfinished")]
    assert outcomes(suite, "recovery") == [("recovery of server", "finalized")]
    assert len(outcomes(suite, "death")) == 2
    found = json.loads((suite.path / "timeline.json").read_text())["traceEvents"]
    processes = [each["args"]["name"] for each in found if each["name"] == "process_name"]
    assert processes == [
        "fixtureworker (fixture worker)",
        "recovery (fixture worker)",
        "gw0 (test worker)",
        "gw1 (test worker)",
    ]


def test_where_no_summary_is_shown(suite: Suite) -> None:
    """As after a signal that asks for an orderly end, and with an error at the session's start."""
    suite.write({"conftest.py": "def pytest_sessionstart(): raise RuntimeError('no')"})
    result = suite.run(*ONE, OPTION)
    assert result.code == 3
    assert outcomes(suite, "test") == []
    assert result.lines("timeline: ")

"""What becomes of fixtures when a test worker on another host, its connection, or the controller dies."""

from __future__ import annotations

import psutil
import pytest

from tests.running import count, running, until
from tests.suite import FIXTURE_WORKER, Suite

from .gateways import sockets
from .sshd import Sshd, far

CONFTEST = """
import psutil
from notes import FOLDER

def is_first(name):
    try: os.mkdir(os.path.join(FOLDER, name))
    except FileExistsError: return False
    return True

@global_fixture
def served():
    note("up")
    yield "value"
    note("down")
"""
#: A test that does something to its worker, and others that come after it.
TESTS = """
from conftest import is_first, psutil
@pytest.mark.parametrize("i", range(4))
def test_it(served, i):
    note("test", value=served)
    if is_first("done"):
        note("dies")
        {dies}
        wait_for("for ever")
"""
#: One that is under way when the controller dies.
IN_FLIGHT = """
def test_it(served):
    note("test")
    try: wait_for("for ever")
    finally: note("test over")
"""


def assert_lived_once(suite_notes: list[str]) -> None:
    assert suite_notes.count("up") == suite_notes.count("down") == 1
    assert suite_notes[-1] == "down"


@pytest.mark.parametrize(
    "dies",
    [
        "os.kill(os.getpid(), 9)",
        "next(each for each in psutil.Process().parents() if each.name() == 'sshd').kill()",
    ],
    ids=["test worker", "connection"],
)
def test_one_test_worker_dies(suite: Suite, sshd: Sshd, dies: str) -> None:
    """Another takes its place, and gets the value; if it was only its connection, it ends itself."""
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS.format(dies=dies)})
    result = suite.run(*far(suite), sshd.tx(2))
    assert result.outcomes == {"passed": 3, "failed": 1}, result.output
    assert result.lines(r"^worker 'gw\d' crashed while running 'test_it\.py::test_it")
    assert_lived_once(result.noted("up", "down", "test"))
    assert [note.more["value"] for note in result.notes if note.what == "test"] == ["value"] * 4
    assert len(result.workers("test") - {FIXTURE_WORKER}) >= 2
    for pid in {note.pid for note in result.notes if note.what == "dies"}:
        wait_gone(pid)


def test_a_host_is_gone(suite: Suite, sshd: Sshd) -> None:
    """No other test worker can be started there: the run ends as xdist ends it, fixtures with it."""
    dies = "[each.kill() for each in reversed(psutil.Process().parents()) if each.name() == 'sshd']"
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS.format(dies=dies)})
    result = suite.run(*far(suite), sshd.tx(2))
    assert result.code == 3, result.output
    assert "execnet.gateway_bootstrap.HostNotFound: there" in result.output
    assert_lived_once(result.noted("up", "down"))


def test_a_host_is_gone_and_test_workers_are_not_restarted(suite: Suite, sshd: Sshd) -> None:
    dies = "[each.kill() for each in reversed(psutil.Process().parents()) if each.name() == 'sshd']"
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS.format(dies=dies)})
    result = suite.run(*far(suite), sshd.tx(1), "--max-worker-restart=0")
    assert result.code == 1, result.output
    assert "worker gw0 crashed and worker restarting disabled" in result.output
    assert_lived_once(result.noted("up", "down"))


def test_controller_is_killed(suite: Suite, sshd: Sshd) -> None:
    """The process of ssh shows the fixture worker when the tests of that host are over."""
    waits = "\nfrom xdist_fixtureworker.fixture_worker import orphaned\norphaned.TEST_WORKERS_TIMEOUT = 3600.0\n"
    suite.write({"conftest.py": CONFTEST + waits, "test_it.py": IN_FLIGHT})
    for pid in assert_finalized_after_the_test(suite, *far(suite), sshd.tx(1)):
        wait_gone(pid)


def test_controller_is_killed_and_nothing_here_shows_the_end(suite: Suite) -> None:
    """The fixture worker waits for as long as a test can go on."""
    suite.write({"conftest.py": CONFTEST, "test_it.py": IN_FLIGHT})
    with sockets(suite, 1) as options:
        assert_finalized_after_the_test(suite, *far(suite), *options)


def assert_finalized_after_the_test(suite: Suite, *arguments: str) -> set[int]:
    """Returns the ids of the processes."""
    with running(suite, *arguments) as controller:
        notes = until(suite, count("test"))
        family = controller.family()
        controller.kill()
        notes = until(suite, count("down"))
        controller.wait_gone(family)
    assert [note.what for note in notes] == ["up", "test", "test over", "down"]
    return {note.pid for note in notes}


def wait_gone(pid: int) -> None:
    try:
        psutil.Process(pid).wait(1200)
    except psutil.NoSuchProcess:
        pass

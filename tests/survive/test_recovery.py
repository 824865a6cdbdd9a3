"""What becomes of fixtures whose fixture worker died: ``recover=``, and what the next run says."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from ..running import Controller, count, running, until
from ..suite import FIXTURE_WORKER, ONE, Note, Suite

CONFTEST = """
def undo(value): note("undone", value=value)

@global_fixture(recover=undo)
def first():
    yield {"name": "first"}
    note("first down")

@global_fixture
def without(first):
    yield 2
    note("without down")

@global_fixture(recover=undo, params=["a", "b"])
def third(request, without):
    yield {"name": f"third {request.param}"}
    note(f"third {request.param} down")
"""
TESTS = """
def test_value(third): note("test")
"""
KILLER = """
@global_fixture
def killer({needs}):
    os.kill(os.getpid(), 9)
"""


def undone(notes: Sequence[Note]) -> list[object]:
    """The names in the values that ``recover=`` functions were given."""
    return [note.more["value"]["name"] for note in notes if note.what == "undone"]  # type: ignore[index]  # a dict


LIVE = """
import threading
from xdist_fixtureworker import attrs

class Server:
    def __init__(self): self.name, self.lock = "server", threading.Lock()

def undo(server): note("undone", value={"name": server.name}, record=repr(server))

@global_fixture(share=attrs("name"), recover=undo)
def server():
    yield Server()
    note("server down")
"""


def test_of_a_live_object_its_attributes(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": LIVE + KILLER.format(needs="server"),
            "test_it.py": "def test_it(killer): pass",
        }
    )
    result = suite.run(*ONE)
    assert undone(result.notes) == ["server"]
    assert [note.more.get("record") for note in result.notes] == ["<server: name='server'>"]


def test_last_set_up_first(suite: Suite) -> None:
    """With the value, in another fixture worker, for what was set up and not finalized."""
    suite.write(
        {
            "conftest.py": CONFTEST + KILLER.format(needs=""),
            "test_it.py": TESTS + "def test_kill(killer): pass",
        }
    )
    result = suite.run(*ONE)
    assert result.code == 1
    assert undone(result.notes) == ["third b", "third a", "first"]
    assert result.workers("undone") == {FIXTURE_WORKER}
    assert len({note.pid for note in result.notes if note.what == "undone"}) == 1
    assert result.lines("^These global fixtures were undone by recover=:$")
    assert result.lines(r"^  first \(conftest.py:\d+\)$")
    left = result.output.partition("were left unfinalized:")[2]
    assert re.findall(r"^  (\w+) \(", left, re.MULTILINE) == ["without", "killer"]


def test_not_after_a_run_in_good_order(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*ONE)
    assert result.code == 0
    assert undone(result.notes) == []
    assert result.noted("first down", "without down")[-1] == "first down"


@pytest.mark.parametrize("mode", [(), ("-n2",)], ids=["serial", "without fixture worker"])
def test_not_without_a_fixture_worker(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*mode)
    assert result.code == 0
    assert undone(result.notes) == []


def test_one_that_only_another_fixture_asked_for(suite: Suite) -> None:
    """Its value never was at a test worker."""
    suite.write(
        {
            "conftest.py": CONFTEST
            + "\n@global_fixture\ndef deadly(request):\n    request.getfixturevalue('first')\n"
            "    os.kill(os.getpid(), 9)",
            "test_it.py": "def test_it(deadly): pass",
        }
    )
    result = suite.run(*ONE)
    assert undone(result.notes) == ["first"]


def test_in_the_finalizer(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST + "\n@global_fixture(recover=undo)\ndef deadly(first):\n"
            "    yield {'name': 'deadly'}\n    os.kill(os.getpid(), 9)",
            "test_it.py": "def test_it(deadly): pass",
        }
    )
    result = suite.run(*ONE)
    assert result.code == 1
    assert undone(result.notes) == ["deadly", "first"]
    assert not result.lines("left unfinalized")


def test_what_can_not_be_recovered(suite: Suite) -> None:
    """A function that raises, a value that cannot be pickled; the others are undone."""
    suite.write(
        {
            "conftest.py": CONFTEST
            + """
def fail(value): raise RuntimeError("cannot be undone")
@global_fixture(recover=fail)
def bad(first): return 1
@global_fixture(recover=undo)
def live(bad): return open(os.devnull)
@global_fixture
def deadly(live): os.kill(os.getpid(), 9)
""",
            "test_it.py": "def test_it(deadly): pass",
        }
    )
    result = suite.run(*ONE)
    assert result.code == 1
    assert undone(result.notes) == ["first"]
    assert result.lines("ERROR at teardown of recovery of global fixture bad")
    assert result.lines("RuntimeError: cannot be undone")
    left = result.output.partition("were left unfinalized:")[2]
    assert re.findall(r"^  (\w+) \(", left, re.MULTILINE) == ["bad", "live", "deadly"]


def test_fixtures_of_a_test_module(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST + KILLER.format(needs=""),
            "sub/test_it.py": """
from conftest import undo
@global_fixture(recover=undo)
def own(first): return {"name": "own"}
class TestIt:
    @global_fixture(recover=undo)
    @classmethod
    def of_class(cls, own): return {"name": "of class"}
    def test_it(self, of_class, killer): pass
""",
        }
    )
    result = suite.run(*ONE)
    assert undone(result.notes) == ["of class", "own", "first"]


def test_the_second_fixture_worker_dies_too(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST
            + """
def die(value): os.kill(os.getpid(), 9)
@global_fixture(recover=die)
def bad(first): return 1
@global_fixture
def deadly(bad): os.kill(os.getpid(), 9)
""",
            "test_it.py": "def test_it(deadly): pass",
        }
    )
    result = suite.run(*ONE)
    assert result.code == 1
    left = result.output.partition("were left unfinalized:")[2]
    assert re.findall(r"^  (\w+) \(", left, re.MULTILINE) == ["first", "bad", "deadly"]


def test_after_a_time_out_that_did_not_help(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST
            + """
@global_fixture
def hangs(first):
    import signal, time
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    time.sleep(1200)
""",
            "test_it.py": "def test_it(hangs): pass",
        }
    )
    result = suite.run(*ONE, "-o", "fixture_worker_timeout=5")
    assert result.code == 1
    assert undone(result.notes) == ["first"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_run_that_ends_without_a_summary_says_it(suite: Suite, number: signal.Signals) -> None:
    """pytest shows none for the exit code of a signal."""
    suite.write(
        {
            "conftest.py": CONFTEST + "\n@global_fixture\ndef last(without): note('last')",
            "test_it.py": "def test_it(last):\n    note('test')\n    wait_for('go')",
        }
    )
    with running(suite, *ONE) as controller:
        until(suite, count("test"))
        controller.workers(FIXTURE_WORKER)[0].kill()
        controller.send_signal(number)
        code, output = controller.end()
    assert code == 128 + number
    told = output.partition("These global fixtures were undone by recover=:")[2]
    told, _, left = told.partition("These global fixtures were left unfinalized:")
    assert re.findall(r"^  (\w+) \(", told, re.MULTILINE) == ["first"]
    assert re.findall(r"^  (\w+) \(", left, re.MULTILINE) == ["without", "last"]
    assert ledgers(suite) == []


@pytest.mark.parametrize("option", ["--tb=no", "--tb=line", "--no-summary"])
def test_however_little_a_run_shows_it_names_what_was_left(suite: Suite, option: str) -> None:
    """The next run does not name it again."""
    suite.write(
        {
            "conftest.py": CONFTEST + KILLER.format(needs=""),
            "test_it.py": "def test_it(without, killer): pass",
            "test_other.py": "def test_other(): pass",
        }
    )
    result = suite.run(*ONE, option, "test_it.py")
    assert result.code == 1
    assert len(result.lines("global fixtures were undone by recover=:")) == 1
    left = result.output.partition("were left unfinalized:")[2]
    assert re.findall(r"^  (\w+) \(", left, re.MULTILINE) == ["without", "killer"]
    assert not suite.run(*ONE, "test_other.py").lines("unfinalized")


# --- everything is killed


def ledgers(suite: Suite) -> list[Path]:
    return sorted((suite.path / ".pytest_cache" / "fixture_worker").glob("*"))


def kill_all(controller: Controller) -> None:
    family = controller.family()
    controller.send_signal(signal.SIGSTOP)
    for process in family:
        process.kill()
    controller.kill()
    controller.wait_gone(family)


@pytest.mark.parametrize("next_run", [ONE, ("-n2",), ()], ids=["same", "-n2", "serial"])
def test_the_next_run_says_what_was_left(suite: Suite, next_run: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST,
            "test_it.py": "def test_it(without):\n    note('test')\n    wait_for('go')",
        }
    )
    with running(suite, *ONE) as controller:
        until(suite, count("test"))
        (file,) = ledgers(suite)
        content = file.read_text()
        # A run that is still there is never named.
        (suite.path / "test_other.py").write_text("def test_other(): pass")
        during = suite.run(*next_run, "test_other.py")
        assert "was killed and left" not in during.output
        kill_all(controller)
    assert json.loads(content.splitlines()[0])["controller"]["pid"] == controller.pid
    assert (file.stat().st_mode & 0o777) == 0o600
    assert "first'" not in content  # names of fixtures, never values
    result = suite.run(*next_run, "test_other.py")
    assert result.code == 0
    (line,) = result.lines("a run that started at .* was killed and left:")
    assert f"(controller {controller.pid}, fixture worker " in line
    assert result.lines(r"^  the global fixture first \(conftest.py:\d+\) unfinalized, set up at ")
    assert result.lines(
        r"^  the global fixture without \(conftest.py:\d+\) unfinalized, set up at "
    )
    assert not suite.run(*next_run, "test_other.py").lines("was killed and left:")
    assert ledgers(suite) == []


def test_nothing_is_left_of_a_run_in_good_order(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    suite.run(*ONE)
    assert ledgers(suite) == []
    assert (suite.path / ".pytest_cache" / ".gitignore").exists()  # pytest made its cache itself


def test_what_the_run_said_itself_is_not_said_again(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST + KILLER.format(needs="without"),
            "test_it.py": "def test_it(killer): pass",
        }
    )
    suite.run(*ONE)
    assert ledgers(suite) == []
    assert not suite.run("--co").lines("was killed and left:")


def test_cleared_cache_keeps_it(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST,
            "test_it.py": "def test_it(first):\n    note('test')\n    wait_for('go')",
            "test_other.py": "def test_other(): pass",
        }
    )
    with running(suite, *ONE) as controller:
        until(suite, count("test"))
        kill_all(controller)
    result = suite.run("--cache-clear", "test_other.py")
    assert result.lines("was killed and left:")


def test_without_pytests_cache(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*ONE, "-p", "no:cacheprovider")
    assert result.outcomes == {"passed": 2}
    assert not (suite.path / ".pytest_cache").exists()


def test_damaged_ledger(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    folder = suite.path / ".pytest_cache" / "fixture_worker"
    folder.mkdir(parents=True)
    (folder / "00000000000000000000000000000000-1.json").write_text("{")
    result = suite.run(*ONE)
    assert result.code == 0
    (line,) = result.lines("is damaged; it is now ")
    assert os.path.exists(line.rpartition(" ")[2])
    assert not suite.run(*ONE).lines("is damaged")

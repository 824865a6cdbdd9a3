"""What becomes of several fixture workers when something dies: each as if it were the only one."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import psutil

from ..running import count, running, until
from ..suite import FIXTURE_WORKER, Suite

TWO = ("-n2", "--fixture-worker", "--fixture-worker-lanes=2")
CONFTEST = """
def undo(value): note("undone", value=value[: len(value) // 300_000])

@global_fixture(recover=undo)
def first():
    note("first up")
    wait_for("go")
    yield "first" * 300_000
    note("first down")

@global_fixture(recover=undo)
def second():
    note("second up", run=os.environ["XDIST_FIXTUREWORKER_RUN"])
    wait_for("go")
    yield "second" * 300_000
    note("second down")
"""
TESTS = """
import time
def test_first(first):
    note("test first")
    {first}
def test_second(second):
    note("test second")
    {second}
"""
SLEEP = "time.sleep(3600)"


def _suite(suite: Suite, first: str = SLEEP, second: str = SLEEP, more: str = "") -> None:
    suite.write(
        {"conftest.py": CONFTEST + more, "test_it.py": TESTS.format(first=first, second=second)}
    )


def test_the_death_of_one_hurts_no_other(suite: Suite) -> None:
    """Its value is large: recover= has it, and then its file is removed, too."""
    _suite(suite, *['wait_noted("killed")'] * 2)
    with running(suite, *TWO) as controller:
        until(suite, count("first up"))
        until(suite, count("second up"))
        (suite.path / "go").touch()
        until(suite, count("test first"))
        notes = until(suite, count("test second"))
        victim = next(note for note in notes if note.what == "second up")
        psutil.Process(victim.pid).kill()
        suite_note(suite, "killed")
        code, output = controller.end()
    assert code == 1, output
    assert "2 passed, 1 error" in output
    assert (
        f"The fixture worker {victim.worker} ended too early: its process {victim.pid} was "
        in output
    )
    assert "These global fixtures were undone by recover=:\n  second (conftest.py:" in output
    noted = [note for note in controller.notes() if note.what in {"first down", "undone"}]
    assert sorted(note.what for note in noted) == ["first down", "undone"]
    assert [note.more["value"] for note in noted if note.what == "undone"] == ["second"]
    name = f"pytest-fixtureworker-{victim.more['run']}"
    assert not any(Path(parent, name).exists() for parent in ("/dev/shm", tempfile.gettempdir()))


def suite_note(suite: Suite, what: str) -> None:
    with (suite.path / "notes.jsonl").open("a") as file:
        file.write(f'{{"what": "{what}", "pid": 0, "worker": ""}}\n')


def test_one_dies_while_it_sets_up(suite: Suite) -> None:
    """Who waits for it in another lane waits no more."""
    _suite(
        suite,
        more="""
@global_fixture
def killed():
    note("killed up")
    wait_for("die")
    os.kill(os.getpid(), 9)

@global_fixture
def waits(request):
    wait_for("go")
    open("die", "w").close()
    return request.getfixturevalue("killed")
""",
    )
    (suite.path / "test_it.py").write_text(
        "def test_killed(killed): pass\ndef test_waits(waits): pass\n"
    )
    with running(suite, *TWO) as controller:
        until(suite, count("killed up"))
        (suite.path / "go").touch()
        code, output = controller.end()
    assert code == 1, output
    assert "3 errors" in output
    assert output.count("was killed by signal 9") >= 2


def test_an_interrupt_ends_all_set_ups(suite: Suite) -> None:
    _suite(suite)
    with running(suite, *TWO) as controller:
        until(suite, count("first up"))
        until(suite, count("second up"))
        family = controller.family()
        controller.send_signal(signal.SIGINT, group=True)
        code, output = controller.end()
        controller.wait_gone(family)
    assert code == 2, output
    for name in ("first", "second"):
        assert f"set-up of {name} (conftest.py:" in output


def test_the_controller_is_killed(suite: Suite) -> None:
    _suite(suite)
    with running(suite, *TWO) as controller:
        until(suite, count("first up"))
        until(suite, count("second up"))
        (suite.path / "go").touch()
        until(suite, count("test first"))
        notes = until(suite, count("test second"))
        family = controller.family()
        controller.kill()
        controller.wait_gone(family)
    lanes = {note.worker for note in notes if note.what in {"first up", "second up"}}
    assert lanes == {FIXTURE_WORKER, f"{FIXTURE_WORKER}1"}
    assert sorted(controller.noted("first down", "second down")) == ["first down", "second down"]


def test_two_die(suite: Suite) -> None:
    """What they left is undone last set up first, whichever had it."""
    _suite(suite, *['wait_noted("killed")'] * 2)
    text = (suite.path / "conftest.py").read_text()
    asks = 'def second(request):\n    request.getfixturevalue("first")'
    (suite.path / "conftest.py").write_text(text.replace("def second():", asks))
    with running(suite, *TWO) as controller:
        until(suite, count("first up"))
        (suite.path / "go").touch()
        until(suite, count("test first"))
        notes = until(suite, count("test second"))
        for victim in {note.pid for note in notes if note.what in {"first up", "second up"}}:
            psutil.Process(victim).kill()
        suite_note(suite, "killed")
        code, output = controller.end()
    assert code == 1, output
    undone = [note.more["value"] for note in controller.notes() if note.what == "undone"]
    assert undone == ["second", "first"]

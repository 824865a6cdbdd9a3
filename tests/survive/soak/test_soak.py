"""A short soak; that a plan can be run again; and that the checks find what they are for."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from checks import Delivered, Facts, Left, Note, check, outcome
from plans import EXIT, HOW, STOP, VICTIMS, plan
from project import FIXTURES

SOAK = Path(__file__).with_name("soak.py")
WORKER, FIXTURE_WORKER = 10, 20


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SOAK), "--seed", "7", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--first", "0"),
        pytest.param(("--first", "10"), marks=pytest.mark.full),
        pytest.param(("--first", "20", "--lanes", "2"), marks=pytest.mark.full),
    ],
    ids=" ".join,
)
def test_ten_rounds(arguments: tuple[str, ...]) -> None:
    result = soak(*arguments, "--rounds", "10", "--jobs", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[0].startswith("nobody killed: ")
    assert result.stdout.splitlines()[-1] == "10 passed, 0 failed"


def test_a_round_in_which_all_are_killed() -> None:
    """What the next run says then is understood; it is worded elsewhere."""
    result = soak("--seed", "2027", "--only", "66", "--bound", "900")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "base named by the next run" in result.stdout


def test_a_hang_is_found() -> None:
    """With the stacks of who hangs; and all of it is ended."""
    result = soak("--only", "2", "--bound", "0.2")
    assert result.returncode == 1
    assert "violation: the controller hung" in result.stdout
    assert "violation: a process was left: Left(pid=" in result.stdout
    assert "Fatal Python error: Aborted" in result.stdout
    assert result.stdout.splitlines()[-1] == "0 passed, 1 failed"
    pids = [int(pid) for pid in re.findall(r"was left: Left\(pid=(\d+)", result.stdout)]
    assert not any(map(psutil.pid_exists, pids))


# --- plans


def test_a_plan_follows_from_seed_and_round() -> None:
    assert [plan(7, number) for number in range(50)] == [plan(7, number) for number in range(50)]
    assert len({plan(7, number).kills for number in range(50)}) == 50
    assert plan(7, 1).kills != plan(8, 1).kills
    # Also on another machine, and with another Python:
    assert str(plan(7, 2)) == (
        "seed 7, round 2: "
        "SIGSTOP for 0.88 s to fixture worker, 0.000 s after 'slow finalized' 1; then "
        "SIGSTOP for 0.91 s to controller, 0.109 s after 'any' 1"
    )


def test_plans_have_all_there_is() -> None:
    kills = [kill for number in range(300) for kill in plan(7, number).kills]
    assert {(kill.victim, kill.how) for kill in kills} == {(v, h) for v in VICTIMS for h in HOW}
    assert {len(plan(7, number).kills) for number in range(300)} == {1, 2}
    assert all((kill.stopped > 0) == (kill.how == STOP) for kill in kills)


# --- checks


def note(what: str, pid: int = FIXTURE_WORKER, **more: object) -> Note:
    worker = "fixtureworker" if pid == FIXTURE_WORKER else "gw0"
    return Note(what, pid, 0.0, worker, 0.0, more)


SET_UPS = tuple(
    note(f"{name} {what}", server=number)
    for number, name in enumerate(FIXTURES)
    for what in ("setting up", "set up")
)
TEST = note("test", WORKER, servers={"base": 0, "slow": 2})
FINALIZERS = tuple(
    note(f"{name} {what}", alive=True, testing=[])
    for name in reversed(FIXTURES)
    for what in ("finalizing", "finalized")
)
PASSED = "==== 41 passed in 3.00s ===="
GOOD = Facts(notes=(*SET_UPS, TEST, *FINALIZERS), output=PASSED)
DIED = (
    "The fixture worker ended too early\nThese global fixtures were undone by recover=:\n"
    "  database (conftest.py:9)\nThese global fixtures were left unfinalized:\n"
    "  base (conftest.py:5)\n  slow (conftest.py:12), while it was being set up\n"
)
KILLED = (Delivered("SIGKILL", FIXTURE_WORKER, 0.0),)
UNDONE = Facts(
    notes=(*SET_UPS, TEST, note("undoing", 21, testing=[]), note("undone", 21)),
    output=DIED,
    exit_code=1,
    delivered=KILLED,
    left=(Left(1, "sleep 600", "base"),),
)
NEXT = "was killed and left:\n" + "".join(
    f"  the global fixture {name} (conftest.py:7) unfinalized, set up at 2030-01-01 00:00:00\n"
    for name in FIXTURES
)
ALL_KILLED = Facts(
    notes=(*SET_UPS, TEST), exit_code=-9, delivered=KILLED, next_output=NEXT, left=UNDONE.left
)
HARMLESS = (Delivered(STOP, WORKER, 0.0),)


@pytest.mark.parametrize(
    ("facts", "outcomes"),
    [
        (GOOD, ["finalized"] * 3),
        (replace(GOOD, delivered=HARMLESS), ["finalized"] * 3),
        (UNDONE, ["named", "undone", "named"]),
        (ALL_KILLED, ["named by the next run"] * 3),
        (Facts(output=PASSED), ["not set up"] * 3),
    ],
    ids=["good order", "stopped", "undone", "all killed", "nothing"],
)
def test_nothing_is_wrong(facts: Facts, outcomes: list[str]) -> None:
    assert check(facts) == []
    assert [outcome(name, facts) for name in FIXTURES] == outcomes


def without(facts: Facts, *what: str) -> Facts:
    return replace(facts, notes=tuple(note for note in facts.notes if note.what not in what))


def with_more(facts: Facts, *more: Note) -> Facts:
    return replace(facts, notes=(*facts.notes, *more))


TWO_LAST = [f"base {what}" for what in ("finalizing", "finalized")]
UNTOLD = replace(
    GOOD, output=DIED.replace("slow", "base"), exit_code=1, delivered=KILLED
)  # base was finalized, and its fixture worker killed before it could tell


@pytest.mark.parametrize(
    ("facts", "violation"),
    [
        (with_more(GOOD, note("base finalized")), "base: 'finalized' 2 times"),
        (
            replace(GOOD, notes=(*SET_UPS, *GOOD.notes)),
            "base: 'setting up' 2 times",
        ),
        (without(GOOD, *TWO_LAST), "base: neither finalized nor undone nor named"),
        (replace(GOOD, left=(Left(1, "python", ""),)), "a process was left: Left(pid=1, "),
        (replace(UNDONE, left=(Left(1, "sleep", "database"),)), "a process was left: Left(pid=1, "),
        (replace(GOOD, exit_code=None), "the controller hung"),
        (replace(GOOD, ledger=("a.json",)), "the ledger is not empty: a.json"),
        (replace(GOOD, next_code=1), "the next run failed with exit code 1"),
        (replace(GOOD, output=PASSED + "INTERNALERROR"), "an internal error"),
        (replace(UNDONE, exit_code=0), "exit code 0, though not all was finalized"),
        (replace(GOOD, delivered=HARMLESS, exit_code=1), "nobody was killed, and yet not all"),
        (replace(GOOD, output="== 40 passed in 1s"), "nobody was killed, and yet not all"),
        (with_more(without(GOOD, "test"), TEST), "a test after the first finalizer"),
        (
            with_more(without(GOOD, *TWO_LAST), note(TWO_LAST[0], alive=True, testing=[10])),
            "'base finalizing' before the test workers [10] were down",
        ),
        (
            with_more(without(GOOD, *TWO_LAST), note(TWO_LAST[0], alive=False, testing=[])),
            "'base finalizing' when its server was gone",
        ),
        (
            replace(GOOD, notes=(*SET_UPS, *FINALIZERS[4:], *FINALIZERS[:4])),
            "set up in the order ['base', 'database', 'slow'], finalized in the order ['base', ",
        ),
        (
            replace(GOOD, notes=(*SET_UPS, note("test", 10, servers={"slow": 7}), *FINALIZERS)),
            "a test got 7 as the value of slow",
        ),
        (
            replace(GOOD, exit_code=-9, delivered=KILLED, next_output=NEXT),
            "slow: finalized and named by the next run",
        ),
        (replace(UNTOLD, delivered=()), "base: finalized and named"),
        (
            replace(UNDONE, output=DIED.replace("base", "database")),
            "database: undone and named",
        ),
        (replace(UNDONE, output=DIED.partition("  base")[0]), "base: neither finalized nor"),
        (
            replace(UNDONE, output="", next_output=NEXT),
            "base: named by the next run, though the run itself could have",
        ),
        (replace(UNDONE, output=DIED.replace("database", "other")), "database: undone, and not"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_violations_are_found(facts: Facts, violation: str) -> None:
    assert any(found.startswith(violation) for found in check(facts)), check(facts)


def test_killed_before_it_could_tell() -> None:
    """Nobody can do it and tell it at once."""
    assert not [found for found in check(UNTOLD) if found.startswith("base")]
    assert outcome("base", UNTOLD) == "finalized and named"


def test_exit_from_inside_is_a_death() -> None:
    assert replace(GOOD, exit_code=99).controller_was_killed
    assert EXIT in HOW

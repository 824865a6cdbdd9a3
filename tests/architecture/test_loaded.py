"""What each process of a run loads of the package: each import is paid in every process."""

from __future__ import annotations

from typing import Any

from tests.suite import ONE, Result, Suite
from tests.warm import unmeasured

from .source import PACKAGE

__all__ = ["unmeasured"]  # an autouse fixture: what measures loads modules, too

CONFTEST = f"""
import sys
from notes import note
def pytest_unconfigure():
    ours = {{name.partition(".")[2]: sys.modules[name] for name in sys.modules
            if name.startswith("{PACKAGE}.")}}
    rewritten = [name for name in ours if "Rewrit" in type(ours[name].__loader__).__name__]
    note("loaded", names=[*ours], rewritten=rewritten, psutil="psutil" in sys.modules,
         pickle="pickle" in sys.modules)
"""
GLOBAL = f"""
from {PACKAGE} import global_fixture
@global_fixture
def value(): return 1
"""
#: What is there before anybody asks for anything.
INSTALLED = {
    *("_compat", "declared", "declared.guard_marks", "on_demand", "options", "plugin"),
    *("roles", "rules", "rules.registrations", "settings", "wire", "wire.frozen"),
}
#: What tells global fixtures from others, and what messages are made of.
SERVED = {
    *("declared.attributes", "declared.decorator", "declared.guards"),
    *("declared.locations", "declared.promotion", "declared.steps", "errors", "rules.debugger"),
    *("wire.codec", "wire.messages"),
}
COLLECTED = {
    *("declared.definitions", "rules.changed_values", "rules.not_promotable", "rules.same_value"),
    *("wire.named", "wire.pickles"),
}
PROCESSES = {"processes", "processes.identity", "processes.crash_file"}
#: Per process of a served run, the room that its role is in, and what it loads of other rooms.
ROLES: dict[str, tuple[str, set[str]]] = {
    "controller": ("controller", {*PROCESSES, "processes.strays", "rules.worker_id"}),
    "gw0": ("test_worker", {*COLLECTED, "rules.findings", "rules.refused"}),
    "fixtureworker": (
        "fixture_worker",
        {
            *(*COLLECTED, *PROCESSES, "rules.guard_plugin", "rules.worker_id"),
            *("sharing", "sharing.values"),
        },
    ),
}


def loaded(suite: Suite, conftest: str, test: str, *arguments: str) -> dict[str, dict[str, Any]]:
    """Per process, what it had loaded when it ended."""
    # Not by suite.write(), which adds an import of ours.
    (suite.path / "conftest.py").write_text(conftest)
    (suite.path / "test_it.py").write_text(test)
    result: Result = suite.run(*arguments)
    notes = [note for note in result.notes if note.what == "loaded"]
    return {note.worker or "controller": note.more for note in notes}


def test_where_it_is_only_installed(suite: Suite) -> None:
    processes = loaded(suite, CONFTEST, "def test_it(): pass", "-n1")
    assert processes.keys() == {"controller", "gw0"}
    for process in processes.values():
        assert set(process["names"]) == INSTALLED
        assert process["rewritten"] == ["plugin"]
        assert not process["psutil"]


def test_where_a_fixture_worker_serves(suite: Suite) -> None:
    processes = loaded(suite, CONFTEST + GLOBAL, "def test_it(value): pass", *ONE)
    assert processes.keys() == ROLES.keys()
    for process, (room, others) in ROLES.items():
        names = {name for name in processes[process]["names"] if name.partition(".")[0] != room}
        assert names == INSTALLED | SERVED | others
        assert not [name for name in processes[process]["names"] if "timeline" in name]
        assert processes[process]["rewritten"] == ["plugin"]
        assert not processes[process]["psutil"]
        assert not processes[process]["pickle"]

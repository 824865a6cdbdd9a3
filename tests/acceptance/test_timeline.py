"""``--fixture-worker-timeline``: what is written after real runs, and when it is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from xdist_fixtureworker.controller.timeline import recorder
from xdist_fixtureworker.controller.timeline.page import no_fixture_worker, nothing_set_up

from ..suite import DISTRIBUTED, ONE, Suite

JSON = "--fixture-worker-timeline=timeline.json"
HTML = "--fixture-worker-timeline=timeline.html"
CONFTEST = """
@global_fixture
def server():
    yield "url"
@global_fixture
def tables(server): return server
@pytest.fixture(scope="session")
def plain(): return 1
@global_fixture
def users(plain, request): return request.getfixturevalue("late")
@global_fixture
def late(): return 1
@global_fixture
def broken(): raise RuntimeError("no")
def pytest_unconfigure():
    ours = [name for name in sys.modules if name.startswith("xdist_fixtureworker.")]
    note("loaded", names=ours)
"""
TESTS = """
import unittest
def test_tables(tables): pass
def test_server(server): pass
def test_users(users): pass
def test_broken(broken): pass
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_fails(): assert 0
class TestSubtests(unittest.TestCase):
    def test_subtests(self):
        for number in range(2):
            with self.subTest(number=number): pass
"""


def read(suite: Suite) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((suite.path / "timeline.json").read_text())
    return parsed


def events(suite: Suite, category: str) -> dict[str, dict[str, Any]]:
    """The events of a kind, by name."""
    return {
        each["name"]: each for each in read(suite)["traceEvents"] if each.get("cat") == category
    }


def test_a_distributed_run(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*DISTRIBUTED, JSON)
    assert result.lines("^-+ timeline: timeline.json -+$")
    tests = {name.rpartition("::")[2]: each for name, each in events(suite, "test").items()}
    assert {name: each["args"]["outcome"] for name, each in tests.items()} == {
        **dict.fromkeys(("test_tables", "test_server", "test_users", "test_subtests"), "passed"),
        "test_broken": "error",
        "test_skipped": "skipped",
        "test_fails": "xfailed",
    }
    set_ups = events(suite, "set-up")
    assert {name: each["args"]["outcome"] for name, each in set_ups.items()} == {
        **dict.fromkeys(("server", "tables", "plain", "users", "late"), "set up"),
        "broken": "failed",
    }
    assert {name: each["args"].get("needs") for name, each in set_ups.items()} == {
        **dict.fromkeys(("server", "plain", "late", "broken")),
        "tables": "server",
        "users": "late",
    }
    assert set_ups["late"]["ts"] >= set_ups["users"]["ts"]
    assert {f"finalizer of {name}" for name in set_ups} <= events(suite, "finalizer").keys()
    starts = [each for each in read(suite)["traceEvents"] if each.get("cat") == "start"]
    [up] = [each for each in starts if each["pid"] == 1]
    waits = {name: each for name, each in events(suite, "wait").items() if each["ph"] == "X"}
    assert waits.keys() == {f"waits for {name}" for name in ("tables", "server", "users", "broken")}
    wait, test = waits["waits for tables"], tests["test_tables"]
    assert wait["args"]["test"] == "test_it.py::test_tables"
    # One clock for all: what happens in another process, and is told of from there, is in order.
    assert up["ts"] + up["dur"] <= set_ups["server"]["ts"]
    slack = 50_000
    assert test["ts"] - slack <= wait["ts"] <= set_ups["server"]["ts"] + slack
    assert wait["ts"] + wait["dur"] <= test["ts"] + test["dur"] + slack
    fixtures = {each["fixture"]: each for each in read(suite)["otherData"]["fixtures"]}
    assert fixtures.keys() == {"server", "tables", "users", "late", "broken"}
    loaded = [note for note in result.notes if note.what == "loaded"]
    assert len(loaded) == 4
    for each in loaded:
        names = [name for name in each.more["names"] if ".timeline" in name]  # type: ignore[attr-defined]
        assert bool(names) is (each.worker == "")


@pytest.mark.parametrize(
    "mode",
    [(), pytest.param(("-n1",), marks=pytest.mark.full), ONE],
    ids=["serial", "-n1", "fixture worker"],
)
def test_a_page_of_any_run(suite: Suite, mode: tuple[str, ...]) -> None:
    """Without a fixture worker it shows the tests; also where one of them ends the run."""
    suite.write({"test_it.py": "def test_a(): assert 0\ndef test_b(): pass"})
    result = suite.run(*mode, HTML, "-x")
    assert result.lines("^-+ timeline: timeline.html -+$")
    text = (suite.path / "timeline.html").read_text()
    assert "test_it.py::test_a\nfailed: " in text
    assert "test_it.py::test_b" not in text
    assert (nothing_set_up() if mode == ONE else no_fixture_worker()) in text
    assert ("in one process" in text) is (mode == ())


def test_the_file_is_beside_where_pytest_was_started(suite: Suite) -> None:
    suite.write(
        {
            "sub/conftest.py": "os.chdir('..')",
            "sub/test_it.py": "def test_it(): os.chdir('/')",
        }
    )
    link = suite.path / "timeline.json"
    link.symlink_to("other.json")
    (suite.path / "other.json").write_text("older")
    suite.run(JSON, "sub", "-p", "no:terminal")
    assert link.is_symlink()
    assert events(suite, "test").keys() == {"sub/test_it.py::test_it"}
    assert sorted(path.name for path in suite.path.glob("*json*")) == [
        *("notes.jsonl",) * (suite.path / "notes.jsonl").exists(),
        *("other.json", "timeline.json"),
    ]


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--setup-plan"])
def test_where_nothing_is_run_nothing_is_written(suite: Suite, option: str) -> None:
    suite.write({"test_it.py": "def test_it(): pass"})
    assert suite.run(JSON, option).code == 0
    assert not (suite.path / "timeline.json").exists()


def test_bad_files(suite: Suite) -> None:
    suite.write({"test_it.py": "def test_it(): note('ran')"})
    result = suite.run(JSON.replace("json", "svg"))
    assert (result.code, result.noted()) == (4, [])
    error, remedy = recorder.unknown_kind("timeline.svg").splitlines()
    assert f"ERROR: {error}\n{remedy}" in result.errors


def test_a_file_that_cannot_be_written_in_the_end(suite: Suite) -> None:
    suite.write({"test_it.py": "import shutil\ndef test_it(): shutil.rmtree('folder')"})
    folder: Path = suite.path / "folder"
    folder.mkdir()
    result = suite.run("--fixture-worker-timeline=folder/t.html", "-q")
    assert result.code == 0
    message = recorder.cannot_write("folder/t.html", "No such file or directory")
    assert result.lines(f"^-* ?{re.escape(message)}")

"""What users see: header, summary, options of pytest that show things, and that xdist's lines stay."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from ..suite import ONE, Suite

CONFTEST = """
import logging
@global_fixture
def database():
    '''The database.

    More of it.'''
    note("up")
    logging.getLogger("base").info("is %s", "up")
    yield "url"
    note("down")
@global_fixture
def broker(): return 1
@pytest.fixture(scope="session")
def plain(): return 1
"""
TESTS = """
@pytest.mark.parametrize("i", range(4))
def test_it(database, broker, plain, i): pass
"""


LIVE = "[fixtureworker]"
AS_IT_HAPPENS = [
    "SETUP database (conftest.py:6)",
    "SETUP broker (conftest.py:15)",
    "TEARDOWN broker (conftest.py:15)",
    "TEARDOWN database (conftest.py:6)",
]
LOGGED = "INFO     base:conftest.py:12 is up"


@pytest.fixture
def written(suite: Suite) -> Suite:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    return suite


def _lines(output: str) -> list[str]:
    """Without what differs from run to run."""
    return [re.sub(r"\d+\.\d+s|gw\d|\[ *\d+%\]", "", line) for line in output.splitlines()]


@pytest.mark.parametrize(
    "options",
    [(), ("-v", "--log-cli-level=INFO"), pytest.param(("-q",), marks=pytest.mark.full)],
    ids=" ".join,
)
def test_xdists_lines_stay(written: Suite, options: tuple[str, ...]) -> None:
    with_it = written.run(*ONE, *options)
    without = written.run("-n1", "-p", "no:xdist_fixtureworker", *options)
    shown = _lines(with_it.output)
    if "-q" not in options:  # a section of ours, with one line, or with one for each fixture
        start = shown.index(" fixture worker ".center(80, "="))
        section = [shown.pop(start) for _ in range(3 if "-v" in options else 2)][1:]
        once = r"set up once, in \d+\.\d\d s, for gw0; finalized in \d+\.\d\d s".replace("gw0", "")
        if "-v" in options:
            assert all(re.search(f": {once}$", line) for line in section)
        else:
            assert re.match("2 global fixtures, set up once: database ", section[0])
    live = [line.removeprefix(f"{LIVE} ") for line in shown if line.startswith(LIVE)]
    if "-v" in options:
        live.remove(LOGGED)
    assert live == (AS_IT_HAPPENS if "-v" in options else [])
    not_theirs = ("fixture worker:", "plugins:", "rootdir:", LIVE)
    ours = [line for line in shown if not line.startswith(not_theirs)]
    theirs = [
        line for line in _lines(without.output) if not line.startswith(("plugins:", "rootdir:"))
    ]
    assert sorted(ours) == sorted(theirs)
    assert with_it.lines("^1 worker .4 items.$") == without.lines("^1 worker .4 items.$")
    header = "^fixture worker: one process beside the test workers, for global fixtures$"
    assert len(with_it.lines(header)) == (0 if "-q" in options else 1)


def test_header_of_a_serial_run(written: Suite) -> None:
    assert len(written.run("--fixture-worker").lines("^fixture worker: none, because tests")) == 1
    assert not written.run().lines("fixture.worker:|global fixture")


@pytest.mark.parametrize("options", [("-n2",), ("-n1", "-W", "error", "-q")], ids=" ".join)
def test_summary_without_fixture_worker(written: Suite, options: tuple[str, ...]) -> None:
    result = written.run(*options)
    assert result.code == 0
    assert not result.lines("^fixture worker")
    assert result.lines("^global fixtures ran once per test worker: broker, database$")
    assert result.noted("up") == ["up"] * len(result.workers("up"))
    assert len(result.workers("up")) == int(options[0].removeprefix("-n"))


def test_no_summary_line_where_no_global_fixture_ran(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": "def test_it(plain): pass"})
    assert not suite.run("-n1").lines("global fixtures")


@pytest.mark.parametrize(
    "option", ["--collect-only", "--fixtures", "--fixtures-per-test", "--setup-plan"]
)
def test_options_that_start_no_fixture_worker(written: Suite, option: str) -> None:
    written.write({"conftest.py": CONFTEST + "\ndef pytest_configure(): note('process')"})
    result = written.run(*ONE, option)
    assert result.code == 0
    assert "fixtureworker" not in result.workers("process")
    assert result.noted("up") == []


def test_fixtures_shows_which_are_global(written: Suite) -> None:
    output = written.run("--fixtures").output
    assert re.search(r"database \[session scope\] -- conftest.py:\d\n    Global: set up", output)
    assert "    The database." in output
    assert output.count("Global:") == 2
    assert written.run("--fixtures", "-p", "no:xdist").output.count("Global:") == 2


def test_setup_show_and_setup_plan_serial(written: Suite) -> None:
    for option in ("--setup-show", "--setup-plan"):
        result = written.run(option)
        assert result.code == 0
        assert len(result.lines("SETUP    S database")) == 1
        assert len(result.lines("TEARDOWN S database")) == 1


def test_setup_show_durations_and_junitxml_of_a_passing_run(written: Suite) -> None:
    result = written.run(
        *(*ONE, "--setup-show", "--junitxml=junit.xml"),
        *("--durations=0", "--durations-min=0"),
    )
    assert result.outcomes == {"passed": 4}
    assert result.code == 0
    # After a dot, each is on a line of its own.
    assert result.lines(f"^{re.escape(LIVE)}") == [f"{LIVE} {line}" for line in AS_IT_HAPPENS]
    assert result.lines(r"^\d+\.\d\ds setup +conftest.py::global fixture database$")
    cases = ElementTree.parse(written.path / "junit.xml").findall(".//testcase")
    assert sorted(case.attrib["name"] for case in cases) == [f"test_it[{i}]" for i in range(4)]
    properties = ElementTree.parse(written.path / "junit.xml").findall("testsuite//property")
    found = {one.attrib["name"]: one.attrib["value"] for one in properties}
    assert [*found] == ["fixture_worker.setup.database", "fixture_worker.setup.broker"]
    assert all(re.fullmatch(r"\d+\.\d{3}", seconds) for seconds in found.values())


def test_without_terminal_and_with_lf(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST,
            "test_it.py": "def test_a(database): pass\ndef test_b(database): assert 0\ndef test_c(): pass",
        }
    )
    without_terminal = suite.run(*ONE, "-p", "no:terminal")
    assert without_terminal.code == 1
    assert without_terminal.noted() == ["up", "down"]
    result = suite.run(*ONE, "--lf")
    assert result.outcomes == {"failed": 1}
    assert result.noted("up", "down") == ["up", "down"]


def test_help_and_ini_help(suite: Suite) -> None:
    text = suite.run("--help").output
    assert "--fixture-worker" in text
    assert "--no-fixture-worker" in text
    assert "fixture_worker (bool):" in text


LOGGING_THREAD = """
import subprocess, threading

@global_fixture
def logger(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logger")
    def log():
        while not (folder / "ask").exists(): started.wait(0.01)
        os.write(2, b"logged by " + b"a thread\\n")
        os.write(1, b"printed by " + b"a thread\\n")
        (folder / "done").touch()
    started = threading.Event()
    print("about to start")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    thread = threading.Thread(target=log)
    thread.start()
    yield folder
    print("about to stop")
    thread.join()
    raise RuntimeError("no")
"""
ASKING_TEST = """
import time
def test_it(logger):
    (logger / "ask").touch()
    while not (logger / "done").exists(): time.sleep(0.01)
"""


@pytest.mark.parametrize("shown", [False, True], ids=["captured", "-s"])
def test_what_a_fixture_prints_in_a_thread(suite: Suite, shown: bool) -> None:
    """It is captured while tests run, as in a test worker, and shown with the next error; with -s it
    is shown at once, line by line, as is what set-ups, finalizers and other processes print."""
    suite.write({"conftest.py": LOGGING_THREAD, "test_it.py": ASKING_TEST})
    result = suite.run(*ONE, *(["-s"] if shown else []))
    assert result.outcomes == {"passed": 1, "errors": 1}
    printed = [f"{by} a thread" for by in ("logged by", "printed by")]
    printed = ["about to start", "from a child", *printed, "about to stop"]
    assert "a thread" not in result.errors
    if shown:
        assert result.lines(f"^{re.escape(LIVE)}") == [f"{LIVE} {line}" for line in printed]
        assert not result.lines("Captured")
    else:
        assert not result.lines(re.escape(LIVE))
        assert [result.output.count(f"\n{line}\n") for line in printed[2:]] == [1, 1, 1]

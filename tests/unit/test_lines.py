"""What lines of ours look like between those of tests, on a terminal and in a file."""

from __future__ import annotations

import io
import re

import pytest
from _pytest.terminal import TerminalReporter

from xdist_fixtureworker.controller.lines import SELDOM, TICK, Lines

WIDTH = 40


class Screen(io.StringIO):
    """A file, or a terminal that shows what was written."""

    def __init__(self, isatty: bool) -> None:
        super().__init__()
        self._isatty = isatty

    def isatty(self) -> bool:
        return self._isatty

    def shown(self) -> list[str]:
        """The lines, as a terminal has them. It wraps none: none is too long."""
        if not self._isatty:
            return self.getvalue().splitlines()
        lines, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[\d*[A-Z]|[\r\n]|[^\x1b\r\n]+", self.getvalue()):
            match part:
                case "\n":
                    row, column = row + 1, 0
                    lines += [""] * (row == len(lines))
                case "\r":
                    column = 0
                case "\x1b[K":
                    lines[row] = lines[row][:column]
                case "\x1b[A":
                    row -= 1
                case _ if part.startswith("\x1b"):
                    column += int(part[2:-1])
                case text:
                    lines[row] = lines[row][:column].ljust(column) + text
                    column += len(text)
        assert all(len(line) <= WIDTH for line in lines)
        return [line.rstrip() for line in lines]


@pytest.fixture
def reporter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> TerminalReporter:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    config = pytest.Config.fromdictargs({}, [])
    made = TerminalReporter(config, Screen(request.param))
    config.pluginmanager.register(made, "terminalreporter")
    made._tw.fullwidth = WIDTH
    return made


@pytest.fixture
def verbose(reporter: TerminalReporter) -> TerminalReporter:
    reporter.config.option.verbose = 1
    return reporter


def screen(reporter: TerminalReporter) -> list[str]:
    file = reporter._tw._file
    assert isinstance(file, Screen)
    return file.shown()


TERMINAL = pytest.mark.parametrize("reporter", [True], indirect=True, ids=["terminal"])
FILE = pytest.mark.parametrize("reporter", [False], indirect=True, ids=["file"])
BOTH = pytest.mark.parametrize("reporter", [True, False], indirect=True, ids=["terminal", "file"])


@TERMINAL
def test_the_waiting_line_is_below_all_others(reporter: TerminalReporter) -> None:
    lines = Lines(reporter, 0)
    assert lines.interval == TICK
    reporter.write("..")
    lines.wait("for 2 s")
    assert screen(reporter) == ["..", "for 2 s"]
    lines.wait("for 3 s")
    assert screen(reporter) == ["..", "for 3 s"]
    reporter.write(".")  # a test ended meanwhile
    assert screen(reporter) == ["...", "for 3 s"]
    lines.wait("for 4 s")
    assert screen(reporter) == ["...", "for 4 s"]
    reporter.write("\n.")
    assert screen(reporter) == ["...", ".", "for 4 s"]
    lines.wait(None)
    assert screen(reporter) == ["...", ".", ""]
    reporter.write("..\n")
    reporter.section("summary")
    assert screen(reporter)[:3] == ["...", "...", f"{' summary ':=^40}"]


@TERMINAL
def test_with_v_it_is_below_the_name_of_the_test_that_runs(reporter: TerminalReporter) -> None:
    lines = Lines(reporter, 1)
    reporter.write_ensure_prefix("test_it.py::test_it ", "")
    lines.wait("for 2 s")
    assert screen(reporter) == ["", "test_it.py::test_it", "for 2 s"]
    reporter.write("PASSED\n", green=True)
    assert screen(reporter) == ["", "test_it.py::test_it PASSED", "for 2 s"]


@TERMINAL
def test_one_that_does_not_fit(reporter: TerminalReporter) -> None:
    lines = Lines(reporter, 0)
    lines.wait("waiting " * 10)
    assert screen(reporter) == [("waiting " * 10)[: WIDTH - 1].rstrip()]
    lines.wait(None)
    reporter.write("." * WIDTH)  # a cursor at the edge cannot be put back there
    before = reporter._tw._file.tell()
    lines.wait("for 2 s")
    assert reporter._tw._file.tell() == before


@TERMINAL
def test_where_the_cursor_cannot_be_moved(
    reporter: TerminalReporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    lines = Lines(reporter, 0)
    assert lines.interval == SELDOM
    lines.wait("for 2 s")
    lines.wait("for 32 s")
    assert screen(reporter)[:2] == ["for 2 s", "for 32 s"]


@FILE
def test_in_a_file_each_is_a_line(reporter: TerminalReporter) -> None:
    lines = Lines(reporter, 0)
    assert lines.interval == SELDOM
    reporter.write("..")
    lines.wait("for 2 s")
    lines.wait("for 32 s")
    lines.wait(None)
    reporter.write("..")
    assert screen(reporter) == ["..", "for 2 s", "for 32 s", ".."]


@BOTH
def test_with_q_nothing_is_said_about_waiting(reporter: TerminalReporter) -> None:
    lines = Lines(reporter, -1)
    reporter.write("..")
    lines.wait("for 2 s")
    lines.wait(None)
    assert screen(reporter) == [".."]


@BOTH
def test_other_lines(reporter: TerminalReporter) -> None:
    lines = Lines(reporter, 0)
    reporter.write("..")
    lines.wait(None)  # there is nothing to end
    lines.write("SETUP")
    lines.wait("for 2 s")
    lines.write("TEARDOWN")
    reporter.write("..")
    waited = [] if reporter.isatty else ["for 2 s"]
    lines.wait(None)
    assert [*filter(None, screen(reporter))] == ["..", "SETUP", *waited, "TEARDOWN", ".."]
    assert "write" not in vars(reporter._tw)


@BOTH
def test_with_v_other_lines_are_as_those_of_tests(verbose: TerminalReporter) -> None:
    lines = Lines(verbose, 1)
    for test in ("test_a", "test_b"):
        verbose.write_ensure_prefix(f"test_it.py::{test} ", "")
        lines.write("SETUP")
        lines.write("TEARDOWN")
    verbose.write_line("PASSED")
    expected = ["", "test_it.py::test_a", "SETUP", "TEARDOWN", "test_it.py::test_b", "SETUP"]
    assert [line.rstrip() for line in screen(verbose)][:8] == [*expected, "TEARDOWN", "PASSED"]


@TERMINAL
def test_what_the_terminal_has_no_letters_for(reporter: TerminalReporter) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    reporter._tw._file = file
    Lines(reporter, 0).wait("für 2 s")
    file.flush()
    assert file.buffer.getvalue() == b"f\\xfcr 2 s"  # type: ignore[attr-defined]  # a BytesIO


def test_without_a_terminal() -> None:
    lines = Lines(None, 0)
    lines.wait("for 2 s")
    lines.write("SETUP")
    assert lines.interval == SELDOM

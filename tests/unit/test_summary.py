"""The section of the summary in which everything of ours stands."""

from __future__ import annotations

import io

import pytest
from _pytest.terminal import TerminalReporter

from xdist_fixtureworker.controller.summary import Note, Summary, summary_of

YELLOW, RED, END = "\x1b[33m", "\x1b[31m", "\x1b[0m"


def written(summary: Summary, colours: bool = False) -> list[str]:
    reporter = TerminalReporter(pytest.Config.fromdictargs({}, []), io.StringIO())
    reporter._tw.fullwidth = 40
    reporter._tw.hasmarkup = colours
    summary.write(reporter)
    file = reporter._tw._file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def summary(*notes: Note) -> Summary:
    made = Summary()
    made.add(lambda: notes)
    return made


def test_nothing_to_say() -> None:
    assert written(summary()) == []


def test_notes_from_several_sources() -> None:
    made = summary(Note("url was changed\nReturn it.\nOr write it down."))
    made.add(lambda: [Note("set up once")], first=True)
    made.add(lambda: [Note("server was left\n  up", is_error=True), Note("wheel_* is wheel_a")])
    assert written(made) == [
        "============ fixture worker ============",
        "set up once",
        "",
        "url was changed",
        "  Return it.",
        "  Or write it down.",
        "",
        "server was left",
        "  up",
        "wheel_* is wheel_a",
    ]


@pytest.mark.parametrize(
    ("note", "colour"),
    [
        (Note("changed\nReturn it."), YELLOW),
        (Note("left", is_error=True), RED),
        (Note("set up once"), ""),
    ],
    ids=["attention", "error", "neither"],
)
def test_colours_as_in_pytest(note: Note, colour: str) -> None:
    title, *_, text = written(summary(Note("another"), note), colours=True)[:4]
    first = note.text.partition("\n")[0]
    assert title.startswith(colour + "====")
    if colour:
        assert written(summary(note), colours=True)[1] == f"{colour}{first}{END}"
    else:
        assert text == first


def test_one_per_run(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig()
    assert summary_of(config) is summary_of(config)

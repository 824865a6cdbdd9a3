"""The lines of the summary that say what was set up, and that it was once."""

from __future__ import annotations

from xdist_fixtureworker.controller.journal import (
    Asked,
    FinalizerBegun,
    FinalizerEnded,
    Journal,
    RecoveryBegun,
    RecoveryEnded,
    SetUpBegun,
    SetUpEnded,
)
from xdist_fixtureworker.controller.set_up_once import once_lines, set_up_seconds

FW = "fixtureworker"


def journal_of(*names: str, seconds: float = 1.0, failed: bool = False) -> Journal:
    """A run in which each of these was set up, which took one second more than the one before."""
    journal = Journal(lambda: 0.0)
    for id_, name in enumerate(names):
        add(journal, id_, name, seconds + id_, failed)
    return journal


def add(journal: Journal, id_: int, name: str, seconds: float, failed: bool = False) -> None:
    where = f"{name}.py:3"
    journal.append(SetUpBegun(10.0, FW, id_, name, where, True))
    journal.append(SetUpEnded(10.0 + seconds, FW, id_, name, where, None, (), failed=failed))


def finalize(journal: Journal, id_: int, name: str, seconds: float) -> None:
    journal.append(FinalizerBegun(50.0, FW, id_, name, f"{name}.py:3"))
    journal.append(FinalizerEnded(50.0 + seconds, FW, id_, None))


def test_one_line_about_all() -> None:
    journal = journal_of("server", "tables")
    finalize(journal, 1, "tables", 0.25)
    finalize(journal, 0, "server", 0.25)
    line = "2 global fixtures, set up once: server 1.0 s, tables 2.0 s; finalized 0.5 s"
    assert once_lines(journal, 0) == [line]


def test_one_fixture_that_was_not_finalized() -> None:
    assert once_lines(journal_of("server"), 0) == ["1 global fixture, set up once: server 1.0 s"]


def test_a_failed_one_and_two_instances() -> None:
    journal = journal_of("broken", failed=True)
    add(journal, 1, "tables", 1.0)
    add(journal, 2, "tables", 0.5)
    assert once_lines(journal, 0) == [
        "2 global fixtures, set up once: broken failed, tables 1.5 s for 2 instances"
    ]


def test_those_that_took_longest_are_named_in_the_order_of_set_up() -> None:
    (line,) = once_lines(journal_of("a", "b", "c", "d", "e", "f", "g", "h"), 0)
    assert line == (
        "8 global fixtures, set up once: c 3.0 s, d 4.0 s, e 5.0 s, f 6.0 s, g 7.0 s, h 8.0 s, "
        "and 2 more"
    )


def test_one_line_about_each() -> None:
    journal = journal_of("server")
    add(journal, 1, "tables", 0.5)
    add(journal, 2, "tables", 0.25)
    add(journal, 3, "broken", 0.5, failed=True)
    for worker in ("gw1", "gw0", "gw1"):
        journal.append(Asked(9.0, worker, 1, "server"))
    finalize(journal, 0, "server", 2.0)
    assert once_lines(journal, 1) == [
        "server (server.py:3): set up once, in 1.00 s, for gw0, gw1; finalized in 2.00 s",
        "tables (tables.py:3): 2 instances, each set up once, in 0.75 s",
        "broken (broken.py:3): set-up failed after 0.50 s",
    ]


def test_neither_with_q_nor_of_fixtures_that_are_not_global_or_still_being_set_up() -> None:
    assert once_lines(journal_of("server"), -1) == []
    journal = Journal(lambda: 0.0)
    journal.append(SetUpBegun(0.0, FW, 1, "plain", "conftest.py:3", False))
    journal.append(SetUpEnded(1.0, FW, 1, "plain", "conftest.py:3", None, ()))
    journal.append(SetUpBegun(0.0, FW, 2, "server", "conftest.py:5", True))
    assert once_lines(journal, 0) == []


def test_what_another_fixture_worker_undid_is_not_finalized() -> None:
    journal = journal_of("server")
    journal.append(RecoveryBegun(50.0, "again", 0, "server", "server.py:3"))
    journal.append(RecoveryEnded(51.0, "again", 0, None, FW))
    assert once_lines(journal, 0) == ["1 global fixture, set up once: server 1.0 s"]


def test_seconds_of_each_with_all_its_instances() -> None:
    journal = journal_of("server")
    add(journal, 1, "tables", 0.5)
    add(journal, 2, "tables", 0.25)
    assert list(set_up_seconds(journal)) == [("server", 1.0), ("tables", 0.75)]

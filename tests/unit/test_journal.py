"""What follows from the events of a run."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator

import pytest

from xdist_fixtureworker.controller import journal as journal_module
from xdist_fixtureworker.controller.journal import (
    Answered,
    Asked,
    Did,
    Event,
    ExitCalled,
    FinalizerBegun,
    FinalizerEnded,
    Journal,
    Live,
    RecoveryBegun,
    RecoveryEnded,
    SetUpBegun,
    SetUpEnded,
    WorkerDown,
    WorkerStarted,
)
from xdist_fixtureworker.wire.frozen import field_names

ONE, OTHER = "fixtureworker", "another"


@pytest.fixture
def journal() -> Journal:
    """Its clock tells 1, 2, 3, ..."""
    return Journal(itertools.count(1.0).__next__)


def begin(journal: Journal, id_: int, fixture: str, by: str = ONE, is_global: bool = True) -> None:
    journal.append(SetUpBegun(journal.clock(), by, id_, fixture, "conftest.py:1", is_global))


def end(journal: Journal, id_: int, fixture: str, by: str = ONE) -> None:
    journal.append(SetUpEnded(journal.clock(), by, id_, fixture, "conftest.py:1", None, ()))


def set_up(journal: Journal, id_: int, fixture: str, by: str = ONE) -> None:
    begin(journal, id_, fixture, by)
    end(journal, id_, fixture, by)


def finalized(journal: Journal, id_: int, by: str = ONE) -> None:
    journal.append(FinalizerEnded(journal.clock(), by, id_, None))


def test_an_empty_one(journal: Journal) -> None:
    assert (journal.events, journal.unfinalized, journal.undone) == ([], [], [])
    assert (journal.test_workers, journal.exit_called) == ({}, None)
    assert (journal.failed_finalizers, journal.activity(ONE)) == ([], None)


def test_events_stay_in_order_with_their_times(journal: Journal) -> None:
    events: list[Event] = [
        WorkerStarted(journal.clock(), "gw0", 17, "1.5"),
        Asked(journal.clock(), "gw0", 1, "tables"),
        Answered(journal.clock(), "gw0", 1, True),
        WorkerDown(journal.clock(), "gw0"),
        ExitCalled(journal.clock(), "enough", 3),
    ]
    for event in events:
        journal.append(event)
    assert journal.events == events
    assert [event.at for event in journal.events] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert journal.of(Asked) == events[1:2]
    assert journal.test_workers == {"gw0": events[0]}  # though it is down
    journal.append(WorkerStarted(journal.clock(), "gw1", 18, "1.5", "ssh=there", 17))
    assert journal.test_workers == {"gw0": events[0]}  # no others are processes of this machine
    assert journal.exit_called == events[4]


def test_every_event_has_a_time() -> None:
    kinds = {
        cls
        for _, cls in inspect.getmembers(journal_module, inspect.isclass)
        if issubclass(cls, Event)
    }
    assert len(kinds) > 12
    assert {field_names(cls)[0] for cls in kinds} == {"at"}


def test_live_ones_are_in_the_order_in_which_their_set_ups_began(journal: Journal) -> None:
    begin(journal, 1, "outer")
    set_up(journal, 2, "inner")
    assert list(journal.live.values()) == [
        Live("outer", "conftest.py:1", is_set_up=False),
        Live("inner", "conftest.py:1", is_set_up=True),
    ]
    end(journal, 1, "outer")
    finalized(journal, 2)
    assert journal.unfinalized == ["outer (conftest.py:1)"]


def test_ids_of_two_fixture_workers_are_told_apart(journal: Journal) -> None:
    set_up(journal, 1, "one")
    set_up(journal, 1, "other", OTHER)
    begin(journal, 2, "slow", OTHER)
    assert journal.activity(ONE) is None
    assert journal.activity(OTHER) == "the set-up of slow (conftest.py:1)"
    finalized(journal, 1, OTHER)
    assert journal.unfinalized == [
        "one (conftest.py:1)",
        "slow (conftest.py:1), while it was being set up",
    ]


def test_what_goes_on_is_the_innermost(journal: Journal) -> None:
    begin(journal, 1, "outer")
    begin(journal, 2, "inner", is_global=False)
    assert journal.activity(ONE) == "the set-up of inner (conftest.py:1)"
    end(journal, 2, "inner")
    assert journal.activity(ONE) == "the set-up of outer (conftest.py:1)"
    end(journal, 1, "outer")
    journal.append(FinalizerBegun(journal.clock(), ONE, 1, "outer", "conftest.py:1"))
    assert journal.activity(ONE) == "the finalizer of outer (conftest.py:1)"
    finalized(journal, 1)
    assert journal.activity(ONE) is None


def test_what_else_goes_on_has_an_end(journal: Journal) -> None:
    journal.rests(ONE)  # nothing did
    journal.append(Did(journal.clock(), ONE, "the import of a.py"))
    assert journal.activity(ONE) == "the import of a.py"
    journal.rests(ONE)
    assert journal.activity(ONE) is None
    assert journal.events == [Did(1.0, ONE, "the import of a.py"), Did(2.0, ONE, "")]


def test_recovery(journal: Journal) -> None:
    for id_, fixture in ((1, "one"), (2, "two"), (3, "three")):
        set_up(journal, id_, fixture)
    for id_, report in ((3, None), (2, {"outcome": "failed"}), (1, None)):
        journal.append(RecoveryBegun(journal.clock(), OTHER, id_, "it", "recover= of conftest"))
        assert journal.activity(OTHER) == "the finalizer of it (recover= of conftest)"
        journal.append(RecoveryEnded(journal.clock(), OTHER, id_, report, ONE))
        assert journal.activity(OTHER) is None
    assert journal.undone == ["one (conftest.py:1)", "three (conftest.py:1)"]
    assert journal.unfinalized == ["two (conftest.py:1)"]
    assert journal.failed_finalizers == [{"outcome": "failed"}]


def test_recovery_of_what_was_finalized_after_all(journal: Journal) -> None:
    """The fixture worker was given up, and came loose."""
    set_up(journal, 1, "one")
    finalized(journal, 1)
    journal.append(RecoveryEnded(journal.clock(), OTHER, 1, None, ONE))
    assert (journal.undone, journal.unfinalized) == ([], [])


def test_failed_finalizers_in_their_order(journal: Journal) -> None:
    one, other = {"nodeid": "one"}, {"nodeid": "other"}
    for id_, report in ((1, one), (2, None), (3, other)):
        journal.append(FinalizerEnded(journal.clock(), ONE, id_, report))
    assert journal.failed_finalizers == [one, other]


def test_notes_of_many_fixtures_are_read_without_looking_at_all_events(journal: Journal) -> None:
    """A thousand live fixtures, and ten thousand requests: each event costs the same."""

    class Events(list[Event]):
        def __iter__(self) -> Iterator[Event]:
            raise AssertionError("all events are looked at")

    journal.events = Events()
    for id_ in range(1000):
        set_up(journal, id_, f"fixture{id_}")
    for request in range(10_000):
        journal.append(Asked(journal.clock(), "gw0", request, "fixture1"))
        assert journal.activity(ONE) is None
    assert len(journal.live) == 1000
    assert len(journal.events) == 12_000

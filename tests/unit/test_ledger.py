"""All moves between the states of a fixture, legal and illegal, and the order of finalizing."""

from __future__ import annotations

import itertools

import pytest

from xdist_fixtureworker.fixture_worker.ledger import MOVES, IllegalMove, Ledger, State

#: How each state is reached.
WAYS: dict[State | None, tuple[State, ...]] = {
    None: (),
    State.SETTING_UP: (State.SETTING_UP,),
    State.READY: (State.SETTING_UP, State.READY),
    State.FAILED: (State.SETTING_UP, State.FAILED),
    State.FINALIZING: (State.SETTING_UP, State.READY, State.FINALIZING),
    State.FINALIZED: (State.SETTING_UP, State.READY, State.FINALIZING, State.FINALIZED),
    State.FINALIZER_FAILED: (
        State.SETTING_UP,
        State.FAILED,
        State.FINALIZING,
        State.FINALIZER_FAILED,
    ),
}
PAIRS = list(itertools.product([None, *State], State))
LEGAL = [(before, after) for before, after in PAIRS if after in MOVES[before]]
ILLEGAL = [(before, after) for before, after in PAIRS if after not in MOVES[before]]


def ledger_with(key: str, state: State | None) -> Ledger[str]:
    ledger: Ledger[str] = Ledger()
    go(ledger, key, *WAYS[state])
    return ledger


def go(ledger: Ledger[str], key: str, *states: State) -> None:
    for state in states:
        ledger.move(key, state)


def test_the_table() -> None:
    assert set(LEGAL) == {
        (None, State.SETTING_UP),
        (State.SETTING_UP, State.READY),
        (State.SETTING_UP, State.FAILED),
        (State.READY, State.FINALIZING),
        (State.FAILED, State.FINALIZING),
        (State.FINALIZING, State.FINALIZED),
        (State.FINALIZING, State.FINALIZER_FAILED),
    }
    assert MOVES.keys() == WAYS.keys() == {None, *State}


@pytest.mark.parametrize(("before", "after"), LEGAL)
def test_legal_moves(before: State | None, after: State) -> None:
    ledger = ledger_with("a", before)
    assert ledger.state("a") is before
    ledger.move("a", after)
    assert ledger.state("a") is after


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_illegal_moves(before: State | None, after: State) -> None:
    ledger = ledger_with("a", before)
    with pytest.raises(IllegalMove) as excinfo:
        ledger.move("a", after)
    assert str(excinfo.value) == f"Internal error: 'a' cannot go from {before} to {after}"
    assert ledger.state("a") is before


def test_keys_do_not_disturb_each_other() -> None:
    ledger = ledger_with("a", State.READY)
    assert ledger.state("b") is None
    go(ledger, "b", State.SETTING_UP)
    assert (ledger.state("a"), ledger.state("b")) == (State.READY, State.SETTING_UP)


def finalize_all(ledger: Ledger[str]) -> list[str]:
    order = []
    while (key := ledger.next_to_finalize()) is not None:
        go(ledger, key, State.FINALIZING, State.FINALIZED)
        order.append(key)
    return order


def test_nothing_to_finalize_at_first() -> None:
    assert Ledger[str]().next_to_finalize() is None


@pytest.mark.parametrize("state", [None, *State])
def test_only_what_was_set_up_and_is_not_being_finalized_is_finalized(state: State | None) -> None:
    expected = "a" if state in (State.READY, State.FAILED) else None
    assert ledger_with("a", state).next_to_finalize() == expected


def test_asking_what_is_next_changes_nothing() -> None:
    ledger = ledger_with("a", State.READY)
    assert ledger.next_to_finalize() == "a"
    assert ledger.next_to_finalize() == "a"
    assert ledger.state("a") is State.READY


def test_last_set_up_first_also_the_failed_ones() -> None:
    ledger: Ledger[str] = Ledger()
    go(ledger, "a", State.SETTING_UP, State.READY)
    go(ledger, "b", State.SETTING_UP, State.FAILED)
    go(ledger, "c", State.SETTING_UP, State.READY)
    go(ledger, "d", State.SETTING_UP, State.FAILED)
    assert finalize_all(ledger) == ["d", "c", "b", "a"]


def test_the_ends_of_the_set_ups_count_not_their_begins() -> None:
    ledger: Ledger[str] = Ledger()
    go(ledger, "outer", State.SETTING_UP)
    go(ledger, "dependency", State.SETTING_UP, State.READY)
    go(ledger, "failed dependency", State.SETTING_UP, State.FAILED)
    go(ledger, "outer", State.READY)
    assert finalize_all(ledger) == ["outer", "failed dependency", "dependency"]


def test_what_is_still_being_set_up_is_left_out() -> None:
    ledger: Ledger[str] = Ledger()
    go(ledger, "a", State.SETTING_UP, State.READY)
    go(ledger, "hangs", State.SETTING_UP)
    assert finalize_all(ledger) == ["a"]


def test_a_failed_finalizer_does_not_hold_up_the_others() -> None:
    ledger: Ledger[str] = Ledger()
    go(ledger, "a", State.SETTING_UP, State.READY)
    go(ledger, "b", State.SETTING_UP, State.READY, State.FINALIZING, State.FINALIZER_FAILED)
    assert finalize_all(ledger) == ["a"]


def test_set_up_between_finalizers_comes_next() -> None:
    ledger: Ledger[str] = Ledger()
    go(ledger, "a", State.SETTING_UP, State.READY)
    go(ledger, "b", State.SETTING_UP, State.READY)
    go(ledger, "b", State.FINALIZING)
    go(ledger, "late", State.SETTING_UP, State.READY)
    go(ledger, "b", State.FINALIZED)
    assert finalize_all(ledger) == ["late", "a"]

"""The states of a fixture worker, and which moves lead from one to the next."""

from __future__ import annotations

import itertools

import pytest

from xdist_fixtureworker.controller.fixture_worker_state import (
    MOVES,
    FixtureWorkerState,
    IllegalMove,
    Move,
    State,
)

#: The shortest way from the start to each state.
WAYS: dict[State, list[Move]] = {
    State.STARTING: [],
    State.CALLED_OFF: [Move.IS_TO_FINISH],
    State.SERVING: [Move.COMES_UP],
    State.HANGING: [Move.COMES_UP, Move.HANGS],
    State.FINISHING: [Move.COMES_UP, Move.IS_TO_FINISH],
    State.FINISHED: [Move.COMES_UP, Move.IS_TO_FINISH, Move.HAS_FINISHED],
    State.GIVEN_UP: [Move.COMES_UP, Move.HANGS, Move.IS_TO_FINISH],
    State.DIED: [Move.COMES_UP, Move.IS_DOWN],
    State.DID_NOT_START: [Move.IS_DOWN],
    State.START_GIVEN_UP: [Move.HANGS],
}
HANGS = "the set-up of tables hangs\nStacks:\n..."


def moved(*moves: Move) -> FixtureWorkerState:
    """A fixture worker after these moves."""
    fixture_worker = FixtureWorkerState()
    for move in moves:
        fixture_worker.move(move, {Move.HANGS: HANGS, Move.IS_DOWN: "gone"}.get(move, ""))
    return fixture_worker


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_each_state_can_be_reached(state: State) -> None:
    assert moved(*WAYS[state]).state is state
    assert state in MOVES


@pytest.mark.parametrize(
    ("state", "move"),
    [
        (state, move)
        for state, move in itertools.product(State, Move)
        if move not in MOVES.get(state, ())
    ],
    ids=lambda value: value.name,
)
def test_all_moves_that_are_not_in_the_table_are_errors(state: State, move: Move) -> None:
    fixture_worker = moved(*WAYS[state])
    with pytest.raises(IllegalMove) as excinfo:
        fixture_worker.move(move)
    assert str(excinfo.value) == (
        f"Internal error: the fixture worker {move.value}, but it is {state.value}"
    )
    assert fixture_worker.state is state


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_it_can_be_down_at_any_time(state: State) -> None:
    """Whatever goes wrong, that is told to the relay."""
    fixture_worker = moved(*WAYS[state], Move.IS_DOWN)
    assert fixture_worker.ended
    assert (fixture_worker.died is None) == (state is State.FINISHED)


@pytest.mark.parametrize(
    ("state", "came_up", "hangs", "ended"),
    [
        (State.STARTING, False, False, False),
        (State.CALLED_OFF, False, False, False),
        (State.SERVING, True, False, False),
        (State.HANGING, True, True, False),
        (State.FINISHING, True, False, False),
        (State.FINISHED, True, False, True),
        (State.GIVEN_UP, True, True, True),
        (State.DIED, True, False, True),
        (State.DID_NOT_START, False, False, True),
        (State.START_GIVEN_UP, False, True, True),
    ],
    ids=lambda value: value.name if isinstance(value, State) else "",
)
def test_what_follows_from_a_state(state: State, came_up: bool, hangs: bool, ended: bool) -> None:
    fixture_worker = moved(*WAYS[state])
    assert fixture_worker.came_up == came_up
    assert fixture_worker.hangs == hangs
    assert fixture_worker.ended == ended


@pytest.mark.parametrize(
    ("moves", "reason"),
    [
        (WAYS[State.SERVING], None),
        (WAYS[State.FINISHED], None),
        ([*WAYS[State.FINISHED], Move.IS_DOWN], None),
        (WAYS[State.DIED], "gone"),
        (WAYS[State.DID_NOT_START], "gone"),
        ([Move.COMES_UP, Move.HANGS], None),
        ([Move.COMES_UP, Move.HANGS, Move.IS_DOWN], "gone"),
        ([Move.COMES_UP, Move.HANGS, Move.IS_TO_FINISH], "the set-up of tables hangs"),
        ([Move.COMES_UP, Move.IS_TO_FINISH, Move.HANGS], "the set-up of tables hangs"),
        ([Move.COMES_UP, Move.HANGS, Move.SENDS, Move.IS_DOWN], "gone"),
    ],
)
def test_why_it_ended_too_early(moves: list[Move], reason: str | None) -> None:
    assert moved(*moves).died == reason


def test_the_first_reason_counts() -> None:
    fixture_worker = moved(*WAYS[State.GIVEN_UP])
    fixture_worker.move(Move.IS_DOWN, "its process 7 was killed by signal 9")
    assert fixture_worker.died == "the set-up of tables hangs"


def test_one_that_comes_loose_serves_again() -> None:
    fixture_worker = moved(Move.COMES_UP, Move.HANGS)
    assert fixture_worker.hangs_in == HANGS
    fixture_worker.move(Move.SENDS)
    assert fixture_worker.state is State.SERVING


def test_one_that_comes_loose_too_late_is_dead_but_can_end_by_itself() -> None:
    fixture_worker = moved(*WAYS[State.GIVEN_UP], Move.SENDS)
    assert fixture_worker.state is State.DIED
    fixture_worker.move(Move.HAS_FINISHED)
    assert fixture_worker.died == "the set-up of tables hangs"
    assert not fixture_worker.hangs


def test_that_it_came_up_may_be_known_after_its_end() -> None:
    """One thread notices the end of the process, another one reads what it sent before."""
    fixture_worker = moved(Move.IS_DOWN, Move.COMES_UP)
    assert fixture_worker.state is State.DIED
    assert fixture_worker.died == "gone"


def test_it_finishes_even_if_it_was_told_to_before_it_was_up() -> None:
    fixture_worker = moved(Move.IS_TO_FINISH, Move.COMES_UP, Move.SENDS, Move.HAS_FINISHED)
    assert fixture_worker.state is State.FINISHED

"""What set-ups change in the environment, and to which of them a change belongs."""

from __future__ import annotations

import os

import pytest

from xdist_fixtureworker.fixture_worker.environment import Environment, Noted, Replay
from xdist_fixtureworker.wire.messages import Change, Variable

FIXTURE, OTHER = 1, 2  # their numbers


@pytest.fixture
def variables() -> dict[str, str]:
    return {"KEPT": "kept", "OLD": "old"}


@pytest.fixture
def environment(variables: dict[str, str]) -> Environment:
    return Environment(variables)


def test_what_pytest_changes_itself_is_no_difference() -> None:
    variables = {"PYTEST_CURRENT_TEST": "test_it (setup)"}
    environment = Environment(variables)
    before = environment.before()
    variables["PYTEST_CURRENT_TEST"] = "test_it (teardown)"
    assert environment.since(before) == {}
    variables.clear()
    assert environment.since(before) == {}


def test_the_environment_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which keeps bytes, on most systems."""
    monkeypatch.setenv("CHANGED", "before")
    monkeypatch.setenv("REMOVED", "gone")
    environment = Environment(os.environ)
    before = environment.before()
    monkeypatch.setenv("CHANGED", "\udcff")
    monkeypatch.delenv("REMOVED")
    monkeypatch.setenv("SET", "")
    assert environment.since(before) == {"CHANGED": "\udcff", "REMOVED": None, "SET": ""}
    assert environment.since(environment.before()) == {}


def test_the_state_before_is_a_copy(environment: Environment, variables: dict[str, str]) -> None:
    before = environment.before()
    variables["NEW"] = "new"
    del variables["OLD"]
    assert environment.since(before) == {"NEW": "new", "OLD": None}


def test_changes_are_noted_in_the_order_of_names(environment: Environment) -> None:
    noted = environment.note({"B": "b", "A": None}, Replay(FIXTURE))
    own = (Variable("A", None), Variable("B", "b"))
    assert noted == Noted(own, (Change(FIXTURE, 0, own),))


def test_what_is_not_replayed_is_noted_all_the_same(environment: Environment) -> None:
    assert environment.note({"A": "a"}, None) == Noted((Variable("A", "a"),), ())


def test_only_variables_with_these_names_are_replayed(environment: Environment) -> None:
    noted = environment.note({"A": "a", "B": "b"}, Replay(FIXTURE, ("B", "C")))
    assert noted.changes == (Change(FIXTURE, 0, (Variable("B", "b"),)),)


def test_a_replayed_set_up_that_changes_nothing_is_a_change(environment: Environment) -> None:
    """A test worker takes back what another instance of the fixture has changed."""
    assert environment.note({}, Replay(FIXTURE)) == Noted((), (Change(FIXTURE, 0, ()),))


def test_orders_go_on(environment: Environment) -> None:
    first = environment.note({"A": "1"}, Replay(FIXTURE))
    environment.forget()
    second = environment.note({"A": "2"}, Replay(OTHER))
    assert [change.order for change in (*first.changes, *second.changes)] == [0, 1]


def test_a_change_belongs_to_the_innermost_set_up(
    environment: Environment, variables: dict[str, str]
) -> None:
    outer = environment.before()
    variables["OUTER"] = "1"
    inner = environment.before()
    variables["INNER"] = "2"
    inner_own, outer_own = (Variable("INNER", "2"),), (Variable("OUTER", "1"),)
    inner_change, outer_change = Change(OTHER, 0, inner_own), Change(FIXTURE, 1, outer_own)
    assert environment.note_nested(inner, Replay(OTHER)) == Noted(inner_own, (inner_change,))
    noted = environment.note(environment.since(outer), Replay(FIXTURE))
    assert noted == Noted(outer_own, (inner_change, outer_change))


def test_a_variable_that_is_changed_again_belongs_to_both(
    environment: Environment, variables: dict[str, str]
) -> None:
    outer = environment.before()
    inner = environment.before()
    variables["OLD"] = "inner"
    assert environment.note_nested(inner, None).variables == (Variable("OLD", "inner"),)
    variables["OLD"] = "outer"
    noted = environment.note(environment.since(outer), None)
    assert noted.variables == (Variable("OLD", "outer"),)


def test_set_ups_within_each_other_give_back_what_was_replayed_since_they_began(
    environment: Environment, variables: dict[str, str]
) -> None:
    first = environment.before()
    variables["FIRST"] = "1"
    environment.note_nested(first, Replay(FIXTURE))
    second = environment.before()
    third = environment.before()
    variables["THIRD"] = "3"
    environment.note_nested(third, Replay(OTHER))
    noted = environment.note_nested(second, None)
    assert noted == Noted((), (Change(OTHER, 1, (Variable("THIRD", "3"),)),))


def test_another_set_up_starts_anew(environment: Environment, variables: dict[str, str]) -> None:
    inner = environment.before()
    variables["NEW"] = "new"
    environment.note_nested(inner, Replay(FIXTURE))
    environment.forget()
    noted = environment.note({"NEW": "new"}, None)
    assert noted == Noted((Variable("NEW", "new"),), ())

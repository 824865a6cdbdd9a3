"""What a global fixture with ``env=True`` changed is changed in a test worker, and taken back."""

from __future__ import annotations

import os

import pytest

from xdist_fixtureworker.test_worker.environment import Environment
from xdist_fixtureworker.wire.messages import Change, Variable

NAME = "XDIST_FIXTUREWORKER_TEST"
OTHER = "XDIST_FIXTUREWORKER_TEST_OTHER"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """``NAME`` is not set, ``OTHER`` is; whatever a test does is taken back."""
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(OTHER, "before")
    # so that monkeypatch also takes back what only the code under test has set
    monkeypatch.setenv(NAME, "")
    monkeypatch.delenv(NAME)


def now() -> tuple[str | None, str | None]:
    return os.environ.get(NAME), os.environ.get(OTHER)


def changes(*variables: Variable, fixture: int = 1, order: int = 1) -> tuple[Change, ...]:
    return (Change(fixture, order, variables),)


def test_set_and_taken_back() -> None:
    environment = Environment()
    environment.apply(changes(Variable(NAME, "new"), Variable(OTHER, "changed")))
    assert now() == ("new", "changed")
    environment.restore()
    assert now() == (None, "before")


def test_removed_and_put_back() -> None:
    environment = Environment()
    environment.apply(changes(Variable(NAME, None), Variable(OTHER, None)))
    assert now() == (None, None)
    environment.restore()
    assert now() == (None, "before")


def test_an_empty_value_is_not_a_removed_one() -> None:
    environment = Environment()
    environment.apply(changes(Variable(OTHER, "")))
    assert now() == (None, "")
    environment.restore()
    assert now() == (None, "before")


def test_two_fixtures_change_the_same_variable() -> None:
    environment = Environment()
    environment.apply(changes(Variable(NAME, "first"), Variable(OTHER, "first")))
    environment.apply(changes(Variable(OTHER, "second"), fixture=2, order=2))
    assert now() == ("first", "second")
    environment.restore()
    assert now() == (None, "before")


def test_nothing_applied_nothing_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment()
    environment.apply(())
    monkeypatch.setenv(OTHER, "by a test")
    environment.restore()
    assert now() == (None, "by a test")


def test_taken_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment()
    environment.apply(changes(Variable(OTHER, "changed")))
    environment.restore()
    monkeypatch.setenv(OTHER, "later")
    environment.restore()
    assert now() == (None, "later")


def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment()
    environment.apply(changes(Variable(NAME, "new")))
    monkeypatch.setenv(OTHER, "by a test")
    environment.restore()
    assert now() == (None, "by a test")


def test_the_later_set_up_has_its_way_whoever_asks_first() -> None:
    environment = Environment()
    environment.apply(changes(Variable(OTHER, "later"), fixture=2, order=2))
    environment.apply(changes(Variable(OTHER, "earlier"), fixture=1, order=1))
    assert now() == (None, "later")


def test_another_instance_of_the_same_fixture() -> None:
    """It is in the place of the one before, with all that it changes and does not change."""
    environment = Environment()
    environment.apply(changes(Variable(NAME, "a"), Variable(OTHER, "a"), order=1))
    environment.apply(changes(Variable(NAME, "b"), order=2))
    assert now() == ("b", "before")
    environment.apply(changes(Variable(OTHER, "a"), order=1))
    assert now() == (None, "a")
    environment.restore()
    assert now() == (None, "before")


def test_what_a_test_changed_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment()
    environment.apply(changes(Variable(OTHER, "new")))
    monkeypatch.setenv(OTHER, "by a test")
    environment.apply(changes(Variable(NAME, "more"), fixture=2, order=2))
    assert now() == ("more", "by a test")

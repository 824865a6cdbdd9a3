"""What a global fixture with ``env=True`` changed is changed in a test worker, and taken back."""

from __future__ import annotations

import os

import pytest

from xdist_fixtureworker.protocol import Variable
from xdist_fixtureworker.test_worker.client import Environment

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


def test_set_and_taken_back() -> None:
    environment = Environment()
    environment.apply((Variable(NAME, "new"), Variable(OTHER, "changed")))
    assert now() == ("new", "changed")
    environment.restore()
    assert now() == (None, "before")


def test_removed_and_put_back() -> None:
    environment = Environment()
    environment.apply((Variable(NAME, None), Variable(OTHER, None)))
    assert now() == (None, None)
    environment.restore()
    assert now() == (None, "before")


def test_an_empty_value_is_not_a_removed_one() -> None:
    environment = Environment()
    environment.apply((Variable(OTHER, ""),))
    assert now() == (None, "")
    environment.restore()
    assert now() == (None, "before")


def test_two_fixtures_change_the_same_variable() -> None:
    environment = Environment()
    environment.apply((Variable(NAME, "first"), Variable(OTHER, "first")))
    environment.apply((Variable(OTHER, "second"),))
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
    environment.apply((Variable(OTHER, "changed"),))
    environment.restore()
    monkeypatch.setenv(OTHER, "later")
    environment.restore()
    assert now() == (None, "later")


def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment()
    environment.apply((Variable(NAME, "new"),))
    monkeypatch.setenv(OTHER, "by a test")
    environment.restore()
    assert now() == (None, "by a test")

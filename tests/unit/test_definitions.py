"""Which definitions a fixture depends on, told of plain objects with the attributes that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from xdist_fixtureworker.declared.definitions import Definition, dependencies, own_parameters


@dataclass(eq=False)
class Fixture:
    argname: str
    argnames: tuple[str, ...] = ()
    params: Sequence[object] | None = None


@dataclass
class Known:
    """A place from which fixtures can be seen: by name, the one in force last."""

    fixtures: dict[str, list[Fixture]] = field(default_factory=dict)

    def add(self, name: str, *argnames: str) -> Fixture:
        fixture = Fixture(name, argnames)
        self.fixtures.setdefault(name, []).append(fixture)
        return fixture

    # what is read of a node of pytest

    @property
    def session(self) -> Known:
        return self

    @property
    def config(self) -> Known:
        return self

    @property
    def stash(self) -> dict[object, object]:
        return {}

    @property
    def _fixturemanager(self) -> Known:
        return self

    def getfixturedefs(self, name: str, node: object) -> Sequence[Fixture] | None:
        assert node is self
        return self.fixtures.get(name)


@pytest.fixture
def known() -> Known:
    return Known()


def needed(fixture: Fixture, known: Known) -> list[Fixture]:
    found = dependencies(cast(Definition, fixture), cast(Any, known), lambda d: d.argnames)
    return cast("list[Fixture]", list(found))


def test_no_dependencies(known: Known) -> None:
    assert needed(known.add("a"), known) == []


def test_dependencies_come_before_those_that_depend_on_them(known: Known) -> None:
    c = known.add("c")
    b = known.add("b", "c")
    d = known.add("d")
    assert needed(known.add("a", "b", "d"), known) == [c, b, d]


def test_each_once(known: Known) -> None:
    c = known.add("c")
    b = known.add("b", "c")
    d = known.add("d", "c", "b")
    assert needed(known.add("a", "d", "b", "c"), known) == [c, b, d]


def test_names_that_are_not_there_are_left_to_pytest(known: Known) -> None:
    b = known.add("b")
    assert needed(known.add("a", "request", "no_such_fixture", "b"), known) == [b]


def test_the_one_in_force_is_the_last(known: Known) -> None:
    known.add("b")
    override = known.add("b")
    assert needed(known.add("a", "b"), known) == [override]


def test_an_override_that_asks_for_its_own_name(known: Known) -> None:
    first = known.add("a")
    second = known.add("a", "a")
    third = known.add("a", "a")
    assert needed(third, known) == [first, second]
    assert needed(second, known) == [first]
    assert needed(first, known) == []


def test_an_override_of_a_dependency_that_asks_for_its_own_name(known: Known) -> None:
    first = known.add("b")
    second = known.add("b", "b")
    assert needed(known.add("a", "b"), known) == [first, second]


def test_an_overridden_one_gets_the_dependencies_that_are_in_force(known: Known) -> None:
    known.add("b")
    override = known.add("b")
    overridden = known.add("a", "b")
    known.add("a")
    assert needed(overridden, known) == [override]


def test_an_override_asks_indirectly_for_what_it_overrides(known: Known) -> None:
    """As in pytest: how often a name was asked for on the way decides which one it is."""
    first = known.add("a")
    b = known.add("b", "a")
    second = known.add("a", "b")
    assert needed(second, known) == [first, b]


def test_its_own_name_without_anything_to_override(known: Known) -> None:
    assert needed(known.add("a", "a"), known) == []


def test_a_circle_ends(known: Known) -> None:
    """pytest says what is wrong when it is set up."""
    b = known.add("b", "a")
    a = known.add("a", "b")
    assert needed(a, known) == [b]


def test_a_definition_that_cannot_be_seen_is_taken_for_the_one_in_force(known: Known) -> None:
    first = known.add("a")
    known.add("a", "a")
    assert needed(Fixture("a", ("a",)), known) == [first]


def test_the_names_are_those_that_are_told(known: Known) -> None:
    """A global fixture whose ``argnames`` were emptied still depends on what it did before."""
    b = known.add("b")
    a = known.add("a")
    found = dependencies(
        cast(Definition, a), cast(Any, known), lambda d: ["b"] if cast(Any, d) is a else []
    )
    assert list(found) == [cast(Any, b)]


# --- parameters


def own(name: str, *closure: Fixture) -> list[object]:
    return list(own_parameters(name, cast("tuple[Definition, ...]", closure)))


def test_the_params_of_the_one_that_overrides_count() -> None:
    closure = Fixture("a", params=[1, 2]), Fixture("b", params=[5]), Fixture("a", ("a",), [3, 4])
    assert own("a", *closure) == [3, 4]
    assert own("b", *closure) == [5]


def test_an_override_without_params_has_those_of_what_it_overrides() -> None:
    overridden = Fixture("a", params=[1, pytest.param(2, id="two")])
    assert own("a", overridden, Fixture("a", ("a",))) == [1, 2]


def test_empty_params_of_an_override_are_params() -> None:
    assert own("a", Fixture("a", params=[1]), Fixture("a", ("a",), [])) == []


def test_no_params() -> None:
    assert own("a", Fixture("a"), Fixture("b", params=[1])) == []
    assert own("a") == []

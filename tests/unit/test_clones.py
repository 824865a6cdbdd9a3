"""Parameters that pytest takes for equal are one; others get copies of what depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from xdist_fixtureworker.declared.definitions import Definition
from xdist_fixtureworker.fixture_worker.clones import (
    Clones,
    ParameterValue,
    ParameterValues,
    VisibleDefinitions,
)

from .test_definitions import Known


class Array:
    """As a numpy array: ``==`` gives an array, and an array of several has no truth value."""

    def __init__(self, *elements: int) -> None:
        self.elements = elements

    __hash__ = None  # type: ignore[assignment]  # as a numpy array

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Array):
            return Array(*map(int.__eq__, self.elements, other.elements))
        return Array(*(element == other for element in self.elements))

    def __bool__(self) -> bool:
        if len(self.elements) != 1:
            raise ValueError("the truth value of an array is ambiguous")
        return bool(self.elements[0])


class Refusing:
    """Cannot be compared at all."""

    __hash__ = None  # type: ignore[assignment]  # no matter here

    def __eq__(self, other: object) -> bool:
        raise TypeError("not comparable")


def test_equal_values_are_one() -> None:
    values = ParameterValues()
    first = values.get("url", 0, {"port": [1]})
    assert values.get("url", 0, {"port": [1]}) is first
    assert (first.name, first.index, first.value) == ("url", 0, {"port": [1]})


def test_equal_values_at_different_places_are_one() -> None:
    """As in pytest, which compares values only; the first one's index stays."""
    values = ParameterValues()
    first = values.get("url", 3, "u")
    assert values.get("url", 7, "u") is first
    assert first.index == 3


def test_different_values_are_different() -> None:
    values = ParameterValues()
    one, other = values.get("url", 0, "a"), values.get("url", 1, "b")
    assert one is not other
    assert (one.value, other.value) == ("a", "b")
    assert values.get("url", 0, "a") is one
    assert values.get("url", 1, "b") is other


def test_names_are_kept_apart() -> None:
    values = ParameterValues()
    assert values.get("url", 0, 1) is not values.get("size", 0, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [(Array(1, 2), Array(1, 2)), (Refusing(), Refusing()), (Array(1, 2), Refusing())],
    ids=["ambiguous", "raising", "both"],
)
def test_values_that_cannot_be_compared_are_told_apart_by_identity(
    one: object, other: object
) -> None:
    values = ParameterValues()
    first = values.get("array", 0, one)
    second = values.get("array", 1, other)
    assert first is not second
    assert values.get("array", 0, one) is first
    assert values.get("array", 1, other) is second


def test_an_array_that_can_be_compared() -> None:
    values = ParameterValues()
    assert values.get("array", 0, Array(1)) is values.get("array", 0, Array(1))
    assert values.get("array", 0, Array(1)) is not values.get("array", 1, Array(2))


def test_a_value_that_is_not_equal_to_itself() -> None:
    values = ParameterValues()
    nan = float("nan")
    assert values.get("x", 0, nan) is values.get("x", 0, nan)
    assert values.get("x", 0, nan) is not values.get("x", 0, float("nan"))


# --- copies of definitions: told of plain objects with the attributes that count


@dataclass(eq=False)
class Fixture:
    argname: str
    argnames: tuple[str, ...] = ()
    cached_result: object = ("value", None, None)
    func: object = None
    scope: str = "session"

    def __post_init__(self) -> None:
        self._finalizers: list[object] = [print]


@pytest.fixture
def known() -> Known:
    """``a`` depends on ``b``, ``b`` on ``size``; ``other`` on nothing."""
    known = Known()
    known.fixtures = cast(
        Any,
        {
            "a": [Fixture("a", ("b",))],
            "b": [Fixture("b", ("size",))],
            "size": [Fixture("size")],
            "other": [Fixture("other")],
        },
    )
    return known


@pytest.fixture
def clones() -> Clones:
    return Clones(lambda definition: definition.argnames)


def one(known: Known, name: str) -> Definition:
    return cast(Definition, known.fixtures[name][-1])


def seen(known: Known, name: str) -> list[Definition]:
    return cast("list[Definition]", known.fixtures[name])


SMALL, BIG, URL = (
    ParameterValue("size", 0, 1),
    ParameterValue("size", 1, 10),
    ParameterValue("url", 0, "u"),
)


def test_without_parameters_there_is_no_copy(clones: Clones, known: Known) -> None:
    definition = one(known, "a")
    assert clones.get(definition, cast(Any, known), {}) is definition
    assert clones.original(definition) is definition


@pytest.mark.parametrize("name", ["a", "b", "size"])
def test_a_copy_per_value_for_all_that_depend_on_it(
    clones: Clones, known: Known, name: str
) -> None:
    node: Any = known
    definition = one(known, name)
    small = clones.get(definition, node, {"size": SMALL})
    big = clones.get(definition, node, {"size": BIG})
    assert len({id(definition), id(small), id(big)}) == 3
    assert clones.get(definition, node, {"size": SMALL}) is small
    assert clones.original(small) is clones.original(big) is definition


def test_what_does_not_depend_on_a_parameter_is_not_copied(clones: Clones, known: Known) -> None:
    other = one(known, "other")
    assert clones.get(other, cast(Any, known), {"size": SMALL}) is other


def test_parameters_that_it_does_not_depend_on_make_no_difference(
    clones: Clones, known: Known
) -> None:
    node: Any = known
    small = clones.get(one(known, "a"), node, {"size": SMALL})
    assert clones.get(one(known, "a"), node, {"size": SMALL, "url": URL}) is small
    assert clones.relevant(one(known, "a"), node, {"url": URL, "size": SMALL}) == {"size": SMALL}


def test_a_copy_is_as_a_definition_that_was_never_set_up(clones: Clones, known: Known) -> None:
    definition = one(known, "a")
    copy = clones.get(definition, cast(Any, known), {"size": SMALL})
    assert copy.cached_result is None
    assert copy._finalizers == []
    assert copy.argnames == ("b",)
    # and the original is what it was
    assert definition.cached_result == cast(Any, ("value", None, None))
    assert definition._finalizers == [print]


def test_an_item_sees_copies_where_they_depend_on_its_parameters(
    clones: Clones, known: Known
) -> None:
    node: Any = known
    definition = clones.get(one(known, "a"), node, {"size": SMALL})
    visible = VisibleDefinitions(definition, node, {"size": SMALL}, clones)
    assert visible["a"] == [definition]
    assert visible["b"] == [clones.get(one(known, "b"), node, {"size": SMALL})]
    assert visible["b"] != seen(known, "b")
    assert visible["other"] == seen(known, "other")
    assert visible.get("no_such_fixture") is None
    with pytest.raises(KeyError):
        visible["no_such_fixture"]


def test_an_item_for_an_overridden_fixture_does_not_see_the_override(
    clones: Clones, known: Known
) -> None:
    node: Any = known
    overridden = one(known, "a")
    known.fixtures["a"].append(cast(Any, Fixture("a", ("a",))))
    assert VisibleDefinitions(overridden, node, {}, clones)["a"] == [overridden]
    assert VisibleDefinitions(one(known, "a"), node, {}, clones)["a"] == seen(known, "a")


def test_no_name_is_known_beforehand(clones: Clones, known: Known) -> None:
    visible = VisibleDefinitions(one(known, "a"), cast(Any, known), {}, clones)
    assert (list(visible), len(visible)) == ([], 0)
    assert visible.copy()["a"] == seen(known, "a")
    visible["a"] = ()
    assert visible["a"] == seen(known, "a")

"""The part of a value that pickle refuses, by the name by which it is reached."""

from __future__ import annotations

import pickle
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from xdist_fixtureworker.errors import type_name
from xdist_fixtureworker.wire.culprit import find_culprit as find
from xdist_fixtureworker.wire.culprit import sendable_parts


def find_culprit(value: object) -> str | None:
    found = find(value)
    if found is None:
        return None
    assert found.parts[0] is value
    return f"{found.path} (a {type_name(found.parts[-1])})"


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("it cannot be sent")


class Holder:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


UNPICKLABLE = f"{__name__}.Unpicklable"


@pytest.mark.parametrize(
    ("value", "culprit"),
    [
        ({"url": "u", "engine": Unpicklable()}, f"the value['engine'] (a {UNPICKLABLE})"),
        ({("a", 1): Unpicklable()}, f"the value[('a', 1)] (a {UNPICKLABLE})"),
        ([1, 2, Unpicklable()], f"the value[2] (a {UNPICKLABLE})"),
        ((Unpicklable(),), f"the value[0] (a {UNPICKLABLE})"),
        ({Unpicklable()}, f"the value[0] (a {UNPICKLABLE})"),
        (frozenset({Unpicklable()}), f"the value[0] (a {UNPICKLABLE})"),
        (Holder(name="n", lock=Unpicklable()), f"the value.lock (a {UNPICKLABLE})"),
        (
            Holder(engine=Holder(locks=[{}, {"x": Unpicklable()}])),
            f"the value.engine.locks[1]['x'] (a {UNPICKLABLE})",
        ),
        ([Unpicklable(), Holder(x=Unpicklable())], f"the value[0] (a {UNPICKLABLE})"),
        ({"x" * 60: Unpicklable()}, f"the value['{'x' * 39}] (a {UNPICKLABLE})"),
        ([(n for n in range(3))], "the value[0] (a generator)"),
        (deque([1, Unpicklable()]), f"the value[1] (a {UNPICKLABLE})"),
        ({Unpicklable(): 1}, f"a key of the value (a {UNPICKLABLE})"),
        (defaultdict(lambda: 0), "the value.default_factory (a function)"),
        (partial(lambda: 0), "the value.func (a function)"),
        (partial(len, Unpicklable()), f"the value.args[0] (a {UNPICKLABLE})"),
        (ValueError("no", Unpicklable()), f"the value.args[1] (a {UNPICKLABLE})"),
    ],
    ids=[
        "dict",
        "dict-with-tuple-key",
        "list",
        "tuple",
        "set",
        "frozenset",
        "attribute",
        "nested",
        "first-of-several",
        "long-key",
        "builtin",
        "deque",
        "key",
        "defaultdict",
        "partial",
        "partial-argument",
        "exception",
    ],
)
def test_find_culprit(value: object, culprit: str) -> None:
    assert find_culprit(value) == culprit


def test_what_can_be_sent() -> None:
    assert sendable_parts({"url": "u", "lock": Unpicklable()}) == ["the value['url']"]
    assert sendable_parts((Unpicklable(), 1, [Unpicklable()], 2)) == [
        "the value[1]",
        "the value[3]",
    ]
    assert sendable_parts(Holder(a=1, b=Unpicklable())) == ["the value.a"]
    assert sendable_parts([Unpicklable() for _ in range(200)]) == []


class Lighter:
    """Leaves out, when it is pickled, one of the two that could not be."""

    def __init__(self) -> None:
        self.left_out, self.kept = Unpicklable(), Unpicklable()

    def __getstate__(self) -> dict[str, object]:
        return {"kept": self.kept}


class Slotted:
    __slots__ = ("slot",)

    def __init__(self) -> None:
        self.slot = Unpicklable()


def test_what_pickle_does_not_see_is_no_culprit() -> None:
    assert find_culprit(Lighter()) == f"the value.kept (a {UNPICKLABLE})"
    assert find_culprit(Slotted()) == f"the value.slot (a {UNPICKLABLE})"
    assert find_culprit(pickle) is None  # a module


@pytest.mark.parametrize("value", [Unpicklable(), len, {}, [1], Holder(a=1), None])
def test_no_culprit_inside(value: object) -> None:
    assert find_culprit(value) is None


def test_a_culprit_too_deep_inside_is_not_known() -> None:
    """Not guessed either: the list in which the search ends is not what pickle refuses."""
    value: object = Unpicklable()
    for _ in range(20):
        value = [value]
    assert find_culprit(value) is None


def test_a_back_reference_is_no_culprit() -> None:
    """As in an engine whose pool knows its engine, and that also has a lock."""
    engine = Holder()
    engine.__dict__.update(pool=Holder(engine=engine), lock=Unpicklable())
    assert find_culprit(engine) == f"the value.lock (a {UNPICKLABLE})"


class Counting:
    """Knows how often pickle came along."""

    def __init__(self, result: Any = None) -> None:
        self.visits = 0
        self._result = result

    def __reduce__(self) -> Any:
        self.visits += 1
        if self._result is None:
            raise TypeError("it cannot be sent")
        return self._result


def test_the_search_ends_where_everything_is_connected() -> None:
    """As in a web of objects that know each other, from which the culprit is far away: what was
    looked into once is not looked into again on every other way that leads there."""
    culprit = Counting()
    chain: object = culprit
    for _ in range(10):
        chain = [chain]
    web: list[list[object]] = [[] for _ in range(10)]
    for each in web:
        each.extend(other for other in web if other is not each)
    web[-1].append(chain)
    assert find_culprit(web[0]) is None
    assert 0 < culprit.visits <= len(web) + 10


def test_the_search_ends_where_much_refers_back() -> None:
    """As in a mapper with thousands of rows that know it: pickle meets the culprit from each."""
    culprit = Counting()
    mapper = Holder()
    rows = [Holder(mapper=mapper, number=number) for number in range(3_000)]
    mapper.__dict__.update(rows=rows, engine=Holder(pool=Holder(lock=culprit)))
    assert find_culprit(mapper) is None
    assert 50 < culprit.visits < 150


def test_what_can_be_pickled_does_not_end_the_search() -> None:
    rows = [[number] for number in range(3_000)]
    assert find_culprit([*rows, Unpicklable()]) == f"the value[3000] (a {UNPICKLABLE})"


def test_what_was_pickled_once_is_not_gone_through_again() -> None:
    """As a large object that thousands of rows have in common."""
    common = Counting((list, ()))
    rows = [Holder(common=common, number=number) for number in range(3_000)]
    assert find_culprit([*rows, Unpicklable()]) == f"the value[3000] (a {UNPICKLABLE})"
    assert common.visits == 1


def test_what_was_half_pickled_is_not_taken_for_pickled() -> None:
    """pickle remembers what it began, and would only refer to it the next time."""
    engine = Holder(lock=Unpicklable())
    assert find_culprit([[engine], engine]) == f"the value[1].lock (a {UNPICKLABLE})"
    assert find_culprit({"a": [[engine]], "b": Holder(b=Holder(c=engine))}) == (
        f"the value['a'][0][0].lock (a {UNPICKLABLE})"
    )


class Hostile(Mapping[str, object]):
    """As a closed ``shelve``: a mapping that does not say what is in it."""

    def __getitem__(self, key: str) -> object:
        raise ValueError("closed")

    def __iter__(self) -> Iterator[str]:
        raise ValueError("closed")

    def __len__(self) -> int:
        raise ValueError("closed")

    def __reduce__(self) -> Any:
        raise TypeError("it cannot be sent")


def test_a_value_that_cannot_be_looked_into() -> None:
    assert find_culprit([Hostile()]) == f"the value[0] (a {__name__}.Hostile)"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "int"),
        (None, "NoneType"),
        ({}, "dict"),
        (Unpicklable(), UNPICKLABLE),
        (Holder(), f"{__name__}.Holder"),
        (Holder, "type"),
    ],
)
def test_type_name(value: object, name: str) -> None:
    assert type_name(value) == name


def test_type_name_of_a_nested_class() -> None:
    class Inner:
        pass

    assert type_name(Inner()) == (f"{__name__}.test_type_name_of_a_nested_class.<locals>.Inner")

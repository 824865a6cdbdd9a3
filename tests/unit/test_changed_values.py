"""Which changes of a value are noticed, and what the summary says of them."""

from __future__ import annotations

import array
import datetime
import enum
import functools
import random
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xdist_fixtureworker.controller.changed_values import changed_texts
from xdist_fixtureworker.rules.changed_values import Values


@dataclass
class Report:
    rows: list[int] = field(default_factory=list)
    _cents: int = 0


@dataclass(slots=True)
class Slim:
    rows: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    rows: list[int] = field(default_factory=list)


class Recorder:
    def __init__(self) -> None:
        self.rows: list[int] = []
        self.count = 0
        self._cache: dict[str, int] = {}

    @functools.cached_property
    def made(self) -> int:
        return 1


class Cart:
    """As users write them: what it consists of is private."""

    __slots__ = ("__dict__", "_count", "total")

    def __init__(self) -> None:
        self._count = self.total = 0
        self.__rows: list[int] = []
        self._memory: dict[str, int] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self) -> None:
        self.__rows.append(1)

    def match(self) -> None:
        self._pattern = self._pattern or re.compile("a")
        self._made_later = 1

    def __repr__(self) -> str:
        return "the same always"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class LazyProperty:
    """A cached property of a library."""

    def __get__(self, instance: Any, owner: type) -> object:
        return instance.__dict__.setdefault("made", [1])


class Lazy:
    made = LazyProperty()


class Stage(enum.Enum):
    NEW = 1
    DONE = 2


class Words(list[str]):
    language = "en"


class Text(str):
    __slots__ = ()


class Trimmed:
    """Leaves out of its pickle what it has computed."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.computed = 0

    def __getstate__(self) -> dict[str, object]:
        return {"rows": self.rows}


class Refusing:
    def __init__(self) -> None:
        self.rows: list[int] = []

    def __reduce__(self) -> Any:
        raise TypeError("not twice")


def changed(value: Any, change: Callable[[Any], object]) -> bool:
    values = Values()
    values.note("it (conftest.py:3)", value)
    change(value)
    return values.changed() == ["it (conftest.py:3)"]


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ([], lambda value: value.append(1)),
        ([1], lambda value: value.clear()),
        ([1], lambda value: value.insert(0, True)),
        ([1], lambda value: value.__setitem__(0, True)),
        ([1, 2], lambda value: value.reverse()),
        ({}, lambda value: value.update(a=1)),
        ({"a": [{}]}, lambda value: value["a"][0].update(b=1)),
        (([],), lambda value: value[0].append(1)),
        ({1}, lambda value: value.add(2)),
        (bytearray(b"a"), lambda value: value.extend(b"b")),
        (deque([1]), lambda value: value.append(2)),
        (Counter("a"), lambda value: value.update("a")),
        (defaultdict(list), lambda value: value["a"]),
        (OrderedDict(), lambda value: value.update(a=1)),
        (Report(), lambda value: value.rows.append(1)),
        (Report(), lambda value: setattr(value, "_cents", 1)),
        (Slim(), lambda value: value.rows.append(1)),
        (Frozen(), lambda value: value.rows.append(1)),
        (Recorder(), lambda value: value.rows.append(1)),
        (Recorder(), lambda value: setattr(value, "count", 1)),
        (SimpleNamespace(a=1), lambda value: setattr(value, "b", 1)),
        ([object()], lambda value: value.append(1)),
        (Cart(), lambda value: setattr(value, "_count", 1)),
        (Cart(), lambda value: setattr(value, "total", 1)),
        (Cart(), Cart.add),
        ([Cart()], lambda value: value[0].add()),
        (SimpleNamespace(a=Path("a")), lambda value: setattr(value, "a", Path("b"))),
        ([Stage.NEW], lambda value: value.__setitem__(0, Stage.DONE)),
        ([datetime.date(2026, 1, 1)], lambda value: value.append(value.pop().replace(day=2))),
        ([Text("a")], lambda value: value.__setitem__(0, Text("b"))),
        ([int], lambda value: value.__setitem__(0, float)),
        (Words(), lambda value: setattr(value, "language", "de")),
        (array.array("i", [1]), lambda value: value.append(2)),
        (random.Random(1), lambda value: value.random()),
        ([], lambda value: value.extend(range(100_000))),
    ],
)
def test_noticed(value: Any, change: Callable[[Any], object]) -> None:
    assert changed(value, change)


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ([1], list),
        ({"a": 1, "b": 2}, lambda value: value.update(a=value.pop("a"))),  # put back
        (Recorder(), lambda value: value.made),
        (Recorder(), lambda value: value._cache.update(a=1)),
        (Cart(), Cart.match),
        (Lazy(), lambda value: value.made),
        (Path("a"), lambda value: (value.parts, hash(value), str(value))),
        ([Path("a"), datetime.date(2026, 1, 1), Stage.NEW, re.compile("a")], list),
        (random.Random(1), lambda value: value.setstate(value.getstate())),
        (Trimmed(), lambda value: setattr(value, "computed", 1)),
        (Trimmed(), lambda value: value.rows.append(1)),  # only its own code could tell
        (Refusing(), lambda value: value.rows.append(1)),
        (bytearray(100_000), lambda value: value.append(1)),  # too large
        ("text", str),
        (1, str),
        (list(range(100_000)), lambda value: value.append(1)),  # too large
        (["x" * 100_000], lambda value: value.append(1)),
    ],
)
def test_not_noticed(value: Any, change: Callable[[Any], object]) -> None:
    assert not changed(value, change)


def test_a_value_within_itself() -> None:
    value: list[Any] = [1]
    value.append(value)
    assert not changed(value, len)
    assert changed(value, lambda value: value.append(2))


def test_a_value_that_cannot_be_looked_at() -> None:
    deep: list[Any] = []
    for _ in range(1_500):
        deep = [deep]
    assert not changed(deep, lambda value: value.append(1))


def test_the_summary() -> None:
    assert list(
        changed_texts({"b (conftest.py:3)": {"gw1", "gw0"}, "a (x.py:1)": {"fixtureworker"}})
    ) == [
        "the value of the global fixture a (x.py:1) was changed in the fixture worker after it was "
        "sent: tests have it as it was.\n"
        "Have the fixture that changes it return it, and tests use that one.",
        "the value of the global fixture b (conftest.py:3) was changed in test workers (gw0, gw1), "
        "where each has a copy: neither the fixture nor other workers see that.\n"
        "Write what tests add to files or to a server, or collect it in a session fixture of each "
        "test worker.",
    ]


class Guarded(list[int]):
    def __iter__(self) -> Any:
        raise AssertionError("run")


class Lazy:
    """As stand-ins for what is made when it is first used."""

    def __init__(self) -> None:
        self.rows = [1]

    @property
    def __class__(self) -> Any:
        raise AssertionError("run")

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("run")


@pytest.mark.parametrize("kind", ["list", "within", "stand-in"])
def test_no_code_of_the_value_is_run(kind: str) -> None:
    guarded, lazy = Guarded([1]), Lazy()
    value = {"list": guarded, "within": {"of": guarded}, "stand-in": lazy}[kind]
    rows = object.__getattribute__(lazy, "rows") if kind == "stand-in" else guarded
    assert changed(value, lambda _: list.append(rows, 2))

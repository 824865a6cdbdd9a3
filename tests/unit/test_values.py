"""What crosses from the fixture worker to the test workers, and what is said where it cannot."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from xdist_fixtureworker.errors import RemoteTraceback
from xdist_fixtureworker.wire.culprit import find_culprit, type_name
from xdist_fixtureworker.wire.pickles import (
    describe,
    pack,
    pack_exception,
    unpack,
    unpack_exception,
)


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("it cannot be sent")


class Holder:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class Plain(Exception):
    pass


class TwoArguments(Exception):
    """Can be pickled; unpickling fails, because pickle gives back one argument only."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class Disguised(Exception):
    """Comes out of its pickle as something else."""

    def __reduce__(self) -> Any:
        return ValueError, ("something else",)


class NoException(Exception):
    """Comes out of its pickle as something that cannot even be raised."""

    def __reduce__(self) -> Any:
        return str, ("text",)


UNPICKLABLE = f"{__name__}.Unpicklable"
HOLDER = f"{__name__}.Holder"


# --- values


@pytest.mark.parametrize(
    "value", [None, 0, "é", b"\x00" * 100_000, {"a": [1, (2, {3})]}, Plain, 1.5]
)
def test_round_trip(value: object) -> None:
    packed = pack(value)
    assert type(packed) is bytes
    assert unpack(packed) == value


def test_the_pickle_protocol_is_one_that_all_supported_versions_read() -> None:
    assert pack("x")[:2] == b"\x80\x05"


def test_what_a_pickle_cannot_take_raises_what_pickle_raises() -> None:
    with pytest.raises(TypeError, match=r"^it cannot be sent$"):
        pack([Unpicklable()])


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
    ],
)
def test_find_culprit(value: object, culprit: str) -> None:
    assert find_culprit(value) == culprit


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
        (Plain(), f"{__name__}.Plain"),
        (Plain, "type"),
    ],
)
def test_type_name(value: object, name: str) -> None:
    assert type_name(value) == name


def test_type_name_of_a_nested_class() -> None:
    class Inner:
        pass

    assert type_name(Inner()) == (f"{__name__}.test_type_name_of_a_nested_class.<locals>.Inner")


# --- exceptions


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), Plain("é"), KeyError("k"), SystemExit(3), KeyboardInterrupt()],
    ids=repr,
)
def test_exceptions_that_survive(error: BaseException) -> None:
    received = unpack_exception(pack_exception(error), "conftest.py:3: ValueError")
    assert type(received) is type(error)
    assert received.args == error.args


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.skip.Exception("not here"),
        pytest.fail.Exception("no"),
        pytest.xfail.Exception("known"),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_pytest_outcomes_survive(outcome: BaseException) -> None:
    received = unpack_exception(pack_exception(outcome), "")
    assert type(received) is type(outcome)
    assert str(received) == str(outcome)


def test_exit_survives_with_its_return_code() -> None:
    received = unpack_exception(pack_exception(pytest.exit.Exception("enough", 7)), "")
    assert isinstance(received, pytest.exit.Exception)
    assert (received.msg, received.returncode) == ("enough", 7)


def test_neither_traceback_nor_cause_travel_in_the_pickle() -> None:
    try:
        raise ValueError("no") from Plain("first")
    except ValueError as error:
        received = unpack_exception(pack_exception(error), "")
    assert received is not None
    assert (received.__traceback__, received.__cause__) == (None, None)


def test_exceptions_that_cannot_be_pickled() -> None:
    assert pack_exception(Plain(Unpicklable())) is None


def test_exceptions_that_can_be_pickled_but_not_unpickled() -> None:
    error = TwoArguments("a", "b")
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(error))
    assert pack_exception(error) is None


@pytest.mark.parametrize("cls", [Disguised, NoException])
def test_exceptions_that_would_change_on_the_way(cls: type[Exception]) -> None:
    assert pack_exception(cls("x")) is None


def test_exceptions_of_a_class_that_cannot_be_imported() -> None:
    class Local(Exception):
        pass

    assert pack_exception(Local("x")) is None


def test_the_remote_traceback_is_the_cause() -> None:
    received = unpack_exception(pack_exception(ValueError("no")), "conftest.py:3: ValueError")
    assert received is not None
    cause = received.__cause__
    assert isinstance(cause, RemoteTraceback)
    assert cause.text == "conftest.py:3: ValueError"
    assert str(cause) == "in the fixture worker:\nconftest.py:3: ValueError"


def test_without_a_remote_traceback_there_is_no_cause() -> None:
    received = unpack_exception(pack_exception(ValueError("no")), "")
    assert received is not None
    assert received.__cause__ is None


def test_a_remote_traceback_can_be_pickled() -> None:
    received = unpack(pack(RemoteTraceback("text")))
    assert isinstance(received, RemoteTraceback)
    assert received.text == "text"


@pytest.mark.parametrize(
    "packed",
    [None, b"", b"no pickle", pickle.dumps("no exception"), b"\x80\x05cno_such_module\nX\n."],
    ids=["none", "empty", "garbage", "a-string", "unknown-class"],
)
def test_what_cannot_be_unpacked_is_none(packed: bytes | None) -> None:
    assert unpack_exception(packed, "text") is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no"), "ValueError: no"),
        (ValueError(), "ValueError"),
        (ValueError("two\nlines"), "ValueError: two\nlines"),
        (Plain("no"), f"{__name__}.Plain: no"),
        (KeyError("k"), "KeyError: 'k'"),
    ],
    ids=repr,
)
def test_describe(error: BaseException, text: str) -> None:
    assert describe(error) == text


def test_describe_leaves_out_the_cause() -> None:
    try:
        raise ValueError("no") from Plain("first")
    except ValueError as error:
        assert describe(error) == "ValueError: no"

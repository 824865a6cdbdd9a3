"""Values and exceptions that cross from one process to another, and those that cannot."""

from __future__ import annotations

import ctypes
import pickle
from typing import Any

import pytest

from xdist_fixtureworker.errors import RemoteTraceback, describe
from xdist_fixtureworker.wire.pickles import (
    TooLargeError,
    is_plain,
    pack,
    pack_exception,
    unpack,
    unpack_exception,
)


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("it cannot be sent")


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


@pytest.mark.parametrize(
    "value", [None, 0, "é", b"\x00" * 100_000, {"a": [1, (2, {3})]}, Plain, 1.5]
)
def test_round_trip(value: object) -> None:
    packed = pack(value)
    assert type(packed) is bytes
    assert unpack(packed) == value


def test_the_pickle_protocol_is_one_that_all_supported_versions_read() -> None:
    assert pack("x")[:2] == b"\x80\x05"


class Text(str):  # noqa: SLOT000
    """Which may say itself how it is pickled."""


WITHIN_ITSELF: list[object] = []
WITHIN_ITSELF.append(WITHIN_ITSELF)


@pytest.mark.parametrize(
    "value", [None, "text", {"host": "h", 1: [2.5, (b"", {True})]}, [], [0] * 99, frozenset({""})]
)
def test_what_is_plain(value: object) -> None:
    assert is_plain(value)


@pytest.mark.parametrize(
    "value",
    [object, Text(""), [Text("")], {"a": {"b": Text("")}}, {Text("")}, [0] * 100, WITHIN_ITSELF],
    ids=["class", "subclass", "element", "value", "in a set", "many", "within itself"],
)
def test_what_is_not(value: object) -> None:
    assert not is_plain(value)


def test_what_a_pickle_cannot_take_raises_what_pickle_raises() -> None:
    with pytest.raises(TypeError, match=r"^it cannot be sent$"):
        pack([Unpicklable()])


def test_one_that_has_to_be_smaller() -> None:
    size = len(pack(b"x" * 1000))
    assert len(pack(b"x" * 1000, smaller_than=size + 1)) == size
    for value in (b"x" * 1000, b"x" * 1_000_000, [b"x" * 600, b"y" * 600], [0] * 1000):
        with pytest.raises(TooLargeError):
            pack(value, smaller_than=size)


@pytest.mark.parametrize(
    "view", [memoryview(b"abcd"), memoryview(bytearray(8)).cast("I"), memoryview(b"abcd")[::2]]
)
def test_views_of_memory(view: memoryview) -> None:
    received = unpack(pack([view]))[0]  # type: ignore[index]  # a list
    assert type(received) is memoryview
    assert received == view
    assert received.readonly


def test_views_of_memory_of_other_shapes() -> None:
    for view in (memoryview(b"abcd").cast("B", (2, 2)), memoryview(ctypes.c_long(1))):
        with pytest.raises(TypeError, match="cannot pickle"):
            pack(view)


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

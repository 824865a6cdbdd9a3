"""Which parameters can be told from others by what another process writes of them."""

from __future__ import annotations

import enum
from pathlib import PurePosixPath

import pytest

from xdist_fixtureworker.rules.same_value import comparable


class Text(str):
    __slots__ = ()


class Level(enum.IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        ("it's", '"it\'s"'),
        ("", "''"),
        (b"\xff", r"b'\xff'"),
        (True, "True"),
        (1, "1"),
        (1.0, "1.0"),
        (float("nan"), "nan"),
        (None, "None"),
        ((), "()"),
        (("a", (1, None)), "('a', (1, None))"),
        ("\udce9", r"'\udce9'"),
    ],
)
def test_plain_data_is_written_alike_everywhere(parameter: object, text: str) -> None:
    assert comparable(parameter) == text


@pytest.mark.parametrize(
    "parameter",
    [
        object(),
        {"a", "b"},
        frozenset({"a"}),
        ("a", {"b"}),
        {"a": 1},
        ["a"],
        Text("a"),
        Level.LOW,
        len,
        str,
        PurePosixPath("/a"),
        10**10_000,
    ],
    ids=lambda parameter: type(parameter).__name__,
)
def test_other_data_is_not_compared(parameter: object) -> None:
    assert comparable(parameter) == ""


def test_long_data_is_shortened_and_still_told_apart() -> None:
    one, other = comparable("x" * 1_000_000 + "1"), comparable("x" * 1_000_000 + "2")
    assert one.startswith("'xxxxx")
    assert one != other
    assert len(one) == len(other) < 300
    assert comparable("x" * 198) == repr("x" * 198)

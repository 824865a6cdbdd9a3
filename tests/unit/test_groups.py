"""Which global fixtures belong together."""

from __future__ import annotations

import pytest

from xdist_fixtureworker.declared.groups import groups
from xdist_fixtureworker.wire.messages import Instance


def instance(name: str) -> Instance:
    return Instance((), name, "conftest", name, 0, ())


def grouped(*members: str) -> list[str]:
    """Each as in ``a:lane b c``: it needs b and c."""
    parsed = []
    for member in members:
        fixture, *needed = member.split()
        name, _, lane = fixture.partition(":")
        parsed.append((instance(name), lane, [instance(each) for each in needed]))
    return ["".join(sorted(each.name for each in group.fixtures)) for group in groups(parsed)]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ((), []),
        (("a", "b"), ["a", "b"]),
        (("a", "b a", "c"), ["ab", "c"]),
        (("b a", "a", "c"), ["ab", "c"]),
        (("a", "b", "c a b"), ["abc"]),
        (("a", "b a", "c", "d c", "e b d"), ["abcde"]),
        (("a:one", "b", "c:one"), ["ac", "b"]),
        (("a:one", "b:two", "c:one", "d:two", "e"), ["ac", "bd", "e"]),
        (("a:one", "b:two", "c a b", "d:one", "e:two"), ["abcde"]),
        (("a b", "c d"), ["ab", "cd"]),
    ],
)
def test_groups(members: tuple[str, ...], expected: list[str]) -> None:
    assert sorted(grouped(*members)) == expected

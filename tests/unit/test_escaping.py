"""What somebody else wrote cannot take hold of the terminal."""

from __future__ import annotations

import pytest

from xdist_fixtureworker.controller.escaping import escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("conftest.py:3", "conftest.py:3"),
        ("é 日本", "é 日本"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\u202egpj", r"\u202egpj"),
        ("\udce9", r"\udce9"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown

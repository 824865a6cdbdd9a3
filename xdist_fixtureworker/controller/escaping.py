"""Makes text that somebody else wrote fit to be shown on a terminal; runs in the controller."""

from __future__ import annotations


def escaped(text: str) -> str:
    """``text`` with escape sequences, control characters and the like spelled out."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )

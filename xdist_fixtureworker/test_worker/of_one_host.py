"""Notices values that mean something else on another host; in test workers there, no others."""

from __future__ import annotations

import re

_PATH = re.compile(rb"\x8c.(?:Posix|Windows|Local)Path\x94\x93", re.DOTALL)
"""How a pickle begins a first path: with a class, of whatever module."""
_ADDRESS = re.compile(
    rb"localhost|127\.0\.0\.1|\[::1\]|(?:file|unix|ipc):/|sqlite[+\w]*:///(?=[^:])"
)
_SEARCHED = 1 << 20
"""Bytes that are searched, at the beginning and at the end of a pickle: what is in the middle of
more is data."""


def of_one_host(pickled: bytes | memoryview) -> str:
    """What a value has in it that is only on the host where it was made; empty: nothing known."""
    parts = [pickled[:_SEARCHED], pickled[_SEARCHED:][-_SEARCHED:]]
    searched = b"\0".join(parts)
    address = _ADDRESS.search(searched)
    found = ["a path"] if _PATH.search(searched) else []
    if address is not None:
        found.append(f"'{address[0].decode()}'")
    return " and ".join(found)

"""Finds the part of a value that pickle refuses; runs in the fixture worker."""

from __future__ import annotations

from collections.abc import Mapping

from .pickles import PROTOCOL, Pickler

_DEPTH = 6
_FAILURES = 100
"""Attempts that may fail in a search: there may be thousands of parts that refer back to the whole,
so that each attempt pickles all of it."""


def find_culprit(value: object) -> str | None:
    """Find the object in ``value`` that cannot be pickled, as in ``the value.engine['lock']``.

    None if it is the value itself, or too deep inside, or among too many others.
    """
    try:
        return _search(value, _Attempts())
    except _TooManyError:
        return None


def _search(value: object, attempts: _Attempts) -> str | None:
    level = [("the value", value)]
    seen = {id(value)}
    for _ in range(_DEPTH):
        below: list[tuple[str, object]] = []
        for path, parent in level:
            for child_path, child in _children(parent, path):
                if id(child) in seen or attempts.succeed(child):
                    continue
                seen.add(id(child))
                if all(attempts.succeed(grandchild) for _, grandchild in _children(child, "")):
                    return f"{child_path} (a {type_name(child)})"
                below.append((child_path, child))
        level = below
    return None


class _TooManyError(Exception):
    pass


class _Attempts:
    """Tries to pickle parts of a value, and gives up after a number of failures."""

    def __init__(self) -> None:
        self._failed: dict[int, object] = {}  # kept, so that nothing else gets their ids
        self._pickler = Pickler(_Nowhere())

    def succeed(self, part: object) -> bool:
        if id(part) in self._failed:
            return False
        try:
            self._pickler.dump(part)  # skips what it has pickled before
        except Exception:
            if len(self._failed) == _FAILURES:
                raise _TooManyError from None
            self._failed[id(part)] = part
            # The old one would skip what it has begun.
            self._pickler = Pickler(_Nowhere())
            return False
        return True


class _Nowhere:
    """A file that discards what is written."""

    def write(self, data: object, /) -> None:
        pass


def _children(value: object, path: str) -> list[tuple[str, object]]:
    children: list[tuple[str, object]] = []
    try:
        if isinstance(value, Mapping):
            children += [(f"{path}[{key!r:.40}]", child) for key, child in value.items()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            children += [(f"{path}[{index}]", child) for index, child in enumerate(value)]
        children += [(f"{path}.{name}", child) for name, child in _state(value).items()]
    except Exception:
        pass  # it refuses to be inspected
    return children


def _state(value: object) -> dict[str, object]:
    """The attributes that pickle would take, without those that the class leaves out."""
    reduced = value.__reduce_ex__(PROTOCOL)
    state = reduced[2] if isinstance(reduced, tuple) and len(reduced) > 2 else None
    if state is None:  # made again from arguments, which most classes keep as attributes
        return vars(value)
    parts = state if isinstance(state, tuple) else (state,)  # the second one is of __slots__
    return {name: each for part in parts if isinstance(part, dict) for name, each in part.items()}


def type_name(value: object) -> str:
    """The name of the value's type, with its module unless it is a builtin."""
    cls = type(value)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )

"""Finds the part of a value that pickle refuses; runs in the fixture worker."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from .named import Names
from .pickles import PROTOCOL, Pickler

_DEPTH = 6
_FAILURES = 100
"""Attempts that may fail in a search: there may be thousands of parts that refer back to the whole,
so that each attempt pickles all of it."""
_KEY = "a key of "
OTHERS = "_xdist_fixtureworker_others"
"""Where a record of ours keeps items and results of calls, by texts such as ``['key']``."""
_ELEMENTS = 10_000
"""How many of an iterator, which may have no end, are looked at."""


class Culprit(NamedTuple):
    """What pickle refuses."""

    path: str  #: as in ``the value.engine['lock']``
    parts: tuple[object, ...]  #: the value, what leads to the culprit, and the culprit itself


def find_culprit(value: object) -> Culprit | None:
    """Find the object in ``value`` that cannot be pickled.

    None if it is the value itself, or too deep inside, or among too many others.
    """
    try:
        return _search(value, _Attempts())
    except _TooManyError:
        return None


def sendable_parts(value: object) -> list[str]:
    """The elements of a container, or the attributes of another object, that can be pickled."""
    attempts = _Attempts()
    try:
        return [
            path
            for path, part in _children(value, "the value")
            if not path.startswith(_KEY) and attempts.succeed(part)
        ]
    except _TooManyError:
        return []


def _search(value: object, attempts: _Attempts) -> Culprit | None:
    level: list[Culprit] = [Culprit("the value", (value,))]
    seen = {id(value)}
    for _ in range(_DEPTH):
        below: list[Culprit] = []
        for path, parts in level:
            for child_path, child in _children(parts[-1], path):
                if id(child) in seen or attempts.succeed(child):
                    continue
                seen.add(id(child))
                found = Culprit(child_path, (*parts, child))
                if all(attempts.succeed(grandchild) for _, grandchild in _children(child, "")):
                    return found
                below.append(found)
        level = below
    return None


class _TooManyError(Exception):
    pass


class _Attempts:
    """Tries to pickle parts of a value, and gives up after a number of failures."""

    def __init__(self) -> None:
        self._failed: dict[int, object] = {}  # kept, so that nothing else gets their ids
        self._names = Names()
        self._pickler = Pickler(_Nowhere(), self._names)

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
            self._pickler = Pickler(_Nowhere(), self._names)
            return False
        return True


class _Nowhere:
    """A file that discards what is written."""

    def write(self, data: object, /) -> None:
        pass


def _children(value: object, path: str) -> list[tuple[str, object]]:
    children: list[tuple[str, object]] = []
    try:
        children += [(f"{path}.{name}", child) for name, child in _arguments(value).items()]
        if hasattr(type(value), OTHERS):
            others = getattr(value, OTHERS)
            children += [(f"{path}{step}", child) for step, child in others.items()]
        if isinstance(value, Mapping):
            children += [(f"{path}[{key!r:.40}]", child) for key, child in value.items()]
            children += [(f"{_KEY}{path}", key) for key in value]
        elif isinstance(value, (list, tuple, set, frozenset)):
            children += [(f"{path}[{index}]", child) for index, child in enumerate(value)]
        state, elements = _reduced(value)
        if not isinstance(value, list):
            children += [(f"{path}[{index}]", child) for index, child in enumerate(elements)]
        children += [(f"{path}.{name}", child) for name, child in state.items()]
    except Exception:
        pass  # it refuses to be inspected
    return children


def _arguments(value: object) -> dict[str, object]:
    """What a class takes as arguments, and keeps under these names outside of its state."""
    if isinstance(value, defaultdict):
        return {"default_factory": value.default_factory}
    if isinstance(value, functools.partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    if isinstance(value, BaseException):
        return {"args": value.args}
    return {}


def _reduced(value: object) -> tuple[dict[str, object], list[object]]:
    """The attributes that pickle would take, without those that the class leaves out; and what it
    would take as elements, of a deque for instance."""
    reduced = value.__reduce_ex__(PROTOCOL)
    parts = reduced[2:4] if isinstance(reduced, tuple) else ()
    state, elements = (*parts, None, None)[:2]
    if state is None:  # made again from arguments, which most classes keep as attributes
        attributes = vars(value) if hasattr(value, "__dict__") else {}
    else:
        each = state if isinstance(state, tuple) else (state,)  # the second one is of __slots__
        attributes = {k: v for part in each if isinstance(part, dict) for k, v in part.items()}
    return attributes, list(islice(elements or (), _ELEMENTS))

"""Notices that the value of a global fixture was changed after it was sent; all workers.

Each test worker has a copy. What a test adds to its copy is seen neither by the fixture's finalizer
nor by other test workers; what a later set-up adds in the fixture worker is seen by no test.
Serially, there is one object. So workers compare what mutable plain data contains with what it
contained.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import deque
from collections.abc import Iterator
from itertools import islice
from types import FunctionType, MemberDescriptorType, ModuleType
from typing import Any

from ..wire.named import is_of_library

_SCALARS = (str, bytes, bool, int, float, complex, type(None))
_IMMUTABLE_TYPES = (*_SCALARS, tuple, frozenset)
_CONTAINERS = (dict, list, set, deque)
_NAMED = (type, FunctionType, ModuleType)
_PARTS = 2_000  # of a value, and characters of each: larger values are not compared
_LONGEST = 20_000
_CACHES = ("cache", "memo", "lazy")  # in the names of private attributes
# In the place of a digest:
_IMMUTABLE, _TOO_LARGE, _UNKNOWN = "immutable", "too large", "unknown"


class Values:
    """The values that are compared."""

    def __init__(self) -> None:
        self._noted: list[tuple[str, object, str, _Attributes]] = []

    def note(self, fixture: str, value: object) -> None:
        """Note what a value contains, if it can be changed, is plain and not large."""
        attributes = _Attributes()
        contents = _contents_of(value, attributes)
        if contents not in (_IMMUTABLE, _TOO_LARGE, _UNKNOWN):
            self._noted.append((fixture, value, contents, attributes))

    def changed(self) -> list[str]:
        """The fixtures whose values contain something else now."""
        return sorted(
            {
                fixture
                for fixture, value, before, attributes in self._noted
                if _contents_of(value, attributes) not in (before, _UNKNOWN)
            }
        )


def _contents_of(value: object, attributes: _Attributes) -> str:
    contents = _Contents(attributes)
    try:
        digest = contents.digest(value)
    except _TooLargeError:
        return _TOO_LARGE
    except Exception:  # it refuses to be inspected, is too deep, or a thread is changing it
        return _UNKNOWN
    return digest if contents.mutable else _IMMUTABLE


class _TooLargeError(Exception):
    pass


class _Contents:
    """Makes a digest of a value: of what it says itself that it consists of, when it is pickled,
    else of its elements and attributes."""

    def __init__(self, attributes: _Attributes) -> None:
        self.mutable = False
        self._attributes = attributes
        self._left = _PARTS
        self._within: set[int] = set()

    def digest(self, value: object) -> str:
        self._left -= 1
        if self._left < 0:
            raise _TooLargeError
        if type(value) in _SCALARS:
            return _hash(type(value).__name__, _text(value))
        if id(value) in self._within:
            return "within itself"
        self._within.add(id(value))
        try:
            return _hash(type(value).__name__, *self._parts(value))
        finally:
            self._within.discard(id(value))

    def _parts(self, value: Any) -> Iterator[str]:
        buffer = _buffer(value)
        if isinstance(value, _NAMED):
            yield str(getattr(value, "__qualname__", value.__name__))
        elif buffer is not None:
            self.mutable = not buffer.readonly or self.mutable
            yield _text(buffer.tobytes() if buffer.nbytes <= _LONGEST else bytes(_LONGEST + 1))
        elif isinstance(value, (*_IMMUTABLE_TYPES, *_CONTAINERS)):
            self.mutable = isinstance(value, _CONTAINERS) or self.mutable
            yield from self._elements(value)
            yield from self._of_attributes(value)
        elif _has_own(type(value), "__reduce_ex__", "__reduce__", "__getstate__"):
            yield from self._reduced(value)
        else:
            yield from self._of_attributes(value)

    def _elements(self, value: Any) -> Iterator[str]:
        match value:
            case dict():
                pairs = ((self.digest(key), self.digest(each)) for key, each in value.items())
                yield from sorted(map("".join, pairs))
            case set() | frozenset():
                yield from sorted(map(self.digest, value))
            case list() | tuple() | deque():
                yield from map(self.digest, value)
            case _:
                kind = next(each for each in _SCALARS if isinstance(value, each))
                yield _text(value, kind)

    def _reduced(self, value: Any) -> Iterator[str]:
        reduced = value.__reduce_ex__(4)
        for part in reduced[1:] if isinstance(reduced, tuple) else (reduced,):
            plain = part is None or isinstance(part, (tuple, dict, list))
            yield self.digest(part if plain else list(islice(part, _PARTS + 1)))
        self.mutable = True

    def _of_attributes(self, value: object) -> Iterator[str]:
        for name in self._attributes.of(value):
            self.mutable = True
            yield name + self.digest(getattr(value, name, None))


class _Attributes:
    """Tells which attributes an object consists of, and not only computes from them once.

    Those are the fields of a dataclass; of other objects what is public and not made when it is
    read, and of classes that no library has what is private, was there when the value was noted,
    and is called no cache.
    """

    def __init__(self) -> None:
        # The objects are kept, so that nothing else gets their ids.
        self._private: dict[int, tuple[object, list[str]]] = {}

    def of(self, value: object) -> list[str]:
        cls = type(value)
        if fields := getattr(cls, "__dataclass_fields__", None):
            return list(fields)
        names = sorted({*_slots(cls), *getattr(value, "__dict__", ())})
        public = [n for n in names if not n.startswith("_") and not _is_made_when_read(cls, n)]
        if is_of_library(cls.__module__):
            return public
        if id(value) not in self._private:
            private = [n for n in names if n.startswith("_") and _is_kept(value, n)]
            self._private[id(value)] = (value, private)
        return [*public, *self._private[id(value)][1]]


def _slots(cls: type) -> Iterator[str]:
    for each in cls.__mro__:
        for name, found in vars(each).items():
            if isinstance(found, MemberDescriptorType):
                yield name


def _is_made_when_read(cls: type, name: str) -> bool:
    """As by :class:`functools.cached_property`, of which libraries have their own."""
    found = inspect.getattr_static(cls, name, None)
    return hasattr(type(found), "__get__") and not isinstance(found, MemberDescriptorType)


def _is_kept(value: object, name: str) -> bool:
    is_cache = any(each in name.lower() for each in _CACHES)
    return not is_cache and getattr(value, name, None) is not None


def _has_own(cls: type, *names: str) -> bool:
    return any(getattr(cls, name, None) is not getattr(object, name, None) for name in names)


def _buffer(value: Any) -> memoryview | None:
    """The bytes of arrays, and of a bytearray."""
    if type(value) in {*_SCALARS, *_CONTAINERS}:
        return None
    try:
        buffer = memoryview(value)
    except (TypeError, ValueError, BufferError):
        return None
    return None if "O" in buffer.format else buffer


def _text(value: Any, kind: Any = None) -> str:
    if isinstance(value, (str, bytes)) and len(value) > _LONGEST:
        raise _TooLargeError
    shown: str = repr(value) if kind is None else kind.__repr__(value)
    return shown


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

"""Notices that the value of a global fixture was changed after it was sent; all workers.

Each test worker has a copy. What a test adds to its copy is seen neither by the fixture's finalizer
nor by other test workers; what a later set-up adds in the fixture worker is seen by no test.
Serially, there is one object. So workers compare what mutable plain data contains with what it
contained. They run none of the code of a value for it, unless a library has written it: that might
not come to an end.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

from ..wire.named import is_of_library

_SCALARS = (str, bytes, bool, int, float, complex, type(None))
_IMMUTABLE_TYPES = (*_SCALARS, tuple, frozenset)
_CONTAINERS = (dict, list, set, deque)
_WITHOUT_ATTRIBUTES = frozenset({*_IMMUTABLE_TYPES, *_CONTAINERS})  # themselves, no subclasses
_NAMED = (type, FunctionType, ModuleType)
_PARTS = 2_000  # of a value, and characters of each: larger values are not compared
_LONGEST = 20_000
_REDUCING = frozenset({"__reduce_ex__", "__reduce__", "__getstate__"})
_CACHES = ("cache", "memo", "lazy")  # in the names of private attributes
# In the place of a digest:
_IMMUTABLE, _TOO_LARGE, _UNKNOWN = "immutable", "too large", "unknown"


class Values:
    """The values that are compared."""

    def __init__(self) -> None:
        self._noted: list[tuple[str, object, str, _Attributes]] = []

    def note(self, fixture: str, value: object) -> None:
        """Note what a value contains, if it can be changed, is plain and not large."""
        if type(value) in _SCALARS:
            return
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
        cls = type(value)
        if issubclass(cls, _NAMED):
            yield str(getattr(value, "__qualname__", value.__name__))
        elif buffer is not None:
            self.mutable = not buffer.readonly or self.mutable
            yield _text(buffer.tobytes() if buffer.nbytes <= _LONGEST else bytes(_LONGEST + 1))
        elif issubclass(cls, (*_IMMUTABLE_TYPES, *_CONTAINERS)):
            self.mutable = issubclass(cls, _CONTAINERS) or self.mutable
            yield from self._elements(value)
            if cls not in _WITHOUT_ATTRIBUTES:
                yield from self._of_attributes(value)
        elif (reducer := _reducer(cls)) is not None:
            if not is_of_library(reducer.__module__):
                raise ValueError("only its own code could tell what it consists of")
            yield from self._reduced(value)
        else:
            yield from self._of_attributes(value)

    def _elements(self, value: Any) -> Iterator[str]:
        # By the methods of the base: a subclass may do anything in its own.
        base: Any = next(
            one
            for one in (*_CONTAINERS, tuple, frozenset, *_SCALARS)
            if issubclass(type(value), one)
        )
        if base is dict:
            pairs = ((self.digest(key), self.digest(each)) for key, each in dict.items(value))
            yield from sorted(map("".join, pairs))
        elif base in (set, frozenset):
            yield from sorted(map(self.digest, base.__iter__(value)))
        elif base in _SCALARS:
            yield _text(value, base)
        else:
            yield from map(self.digest, base.__iter__(value))

    def _reduced(self, value: Any) -> Iterator[str]:
        reduced = value.__reduce_ex__(4)
        for part in reduced[1:] if isinstance(reduced, tuple) else (reduced,):
            plain = part is None or isinstance(part, (tuple, dict, list))
            yield self.digest(part if plain else list(islice(part, _PARTS + 1)))
        self.mutable = True

    def _of_attributes(self, value: object) -> Iterator[str]:
        for name in self._attributes.of(value):
            self.mutable = True
            yield name + self.digest(_read(value, name))


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
        if fields := inspect.getattr_static(cls, "__dataclass_fields__", None):
            return list(fields)
        names = sorted({*_slots(cls), *attributes_of(value)})
        public = [n for n in names if not n.startswith("_") and not _is_made_when_read(cls, n)]
        if is_of_library(cls.__module__):
            return public
        if id(value) not in self._private:
            private = [n for n in names if n.startswith("_") and _is_kept(value, n)]
            self._private[id(value)] = (value, private)
        return [*public, *self._private[id(value)][1]]


def attributes_of(value: object) -> Mapping[str, object]:
    """The attributes of an object, without running its code; empty if it keeps them otherwise."""
    for cls in type(value).__mro__:
        own = vars(cls).get("__dict__")
        if isinstance(own, (GetSetDescriptorType, MemberDescriptorType)):
            found = own.__get__(value, type(value))
            return found if isinstance(found, Mapping) else {}
        if own is not None:
            break
    return {}


def _read(value: object, name: str) -> object:
    """An attribute, without running code of its class; None if it is not there."""
    at_class = inspect.getattr_static(type(value), name, None)
    attributes = attributes_of(value)
    if name in attributes or type(at_class) is not MemberDescriptorType:
        return attributes.get(name)
    try:
        return at_class.__get__(value, type(value))
    except AttributeError:  # a slot that is empty
        return None


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
    return not is_cache and _read(value, name) is not None


def _reducer(cls: type) -> type | None:
    """The class that says what its instances are pickled as; None if none does."""
    for each in cls.__mro__[:-1]:  # the last is object, which says it for all others
        if not _REDUCING.isdisjoint(vars(each)):
            return each
    return None


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

"""Notices that the value of a global fixture was changed after it was sent; all workers.

Each test worker has a copy. What a test adds to its copy is seen neither by the fixture's finalizer
nor by other test workers; what a later set-up adds in the fixture worker is seen by no test.
Serially, there is one object. So workers compare what mutable plain data contains with what it
contained.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections import deque
from collections.abc import Iterator, Mapping
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

_CONTAINERS: tuple[Any, ...] = (dict, list, set, deque, bytearray, tuple, frozenset)
_SCALARS = (type(None), bool, int, float, complex, str, bytes)
_PARTS = 2_000  # of a value, and characters of each: larger values are not compared
_LONGEST = 20_000
# In the place of a digest:
_IMMUTABLE, _TOO_LARGE, _UNKNOWN = "immutable", "too large", "unknown"


class Values:
    """The values that are compared."""

    def __init__(self) -> None:
        self._noted: list[tuple[str, object, str]] = []

    def note(self, fixture: str, value: object) -> None:
        """Note what a value contains, if it can be changed, is plain and not large."""
        contents = _contents_of(value)
        if contents not in (_IMMUTABLE, _TOO_LARGE, _UNKNOWN):
            self._noted.append((fixture, value, contents))

    def changed(self) -> list[str]:
        """The fixtures whose values contain something else now."""
        return sorted(
            {
                fixture
                for fixture, value, before in self._noted
                if _contents_of(value) not in (before, _UNKNOWN)
            }
        )


def _contents_of(value: object) -> str:
    contents = _Contents()
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
    """Makes a digest of a value. What is no plain data counts by its type only."""

    def __init__(self) -> None:
        self.mutable = False
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
        base = next((one for one in _CONTAINERS if issubclass(type(value), one)), None)
        if base is None:
            yield from self._attributes(value)
            return
        self.mutable |= base not in (tuple, frozenset)
        # The methods of the base: a subclass may do anything in its own.
        if base is bytearray:
            yield _text(bytearray.__getitem__(value, slice(None)))
        elif base is dict:
            pairs = ((self.digest(key), self.digest(each)) for key, each in dict.items(value))
            yield from sorted(map("".join, pairs))
        elif base in (set, frozenset):
            yield from sorted(map(self.digest, base.__iter__(value)))
        else:
            yield from map(self.digest, base.__iter__(value))

    def _attributes(self, value: object) -> Iterator[str]:
        """The fields of a dataclass; of other instances what is public and not made when it is
        read, as libraries keep what they have computed in the rest."""
        cls = type(value)
        fields = inspect.getattr_static(cls, "__dataclass_fields__", ())
        attributes = attributes_of(value)
        if issubclass(cls, type) or not (fields or attributes):
            return
        for name in fields or sorted(attributes):
            at_class = inspect.getattr_static(cls, name, None)
            made_when_read = isinstance(at_class, functools.cached_property)
            if fields or not (name.startswith("_") or made_when_read):
                self.mutable = True
                yield name + self.digest(_read(name, attributes, at_class, value))


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


def _read(name: str, attributes: Mapping[str, object], at_class: object, value: object) -> object:
    """An attribute, without running code of its class."""
    if name not in attributes and type(at_class) is MemberDescriptorType:  # of __slots__
        return at_class.__get__(value, type(value))
    return attributes.get(name)


def _text(value: Any) -> str:
    if isinstance(value, (str, bytes, bytearray)) and len(value) > _LONGEST:
        raise _TooLargeError
    return repr(value)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

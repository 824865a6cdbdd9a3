"""How values and exceptions cross from the fixture worker to the test workers.

``share="copy"``: pickled once in the fixture worker, unpickled once in each test worker.
"""

from __future__ import annotations

import importlib
import io
import operator
import pickle
import sys
import traceback
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import pytest

from .errors import RemoteTraceback

PROTOCOL = 5  # the newest that all supported Python versions share
LIMIT = 2**31 - 2**20
"""Bytes that a pickled value may have: execnet counts the bytes of a message with 31 bits."""
_DEPTH = 6
_FAILURES = 100
"""Attempts that may fail in a search: where parts refer back to the whole, each of them goes
through all of it, and there may be thousands."""


def pack(value: object) -> bytes:
    """``value`` as bytes.

    :raises Exception: whatever pickle, or a ``__reduce__`` of the value's class, raises.
    """
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=PROTOCOL).dump(value)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """Pickles the exceptions of ``pytest.skip`` and ``pytest.fail``, which say that they are
    builtins and could not be found again."""

    def reducer_override(self, obj: object) -> Any:
        if obj is pytest.skip.Exception:
            return _outcome_class, ("skip",)
        if obj is pytest.fail.Exception:
            return _outcome_class, ("fail",)
        if isinstance(obj, (type, FunctionType)):
            file = _file(obj.__module__)
            # A test process may have several modules of that name, one after the other.
            if file.endswith("conftest.py") and _found_by_name(obj):
                return _of_conftest, (obj.__module__, file, obj.__qualname__)
        return NotImplemented


def _file(module: str) -> str:
    return getattr(sys.modules.get(module), "__file__", None) or ""


def _found_by_name(obj: Any) -> bool:
    try:
        return operator.attrgetter(obj.__qualname__)(sys.modules[obj.__module__]) is obj
    except AttributeError:
        return False


def _of_conftest(module: str, file: str, qualname: str) -> object:
    found = importlib.import_module(module)
    if found.__file__ != file:
        raise ImportError(f"the module '{module}' is {found.__file__} here, not {file}")
    return operator.attrgetter(qualname)(found)


def _outcome_class(name: str) -> type[BaseException]:
    outcome: type[BaseException] = getattr(pytest, name).Exception
    return outcome


def unpack(data: bytes) -> object:
    """The value that :func:`pack` packed; executes what the pickle says, so only for our own.

    :raises Exception: whatever pickle, or the value's class, raises.
    """
    return pickle.loads(data)


def find_culprit(value: object) -> str | None:
    """Where in ``value`` the object is that cannot be pickled: ``the value.engine['lock']``.

    None where it is the value itself, or too deep inside or among too much else to be found.
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
    """Attempts at pickling parts of a value, of which only so many may fail."""

    def __init__(self) -> None:
        self._failed: dict[int, object] = {}  # kept, so that nothing else gets their ids
        self._pickler = _Pickler(_Nowhere(), protocol=PROTOCOL)

    def succeed(self, part: object) -> bool:
        if id(part) in self._failed:
            return False
        try:
            self._pickler.dump(part)  # it does not go again through what it has taken before
        except Exception:
            if len(self._failed) == _FAILURES:
                raise _TooManyError from None
            self._failed[id(part)] = part
            # This one would take what it has begun for done.
            self._pickler = _Pickler(_Nowhere(), protocol=PROTOCOL)
            return False
        return True


class _Nowhere:
    """A file for pickles that nobody will read."""

    def write(self, data: object) -> None:
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
        pass  # it does not let itself be looked into; then it is as far as we get
    return children


def _state(value: object) -> dict[str, object]:
    """The attributes that pickle would take: not those that the value's class leaves out."""
    reduced = value.__reduce_ex__(PROTOCOL)
    state = reduced[2] if isinstance(reduced, tuple) and len(reduced) > 2 else None
    if state is None:  # it is made again from arguments, which most classes have as attributes
        return vars(value)
    parts = state if isinstance(state, tuple) else (state,)  # the second one is of __slots__
    return {name: each for part in parts if isinstance(part, dict) for name, each in part.items()}


def type_name(value: object) -> str:
    """The name of the value's type with its module, as a user would import it."""
    cls = type(value)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def pack_exception(error: BaseException) -> bytes | None:
    """``error`` as bytes, without its traceback, or None where it does not survive the way.

    Whether it does is tried: many exception classes can be pickled but not unpickled.
    """
    try:
        packed = pack(error)
        if type(unpack(packed)) is not type(error):
            return None
    except Exception:
        return None
    return packed


def unpack_exception(packed: bytes | None, remote_traceback: str) -> BaseException | None:
    """The exception that :func:`pack_exception` packed, with the traceback as its cause; None
    where its class cannot be had in this process."""
    if packed is None:
        return None
    try:
        error = unpack(packed)
    except Exception:
        return None
    if not isinstance(error, BaseException):
        return None
    if remote_traceback:
        error.__cause__ = RemoteTraceback(remote_traceback)
    return error


def describe(error: BaseException) -> str:
    """Type and message of ``error``, as the last lines of a traceback have it."""
    return "".join(traceback.format_exception_only(type(error), error)).rstrip()

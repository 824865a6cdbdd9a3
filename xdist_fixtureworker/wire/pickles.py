"""Pickles values and exceptions in one process, and unpickles them in another; any process.

``share="copy"``: pickled once in the fixture worker, unpickled once in each test worker.
"""

from __future__ import annotations

import importlib
import io
import operator
import pickle
import sys
import traceback
from collections.abc import Iterable
from types import FunctionType
from typing import Any, Protocol

import pytest

from ..errors import RemoteTraceback
from .named import (
    Conftest,
    Everywhere,
    Names,
    conftest,
    content,
    found_or_made,
    found_or_made_if_there,
    is_same,
)

PROTOCOL = 5  # the newest that all supported Python versions share
SCALARS = (type(None), bool, int, float, str, bytes)
"""Types of which a copy is as good as the value, and whose pickling runs nobody's code."""

LIMIT = 2**31 - 2**20
"""Bytes that a pickled value may have: execnet counts the bytes of a message with 31 bits."""


class Writable(Protocol):
    """What a pickle can be written to."""

    def write(self, data: bytes, /) -> object: ...


def pack(value: object, near: Iterable[str] = (), everywhere: Everywhere | None = None) -> bytes:
    """Pickle ``value``.

    :param near: modules that have names for objects in it, besides those of their classes.
    :param everywhere: what is known of other modules, to be kept if much is pickled.
    :raises Exception: whatever pickle, or a ``__reduce__`` of the value's class, raises.
    """
    buffer = io.BytesIO()
    Pickler(buffer, Names(near, everywhere)).dump(value)
    return buffer.getvalue()


class Pickler(pickle.Pickler):
    """Pickles what could not be found again by its name: the exceptions of ``pytest.skip`` and
    ``pytest.fail``, which claim to be builtins, and what stands in a conftest; and instances that
    have a name themselves."""

    def __init__(self, file: Writable, names: Names) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._names = names

    def reducer_override(self, obj: object) -> Any:
        if obj is pytest.skip.Exception:
            return _outcome_class, ("skip",)
        if obj is pytest.fail.Exception:
            return _outcome_class, ("fail",)
        if issubclass(type(obj), (type, FunctionType)):  # proxies have another __class__
            named: Any = obj
            found_in = conftest(named.__module__)
            if found_in is not None and found_by_name(named):
                return _of_conftest, (named.__module__, found_in, named.__qualname__)
        name = self._names.find(obj)
        if name is not None and (found := content(obj)) is not None:
            return found_or_made, (*name, *found)
        return NotImplemented


def found_by_name(obj: Any) -> bool:
    """Whether a class or function is what its module has under its name."""
    try:
        return operator.attrgetter(obj.__qualname__)(sys.modules[obj.__module__]) is obj
    except (AttributeError, KeyError, TypeError):
        return False


def _of_conftest(module: str, there: Conftest, qualname: str) -> object:
    found = importlib.import_module(module)
    if not is_same(module, there):
        raise ImportError(f"the module '{module}' is {found.__file__} here, not {there[0]}")
    return operator.attrgetter(qualname)(found)


def _outcome_class(name: str) -> type[BaseException]:
    outcome: type[BaseException] = getattr(pytest, name).Exception
    return outcome


def unpack(data: bytes) -> object:
    """Unpickle what :func:`pack` returned. Executes what the pickle says: only for our own.

    :raises Exception: whatever pickle, or the value's class, raises.
    """
    return pickle.loads(data)


def unpack_if_there(data: bytes) -> object:
    """Likewise, if all modules that have names for objects in it can be imported.

    :raises ImportError: if one cannot; :func:`unpack` makes a copy then.
    """
    return _Unpickler(io.BytesIO(data)).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return found_or_made_if_there if found is found_or_made else found


def pack_exception(error: BaseException) -> bytes | None:
    """Pickle ``error`` without its traceback; None if it cannot be unpickled again.

    Tries it, as many exception classes can be pickled but not unpickled.
    """
    try:
        packed = pack(error)
        if type(unpack(packed)) is not type(error):
            return None
    except Exception:
        return None
    return packed


def unpack_exception(packed: bytes | None, remote_traceback: str) -> BaseException | None:
    """Unpickle what :func:`pack_exception` returned, with the traceback as the cause; None if this
    process cannot import its class."""
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
    """Type and message of ``error``, as at the end of a traceback."""
    return "".join(traceback.format_exception_only(type(error), error)).rstrip()

"""Pickles values and exceptions in one process, and unpickles them in another; any process.

``share="copy"``: pickled once in the fixture worker, unpickled once in each test worker. A large
value is written to a file, piece by piece, with buffers such as those of arrays behind the pickle:
who unpickles it uses them where they are.
"""

from __future__ import annotations

# What pickle offers, without its other half, in Python, which each process would import.
import _pickle as pickle
import importlib
import io
import operator
import sys
from collections.abc import Callable, Iterable
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
_CONTAINERS = (dict, list, tuple, set, frozenset)

_FORMATS = frozenset("cbB?hHiIlLqQnNfd")
"""Of views of memory, those that ``memoryview.cast`` makes."""

LIMIT = 2**31 - 2**20
"""Bytes that a pickled value may have: execnet counts the bytes of a message with 31 bits."""


class Writable(Protocol):
    """What a pickle can be written to."""

    def write(self, data: bytes, /) -> object: ...


SMALLEST_BUFFER = 4096
"""Bytes from which on a buffer in a large value is not copied into the pickle."""


def is_plain(value: object, most: int = 100) -> bool:
    """Whether ``value`` is, or consists of, :data:`SCALARS` in containers of Python's own, so that
    to pickle it runs nobody's code.

    :param most: parts that it may have, itself included; the values of a dict do not count.
    """
    parts = [value]
    part: Any
    for part in parts:
        if type(part) in SCALARS:
            continue
        if type(part) not in _CONTAINERS or len(parts) + len(part) > most:
            return False
        parts += part
        if type(part) is dict:
            parts += part.values()
    return True


class TooLargeError(Exception):
    """A pickle has reached the size that it must be smaller than."""


def pack(
    value: object,
    near: Iterable[str] = (),
    everywhere: Everywhere | None = None,
    smaller_than: int = sys.maxsize,
) -> bytes:
    """Pickle ``value``.

    :param near: modules that have names for objects in it, besides those of their classes.
    :param everywhere: what is known of other modules, to be kept if much is pickled.
    :param smaller_than: bytes.
    :raises TooLargeError: if it is not smaller; as soon as that is known.
    :raises Exception: whatever pickle, or a ``__reduce__`` of the value's class, raises.
    """
    buffer = _Limited(smaller_than)
    Pickler(buffer, Names(near, everywhere)).dump(value)
    return buffer.getvalue()


def pack_into(file: Writable, value: object, near: Iterable[str] = ()) -> list[pickle.PickleBuffer]:
    """Pickle ``value`` into a file, as :func:`pack` does; returns the buffers that are not in it,
    which :func:`unpack` needs. Release them at the end: the garbage collector can crash on one of a
    view of memory, in frames that an error keeps.

    :raises Exception: also what writing to the file raises.
    """
    buffers: list[pickle.PickleBuffer] = []

    def is_copied(buffer: pickle.PickleBuffer) -> bool:
        with memoryview(buffer) as view:
            if view.nbytes < SMALLEST_BUFFER or not view.contiguous:
                return True
        buffers.append(buffer)
        return False

    try:
        Pickler(file, Names(near), is_copied).dump(value)
    except BaseException:
        for buffer in buffers:
            buffer.release()
        raise
    return buffers


def joined(data: bytes, buffers: Iterable[pickle.PickleBuffer]) -> bytes:
    """A pickle with its buffers in it."""
    parts: list[bytes | bytearray] = []
    for buffer in buffers:
        with buffer.raw() as view:
            parts.append(bytes(view) if view.readonly else bytearray(view))
    return pickle.dumps(_Joined(data, parts), PROTOCOL) if parts else data


class _Joined:
    def __init__(self, data: bytes, parts: list[bytes | bytearray]) -> None:
        self._whole = data, parts

    def __reduce__(self) -> Any:
        return unpack, self._whole


class _Limited(io.BytesIO):
    """:param smaller_than: bytes."""

    def __init__(self, smaller_than: int) -> None:
        super().__init__()
        self._smaller_than = smaller_than

    def write(self, data: Any, /) -> int:
        # What is large comes by itself: bytes, or a buffer.
        if self.tell() + memoryview(data).nbytes >= self._smaller_than:
            raise TooLargeError
        return super().write(data)


class Pickler(pickle.Pickler):
    """Pickles what could not be found again by its name: the exceptions of ``pytest.skip`` and
    ``pytest.fail``, which claim to be builtins, and what stands in a conftest; and instances that
    have a name themselves; and views of memory.

    :param is_copied: whether a buffer is to be in the pickle; None: all are.
    """

    def __init__(
        self,
        file: Writable,
        names: Names,
        is_copied: Callable[[pickle.PickleBuffer], bool] | None = None,
    ) -> None:
        super().__init__(file, protocol=PROTOCOL, buffer_callback=is_copied)
        self._names = names
        self._has_buffers = is_copied is not None

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
        if type(obj) is memoryview or (self._has_buffers and _is_array(obj)):
            memory: Any = obj
            return _reduced_view(memory) if type(obj) is memoryview else _reduced_array(memory)
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


def _reduced_view(view: memoryview) -> Any:
    """As what a view of memory is pickled: it cannot be written to where it is unpickled, as there
    is no other object that it could be a view of."""
    if view.ndim != 1 or view.format not in _FORMATS:
        return NotImplemented  # pickle refuses it, and says so
    buffer = pickle.PickleBuffer(view.toreadonly()) if view.contiguous else view.tobytes()
    return _view, (buffer, view.format)


def _view(buffer: Any, format_: str) -> memoryview:
    view = memoryview(buffer).toreadonly()
    shaped: memoryview = view.cast("B").cast(format_)  # type: ignore[call-overload]  # of _FORMATS
    return shaped


def _is_array(obj: object) -> bool:
    cls: type = type(obj)
    return cls.__name__ == "ndarray" and cls.__module__ == "numpy"


def _reduced_array(array: Any) -> Any:
    """As what an array of numpy is pickled where buffers are not copied. Of dates and times, which
    have no format in Python, numpy itself would make a copy."""
    flags, dtype = array.flags, array.dtype
    is_flat = flags.c_contiguous or flags.f_contiguous
    if dtype.kind not in "mMV" or dtype.hasobject or not is_flat or not array.nbytes:
        return NotImplemented
    try:
        memoryview(array).release()
    except ValueError:
        return _of_type, (array.view(f"V{array.itemsize}"), dtype)
    return NotImplemented


def _of_type(array: Any, dtype: object) -> object:
    return array.view(dtype)


def unpack(data: bytes | memoryview, buffers: Iterable[Any] = ()) -> object:
    """Unpickle what :func:`pack` or :func:`pack_into` made. Executes what the pickle says: only for
    our own.

    :param buffers: those that are not in the pickle, in the same order.
    :raises Exception: whatever pickle, or the value's class, raises.
    """
    return pickle.loads(data, buffers=buffers)


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

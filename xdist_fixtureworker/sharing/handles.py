"""Pickles live objects as what stands for them, and finds them again; every process.

A live object never leaves its process. In a pickle, a tuple stands for it: the fields of a
:class:`Handle` on the way to the test worker, which makes a stand-in of that, and the id of the
object on the way back.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable

from ..wire.frozen import Frozen, field_values
from ..wire.named import Everywhere, Names
from ..wire.pickles import PROTOCOL, SCALARS, Pickler


class Handle(Frozen):
    """What a test worker needs to know of a live object."""

    object: int  #: its id
    label: str  #: for messages: ``accounts``, or ``httpserver.expect_request()``
    where: str  #: ``file:line`` of the fixture that it comes from
    module: str  #: of its class
    qualname: str  #: of its class
    methods: tuple[str, ...]  #: public ones of its class
    operations: tuple[str, ...]  #: special methods of its class
    local: tuple[str, ...]  #: methods that are run where they are called, with the stand-in
    writable: tuple[str, ...]  #: attributes that test workers may set


def is_plain(value: object) -> bool:
    """Whether a copy of it is as good as the object itself."""
    return type(value) in SCALARS


def pack(
    value: object, stands_for: Callable[[object], object], everywhere: Everywhere | None = None
) -> bytes:
    """Pickle ``value``, with something else in the place of live objects.

    :param stands_for: given any object, returns what stands for it; None: it is no live object.
    :param everywhere: what is known of the names in modules.
    :raises Exception: whatever pickle, or a ``__reduce__`` of the value's class, raises.
    """
    if is_plain(value):
        return pickle.dumps(value, PROTOCOL)
    buffer = io.BytesIO()
    _HandlePickler(buffer, Names((), everywhere), stands_for).dump(value)
    return buffer.getvalue()


class _HandlePickler(Pickler):
    def __init__(
        self, file: io.BytesIO, names: Names, stands_for: Callable[[object], object]
    ) -> None:
        super().__init__(file, names)
        self._stands_for = stands_for

    def persistent_id(self, obj: object) -> object:
        return self._stands_for(obj)


def unpack(data: bytes, find: Callable[[object], object]) -> object:
    """Unpickle what :func:`pack` returned.

    :param find: given what stood for a live object, returns what is used in its place.
    :raises Exception: whatever pickle, or the value's class, raises.
    """
    return _HandleUnpickler(data, find).load()


class _HandleUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes, find: Callable[[object], object]) -> None:
        super().__init__(io.BytesIO(data))
        self._find = find

    def persistent_load(self, pid: object) -> object:
        return self._find(pid)


def fields(handle: Handle) -> tuple[object, ...]:
    """What stands for a live object on the way to a test worker."""
    return field_values(handle)


# --- messages


def is_private(label: str, name: str) -> str:
    return f"'{name}' of {label} is private: its name begins with an underscore."


def not_writable(label: str, name: str) -> str:
    return (
        f"'{name}' of {label} cannot be set from a test: the object is shared by all tests.\n"
        f'If that is meant, name it where the fixture is made global: writable=("{name}",).'
    )

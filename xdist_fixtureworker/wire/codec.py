"""Converts messages to bytes, and back; pure, used by every process.

A message is marshalled as a tuple ``(name, (field, ...))``. A record in one of its fields is the
tuple of its own fields, with its name, too, where the field takes several kinds of record. So what
is sent is plain data; :func:`decode` checks names, numbers of fields and the types of all values,
nested ones included. execnet could send the tuples as they are, but takes three times as long.
"""

from __future__ import annotations

import functools
import marshal
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ProtocolError
from .frozen import Frozen, field_names, field_values, filled
from .messages import Message

_FORMAT = 4
"""Of :mod:`marshal`: the newest that all supported Python versions share. Plain data look the same
in each of them."""
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_MESSAGES: Mapping[str, type[Frozen]] = {cls.__name__: cls for cls in typing.get_args(Message)}


def encode(message: Message) -> bytes:
    """Convert ``message`` to what a channel or a socket can send."""
    plain: Any = to_plain(message)
    return marshal.dumps(plain, _FORMAT)


def encode_all(messages: Sequence[Message]) -> bytes:
    """Convert several messages that are sent at once."""
    return marshal.dumps([to_plain(message) for message in messages], _FORMAT)


def decode(data: object, sender: str) -> Message:
    """Convert what was received to the message that was sent.

    :param sender: who sent it, for the error.
    :raises ProtocolError: if ``data`` is no message, or a field is missing or has a wrong type.
    """
    return from_plain(_unmarshalled(data, sender), sender)


def decode_all(data: object, sender: str) -> list[Message]:
    """Convert what was received to the messages that were sent at once.

    :raises ProtocolError: likewise.
    """
    plain = _unmarshalled(data, sender)
    if not isinstance(plain, list):
        raise ProtocolError(f"Internal error: {sender} sent no list of messages: {plain!r:.200}")
    return [from_plain(each, sender) for each in plain]


def _unmarshalled(data: object, sender: str) -> object:
    if not isinstance(data, bytes):
        raise ProtocolError(f"Internal error: {sender} sent an unknown message: {data!r:.200}")
    try:
        return marshal.loads(data)
    except Exception as error:
        raise ProtocolError(f"Internal error: {sender} sent garbage: {error}") from error


# --- the fields of records and their types


@functools.cache
def _hints(cls: Any) -> tuple[Any, ...]:
    """The types of the fields, in their order."""
    # ``typing.get_type_hints()`` takes longer than all that this process decodes in a small run.
    variables = vars(sys.modules[cls.__module__])
    return tuple([eval(cls.__annotations__[name], variables) for name in field_names(cls)])


def _arms(hint: Any) -> tuple[Any, ...]:
    """The members of a union; for any other type, the type alone."""
    is_union = typing.get_origin(hint) in {types.UnionType, typing.Union}
    return typing.get_args(hint) if is_union else (hint,)


def prepare(*classes: Any) -> None:
    """Look at the fields of some kinds of message, so that the first one takes no longer than
    others. To be called while nobody waits."""
    for cls in classes:
        _look_at(cls)


@functools.cache
def _look_at(cls: Any) -> None:
    for _, hint, _ in _readers_of_fields(cls):
        elements = _element(hint) if typing.get_origin(hint) is tuple else hint
        record: Any  # for mypy, which takes no class for hashable
        for record in _records(elements).values():
            _look_at(record)


def _records(hint: Any) -> dict[str, type[Frozen]]:
    """The kinds of record that a field takes, by name."""
    return {
        arm.__name__: arm
        for arm in _arms(hint)
        if isinstance(arm, type) and issubclass(arm, Frozen)
    }


# --- sending


def to_plain(message: Message) -> tuple[str, tuple[object, ...]]:
    """Convert ``message`` to plain data."""
    return type(message).__name__, _sent_fields(message)


def _sent_fields(record: Frozen) -> tuple[object, ...]:
    cls: Any = type(record)  # likewise
    return tuple(
        [
            value if type(value) in _PLAIN else _sent(hint, value)
            for hint, value in zip(_hints(cls), field_values(record), strict=True)
        ]
    )


def _sent(hint: Any, value: object) -> object:
    if isinstance(value, Frozen):
        fields = _sent_fields(value)
        return fields if _takes_one_record(hint) else (type(value).__name__, fields)
    if isinstance(value, tuple):
        return tuple(
            [each if type(each) in _PLAIN else _sent(_element(hint), each) for each in value]
        )
    if isinstance(value, Mapping):
        return _readable(value)
    return _exactly(value)


@functools.cache
def _takes_one_record(hint: Any) -> bool:
    return len(_records(hint)) == 1


@functools.cache
def _element(hint: Any) -> Any:
    """The type of the elements of a tuple."""
    return typing.get_args(hint)[0]


def _exactly(value: object) -> object:
    """The value without a class of its own, as a member of an enumeration has."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else value


def _readable(value: Any) -> Any:
    """Escape in a report, which is to be read, what is not UTF-8."""
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_readable(key): _readable(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        elements = [_readable(element) for element in value]
        return tuple(elements) if isinstance(value, tuple) else elements
    return value if type(value) in _PLAIN else repr(value)  # of another plugin


# --- receiving


def from_plain(data: object, sender: str) -> Message:
    """Convert what :func:`to_plain` made to the message.

    :raises ProtocolError: as :func:`decode`.
    """
    match data:
        case (str(name), tuple(fields)) if name in _MESSAGES:
            try:
                return typing.cast(Message, _read_record(_MESSAGES[name], fields))
            except _UnfitError as error:
                where = ".".join((name, *reversed(error.fields)))
                raise ProtocolError(
                    f"Internal error: {sender} sent {where} {error.how}: {error.value!r:.200}"
                ) from None
    raise ProtocolError(f"Internal error: {sender} sent an unknown message: {data!r:.200}")


class _UnfitError(Exception):
    """A value is not of the type that its field has."""

    def __init__(self, how: str, value: object) -> None:
        self.how = how
        self.value = value
        self.fields: list[str] = []  #: that it is in, the innermost first


def _of_wrong_type(value: object) -> _UnfitError:
    return _UnfitError(f"as {type(value).__name__}", value)


@functools.cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """What turns what was sent of a value into the value, and raises :exc:`_UnfitError`."""
    if isinstance(hint, type) and issubclass(hint, Frozen):
        return functools.partial(_read_record, hint)
    readers = _readers(hint)

    def read(value: object) -> object:
        try:
            reader = readers[type(value)]
        except KeyError:
            raise _of_wrong_type(value) from None
        return value if reader is None else reader(value)

    return read


def _readers(hint: Any) -> dict[type, Callable[[Any], Any] | None]:
    """The reader for each type that what is sent can have; None: it is the value."""
    readers: dict[type, Callable[[Any], Any] | None] = {}
    for arm in _arms(hint):
        origin = typing.get_origin(arm)
        if origin is tuple:
            readers[tuple] = functools.partial(_read_elements, _reader(_element(arm)))
        elif not issubclass(origin or arm, Frozen):
            readers[dict if origin is Mapping else origin or arm] = None
    records = _records(hint)
    if len(records) == 1:
        (cls,) = records.values()
        readers[tuple] = functools.partial(_read_record, cls)
    elif records:
        readers[tuple] = functools.partial(_read_named, records)
    return readers


@functools.cache
def _readers_of_fields(cls: Any) -> tuple[tuple[str, Any, Callable[[Any], Any]], ...]:
    """The name of each field, its type, and the reader for all that is not exactly of it."""
    names = field_names(cls)
    return tuple([(n, hint, _reader(hint)) for n, hint in zip(names, _hints(cls), strict=True)])


def _read_record(cls: Any, values: object) -> Frozen:
    fields = _readers_of_fields(cls)
    if type(values) is not tuple or len(values) != len(fields):
        raise _UnfitError("with the wrong number of fields", values)
    read: dict[str, Any] = {}
    for (name, hint, reader), value in zip(fields, values, strict=True):
        try:
            read[name] = value if type(value) is hint else reader(value)
        except _UnfitError as error:
            error.fields.append(name)
            raise
    record: Frozen = filled(cls, read)
    return record


def _read_elements(reader: Callable[[Any], Any], values: tuple[object, ...]) -> tuple[object, ...]:
    return tuple([reader(value) for value in values]) if values else ()


def _read_named(records: Mapping[str, type[Frozen]], value: tuple[object, ...]) -> Frozen:
    """Read a record that comes with its name."""
    match value:
        case (str(name), fields) if name in records:
            try:
                return _read_record(records[name], fields)
            except _UnfitError as error:
                error.fields.append(name)
                raise
    raise _of_wrong_type(value)

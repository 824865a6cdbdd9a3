"""Converts messages to what execnet can send, and back; pure, used by every process.

A message is sent as a tuple ``(name, (field, ...))``. A record in one of its fields is sent as the
tuple of its own fields, with its name, too, where the field takes several kinds of record. Only
this module sees those tuples. :func:`decode` checks names, numbers of fields and the types of all
values, nested ones included.
"""

from __future__ import annotations

import functools
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from ..errors import ProtocolError
from .frozen import Frozen, field_names, field_values, filled
from .messages import Message

_PLAIN = frozenset({type(None), bool, int, float, bytes})
_MESSAGES: Mapping[str, type[Frozen]] = {cls.__name__: cls for cls in typing.get_args(Message)}


def encode(message: Message) -> tuple[str, tuple[object, ...]]:
    """Convert ``message`` to what an execnet channel can send."""
    return type(message).__name__, _sent_fields(message)


def decode(data: object, sender: str) -> Message:
    """Convert what a channel received to the message that was sent.

    :param sender: who sent it, for the error.
    :raises ProtocolError: if ``data`` is no message, or a field is missing or has a wrong type.
    """
    match data:
        case (str(name), tuple(fields)) if name in _MESSAGES:
            reader = _Reader(sender)
            return typing.cast(Message, reader.record(_MESSAGES[name], fields, name))
    raise ProtocolError(f"Internal error: {sender} sent an unknown message: {data!r:.200}")


def decode_all(data: object, sender: str) -> list[Message]:
    """Convert what the fixture worker sent: several messages at once.

    :raises ProtocolError: likewise.
    """
    if not isinstance(data, list):
        raise ProtocolError(f"Internal error: {sender} sent no list of messages: {data!r:.200}")
    return [decode(each, sender) for each in data]


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    """The types of the fields, by name."""
    return {name: _type(cls.__annotations__[name], cls.__module__) for name in field_names(cls)}


@functools.cache
def _type(annotation: str, module: str) -> Any:
    """What an annotation means in a module of ours. ``typing.get_type_hints()`` takes longer than
    all that this process decodes in a small run."""
    return eval(annotation, vars(sys.modules[module]))


# What is asked of types is remembered: it takes longer than all the rest.


@functools.cache
def _arms(hint: Any) -> tuple[Any, ...]:
    """The members of a union, ``str`` last; for any other type, the type alone."""
    is_union = _origin(hint) in {types.UnionType, typing.Union}
    return tuple(sorted(typing.get_args(hint), key=lambda arm: arm is str)) if is_union else (hint,)


@functools.cache
def _origin(hint: Any) -> Any:
    """What a type with parameters is made from; None for others."""
    return typing.get_origin(hint)


@functools.cache
def _element(hint: Any) -> Any:
    """The type of the elements of a tuple."""
    return typing.get_args(hint)[0]


@functools.cache
def _records(hint: Any) -> dict[str, type[Frozen]]:
    """The kinds of record that a field takes, by name."""
    return {
        arm.__name__: arm
        for arm in _arms(hint)
        if isinstance(arm, type) and issubclass(arm, Frozen)
    }


# --- sending


def _sent_fields(record: Frozen) -> tuple[object, ...]:
    hints = _hints(type(record))  # type: ignore[arg-type]  # likewise
    return tuple(
        [
            value
            if type(value) in _PLAIN or (type(value) is str and value.isascii())
            else _sent(hint, value)
            for hint, value in zip(hints.values(), field_values(record), strict=True)
        ]
    )


def _sent(hint: Any, value: object) -> object:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Frozen):
        fields = _sent_fields(value)
        return fields if len(_records(hint)) == 1 else (type(value).__name__, fields)
    if isinstance(value, tuple):
        element = _element(hint)
        return tuple(_sent(element, each) for each in value)
    if isinstance(value, str) and not _is_utf_8(value):
        return value.encode("utf-8", "surrogatepass")  # the reader makes it a str again
    if isinstance(value, Mapping):
        return _readable(value)
    return value


def _is_utf_8(text: str) -> bool:
    """Whether execnet can send ``text``: file names and variables may hold any bytes."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _readable(value: Any) -> Any:
    """Escape in a report, which is to be read, what is not UTF-8."""
    if isinstance(value, str) and not _is_utf_8(value):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_readable(key): _readable(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        elements = [_readable(element) for element in value]
        return tuple(elements) if isinstance(value, tuple) else elements
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    return repr(value)  # of another plugin


# --- receiving


class _Reader:
    """Makes records of tuples, and checks the types of their fields.

    :param sender: for the errors.
    """

    def __init__(self, sender: str) -> None:
        self._sender = sender

    def record(self, cls: type[Frozen], values: object, where: str) -> Frozen:
        hints = _hints(cls)  # type: ignore[arg-type]  # a class is hashable, whatever mypy thinks
        if not isinstance(values, tuple) or len(values) != len(hints):
            raise ProtocolError(
                f"Internal error: {self._sender} sent {where} with the wrong number of fields: "
                f"{values!r:.200}"
            )
        fields = zip(hints.items(), values, strict=True)
        read = {
            name: value
            if hint is type(value) or (value == () and _origin(hint) is tuple)
            else self._value(hint, value, f"{where}.{name}")
            for (name, hint), value in fields
        }
        return filled(cls, read)

    def _value(self, hint: Any, value: object, where: str) -> object:
        """Convert the value of a field, for the first type in ``hint`` that it fits."""
        records = _records(hint)
        if len(records) > 1 and isinstance(value, tuple):
            match value:
                case (str(name), fields) if name in records:
                    return self.record(records[name], fields, f"{where}.{name}")
            raise self._error(value, where)
        # Last, as text may come as bytes.
        for arm in _arms(hint):
            if _fits(arm, value):
                return self._convert(arm, value, where)
        if len(records) == 1:
            (cls,) = records.values()
            return self.record(cls, value, where)  # which says what is wrong with it
        raise self._error(value, where)

    def _convert(self, arm: Any, value: Any, where: str) -> object:
        if arm is str and type(value) is bytes:
            try:
                return value.decode("utf-8", "surrogatepass")
            except UnicodeDecodeError:
                raise self._error(value, where) from None
        if _origin(arm) is tuple:
            element = _element(arm)
            return tuple(self._value(element, each, where) for each in value)
        if isinstance(arm, type) and issubclass(arm, Frozen):
            return self.record(arm, value, where)
        return value

    def _error(self, value: object, where: str) -> ProtocolError:
        return ProtocolError(
            f"Internal error: {self._sender} sent {where} as {type(value).__name__}: {value!r:.200}"
        )


def _fits(arm: Any, value: object) -> bool:
    """Whether a value of the type ``arm`` can have been sent as ``value``."""
    origin = _origin(arm)
    if origin is not None:
        return type(value) is (dict if origin is Mapping else origin)
    if issubclass(arm, Frozen):
        return type(value) is tuple
    return type(value) is arm or (arm is str and type(value) is bytes)

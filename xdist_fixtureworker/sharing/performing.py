"""Does what calls ask for with live objects; the process that has the objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import CallError, ProtocolError, describe
from ..wire.messages import Call, Returned
from .handles import is_plain, is_private, not_writable, pack, unpack
from .lanes import ACQUIRE
from .objects import LiveObject, Objects
from .operations import CALL, GET, ITERATE, SET, SPECIAL, TAKE, take
from .returning import Results, refuse


class Performer:
    """Does it, in the thread of the call.

    :param lock: around each change of ``objects``.
    """

    def __init__(self, objects: Objects, lock: threading.Lock) -> None:
        self._objects = objects
        self._lock = lock
        self._results = Results(objects, lock)

    def share(
        self, value: object, label: str, where: str, root: object, writable: tuple[str, ...]
    ) -> bytes:
        """Make the value of a fixture live; returns what is sent of it."""
        if is_plain(value):
            return pack(value, lambda _: None)
        refuse(value, f"the global fixture '{label}' ({where})")
        with self._lock:
            live = self._objects.add(value, label, where, root, writable)
        return pack(value, lambda obj: live.stands_for if obj is value else None)

    def perform(self, call: Call) -> Returned:
        """Do what a call asks for, and return the answer.

        :raises BaseException: whatever the code of users raises.
        """
        live = self._objects.get(call.object)
        if live is None:
            raise CallError(is_gone(call.what))
        args, kwargs = self._arguments(call)
        result = _do(live, call, args, kwargs)
        return self._results.returned(call, live, result)

    def _arguments(self, call: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
        try:
            match unpack(call.arguments, self._find):
                case (tuple(args), dict(kwargs)):
                    return args, kwargs
        except CallError:
            raise
        except Exception as error:
            raise CallError(cannot_unpickle_arguments(call.what, describe(error))) from error
        raise ProtocolError(f"Internal error: {call.worker} sent no arguments for {call.what}")

    def _find(self, id_: object) -> object:
        """What a stand-in among the arguments stands for: an object, or a method of one."""
        match id_:
            case int():
                live = self._objects.get(id_)
            case (int(object_id), str(name)):
                live = self._objects.get(object_id)
                if live is not None:
                    return getattr(live.value, _allowed(live, name))
            case _:
                live = None
        if live is None:
            raise CallError(argument_is_gone())
        return live.value


def _do(live: LiveObject, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    operation = call.operation
    if operation in _NAMED:
        return _NAMED[operation](live, call.name, args, kwargs)
    if operation in live.handle.operations:
        return SPECIAL[operation](live.value, *args, **kwargs)
    raise ProtocolError(f"Internal error: {call.worker} asks for {operation!r:.40}")


def _call(live: LiveObject, name: str, args: Any, kwargs: Any) -> object:
    return getattr(live.value, _allowed(live, name))(*args, **kwargs)


def _get(live: LiveObject, name: str, _args: Any, _kwargs: Any) -> object:
    return getattr(live.value, _allowed(live, name))


def _set(live: LiveObject, name: str, args: Any, _kwargs: Any) -> None:
    if name not in live.handle.writable:
        raise AttributeError(not_writable(live.handle.label, name))
    setattr(live.value, name, *args)


def _first_elements(live: LiveObject, _name: str, _args: Any, _kwargs: Any) -> object:
    iterator = iter(live.value)  # type: ignore[call-overload]  # raises if it is none
    elements, more = take(iterator)
    return elements, iterator if more else None


def _more_elements(live: LiveObject, _name: str, _args: Any, _kwargs: Any) -> object:
    elements, more = take(live.value)  # type: ignore[arg-type]  # likewise
    return elements, live.value if more else None


_NAMED: Mapping[str, Callable[[LiveObject, str, Any, Any], object]] = {
    CALL: _call,
    GET: _get,
    SET: _set,
    ITERATE: _first_elements,
    TAKE: _more_elements,
    ACQUIRE: lambda *_: None,
}


def _allowed(live: LiveObject, name: str) -> str:
    """:raises AttributeError: for what is private."""
    if name.startswith("_") and name not in live.handle.methods:
        raise AttributeError(is_private(live.handle.label, name))
    return name


# --- messages


def is_gone(what: str) -> str:
    return f"{what}: there is no such live object any more."


def argument_is_gone() -> str:
    return "a live object among the arguments is not there any more."


def cannot_unpickle_arguments(what: str, cause: str) -> str:
    return (
        f"the arguments of {what} were sent by the test, but cannot be unpickled in the fixture "
        f"worker ({cause}).\n"
        f"Their classes must be importable there by the same name: define them in a module that "
        f"both import, or use plain data."
    )

"""The stand-in for a live object; in the process of a test that uses one.

Its class has the special methods that the object's class has, and no others: so ``len()`` of what
has none fails at once, and nothing is asked for what Python itself knows.
"""

from __future__ import annotations

import functools
import importlib
import operator
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any, NoReturn, Protocol

from ..errors import CannotShareError
from .exclusive import exclusive
from .handles import Handle, is_private, not_writable
from .operations import CALL, GET, ITERATE, SET, TAKE

_OURS = ("__fixtureworker_handle__", "__fixtureworker_calls__")


class Doer(Protocol):
    """What does something with a live object."""

    def do(
        self,
        handle: Handle,
        operation: str,
        name: str = "",
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any: ...

    def acquire(self, handle: Handle, timeout: float | None) -> int: ...

    def release(self, handle: Handle, acquired: int) -> None: ...


class Proxy:
    """Stands for an object in another process. Use :func:`make`."""

    __slots__ = ("__weakref__", *_OURS)
    __fixtureworker_handle__: Handle
    __fixtureworker_calls__: Doer

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        handle = self.__fixtureworker_handle__
        if name in handle.methods:
            return RemoteMethod(self, name)
        if name in handle.local:
            importlib.import_module(handle.module)  # where it is one of ours, or subclasses it
            return partial(getattr(_class_of(handle), name), self)
        if name == "exclusive":
            return partial(exclusive, self)
        if name.startswith("_"):
            raise AttributeError(is_private(handle.label, name))
        return self.__fixtureworker_calls__.do(handle, GET, name)

    def __setattr__(self, name: str, value: object) -> None:
        __tracebackhide__ = True
        handle = self.__fixtureworker_handle__
        if name not in handle.writable:
            raise AttributeError(not_writable(handle.label, name))
        self.__fixtureworker_calls__.do(handle, SET, name, (value,))

    def __delattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        raise AttributeError(not_deletable(self.__fixtureworker_handle__.label, name))

    @property  # type: ignore[misc]  # isinstance() asks for it
    def __class__(self) -> type:
        return _class_of(self.__fixtureworker_handle__) or type(self)

    def __repr__(self) -> str:
        handle = self.__fixtureworker_handle__
        cls = handle.qualname
        if handle.module != "builtins":
            cls = f"{handle.module}.{cls}"
        return f"<proxy of {cls} in the fixture worker: {handle.label} ({handle.where})>"

    def __dir__(self) -> list[str]:
        handle = self.__fixtureworker_handle__
        public = (name for name in handle.methods if not name.startswith("_"))
        return sorted({*public, *handle.local, *handle.operations, "exclusive"})

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        __tracebackhide__ = True
        raise CannotShareError(cannot_pickle_proxy(repr(self)))


class RemoteMethod:
    """A method of a live object, to be called."""

    __slots__ = ("__name__", "__self__")

    def __init__(self, proxy: Proxy, name: str) -> None:
        self.__self__ = proxy
        self.__name__ = name

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        proxy = self.__self__
        handle = proxy.__fixtureworker_handle__
        return proxy.__fixtureworker_calls__.do(handle, CALL, self.__name__, args, kwargs)

    def __repr__(self) -> str:
        return f"<method {self.__name__} of {self.__self__!r}>"


def make(handle: Handle, calls: Doer) -> Proxy:
    """Make a stand-in."""
    proxy = object.__new__(_proxy_class(handle.operations))
    object.__setattr__(proxy, _OURS[0], handle)
    object.__setattr__(proxy, _OURS[1], calls)
    return proxy


def handle_of(proxy: Proxy) -> Handle:
    """What is known of the object that ``proxy`` stands for."""
    return proxy.__fixtureworker_handle__


def is_proxy(value: object) -> bool:
    return issubclass(type(value), Proxy)


@functools.cache
def _proxy_class(operations: tuple[str, ...]) -> type[Proxy]:
    special: dict[str, Any] = {name: _special(name) for name in operations}
    if "__next__" in operations:
        special["__iter__"] = lambda self: self
    elif "__iter__" in operations:
        special["__iter__"] = _iterate
    if "__exit__" in operations:
        special["__exit__"] = _exit
    if "__eq__" in operations and "__hash__" not in operations:
        special["__hash__"] = None
    return type("Proxy", (Proxy,), {"__slots__": (), "__module__": __name__, **special})


def _special(name: str) -> Any:
    def special(self: Proxy, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        handle = self.__fixtureworker_handle__
        return self.__fixtureworker_calls__.do(handle, name, "", args, kwargs)

    special.__name__ = special.__qualname__ = name
    return special


def _exit(self: Proxy, _type: object, error: object, _traceback: object) -> Any:
    __tracebackhide__ = True
    handle = self.__fixtureworker_handle__
    return self.__fixtureworker_calls__.do(handle, "__exit__", "", (error,))


def _iterate(self: Proxy) -> Iterator[object]:
    __tracebackhide__ = True
    calls = self.__fixtureworker_calls__
    elements, iterator = calls.do(self.__fixtureworker_handle__, ITERATE)
    while True:
        yield from elements
        if iterator is None:
            return
        elements, iterator = calls.do(handle_of(iterator), TAKE)


def _class_of(handle: Handle) -> Any:
    """The class of the object, if it has been imported here."""
    try:
        found = operator.attrgetter(handle.qualname)(sys.modules[handle.module])
    except (AttributeError, KeyError):
        return None
    return found if isinstance(found, type) else None


# --- messages


def not_deletable(label: str, name: str) -> str:
    return f"'{name}' of {label} cannot be deleted from a test: the object is shared by all tests."


def cannot_pickle_proxy(shown: str) -> str:
    return (
        f"{shown} cannot be copied or pickled.\n"
        f"It can be an argument of another proxy's method, where it arrives as the object itself."
    )

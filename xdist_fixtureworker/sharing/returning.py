"""Pickles what calls of live objects return or raise; the process that has the objects."""

from __future__ import annotations

import inspect
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import BuiltinMethodType, MethodType, ModuleType, TracebackType
from typing import cast

import pytest

from ..errors import CallError, FixtureWorkerError, describe
from ..wire import pickles
from ..wire.messages import Call, Raised, Returned
from ..wire.named import Everywhere
from .handles import is_plain, pack
from .lanes import Lane
from .objects import LiveObject, Objects
from .operations import ITERATE, TAKE, described

_HERE = str(Path(__file__).parent)
#: Would end the test worker, not the test.
_ENDS_PROCESS = (KeyboardInterrupt, SystemExit, GeneratorExit, pytest.exit.Exception)


class _Placed:
    """Stands for a live object in a result."""

    def __init__(self, live: LiveObject) -> None:
        self.live = live


class Results:
    """Makes the answers to calls.

    :param objects: gets what pickle refuses.
    :param lock: around each change of them.
    """

    def __init__(self, objects: Objects, lock: threading.Lock) -> None:
        self._objects = objects
        self._lock = lock
        self._everywhere = Everywhere()

    def returned(self, call: Call, live: LiveObject, result: object) -> Returned:
        """The answer that a call returned ``result``.

        :raises CallError: if that stays in its process.
        """
        label = described(live.handle.label, call.operation, call.name)
        refuse(result, call.what)
        if call.operation in (ITERATE, TAKE):
            return self._elements(call, live, label, result)
        try:
            data, used = self._pack(self._place(result, live, label) if _stays(result) else result)
        except Exception:
            data, used = self._pack_sendable([result], lambda of: of[0], live, label)
        return self._answer(call, data, used)

    def _elements(self, call: Call, live: LiveObject, label: str, result: object) -> Returned:
        elements, iterator = cast("tuple[list[object], object]", result)
        if iterator is not None:
            iterator = self._place(iterator, live, label, live.lane)
        try:
            data, used = self._pack((elements, iterator))
        except Exception:
            data, used = self._pack_sendable(elements, lambda of: (of, iterator), live, label)
        return self._answer(call, data, used)

    def _pack_sendable(
        self,
        elements: Sequence[object],
        make: Callable[[list[object]], object],
        live: LiveObject,
        label: str,
    ) -> tuple[bytes, list[LiveObject]]:
        """Pickle what is made of elements, of which those stay that pickle refuses."""

        def sendable(element: object, is_copied: Callable[[object], bool]) -> object:
            if is_plain(element) or is_copied(element):
                return element
            if type(element) is tuple:  # of which a copy is as good
                return tuple(sendable(each, is_copied) for each in element)
            return self._place(element, live, label)

        try:
            return self._pack(make([sendable(each, self._can_be_copied) for each in elements]))
        except Exception:  # another thread has changed one of them since it was tried
            return self._pack(make([sendable(each, lambda _: False) for each in elements]))

    def _can_be_copied(self, element: object) -> bool:
        if _stays(element):
            return False
        try:
            self._pack(element)
        except Exception:
            return False
        return True

    def _place(
        self, value: object, of: LiveObject, label: str, lane: Lane | None = None
    ) -> _Placed:
        with self._lock:
            known = self._objects.known(value)
            return _Placed(known or self._objects.add_result(value, of, label, lane or Lane()))

    def _pack(self, value: object) -> tuple[bytes, list[LiveObject]]:
        used: list[LiveObject] = []

        def stands_for(obj: object) -> object:
            live = obj.live if type(obj) is _Placed else self._objects.known(obj)
            if live is None:
                return None
            used.append(live)
            return live.stands_for

        return pack(value, stands_for, self._everywhere), used

    def _answer(self, call: Call, data: bytes, used: list[LiveObject]) -> Returned:
        if len(data) > pickles.LIMIT:
            raise CallError(result_too_large(call.what, len(data), pickles.LIMIT))
        with self._lock:
            for live in used:
                self._objects.use(live, call.worker)
        return Returned(call.worker, call.id, data, tuple(live.handle.object for live in used))


def _stays(result: object) -> bool:
    """Whether a result is not copied, though pickle might take it: what belongs to an object, or
    can be gone through once."""
    if isinstance(result, (MethodType, BuiltinMethodType)):
        return not isinstance(result.__self__, (ModuleType, type(None)))
    return isinstance(result, Iterator)


def refuse(result: object, what: str) -> None:
    """:raises CallError: for what makes no sense in another process."""
    if isinstance(result, ModuleType):
        raise CallError(is_module(what, result.__name__))
    if inspect.iscoroutine(result):
        result.close()
    elif not (inspect.isawaitable(result) or inspect.isasyncgen(result)):
        return
    raise CallError(is_async(what))


def raised(call: Call, error: BaseException) -> Raised:
    """The answer that a call raised ``error``."""
    shown = _shown(error)
    text = describe(error)
    if isinstance(error, _ENDS_PROCESS):
        error = CallError(ends_process(call.what, text))
    packed = pickles.pack_exception(error)
    if packed is None:
        text = cannot_be_sent(call.what, text)
    elif isinstance(error, FixtureWorkerError):
        text = str(error)
    return Raised(call.worker, call.id, packed, text, shown)


def _shown(error: BaseException) -> str:
    """The traceback from the code that was called on; empty if the error comes from none."""
    place: TracebackType | None = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename.startswith(_HERE):
        place = place.tb_next
    if place is None:
        return ""
    return "".join(traceback.format_exception(type(error), error, place)).rstrip()


# --- messages


def is_module(what: str, module: str) -> str:
    return (
        f"{what} is the module '{module}', which is used where it is imported.\n"
        f"Write a method that does with it what the test needs."
    )


def is_async(what: str) -> str:
    return (
        f"{what} is asynchronous: what it returns can be awaited in the event loop of its own "
        f"process only, not in a test.\n"
        f"Write a method that awaits it there, as with asyncio.run(...), and returns what comes "
        f"out of it."
    )


def ends_process(what: str, error: str) -> str:
    return f"{what} raised what ends a process, so this stands in for it: {error}"


def cannot_be_sent(what: str, error: str) -> str:
    return f"{what} raised an exception that cannot be sent: {error}"


def result_too_large(what: str, size: int, limit: int) -> str:
    return (
        f"the result of {what} is too large to be sent: {size} bytes when pickled, of {limit} at "
        f"most.\nWrite it to a file and return the path."
    )

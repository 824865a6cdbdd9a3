"""The stand-ins of a process, and which of them are dropped; in the process that has stand-ins.

A stand-in is one for all places that have it. When nobody has it any more, its object is released,
as often as it was sent: so what is on its way meanwhile is not lost.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter, deque
from collections.abc import Sequence

from .handles import Handle, unpack
from .proxy import Doer, Proxy, make


class StandIns:
    """All stand-ins.

    :param calls: makes their calls.
    """

    def __init__(self, calls: Doer) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._alive: weakref.WeakValueDictionary[int, Proxy] = weakref.WeakValueDictionary()
        self._received: Counter[int] = Counter()
        self._arriving: list[tuple[int, ...]] = []
        # Finalizers run anywhere, within any lock; this takes none.
        self._dropped: deque[int] = deque()

    def unpack(self, data: bytes, objects: tuple[int, ...]) -> object:
        """Unpickle what was sent.

        :param objects: that stand-ins are made for.
        :raises Exception: whatever pickle, or the value's class, raises.
        """
        if not objects:
            return unpack(data, self._stand_in)
        with self._lock:
            self._received.update(objects)
            self._arriving.append(objects)
        try:
            return unpack(data, self._stand_in)
        finally:
            with self._lock:
                self._arriving.remove(objects)
                self._dropped.extend(each for each in objects if each not in self._alive)

    @property
    def dropped(self) -> int:
        """How many were dropped and not taken."""
        return len(self._dropped)

    def take_dropped(self) -> list[int]:
        """The objects that are not used any more, each as often as it was sent."""
        released: list[int] = []
        with self._lock:
            arriving = {each for objects in self._arriving for each in objects}
            later: list[int] = []
            for _ in range(len(self._dropped)):
                object_ = self._dropped.popleft()
                if object_ in arriving:
                    later.append(object_)
                elif object_ not in self._alive:
                    released += [object_] * self._received.pop(object_, 0)
            self._dropped.extend(later)
        return released

    def _stand_in(self, fields: object) -> Proxy:
        assert isinstance(fields, Sequence)
        handle = Handle(*fields)
        proxy = self._alive.get(handle.object)
        if proxy is None:
            proxy = make(handle, self._calls)
            self._alive[handle.object] = proxy
            weakref.finalize(proxy, self._dropped.append, handle.object).atexit = False
        return proxy

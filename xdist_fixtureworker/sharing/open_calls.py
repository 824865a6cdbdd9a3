"""The calls that are not answered, and what callers have got; the process that has the objects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from ..wire.messages import Call, Held, Message, Raised, Returned
from .callers import Caller

_Key = tuple[str, int]


class OpenCalls:
    """Sends one answer to each call, unless nobody waits for it any more.

    :param send: sends a message to the test worker that it names; must not raise. Any thread.
    """

    def __init__(self, send: Callable[[Message], object]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._open: dict[_Key, Caller] = {}
        self._having: dict[_Key, Caller] = {}  # what is undone when they are gone
        self._told: set[_Key] = set()

    def add(self, call: Call) -> None:
        """Note that a call is to be answered."""
        key = call.worker, call.id
        caller = Caller(
            call.worker, call.test, partial(self.held, call), partial(self._having.pop, key, None)
        )
        with self._lock:
            self._open[key] = caller

    def caller(self, call: Call) -> Caller | None:
        """Who made it; None: it needs no answer any more."""
        return self._open.get((call.worker, call.id))

    def held(self, call: Call, by: str) -> None:
        """Tell whom a call waits for; empty: it does not wait any more."""
        key = call.worker, call.id
        if by:
            self._told.add(key)
        elif key not in self._told:
            return
        if key in self._open:
            self._send(Held(call.worker, call.id, by))

    def answer(self, message: Returned | Raised) -> bool:
        """Answer a call; False: that has been done, or nobody waits for it."""
        key = message.worker, message.id
        with self._lock:
            caller = self._open.pop(key, None)
            if caller is not None and caller.has_something:
                self._having[key] = caller
            self._told.discard(key)
        if caller is not None:
            self._send(message)
        return caller is not None

    def withdraw(self, worker: str, id_: int | None = None) -> list[Caller]:
        """Note that nobody waits for a call any more, answered or not.

        :param id_: None: the test worker is gone.
        :returns: callers that are to go.
        """
        with self._lock:
            keys = [key for key in (*self._open, *self._having) if key[0] == worker]
            gone: list[Caller] = []
            for key in keys:
                if id_ in (None, key[1]):
                    found = (self._open.pop(key, None), self._having.pop(key, None))
                    gone += [caller for caller in found if caller is not None]
            return gone

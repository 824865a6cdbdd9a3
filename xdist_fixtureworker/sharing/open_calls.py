"""The calls that are not answered, and what callers have got; the process that has the objects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import TypeAlias

from ..wire.messages import Call, Held, Message, Raised, Returned
from .callers import Caller

_Key = tuple[str, int]
Answer: TypeAlias = Returned | Raised


class _Direct:
    """A call that came by socket. The thread that read it waits for its turn, and for its answer:
    so whoever does not read answers holds up nobody else."""

    def __init__(self) -> None:
        self.to_do: SimpleQueue[Callable[[], object] | None] = SimpleQueue()  # None: that is all
        self.answer: Answer | None = None


class OpenCalls:
    """Sends one answer to each call, unless nobody waits for it any more.

    :param send: sends a message to the test worker that it names; must not raise. Any thread.
    :param on_answer: called in the thread that has one.
    """

    def __init__(
        self, send: Callable[[Message], object], on_answer: Callable[[], object] = lambda: None
    ) -> None:
        self._send = send
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._open: dict[_Key, Caller] = {}
        self._having: dict[_Key, Caller] = {}  # what is undone when they are gone
        self._held: dict[_Key, str] = {}  # by whom
        self._direct: dict[_Key, _Direct] = {}  # whose answers were not taken, in or not
        # Who went away may have sent a call by socket that has not been read.
        self._left: set[str] = set()
        self._overtaken: set[_Key] = set()

    def add(self, call: Call) -> None:
        """Note that a call is to be answered."""
        with self._lock:
            self._open[call.worker, call.id] = self._caller(call)

    def add_direct(self, call: Call) -> bool:
        """Note that a call is to be answered by :meth:`wait`; False: nobody waits for it."""
        key = call.worker, call.id
        with self._lock:
            if call.worker in self._left or key in self._overtaken:
                return False
            self._open[key] = self._caller(call)
            self._direct[key] = _Direct()
        return True

    def begin(self, call: Call, action: Callable[[], object]) -> bool:
        """Run a call in the thread that waits for it; False: there is none."""
        with self._lock:
            direct = self._direct.get((call.worker, call.id))
            if direct is not None:
                direct.to_do.put(action)
        return direct is not None

    def is_direct(self, call: Call) -> bool:
        """Whether a thread waits for it."""
        return (call.worker, call.id) in self._direct

    def wait(self, call: Call) -> Answer | None:
        """Wait for the answer; None: it is not to be sent by socket any more."""
        key = call.worker, call.id
        direct = self._direct.get(key)
        if direct is not None:
            while (action := direct.to_do.get()) is not None:
                action()
        with self._lock:
            direct = self._direct.pop(key, None)
            return None if direct is None else direct.answer

    def move(self, call: Call) -> bool:
        """Send the answer to the call of that id to the controller; False: it was sent."""
        key = call.worker, call.id
        with self._lock:
            direct = self._take_direct(key)
            is_open = key in self._open
            held_by = self._held.get(key, "")
        if direct is not None and direct.answer is not None:
            self._send(direct.answer)
            return True
        if held_by:
            self._send(Held(*key, held_by))
        return is_open

    def caller(self, call: Call) -> Caller | None:
        """Who made it; None: it needs no answer any more."""
        return self._open.get((call.worker, call.id))

    def held(self, call: Call, by: str) -> None:
        """Tell whom a call waits for; empty: it does not wait any more."""
        key = call.worker, call.id
        if not by and key not in self._held:
            return
        with self._lock:
            self._held[key] = by
            is_told = key in self._open and key not in self._direct
        if is_told:
            self._send(Held(call.worker, call.id, by))

    def answer(self, message: Answer) -> bool:
        """Answer a call; False: that has been done, or nobody waits for it."""
        self._on_answer()
        key = message.worker, message.id
        with self._lock:
            caller = self._open.pop(key, None)
            if caller is not None and caller.has_something:
                self._having[key] = caller
            self._held.pop(key, None)
            direct = self._direct.get(key)
            if direct is not None:
                direct.answer = message
                direct.to_do.put(None)
        if caller is not None and direct is None:
            self._send(message)
        return caller is not None

    def withdraw(self, worker: str, id_: int | None = None) -> list[Caller]:
        """Note that nobody waits for a call any more, answered or not.

        :param id_: None: the test worker is gone.
        :returns: callers that are to go.
        """
        with self._lock:
            if id_ is None:
                self._left.add(worker)
                keys = {key for key in (*self._open, *self._having) if key[0] == worker}
            else:
                keys = {(worker, id_)}
                self._overtaken |= keys - self._open.keys()
            gone: list[Caller] = []
            for key in keys:
                self._take_direct(key)
                found = (self._open.pop(key, None), self._having.pop(key, None))
                gone += [caller for caller in found if caller is not None]
            return gone

    def _caller(self, call: Call) -> Caller:
        on_free = partial(self._having.pop, (call.worker, call.id), None)
        return Caller(call.worker, call.test, partial(self.held, call), on_free)

    def _take_direct(self, key: _Key) -> _Direct | None:
        """Let go the thread that waits for a call, if one does."""
        direct = self._direct.pop(key, None)
        if direct is not None:
            direct.to_do.put(None)
        return direct

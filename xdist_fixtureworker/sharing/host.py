"""The live objects of a process, and what arrives for them; in the process that has them.

What arrives is only sorted in the thread that brings it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import ProtocolError
from ..wire.messages import Call, Message, Released, Returned, Withdrawn, WorkerLeft
from .lanes import RELEASE
from .objects import Objects
from .open_calls import OpenCalls
from .operations import how_run
from .performing import Performer, is_gone
from .returning import raised
from .turns import Turns


class Host:
    """Has live objects, and serves test workers that have stand-ins for them.

    :param send: sends a message to the test worker that it names; must not raise. Any thread.
    :param limit: seconds that a call may take; None: as long as it wants.
    :param first: number of an object.
    """

    def __init__(
        self, send: Callable[[Message], object], limit: float | None = None, first: int = 1
    ) -> None:
        self._lock = threading.Lock()  # around the objects
        self._objects = Objects(first)
        self._calls = OpenCalls(send)
        self._performer = Performer(self._objects, self._lock)
        self._turns = Turns(
            self._calls, self._performer.perform, self._runs, self._drop_unsent, limit
        )

    def share(
        self, value: object, label: str, where: str, root: object, writable: tuple[str, ...] = ()
    ) -> bytes:
        """Make an object live that is the value of a fixture; returns what is sent of it.

        :param root: the set-up of the fixture.
        :raises CallError: if it makes no sense in another process.
        """
        return self._performer.share(value, label, where, root, writable)

    def receive(self, message: Message) -> None:
        """Take in what test workers sent. Does not wait."""
        match message:
            case Call():
                self._arrive(message)
            case Withdrawn():
                self._withdraw(message.worker, message.id)
            case Released():
                with self._lock:
                    dropped = self._objects.release(message.worker, message.objects)
                self._let_die(dropped)
            case WorkerLeft():
                self._withdraw(message.worker)
                with self._lock:
                    dropped = self._objects.release(message.worker)
                self._let_die(dropped)
            case _:
                raise ProtocolError(f"Internal error: {message} is not for live objects")

    def finalize(self, root: object = None) -> None:
        """Refuse what is done with the objects of a set-up, or with all, from now on."""
        with self._lock:
            lanes = self._objects.lanes(root)
            gone = self._objects.finalize(root)
        for call in self._turns.drop(lanes):
            self._turns.refuse(call, is_finalized(call.what))
        self._let_die(gone)

    def _arrive(self, call: Call) -> None:
        self._calls.add(call)
        with self._lock:
            live = self._objects.get(call.object)
            was_finalized = self._objects.is_finalized(call.object)
        if live is None:
            text = is_finalized(call.what) if was_finalized else is_gone(call.what)
            self._turns.refuse(call, text)
            return
        serve = self._turns.release if call.operation == RELEASE else self._turns.arrive
        try:
            serve(live.lane, call)
        except ValueError:
            message = f"Internal error: {call.worker} sent {call.operation!r} with {call.name!r}"
            self._calls.answer(raised(call, ProtocolError(message)))

    def _withdraw(self, worker: str, id_: int | None = None) -> None:
        """Drop a call, or all of a worker, and have given back what they got."""
        for caller in self._calls.withdraw(worker, id_):
            self._turns.beside(caller.go)  # runs code of users
        with self._lock:
            lanes = self._objects.lanes()
        self._turns.withdraw(lanes, worker, id_)

    def _runs(self, call: Call) -> str:
        live = self._objects.get(call.object)
        if live is None or not call.name.startswith("_"):
            return ""
        return how_run(getattr(type(live.value), call.name, None))

    def _drop_unsent(self, answer: Returned) -> None:
        self.receive(Released(answer.worker, answer.objects))

    def _let_die(self, values: list[object]) -> None:
        """Let objects be deleted in a thread of its own: ``__del__`` may take its time."""
        if values:
            self._turns.beside(values.clear)


# --- messages


def is_finalized(what: str) -> str:
    return f"{what} comes too late: its fixture has been finalized."

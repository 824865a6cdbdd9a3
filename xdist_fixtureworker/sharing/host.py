"""The live objects of a process, and what arrives for them; in the process that has them.

What arrives is only sorted in the thread that brings it. But a call that came by socket is run in
the thread that has read it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import CallError, ProtocolError
from ..wire.messages import Call, Message, Released, Returned, Withdrawn, WorkerLeft
from .lanes import LOST, MOVE, RELEASE
from .objects import Objects
from .open_calls import Answer, OpenCalls
from .operations import how_run
from .performing import Performer, is_gone
from .returning import raised
from .turns import Turns


class Host:
    """Has live objects, and serves test workers that have stand-ins for them.

    :param send: sends a message to the test worker that it names; must not raise. Any thread.
    :param limit: seconds that a call may take; None: as long as it wants.
    :param on_answer: called in the thread that has the answer to a call, before it is sent.
    :param first: number of an object.
    """

    def __init__(
        self,
        send: Callable[[Message], object],
        limit: float | None = None,
        on_answer: Callable[[], object] = lambda: None,
        first: int = 1,
    ) -> None:
        self._lock = threading.Lock()  # around the objects
        self._objects = Objects(first)
        self._send = send
        self._calls = OpenCalls(send, on_answer)
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
            case Call() if message.operation in (MOVE, LOST):
                self._move(message)
            case Call():
                self._calls.add(message)
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

    def serve(self, call: Call) -> Answer | None:
        """Do what a call asks for when it is its turn, in this thread.

        :returns: the answer; None: it is not to be sent by the way that the call came.
        """
        if not self._calls.add_direct(call):
            return None
        self._arrive(call)
        return self._calls.wait(call)

    def finalize(self, root: object = None) -> None:
        """Refuse what is done with the objects of a set-up, or with all, from now on."""
        with self._lock:
            lanes = self._objects.lanes(root)
            gone = self._objects.finalize(root)
        for call in self._turns.drop(lanes):
            self._turns.refuse(call, is_finalized(call.what))
        self._let_die(gone)

    def _arrive(self, call: Call) -> None:
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

    def _move(self, call: Call) -> None:
        """Answer a call by way of the controller, though it came by socket."""
        if self._calls.move(call):
            return
        if call.operation == LOST:
            self._withdraw(call.worker, call.id)  # it may come yet
            self._send(raised(call, CallError(is_lost(call.what))))
        else:
            self._send(Withdrawn(call.worker, call.id))

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


def is_lost(what: str) -> str:
    return (
        f"the connection to the fixture worker was lost before there was an answer to {what}.\n"
        f"It may have been done, or not."
    )

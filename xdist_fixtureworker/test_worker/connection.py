"""Asks the controller for instances, and wakes the threads that wait; runs in a test worker.

Each request has a waiter of its own, so threads of one test can wait for different answers at once.
execnet's receiver thread decodes an answer and hands it to its waiter. A value is unpickled in a
thread that waited: only there may code of users run.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

import execnet

from ..errors import FixtureWorkerDiedError, ProtocolError
from ..wire.codec import decode, encode
from ..wire.messages import Answer, Failed, Instance, Ready, Request

T = TypeVar("T")

_END = object()


class Pending(Generic[T]):
    """A request, from the moment it was sent; kept for whoever asks for the instance later.

    :param read: makes of the answer what is wanted, see :meth:`wait_read`.
    """

    def __init__(self, read: Callable[[Answer], T]) -> None:
        self._read = read
        self._over = threading.Event()
        self._reading = threading.RLock()
        self._answer: Answer | None = None
        self._cause: Exception | None = None  # why there will be no answer
        self._result: list[T] = []  # one, or none yet

    def wait_read(self) -> T:
        """What the answer reads as. Read once, in the first of the threads that wait for it; again
        by the next one if a signal handler raises meanwhile, such as that of a time-out.

        :raises FixtureWorkerDiedError: if the connection is lost before there is an answer.
        """
        __tracebackhide__ = True
        self._over.wait()
        with self._reading:
            if not self._result:
                if self._answer is None:
                    _raise_lost(self._cause)
                self._result.append(self._read(self._answer))
                self._answer = None  # nobody needs the pickle any more
            return self._result[0]

    def answer(self, answer: Answer) -> None:
        """End the wait. Runs in execnet's receiver thread, as does :meth:`fail`."""
        self._answer = answer
        self._over.set()

    def fail(self, cause: Exception) -> None:
        """End the wait: there will be no answer."""
        self._cause = cause
        self._over.set()


class Connection(Generic[T]):
    """The channel to the controller, and the requests that were sent over it."""

    def __init__(self, channel: execnet.Channel) -> None:
        self._channel = channel
        self._ids = itertools.count(1)
        self._asking = threading.RLock()  # not held while an answer is awaited
        self._asked: dict[Instance, Pending[T]] = {}
        # The receiver thread waits for no lock: single operations on a dict need none.
        self._unanswered: dict[int, Pending[T]] = {}
        self._lost: Exception | None = None
        channel.setcallback(self._received, endmarker=_END)

    def ask(self, instance: Instance, read: Callable[[Answer], T]) -> Pending[T]:
        """Send a request for ``instance``, unless one was sent before; does not wait.

        :param read: makes of the answer what is wanted.
        :raises FixtureWorkerDiedError: if the connection is lost.
        """
        __tracebackhide__ = True
        with self._asking:
            pending = self._asked.get(instance)
            if pending is None:
                pending = self._send(instance, Pending(read))
                # Last: a request that an exception kept from being sent is to be sent again.
                self._asked[instance] = pending
            return pending

    def _send(self, instance: Instance, pending: Pending[T]) -> Pending[T]:
        __tracebackhide__ = True
        id_ = next(self._ids)
        self._unanswered[id_] = pending
        try:
            self._channel.send(encode(Request(id_, instance)))
        except OSError as error:
            _raise_lost(error)
        if self._lost is not None:  # perhaps before there was a request to tell
            _raise_lost(self._lost)
        return pending

    def _received(self, data: object) -> None:
        """Runs in execnet's receiver thread."""
        if data is _END:
            self._end(EOFError())
            return
        try:
            message = decode(data, "the controller")
            if not isinstance(message, (Ready, Failed)):
                raise ProtocolError(f"Internal error: the controller sent {message}")
        except ProtocolError as error:
            self._end(error)  # whose answer it was is unknown, and nobody is to wait for ever
            return
        pending = self._unanswered.pop(message.id, None)
        if pending is not None:
            pending.answer(message)

    def _end(self, cause: Exception) -> None:
        self._lost = self._lost or cause
        for pending in list(self._unanswered.values()):
            pending.fail(self._lost)


def _raise_lost(cause: Exception | None) -> NoReturn:
    __tracebackhide__ = True
    if isinstance(cause, ProtocolError):
        raise cause
    raise FixtureWorkerDiedError.because("the connection to the controller is lost") from cause

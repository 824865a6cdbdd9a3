"""Asks the controller for instances, and wakes the threads that wait; runs in a test worker.

Each request has a waiter of its own, so that several threads of a test can wait at once. execnet's
receiver thread decodes answers and hands them over; values are unpickled in the waiting threads,
since that can run any code of users.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from typing import Generic, NoReturn, Protocol, TypeVar

import execnet

from ..errors import FixtureWorkerDiedError, ProtocolError
from ..wire.codec import decode, encode, prepare
from ..wire.messages import (
    Answer,
    Failed,
    Instance,
    Message,
    Part,
    Raised,
    Ready,
    Request,
    Returned,
    Withdrawn,
)

T = TypeVar("T")

_END = object()


class Pending(Generic[T]):
    """A request that was sent, and later its result.

    :param read: turns the answer into the result.
    """

    def __init__(self, read: Callable[[Answer], T]) -> None:
        self._read = read
        self._over = threading.Event()
        self._reading = threading.RLock()
        self._answer: Answer | None = None
        self._cause: Exception | None = None  # why there will be no answer
        self._result: list[T] = []  # one at most

    def wait_read(self) -> T:
        """Wait for the answer, and return the result that ``read`` makes of it.

        ``read`` is called in one of the waiting threads. If it does not return, because a signal
        handler raises, the next thread calls it again.

        :raises FixtureWorkerDiedError: if the connection is lost before there is an answer.
        """
        __tracebackhide__ = True
        self._over.wait()
        with self._reading:
            if not self._result:
                if self._answer is None:
                    _raise_lost(self._cause)
                self._result.append(self._read(self._answer))
                self._answer = None  # free the pickle
            return self._result[0]

    def result(self) -> T | None:
        """The result, if somebody has waited for it."""
        return self._result[0] if self._result else None

    def answer(self, answer: Answer) -> None:
        """Wake who waits. Runs in execnet's receiver thread, as does :meth:`fail`."""
        self._answer = answer
        self._over.set()

    def fail(self, cause: Exception) -> None:
        """Wake who waits: there will be no answer."""
        self._cause = cause
        self._over.set()


class CallAnswers(Protocol):
    """Who waits for answers to calls."""

    def answered(self, message: Returned | Raised | Withdrawn) -> None: ...

    def lose(self, cause: BaseException) -> None: ...


class PartsOfFiles(Protocol):
    """Who waits for parts of large values."""

    def answered(self, message: Part) -> None: ...

    def lose(self, cause: BaseException) -> None: ...


class Connection(Generic[T]):
    """The channel to the controller, and the requests that were sent over it."""

    def __init__(self, channel: execnet.Channel) -> None:
        self._channel = channel
        self._process = os.getpid()
        self._ids = itertools.count(1)
        self._asking = threading.RLock()  # not held while an answer is awaited
        self._asked: dict[Instance, Pending[T]] = {}
        # The receiver thread must not wait for a lock; single operations on a dict need none.
        self._unanswered: dict[int, Pending[T]] = {}
        self._lost: Exception | None = None
        self._calls: CallAnswers | None = None
        self._parts: PartsOfFiles | None = None
        channel.setcallback(self._received, endmarker=_END)

    @property
    def is_forked(self) -> bool:
        """Whether this is a copy in a forked process, where nobody receives answers."""
        return os.getpid() != self._process

    def result(self, instance: Instance) -> T | None:
        """The result, if somebody has waited for it; waits for nothing, no lock either.

        :raises FixtureWorkerDiedError: if there is none, and the connection is lost.
        """
        __tracebackhide__ = True
        pending = self._asked.get(instance)
        result = None if pending is None else pending.result()
        if result is None and self._lost is not None:
            _raise_lost(self._lost)
        return result

    def ask(
        self,
        instance: Instance,
        read: Callable[[Answer], T],
        where: str = "",
        marks: Callable[[], bytes] = bytes,
    ) -> Pending[T]:
        """Send a request for ``instance``, unless one was sent before; do not wait for the answer.

        :param read: turns the answer into the result.
        :param where: ``file:line`` of the fixture, for messages.
        :param marks: of its set-up.
        :raises FixtureWorkerDiedError: if the connection is lost.
        """
        __tracebackhide__ = True
        with self._asking:
            pending = self._asked.get(instance)
            if pending is None:
                request = Request(next(self._ids), instance, where, marks())
                pending = self._send(request, Pending(read))
                # After sending: if a signal handler raised, the next thread sends it again.
                self._asked[instance] = pending
            return pending

    def take_calls(self, calls: CallAnswers) -> None:
        """Hand answers to calls of live objects over, from now on."""
        self._calls = calls
        if self._lost is not None:
            calls.lose(self._lost)

    def take_parts(self, parts: PartsOfFiles) -> None:
        """Hand parts of large values over, from now on."""
        self._parts = parts
        if self._lost is not None:
            parts.lose(self._lost)

    def send(self, message: Message) -> None:
        """Send a message that has no answer, or concerns calls of live objects, or parts of large
        values.

        :raises OSError: if the connection is lost.
        """
        self._channel.send(encode(message))

    def _send(self, request: Request, pending: Pending[T]) -> Pending[T]:
        __tracebackhide__ = True
        self._unanswered[request.id] = pending
        try:
            self._channel.send(encode(request))
        except OSError as error:
            _raise_lost(error)
        prepare(Ready)  # while the fixture is set up
        if self._lost is not None:  # perhaps before _end() could see this request
            _raise_lost(self._lost)
        return pending

    def _received(self, data: object) -> None:
        """Runs in execnet's receiver thread."""
        if data is _END:
            self._end(EOFError())
            return
        try:
            message = decode(data, "the controller")
            if isinstance(message, (Returned, Raised, Withdrawn)) and self._calls is not None:
                self._calls.answered(message)
                return
            if isinstance(message, Part) and self._parts is not None:
                self._parts.answered(message)
                return
            if not isinstance(message, (Ready, Failed)):
                raise ProtocolError(f"Internal error: the controller sent {message}")
        except ProtocolError as error:
            self._end(error)  # it may have been an answer that somebody waits for
            return
        pending = self._unanswered.pop(message.id, None)
        if pending is not None:
            pending.answer(message)

    def _end(self, cause: Exception) -> None:
        self._lost = self._lost or cause
        for pending in list(self._unanswered.values()):
            pending.fail(self._lost)
        for waiting in (self._calls, self._parts):
            if waiting is not None:
                waiting.lose(self._lost)


def _raise_lost(cause: Exception | None) -> NoReturn:
    __tracebackhide__ = True
    if isinstance(cause, ProtocolError):
        raise cause
    raise FixtureWorkerDiedError("the connection to the controller is lost") from cause

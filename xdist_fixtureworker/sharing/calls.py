"""Makes calls of live objects, and results of the answers; in the process that has stand-ins."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

from ..errors import (
    CallError,
    CannotShareError,
    FixtureWorkerError,
    RemoteTraceback,
    describe,
    in_lines,
)
from ..wire import pickles
from ..wire.messages import Call, Message, Raised, Released
from ..wire.named import Everywhere
from .arguments import pack_arguments
from .callers import current_test
from .exchange import Answer, Exchange
from .handles import Handle
from .lanes import ACQUIRE, RELEASE
from .operations import described
from .stand_ins import StandIns

_BATCH = 50
"""Stand-ins that are dropped before their objects are released in between; else that is done at the
end of each test."""


class Calls:
    """The calls of this process.

    :param send: sends a message towards the process that has the objects.
    """

    def __init__(self, send: Callable[[Message], object]) -> None:
        self.exchange = Exchange(send)
        self._process = os.getpid()
        self._ids = itertools.count(1)
        self._stand_ins = StandIns(self)
        self._everywhere = Everywhere()

    def unpack(self, data: bytes) -> object:
        """Unpickle the value of a fixture."""
        return self._stand_ins.unpack(data, ())

    def do(
        self,
        handle: Handle,
        operation: str,
        name: str = "",
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Do something with a live object, and wait for what comes out of it.

        :raises BaseException: whatever its code raises, there.
        :raises CallError: if it cannot be done.
        :raises CannotShareError: if the arguments cannot be sent.
        :raises FixtureWorkerDiedError: if the process that has the object is gone.
        """
        __tracebackhide__ = True
        call = self._make(handle, operation, name, args, kwargs or {})
        return self._result(call, self.exchange.wait_answer(call))

    def acquire(self, handle: Handle, timeout: float | None) -> int:
        """Wait for exclusive use; returns what :meth:`release` needs."""
        __tracebackhide__ = True
        waits = timeout is not None and timeout < threading.TIMEOUT_MAX
        call = self._make(handle, ACQUIRE, str(max(timeout or 0.0, 0.0)) if waits else "")
        try:
            self._result(call, self.exchange.wait_answer(call))
        except KeyboardInterrupt:  # when it was granted already
            self.exchange.withdraw(call)
            raise
        return call.id

    def release(self, handle: Handle, acquired: int) -> None:
        """Give exclusive use back."""
        __tracebackhide__ = True
        call = self._make(handle, RELEASE, str(acquired))
        self._result(call, self.exchange.wait_answer(call))

    def release_dropped(self) -> None:
        """Release the objects that nobody uses here any more."""
        ids = self._stand_ins.take_dropped()
        ids += self.exchange.take_unwanted()
        if ids and os.getpid() == self._process:
            self.exchange.try_send(Released("", tuple(ids)))

    def _make(
        self,
        handle: Handle,
        operation: str,
        name: str,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Call:
        __tracebackhide__ = True
        what = f"{described(handle.label, operation, name)} ({handle.where})"
        if os.getpid() != self._process:
            raise CallError(is_forked(what))
        if self._stand_ins.dropped >= _BATCH:
            self.release_dropped()
        try:
            data = pack_arguments(args, kwargs or {}, what, self._everywhere)
        except FixtureWorkerError as error:
            raise error.with_traceback(None) from None
        test = current_test()
        return Call("", next(self._ids), handle.object, operation, name, data, what, test)

    def _result(self, call: Call, answer: Answer) -> Any:
        __tracebackhide__ = True
        if isinstance(answer, Raised):
            error = pickles.unpack_exception(answer.exception, answer.traceback)
            if error is None:
                raise CallError(answer.text) from (
                    RemoteTraceback(answer.traceback) if answer.traceback else None
                )
            raise error
        try:
            return self._stand_ins.unpack(answer.value, answer.objects)
        except Exception as error:
            message = cannot_unpickle_result(call.what, describe(error))
            raise CannotShareError(message) from error


# --- messages


def is_forked(what: str) -> str:
    return (
        f"{what} is asked for in a forked process, which has no connection to the fixture worker.\n"
        f"Do it before the fork, or in the process of the test."
    )


def cannot_unpickle_result(what: str, cause: str) -> str:
    return in_lines(
        f"the result of {what} was sent by the fixture worker, but cannot be unpickled in the test "
        f"worker ({cause}).\n"
        f"Its class must be importable there by the same name: define it in a module that both "
        f"import, or return plain data."
    )

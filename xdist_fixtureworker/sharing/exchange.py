"""Sends calls of live objects, and waits for the answers; in the process that has stand-ins.

A call goes by socket, where there is one, else by way of the controller. What takes long, or whose
socket breaks, is asked for by way of the controller: it tells the user what is waited for, and it
knows what became of the fixture worker.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ..errors import FixtureWorkerDiedError
from ..wire.frozen import replace
from ..wire.messages import Call, Message, Raised, Released, Returned, Withdrawn
from .lanes import LOST, MOVE
from .lines import BROKEN, Line

if TYPE_CHECKING:
    from .dialling import Lines

Answer: TypeAlias = Returned | Raised


class Waiting:
    """A call that was sent, and later its answer.

    :param line: the socket by which it was sent, if it was.
    """

    def __init__(self, line: Line | None) -> None:
        self._over = threading.Lock()
        self._over.acquire()
        self._line = line
        self.is_moved = False  #: whether the controller was asked for the answer
        self.answer: Answer | None = None

    def wait(self) -> None:
        self._over.acquire()

    def wake(self) -> None:
        """Wake who waits. Call it once."""
        self._over.release()
        if self._line is not None:
            self._line.interrupt()


class Exchange:
    """The calls of this process that have no answer yet.

    :param send: sends a message to the controller, or to the process that has the objects.
    """

    def __init__(self, send: Callable[[Message], object]) -> None:
        self._send = send
        self._lines: Lines | None = None
        self._waiting: dict[int, Waiting] = {}
        self._lost: BaseException | None = None
        self._unwanted: deque[int] = deque()  # objects in answers that nobody waited for

    def connect(self, lines: Lines) -> None:
        """Make calls by socket, where that can be."""
        # It releases nothing; but the controller tells of the end of who has sent something.
        self.try_send(Released("", ()))
        self._lines = lines

    def close(self) -> None:
        """Close connections that nobody uses."""
        if self._lines is not None:
            self._lines.close()

    def answered(self, message: Answer | Withdrawn) -> None:
        """Wake who waits for this answer. Runs in the thread that receives it."""
        if isinstance(message, Withdrawn):
            self._not_moved(message)
            return
        waiting = self._waiting.pop(message.id, None)
        if waiting is not None:
            waiting.answer = message
            waiting.wake()
        elif isinstance(message, Returned):
            self._unwanted.extend(message.objects)

    def lose(self, cause: BaseException) -> None:
        """Wake all who wait: there will be no answers. Likewise."""
        self._lost = self._lost or cause
        for id_ in list(self._waiting):
            waiting = self._waiting.pop(id_, None)
            if waiting is not None:
                waiting.wake()

    def take_unwanted(self) -> list[int]:
        """The objects in answers that nobody waited for."""
        return [self._unwanted.popleft() for _ in range(len(self._unwanted))]

    def wait_answer(self, call: Call) -> Answer:
        """Send a call, and wait for its answer.

        :raises FixtureWorkerDiedError: if there will be none.
        """
        __tracebackhide__ = True
        line = None if self._lines is None else self._lines.take()
        waiting = self._waiting[call.id] = Waiting(line)
        try:
            if line is None or not self._by_socket(line, call, waiting):
                self._by_controller(call, waiting)
        except OSError as error:
            self._lost = self._lost or error
        except BaseException:  # Ctrl-C, or the time-out of the test
            self.withdraw(call)
            raise
        if waiting.answer is None:
            self._waiting.pop(call.id, None)
            raise FixtureWorkerDiedError(connection_lost()).before_call(call.what) from self._lost
        return waiting.answer

    def withdraw(self, call: Call) -> None:
        """Tell that nobody waits for the answer, or what came with it."""
        self._waiting.pop(call.id, None)
        self.try_send(Withdrawn("", call.id))

    def try_send(self, message: Message) -> None:
        """Send a message, if that can be."""
        try:
            self._send(message)
        except OSError:
            pass  # the next call tells

    def _not_moved(self, message: Withdrawn) -> None:
        """Ask again in a second: the answer is in the socket, or the call still is."""
        waiting = self._waiting.get(message.id)
        if waiting is not None:
            waiting.is_moved = False

    def _by_controller(self, call: Call, waiting: Waiting) -> None:
        if self._lost is None:  # else perhaps nobody wakes us
            self._send(call)
            waiting.wait()

    def _by_socket(self, line: Line, call: Call, waiting: Waiting) -> bool:
        """Returns whether the call was sent."""
        assert self._lines is not None
        is_usable = False
        try:
            if self._lost is not None:  # perhaps nobody wakes us
                return False
            try:
                line.send(call)
            except OSError:
                return False  # not all of it: it will not be done
            is_usable = self._received(line, call, waiting)
            return True
        finally:
            self._lines.give_back(line, is_usable)

    def _received(self, line: Line, call: Call, waiting: Waiting) -> bool:
        """Wait for the answer to a call that was sent by socket.

        :returns: whether the socket can be used again.
        """
        while True:
            try:
                answer = line.receive()
            except TimeoutError:
                if not waiting.is_moved:
                    waiting.is_moved = True
                    self._send(replace(call, operation=MOVE, arguments=b""))
                continue
            except BROKEN:
                break
            if not isinstance(answer, (Returned, Raised)) or answer.id != call.id:
                break
            waiting.answer = waiting.answer or answer
            return self._waiting.pop(call.id, None) is not None
        if waiting.answer is None:
            self._by_controller(replace(call, operation=LOST, arguments=b""), waiting)
        return False


# --- messages


def connection_lost() -> str:
    return "the connection to the controller is lost"

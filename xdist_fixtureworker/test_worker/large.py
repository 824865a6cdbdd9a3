"""Takes large values from the files that they are in; loaded with the first of them; test worker.

A file that this process cannot map is on another machine, mostly. Its content is fetched then, by
way of the controller: part by part, so that nobody on the way has much of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from queue import SimpleQueue

from ..errors import FixtureWorkerError
from ..sharing.mapping import mapped, size, unpack_from
from ..wire.messages import Fetch, Mapped, Message, Part, Span

_PART = 1 << 20
"""Bytes that are fetched at once: other messages wait for no more."""
_AHEAD = 4
"""Parts that are asked for before the first of them is there."""
_LOST = "the connection to the controller is lost"


class CannotFetchError(FixtureWorkerError):
    """A value that cannot be mapped cannot be fetched either."""


class LargeValues:
    """The large values that this process uses.

    :param send: sends a message to the controller.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._ids = itertools.count(1)
        # Several threads may fetch. The receiver thread must not wait for a lock; single operations
        # on a dict need none.
        self._asking: dict[int, SimpleQueue[Part | BaseException]] = {}
        self._lost: BaseException | None = None

    def unpack(self, value: Mapped, look: Callable[[memoryview], object]) -> object:
        """Unpickle a value.

        :param look: given the pickle, without its buffers.
        :raises CannotFetchError: if there is no way to get it.
        :raises Exception: whatever pickle, or the value's class, raises.
        """
        content = mapped(value)
        if content is None:
            content = memoryview(self._fetched(value)).toreadonly()
        look(content[value.pickle.start : value.pickle.start + value.pickle.size])
        return unpack_from(value, content)

    def answered(self, message: Part) -> None:
        """Hand a part over to who asked for it. Runs in execnet's receiver thread."""
        if (arrived := self._asking.pop(message.id, None)) is not None:
            arrived.put(message)

    def lose(self, cause: BaseException) -> None:
        """Wake who waits: no more parts come. Runs in execnet's receiver thread."""
        self._lost = cause
        for arrived in list(self._asking.values()):
            arrived.put(cause)

    def _fetched(self, value: Mapped) -> bytearray:
        """Get the content of the file part by part."""
        content = bytearray(size(value))
        starts = range(0, len(content), _PART)
        parts = (Span(start, min(_PART, len(content) - start)) for start in starts)
        arrived: SimpleQueue[Part | BaseException] = SimpleQueue()
        asked: dict[int, Span] = {}
        try:
            while True:
                for part in itertools.islice(parts, _AHEAD - len(asked)):
                    asked[self._ask(value, part, arrived)] = part
                if not asked:
                    break
                answer = _checked(arrived.get())
                part = asked.pop(answer.id)
                content[part.start : part.start + part.size] = answer.data
        finally:
            for id_ in asked:
                self._asking.pop(id_, None)
        if len(content) != size(value) or not content.startswith(value.token):
            raise CannotFetchError("Internal error: what came is not the file")
        return content

    def _ask(self, value: Mapped, part: Span, arrived: SimpleQueue[Part | BaseException]) -> int:
        id_ = next(self._ids)
        self._asking[id_] = arrived
        try:
            self._send(Fetch("", id_, value.number, part))
        except OSError as error:
            raise CannotFetchError(_LOST) from error
        if self._lost is not None:  # perhaps before lose() could see this one
            raise CannotFetchError(_LOST)
        return id_


def _checked(answer: Part | BaseException) -> Part:
    if isinstance(answer, BaseException):
        raise CannotFetchError(_LOST) from answer
    if answer.error:
        raise CannotFetchError(answer.error)
    return answer

"""What the fixture worker sends to the controller: several messages at once where that can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..wire.messages import Message


class Outbox:
    """Sends messages in the order in which they are given.

    Each delivery wakes the controller. What is followed by another message at once, with none of
    the users' code between, can go with that one.

    :param deliver: sends some messages together; must not raise.
    """

    def __init__(self, deliver: Callable[[Sequence[Message]], None]) -> None:
        self._deliver = deliver
        self._held: list[Message] = []

    def send(self, message: Message) -> None:
        """Send ``message`` now. Any thread; nothing is held while others have something to send."""
        messages = [*self._held, message]
        self._held.clear()
        self._deliver(messages)

    def hold(self, message: Message) -> None:
        """Send ``message`` with the next one. Main thread, out of users' code."""
        self._held.append(message)

    def flush(self) -> None:
        """Send what is held: users' code is about to run, which may take long, or end the
        process."""
        if self._held:
            messages = list(self._held)
            self._held.clear()
            self._deliver(messages)

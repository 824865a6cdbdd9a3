"""Sends to a test worker on another host, in a thread of its own; runs in the controller.

A link that is cut goes on taking what is sent until all buffers are full. Then a sender waits until
somebody finds out, which may take long; other test workers must not wait for that.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import execnet


class RemoteSender:
    """Takes messages at once, and sends them in their order."""

    def __init__(self, channel: execnet.Channel) -> None:
        self._channel = channel
        self._messages: SimpleQueue[object] = SimpleQueue()  # None: no more come
        name = f"messages to {channel.gateway.id}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def send(self, message: object) -> None:
        """Send ``message`` some time."""
        self._messages.put(message)

    def end(self) -> None:
        """Send no more than what was taken."""
        self._messages.put(None)

    def wait_ended(self, timeout: float) -> bool:
        """Wait until all is sent; False if that takes longer."""
        self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (message := self._messages.get()) is not None:
            try:
                self._channel.send(message)
            except OSError:
                pass  # it died; that it did arrives as an event of its own

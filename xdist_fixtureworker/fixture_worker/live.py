"""The live objects of the fixture worker; what they need is loaded with the first of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..declared.attributes import Proxied
from ..errors import CannotShareError, FixtureWorkerError
from ..wire.messages import Inline, Message
from .set_ups import SetUpRecord

if TYPE_CHECKING:
    from ..sharing.host import Host


class LiveObjects:
    """What global fixtures share by proxy.

    :param send: sends a message to the controller; must not raise.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self.limit: float | None = None  #: seconds that a call may take
        self.first = 1  #: number of an object
        self._send = send
        self._lock = threading.Lock()
        self._host: Host | None = None

    def share(self, record: SetUpRecord) -> Inline | CannotShareError:
        """Make the value of a fixture live; returns what is sent of it."""
        assert record.declaration is not None
        assert isinstance(record.declaration.share, Proxied)
        writable = record.declaration.share.writable
        try:
            host = self._served()
            return Inline(
                host.share(record.value, record.name, record.where, record.number, writable)
            )
        except FixtureWorkerError as error:
            return CannotShareError(str(error))

    def receive(self, message: Message) -> None:
        """Take in what test workers sent. Runs in execnet's receiver thread."""
        self._served().receive(message)

    def finalize(self) -> None:
        """Refuse what comes too late: finalizers begin."""
        if self._host is not None:
            self._host.finalize()

    def _served(self) -> Host:
        with self._lock:
            if self._host is None:
                from ..sharing.host import Host

                self._host = Host(self._send, self.limit, self.first)
            return self._host

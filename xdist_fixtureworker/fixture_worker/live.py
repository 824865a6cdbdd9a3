"""The live objects of the fixture worker; what they need is loaded with the first of them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..declared.attributes import Proxied
from ..errors import CannotShareError, FixtureWorkerError
from ..wire.messages import Inline, Message
from .set_ups import SetUpRecord

if TYPE_CHECKING:
    from ..sharing.host import Host
    from ..sharing.lines import Introduction
    from ..sharing.listener import Listener


class LiveObjects:
    """What global fixtures share by proxy.

    :param send: sends a message to the controller; must not raise.
    :param on_answer: called in the thread that has the answer to a call, before it is sent.
    """

    def __init__(self, send: Callable[[Message], None], on_answer: Callable[[], object]) -> None:
        self.limit: float | None = None  #: seconds that a call may take
        self.first = 1  #: number of an object
        self.directory = ""  #: for the socket on which test workers call; empty: by no socket
        self._send = send
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._host: Host | None = None
        self._listener: Listener | None = None
        self._introduction: Introduction | None = None

    def share(self, record: SetUpRecord) -> Inline | CannotShareError:
        """Make the value of a fixture live; returns what is sent of it."""
        assert record.declaration is not None
        assert isinstance(record.declaration.share, Proxied)
        writable = record.declaration.share.writable
        host = self._served()
        try:
            data = host.share(record.value, record.name, record.where, record.number, writable)
        except FixtureWorkerError as error:
            return CannotShareError(str(error))
        from ..sharing.lines import introduced

        if self._introduction is None:
            self._introduction = self._listen(host)
        return Inline(introduced(data, self._introduction))

    def receive(self, message: Message) -> None:
        """Take in what test workers sent. Runs in execnet's receiver thread."""
        self._served().receive(message)

    def finalize(self, set_up: int | None = None) -> None:
        """Refuse what comes too late: the finalizer of a set-up begins, or those of all do."""
        if self._host is not None:
            self._host.finalize(set_up)

    def close(self) -> None:
        """Let no test worker connect any more."""
        if self._listener is not None:
            self._listener.close()
            with contextlib.suppress(OSError):  # large values are in it, or it is gone
                Path(self.directory).rmdir()

    def _listen(self, host: Host) -> Introduction:
        """Let test workers make calls without the controller, where that can be."""
        from ..processes.run_files import make
        from ..sharing.listener import Listener

        if not self.directory:
            return "", b""
        directory = Path(self.directory)
        try:
            make(directory)
            self._listener = Listener(host, directory)
        except (AttributeError, OSError):  # no such sockets; or their path would be too long
            return "", b""
        return self._listener.introduction

    def _served(self) -> Host:
        with self._lock:
            if self._host is None:
                from ..sharing.host import Host

                self._host = Host(self._send, self.limit, self._on_answer, self.first)
            return self._host

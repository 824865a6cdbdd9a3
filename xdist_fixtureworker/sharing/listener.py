"""Answers calls of live objects that come by socket; in the process that has the objects.

Each connection has one call at a time, and a thread of its own, in which its calls are run.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import socket
import threading
from pathlib import Path

from ..wire.frozen import replace
from ..wire.messages import Call
from .host import Host
from .lines import BROKEN, Introduction, Line

_KEY_SIZE = 16
_NAME = "calls"


class Listener:
    """A socket in a directory that only this user can enter.

    :param host: does what calls ask for.
    :param directory: whoever removes it removes the socket of a process that was killed.
    :raises OSError: if there can be none, as where the path is too long.
    """

    def __init__(self, host: Host, directory: Path) -> None:
        self._host = host
        self._key = os.urandom(_KEY_SIZE)
        self._socket = socket.socket(socket.AF_UNIX)
        self._path = directory / _NAME
        address = str(self._path)
        try:
            self._socket.bind(address)
            self._socket.listen()
        except BaseException:
            self.close()
            raise
        self.introduction: Introduction = address, self._key
        threading.Thread(target=self._accept, name="live objects", daemon=True).start()

    def close(self) -> None:
        """Let nobody connect any more. Who is connected stays so."""
        with contextlib.suppress(OSError):  # it does not listen
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes who waits in it
        self._socket.close()
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._socket.accept()
                thread = threading.Thread(target=self._serve, args=[connected], daemon=True)
                thread.name = "live object by socket"
                thread.start()
            except (OSError, RuntimeError):  # closed; or there are too many files or threads
                return

    def _serve(self, connected: socket.socket) -> None:
        """Answer the calls of one connection, one after the other."""
        line = Line(connected, "a test worker")
        try:
            key, _, worker = line.receive_bytes().partition(b" ")
            if not hmac.compare_digest(key, self._key.hex().encode()):
                return
            line.send_bytes(b"")
            while isinstance(call := line.receive(), Call):
                answer = self._host.serve(replace(call, worker=worker.decode()))
                if answer is not None:
                    line.send(answer)
        except (*BROKEN, ValueError):
            pass  # of this test worker only, which asks by the controller then
        finally:
            line.close()

"""Sockets between a process that has live objects and those that have stand-ins; both ends.

A message is sent as its length and what :mod:`..wire.codec` makes of it.
"""

from __future__ import annotations

import pickle
import socket
import struct
from typing import TypeAlias

from ..errors import ProtocolError
from ..wire.codec import decode, encode
from ..wire.messages import Message
from ..wire.pickles import PROTOCOL

Introduction: TypeAlias = tuple[str, bytes]
"""Where the process that has the objects is reached: the address of its socket, and a key. Empty:
it has none."""

_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 16

#: What goes wrong with a line, but for :exc:`TimeoutError`: it is not to be used any more.
BROKEN = (OSError, EOFError, ProtocolError)


def introduced(data: bytes, introduction: Introduction) -> bytes:
    """What is sent of a live object, with where it is reached."""
    return pickle.dumps((data, introduction), PROTOCOL)


def introduction(data: bytes) -> tuple[bytes, Introduction]:
    """Both parts of it."""
    found: tuple[bytes, Introduction] = pickle.loads(data)
    return found


class Line:
    """One end of a connected socket. For one thread at a time, but for :meth:`interrupt`.

    :param sender: who is at the other end, for errors.
    """

    def __init__(self, connected: socket.socket, sender: str) -> None:
        self._socket = connected
        self._sender = sender
        self._received: list[bytes] = []  # of the message that arrives
        self._size = 0
        self._expected: int | None = None

    def send(self, message: Message) -> None:
        """Send a message.

        :raises OSError: if not all of it was sent.
        """
        self.send_bytes(encode(message))

    def receive(self) -> Message:
        """Wait for a message.

        :raises TimeoutError: if nothing arrived for as long as the socket waits. The next call goes
            on with what has.
        :raises OSError: if the connection is lost, as :exc:`EOFError`.
        :raises ProtocolError: if what arrived is no message.
        """
        return decode(self.receive_bytes(), self._sender)

    def send_bytes(self, data: bytes) -> None:
        """Send what is no message."""
        rest = memoryview(_LENGTH.pack(len(data)) + data)
        while rest:  # not sendall(), whose time-out is for all of it
            rest = rest[self._socket.send(rest) :]

    def receive_bytes(self) -> bytes:
        """Likewise."""
        while self._expected is None or self._size < self._expected:
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                raise EOFError
            self._received.append(chunk)
            self._size += len(chunk)
            if self._expected is None and self._size >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(b"".join(self._received))
                self._expected = _LENGTH.size + length
        if self._size > self._expected:
            raise ProtocolError(f"Internal error: {self._sender} did not wait for an answer")
        received = b"".join(self._received)
        self._received, self._size, self._expected = [], 0, None
        return received[_LENGTH.size :]

    def interrupt(self) -> None:
        """Wake who waits for a message, by ending the connection. Any thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it ended already

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

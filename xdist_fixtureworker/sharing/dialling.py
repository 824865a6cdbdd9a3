"""Connects to the process that has live objects, where that can be; in the one with stand-ins."""

from __future__ import annotations

import socket

from .lines import BROKEN, Introduction, Line

PATIENCE = 1.0
"""Seconds without an answer after which a call becomes one by way of the controller, which tells
the user what is waited for, and knows when the fixture worker has died."""


class Lines:
    """Connections that wait to be used: as many as there were calls at once.

    :param introduction: where the process is reached.
    :param worker: the id of this one.
    """

    def __init__(self, introduction: Introduction, worker: str) -> None:
        self._address, self._key = introduction
        self._worker = worker
        self._idle: list[Line] = []  # single operations on a list need no lock

    def take(self) -> Line | None:
        """Take one that nobody uses; None: there can be none."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect() if self._address else None

    def give_back(self, line: Line, is_usable: bool) -> None:
        """Keep one for the next call, or close it."""
        if is_usable and self._address:
            self._idle.append(line)
        else:
            line.close()

    def close(self) -> None:
        """Close those that nobody uses, and make no others."""
        self._address = ""
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> Line | None:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        line = Line(connection, "the fixture worker")
        try:
            connection.connect(self._address)
            line.send_bytes(f"{self._key.hex()} {self._worker}".encode())
            line.receive_bytes()
        except BROKEN:  # on another host, for one; or it has died
            line.close()
            self.close()
            return None
        return line

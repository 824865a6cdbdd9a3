"""A forked worker as execnet knows processes and their pipes; runs in the controller."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any


class Process:
    """A child of this process, with the part of the interface of ``subprocess.Popen`` that counts.

    ``kill()`` never waits for somebody who is in ``wait()``: a worker that hangs at its end is
    killed while it is waited for.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def wait(self) -> int | None:
        """Wait until it has ended; returns its exit status, negative for a signal."""
        try:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            pass  # somebody has its exit status already
        return self.poll()

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        with self._lock:
            if self.returncode is None:
                try:
                    pid, status = os.waitpid(self.pid, os.WNOHANG)
                except ChildProcessError:
                    self.returncode = 0  # as Popen has it, if somebody else took it
                else:
                    self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode

    def kill(self) -> None:
        with self._lock:
            if self.returncode is None:  # so that the id is still that of this process
                os.kill(self.pid, signal.SIGKILL)


class Connection:
    """What execnet calls an IO: the pipes to a process.

    :param outfile: the end of a pipe to write to.
    :param infile: the end of a pipe to read from.
    """

    def __init__(self, process: Process, outfile: int, infile: int) -> None:
        self.process = process
        self.outfile = os.fdopen(outfile, "wb")
        self.infile = os.fdopen(infile, "rb")
        self.execmodel: Any = None  #: execnet's, of this end

    def read(self, numbytes: int, /) -> bytes:
        """Read exactly so many bytes.

        :raises EOFError: if there are no more.
        """
        data = self.infile.read(numbytes)
        if len(data) < numbytes:
            raise EOFError(f"expected {numbytes} bytes, got {len(data)}")
        return data

    def write(self, data: bytes, /) -> None:
        self.outfile.write(data)
        self.outfile.flush()

    def close_read(self) -> None:
        self.infile.close()

    def close_write(self) -> None:
        self.outfile.close()

    def wait(self) -> int | None:
        return self.process.wait()

    def kill(self) -> None:
        self.process.kill()

"""Notices that the process of a worker has ended; runs in the controller.

xdist notices when its connection ends. That is later where a test forked a process, which then
holds the connection open: the crash of such a worker would be noticed when that process ends, and
the end of the run be held up by all the time-outs that there are.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import execnet

_CONNECTION_TIMEOUT = 2.0
"""Seconds in which what a process sent before its end is received; then its channels are closed."""
_CHUNK = 1 << 16


class WorkerExits:
    """Watches the processes of all test workers of a run."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._unwatched = False

    def watch(self, node: Any, channel: execnet.Channel) -> None:
        """Watch the process of a test worker, and close its channels some time after its end.

        :param channel: ours; that of xdist is not there yet.
        """
        pid: int = node.gateway._rinfo().pid
        # On another host, a process of ours may have the same id.
        if not node.gateway.spec.popen or node.gateway.spec.via or not _is_child(pid):
            self._unwatched = True
            return
        thread = threading.Thread(
            target=_close_after_exit,
            args=(pid, node, channel),
            name=f"exit of {node.gateway.id}",
            daemon=True,
        )
        self._threads.append(thread)
        thread.start()

    def wait_all(self) -> None:
        """Wait until all have ended; for ever if there are some that cannot be watched."""
        for thread in self._threads:
            thread.join()
        if self._unwatched:
            threading.Event().wait()


def _is_child(pid: int) -> bool:
    """Whether it is a child of this process, and not one behind a wrapper."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except (AttributeError, ChildProcessError):  # no waitid: macOS before Python 3.13, Windows
        return False
    return True


def _close_after_exit(pid: int, node: Any, channel: execnet.Channel) -> None:
    try:
        # WNOWAIT leaves the exit status for execnet, which waits for the process as well.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        pass  # execnet was first
    node.gateway.join(_CONNECTION_TIMEOUT)
    discard_what_is_sent(node.gateway)
    for open_channel in (channel, getattr(node, "channel", None)):
        try:
            if open_channel is not None:
                open_channel.close()  # nothing happens if it is closed; else xdist hears of it
        except OSError:
            pass  # nobody holds the connection: so its end is noticed without us


def discard_what_is_sent(gateway: execnet.Gateway) -> None:
    """Take out of its pipe, from now on, what is sent to a process that has ended.

    Where a child of that process holds the connection, nobody reads there, and a message that the
    pipe has no room for would block its sender, and all who send after it, for as long as the
    child runs. This makes use of how Linux opens a pipe; elsewhere nothing is done.
    """
    if gateway.hasreceiver():  # somebody does hold it, or who sends would get an error
        name = f"discard for {gateway.id}"
        threading.Thread(target=_discard, args=[gateway], name=name, daemon=True).start()


def _discard(gateway: Any) -> None:
    try:
        with Path(f"/proc/self/fd/{gateway._io.outfile.fileno()}").open("rb", buffering=0) as sent:
            while sent.read(_CHUNK):
                pass
    except (AttributeError, OSError, ValueError):
        pass  # no pipe, no such file, or it has just been closed

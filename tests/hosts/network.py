"""Makes another host on this machine: a network namespace, and a mount namespace with its own ``/tmp``.

A link leads there from a namespace that has nothing else in it; ssh connects from within that one. So nothing
of this machine's own network is touched, and all of it goes when the last process in it does.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from .sshd import ROOT, run

HERE, THERE = "10.197.0.1", "10.197.0.2"
LINK = "far0"
#: Connects, and hands the connection over to ssh.
CONNECT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    socket.send_fds(socket.socket(fileno=1), [b"x"], [connection.fileno()])
"""
#: Both hosts share some folders, and nothing else of those that are for temporary files.
KEEP = """
mkdir /mnt/{number}
mount --bind {folder} /mnt/{number}
"""
GIVE_BACK = """
mkdir -p {folder}
mount --move /mnt/{number} {folder}
"""
HOST = """
mount -t tmpfs tmpfs /run
mkdir /run/sshd
hostname other-host
ip link set lo up
"""


def why_not() -> str | None:
    """Why there can be no other host; None if there can."""
    if os.geteuid() != 0:
        return "only root can make a network namespace"
    try:
        run("unshare", "--net", "--mount", "--uts", "--propagation", "private", "ip", "link")
    except (OSError, AssertionError) as error:
        return f"a network namespace cannot be made: {error}"
    return None


class Network:
    """Another host, and the link to it.

    :param here: a process in the namespace from which the link leads there.
    :param there: a process on the other host.
    """

    def __init__(self, here: int, there: int) -> None:
        self._here = here
        self._there = there

    @property
    def within(self) -> list[str]:
        """What a command has in front to run on the other host."""
        return ["nsenter", "--target", str(self._there), "--net", "--mount", "--uts", "--"]

    def client(self, folder: Path) -> str:
        """What the configuration of ssh has to say to get there."""
        connect = folder / "connect.py"
        connect.write_text(CONNECT)
        command = [*self._at(self._here), sys.executable, "-I", str(connect), "%h", "%p"]
        return f"ProxyCommand {shlex.join(command)}\nProxyUseFdpass yes\n"

    def cut(self) -> None:
        """Take the link down: nobody at its ends is told."""
        run(*self._at(self._here), "ip", "link", "set", LINK, "down")

    def mend(self) -> None:
        run(*self._at(self._here), "ip", "link", "set", LINK, "up")

    def connect(self) -> None:
        """Make the link."""
        run(
            *(*self._at(self._here), "ip", "link", "add", LINK, "type", "veth"),
            *("peer", "name", LINK, "netns", str(self._there)),
        )
        for pid, address in ((self._here, HERE), (self._there, THERE)):
            run(*self._at(pid), "ip", "address", "add", f"{address}/30", "dev", LINK)
            run(*self._at(pid), "ip", "link", "set", LINK, "up")

    def end(self) -> None:
        """Kill whatever runs there."""
        namespace = Path(f"/proc/{self._there}/ns/net").readlink()
        for process in psutil.process_iter():
            try:
                if Path(f"/proc/{process.pid}/ns/net").readlink() == namespace:
                    process.kill()
            except (OSError, psutil.Error):
                pass  # it is gone

    @staticmethod
    def _at(pid: int) -> list[str]:
        return ["nsenter", "--target", str(pid), "--net", "--"]


@contextmanager
def another_host(shared: Path) -> Iterator[Network]:
    """Another host.

    :param shared: the folder that it can see of this one's ``/tmp``.
    """
    with _in_namespaces("--net") as here, _in_namespaces("--net", "--mount", "--uts") as there:
        network = Network(here, there)
        run(*network.within, "sh", "-ec", _mounts([shared, Path(sys.prefix), ROOT]))
        network.connect()
        try:
            yield network
        finally:
            network.end()


def _mounts(kept: Sequence[Path]) -> str:
    """The commands that make a file system. Python and the tests may be in a temporary folder, too."""
    temporary = {Path("/tmp"), Path(tempfile.gettempdir())}
    hidden = {folder for folder in temporary if temporary.isdisjoint(folder.parents)}
    numbered = [
        {"number": number, "folder": shlex.quote(str(folder))}
        for number, folder in enumerate(kept)
        if not hidden.isdisjoint(folder.parents)
        and not any(folder.is_relative_to(other) for other in kept if other is not folder)
    ]
    hide = [f"mount -t tmpfs tmpfs {shlex.quote(str(folder))}" for folder in sorted(hidden)]
    return "\n".join(
        [
            "mount -t tmpfs tmpfs /mnt",
            *(KEEP.format(**each) for each in numbered),
            *hide,
            *(GIVE_BACK.format(**each) for each in numbered),
            HOST,
        ]
    )


@contextmanager
def _in_namespaces(*which: str) -> Iterator[int]:
    """A process that does nothing, in new namespaces."""
    process = subprocess.Popen(
        ["unshare", *which, "sh", "-c", "echo ready; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()

"""Other gateways of execnet than those of ssh: sockets, and workers by way of another gateway."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import execnet.script.socketserver

from tests.suite import Suite


@contextmanager
def sockets(suite: Suite, count: int) -> Iterator[list[str]]:
    """The options for test workers in socket servers of execnet, one each."""
    with ExitStack() as stack:
        ports = [stack.enter_context(_socket_server(suite)) for _ in range(count)]
        yield [f"--tx=socket=127.0.0.1:{port}//chdir={_home(suite, port)}" for port in ports]


def _home(suite: Suite, port: int) -> Path:
    return suite.path.parent / f"{suite.path.name}-{port}"


@contextmanager
def _socket_server(suite: Suite) -> Iterator[int]:
    """A server that serves one connection after the other; gives its port."""
    from .sshd import environment

    process = subprocess.Popen(
        [sys.executable, "-u", execnet.script.socketserver.__file__, "127.0.0.1:0"],
        cwd=suite.path.parent,
        env=environment({"NOTES_FOLDER": str(suite.path), "PATH": "/usr/bin:/bin"}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        while not (
            found := re.search(
                r"Accept loop \('127.0.0.1', (\d+)\)", line := process.stdout.readline()
            )
        ):
            assert line, "the socket server has ended"
        yield int(found[1])
    finally:
        process.kill()
        process.communicate()

"""Starts an SSH server of the tests' own on the loopback interface, and says how pytest is run by way of it.

It has its own port, keys and configuration, and lets in nobody but the user who runs the tests.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cleanup import RUN
from tests.isolation import ONLY_OURS
from tests.suite import Suite

ROOT = Path(__file__).parents[2]
NAME = "there"
"""What the host is called in the configuration of ssh."""
_LISTENING = "Server listening on"
_PASSED_ON = ("COVERAGE_PROCESS_START", "COVERAGE_FILE", RUN)

SERVER = """
Port {port}
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
SetEnv {variables}
"""
CLIENT = """
Host {name}
HostName {address}
Port {port}
User {user}
IdentityFile {folder}/key
IdentitiesOnly yes
UserKnownHostsFile {folder}/known_hosts
StrictHostKeyChecking accept-new
BatchMode yes
LogLevel ERROR
"""


def why_not() -> str | None:
    """Why there can be no SSH server here; None if there can."""
    if sys.platform != "linux":
        return "only tried on Linux"
    for program in ("sshd", "ssh", "ssh-keygen"):
        if _found(program) is None:
            return f"there is no {program}: install OpenSSH's server and client"
    return None


def _found(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@dataclass
class Sshd:
    """An SSH server.

    :param folder: for keys and configuration; both sides can read it.
    :param client: the configuration of ssh.
    """

    process: subprocess.Popen[str]
    folder: Path
    client: Path

    def tx(self, count: int = 1, *, python: str = sys.executable, chdir: str = "") -> str:
        """An option for test workers there."""
        return f"--tx={count}*{self.gateway(python=python)}//chdir={chdir or self.folder / 'home'}"

    def gateway(self, *, python: str = sys.executable) -> str:
        return f"ssh={NAME}//ssh_config={self.client}//python={python}"

    def stop(self) -> None:
        """Stop it; connections that there are live on."""
        self.process.kill()
        self.process.wait()


@contextmanager
def started(
    folder: Path,
    variables: Mapping[str, str],
    *,
    address: str = "127.0.0.1",
    within: Sequence[str] = (),
    client: str = "",
) -> Iterator[Sshd]:
    """An SSH server that runs.

    :param variables: of the environment of what is run there.
    :param within: a command in which it is to be started.
    :param client: more of the configuration of ssh.
    """
    for name in ("host_key", "key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    (folder / "home").mkdir()
    if os.geteuid() == 0 and not within:
        Path("/run/sshd").mkdir(exist_ok=True)  # as its service does at its start
    names = {
        "folder": folder,
        "address": address,
        "name": NAME,
        "user": getpass.getuser(),
        "variables": " ".join(_quoted(*each) for each in environment(variables).items()),
    }
    process = None
    while process is None:  # the port may be taken by now
        names["port"] = _free_port()
        (folder / "sshd_config").write_text(SERVER.format(**names))
        process = _start([*within, _found("sshd") or "sshd", "-D", "-e"], folder)
    configuration = folder / "ssh_config"
    configuration.write_text(CLIENT.format(**names) + client)
    try:
        yield Sshd(process, folder, configuration)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()  # connections that there are may hold its other end


def _start(command: list[str], folder: Path) -> subprocess.Popen[str] | None:
    """Start it, and wait until it listens; None if its port is in use."""
    process = subprocess.Popen(
        [*command, "-f", str(folder / "sshd_config")],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if _LISTENING in line:
            return process
        said.append(line)
    process.communicate()
    if any("Address already in use" in line for line in said):
        return None
    pytest.fail(f"sshd does not start: {''.join(said)}")


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What a command on another host finds in its environment: this Python, with our package and
    what it needs, and no other plugin."""
    libraries = [str(ROOT), sysconfig.get_path("purelib")]
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PYTHONPATH": os.pathsep.join(libraries), **ONLY_OURS, **passed_on, **variables}


def far(suite: Suite) -> tuple[str, ...]:
    """The options with which xdist copies a suite to other hosts, and runs it there."""
    path = str(suite.path)
    return "-d", f"--rsyncdir={path}", path, "--fixture-worker", "-Wignore::DeprecationWarning"


def _quoted(name: str, value: str) -> str:
    return f'{name}="{value}"'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"
    return done.stdout

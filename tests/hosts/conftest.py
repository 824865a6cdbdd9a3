"""Hosts for test workers: this one by way of an SSH server, and one that is made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.suite import Suite

from . import network
from . import sshd as ssh
from .network import THERE, Network
from .sshd import Sshd


@pytest.fixture
def sshd(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An SSH server on the loopback interface; what is run there notes in the folder of the suite."""
    _skip_if(ssh.why_not())
    folder: Path = tmp_path_factory.mktemp("sshd")
    with ssh.started(folder, {"NOTES_FOLDER": str(suite.path)}) as server:
        yield server


@dataclass
class OtherHost:
    """A host with an SSH server, a network and a ``/tmp`` of its own; suites note in ``shared``."""

    network: Network
    sshd: Sshd
    shared: Path


@pytest.fixture
def other_host(
    suite: Suite, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], OtherHost]]:
    """Makes another host, with more of the configuration of ssh."""
    _skip_if(ssh.why_not() or network.why_not())
    shared = tmp_path_factory.mktemp("shared")
    suite.notes = shared / "notes.jsonl"
    monkeypatch.setenv("NOTES_FOLDER", str(shared))
    with ExitStack() as stack:

        def make(client: str = "") -> OtherHost:
            made = stack.enter_context(network.another_host(shared))
            folder = shared / "sshd"
            folder.mkdir()
            server = stack.enter_context(
                ssh.started(
                    folder,
                    {"NOTES_FOLDER": str(shared)},
                    address=THERE,
                    within=made.within,
                    client=made.client(folder) + client,
                )
            )
            return OtherHost(made, server, shared)

        yield make


def _skip_if(reason: str | None) -> None:
    if reason is not None:
        pytest.skip(reason)

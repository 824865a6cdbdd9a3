"""Test workers on other hosts: where they are, and what they were sent; runs in the controller."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from ..processes.identity import Identity
from ..roles import OF_ONE_HOST, ON_ANOTHER_HOST
from ..wire.messages import WorkerJoined
from .remote_sender import RemoteSender
from .summary import Note, summary_of

if TYPE_CHECKING:
    import execnet

LAST_MESSAGES_TIMEOUT = 5.0
"""Seconds that the last messages get, as those to test workers on this host do."""

_NONE = Identity(0, "")
_SHOWN = 5


def joined(node: Any) -> WorkerJoined:
    """Tell where a test worker is that xdist has started by ssh, a socket, or another gateway.

    What is on the way from here by local processes only is on this machine.
    """
    way = _way(node)
    pid: int = node.gateway._rinfo().pid
    host = next((name for each in way if (name := _host(each.spec))), "")
    # The process of ssh ends when the command on the other host has ended; a socket has none.
    holder = getattr(way[-1]._io, "popen", None)
    process = Identity.of(pid) if not host else _NONE if holder is None else Identity.of(holder.pid)
    return WorkerJoined(node.gateway.id, process.pid, process.started, host, pid, len(way))


def _way(node: Any) -> list[Any]:
    """The gateways from that of a test worker to that which the controller talks to."""
    way = [node.gateway]
    while way[-1].spec.via:
        way.append(node.nodemanager.group[way[-1].spec.via])
    return way


def _host(spec: Any) -> str:
    """The host that a gateway leads to, as ``--tx`` or ``--px`` names it; empty: none."""
    kinds = ("ssh", "vagrant_ssh", "socket")
    return next((f"{kind}={name}" for kind in kinds if (name := getattr(spec, kind))), "")


class OtherHosts:
    """The test workers on other hosts. One per run that has some."""

    def __init__(self, config: pytest.Config) -> None:
        self._senders: list[tuple[Any, RemoteSender]] = []
        values = ValuesOfOneHost()
        config.pluginmanager.register(values, "xdist_fixtureworker_other_hosts")
        summary_of(config).add(values.notes)

    def join(self, node: Any, channel: execnet.Channel) -> RemoteSender:
        """Have a test worker look at the values that it gets; returns what sends to it."""
        node.workerinput[ON_ANOTHER_HOST] = True
        if node.gateway.spec.socket:
            _write_one_by_one(node.gateway._io)
        sender = RemoteSender(channel)
        self._senders.append((node, sender))
        return sender

    def end_sending(self) -> None:
        """Send what was taken. Where that takes too long, cut the connection: xdist would wait to
        send its own last message."""
        for _, sender in self._senders:
            sender.end()
        end = time.monotonic() + LAST_MESSAGES_TIMEOUT
        for node, sender in self._senders:
            if not sender.wait_ended(end - time.monotonic()):
                first = _way(node)[-1]
                (first._io.close_write if first.spec.socket else first._io.kill)()


def _write_one_by_one(io: Any) -> None:
    """Keep threads from writing into each other's messages: to a socket, execnet writes a large one
    piece by piece."""
    lock, write = threading.Lock(), io.write

    def write_alone(data: bytes) -> None:
        with lock:
            write(data)

    io.write = write_alone


class ValuesOfOneHost:
    """Collects what means something else on other hosts, and says it in the summary."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._workers: set[str] = set()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        found: Mapping[str, str] = getattr(node, "workeroutput", {}).get(OF_ONE_HOST, {})
        if found:
            self._found.update(found)
            self._workers.add(node.gateway.id)

    def notes(self) -> Iterator[Note]:
        """For the summary."""
        if self._found:
            yield Note(of_one_host(self._found, self._workers))


# --- messages


def of_one_host(found: Mapping[str, str], workers: Iterable[str]) -> str:
    values = [f"{what} in {fixture}" for fixture, what in sorted(found.items())]
    more = f", and in {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return (
        f"test workers on other hosts ({', '.join(sorted(workers))}) were sent what means "
        f"something else there: {', '.join(values[:_SHOWN])}{more}.\n"
        f"Files of this host are not there, and 'localhost' is another host: return what tests "
        f"need of a file, and an address that all hosts can reach."
    )

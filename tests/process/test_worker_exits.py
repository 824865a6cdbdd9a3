"""The end of a test worker's process is noticed, whoever holds its connection."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

import execnet
import pytest

from xdist_fixtureworker.controller import worker_exits
from xdist_fixtureworker.controller.worker_exits import WorkerExits

NEVER = 1200.0
"""Seconds after which a test fails instead of hanging; nothing takes that long."""

END = object()
FORKING = """
import os, signal
child = os.fork()
if child == 0:
    signal.pause()
channel.send((os.getpid(), child))
signal.pause()
"""
WAITING = "channel.send(None); channel.receive(); channel.send('last words')"


@dataclass
class Node:
    """What is read of xdist's ``WorkerController``."""

    gateway: execnet.Gateway
    channel: execnet.Channel


@pytest.fixture
def start() -> Iterator[Callable[[str], Node]]:
    """Starts processes that run the source given, and wait for nothing."""
    group = execnet.Group()

    def start_one(source: str) -> Node:
        gateway = group.makegateway("popen")
        gateway._rinfo()  # as xdist does before anybody can ask for it
        return Node(gateway, gateway.remote_exec(source))

    yield start_one
    group.terminate(5)


def all_exited(exits: WorkerExits) -> bool:
    """Wait until they have; False if that takes for ever."""
    waiting = Thread(target=exits.wait_all, daemon=True)
    waiting.start()
    waiting.join(NEVER)
    return not waiting.is_alive()


def received(channel: execnet.Channel) -> SimpleQueue[object]:
    queue: SimpleQueue[object] = SimpleQueue()
    channel.setcallback(queue.put, endmarker=END)
    return queue


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a child holds does not end, however long that is waited for."""
    monkeypatch.setattr(worker_exits, "_CONNECTION_TIMEOUT", 0.01)


@pytest.mark.usefixtures("soon")
def test_a_process_whose_child_holds_its_connection(start: Callable[[str], Node]) -> None:
    node = start(FORKING)
    pid, child = node.channel.receive(NEVER)
    ours, xdists = node.gateway.newchannel(), node.channel
    ends = [received(ours), received(xdists)]
    exits = WorkerExits()
    exits.watch(node, ours)
    os.kill(pid, signal.SIGKILL)
    try:
        assert [end.get(timeout=NEVER) for end in ends] == [END, END]
        assert all_exited(exits)
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="where a pipe can be opened by its number")
@pytest.mark.usefixtures("soon")
def test_more_than_the_connection_can_hold_blocks_nobody(start: Callable[[str], Node]) -> None:
    node = start(FORKING)
    pid, child = node.channel.receive(NEVER)
    ours, xdists = node.gateway.newchannel(), node.channel
    sending = Thread(target=ours.send, args=[b"x" * 10_000_000], daemon=True)
    os.kill(pid, signal.SIGKILL)
    sending.start()
    ends = [received(ours), received(xdists)]
    exits = WorkerExits()
    exits.watch(node, ours)
    try:
        assert [end.get(timeout=NEVER) for end in ends] == [END, END]
        sending.join(NEVER)
        assert not sending.is_alive()
        assert all_exited(exits)
    finally:
        os.kill(child, signal.SIGKILL)


def test_what_it_sent_before_its_end_is_received(
    start: Callable[[str], Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_exits, "_CONNECTION_TIMEOUT", NEVER)
    node = start(WAITING)
    node.channel.receive(NEVER)
    ours = node.gateway.newchannel()
    ours_received, xdists_received = received(ours), received(node.channel)
    exits = WorkerExits()
    exits.watch(node, ours)
    node.channel.send("go on")
    node.gateway.exit()
    assert all_exited(exits)
    assert xdists_received.get(timeout=NEVER) == "last words"
    assert xdists_received.get(timeout=NEVER) is END
    assert ours_received.get(timeout=NEVER) is END
    assert ours_received.empty()
    assert xdists_received.empty()  # each is told once


def test_a_process_that_runs_keeps_all_waiting(start: Callable[[str], Node]) -> None:
    first, second = start(WAITING), start(WAITING)
    exits = WorkerExits()
    for node in (first, second):
        exits.watch(node, node.gateway.newchannel())
    waiting = Thread(target=exits.wait_all, daemon=True)
    waiting.start()
    os.kill(first.gateway._rinfo().pid, signal.SIGKILL)
    with pytest.raises(EOFError):
        first.channel.waitclose(NEVER)
    assert waiting.is_alive()
    os.kill(second.gateway._rinfo().pid, signal.SIGKILL)
    waiting.join(NEVER)
    assert not waiting.is_alive()


def test_a_process_that_is_no_child_is_not_watched(start: Callable[[str], Node]) -> None:
    """So it is not known to have ended: who can tell otherwise has to."""
    master = start(WAITING)
    exits = WorkerExits()
    exits.watch(master, master.gateway.newchannel())
    group = execnet.Group()
    group.makegateway("popen//id=via")
    behind = group.makegateway("popen//via=via")
    behind._rinfo()
    channel = behind.remote_exec(WAITING)
    exits.watch(Node(behind, channel), behind.newchannel())
    waiting = Thread(target=exits.wait_all, daemon=True)
    waiting.start()
    group.terminate(5)
    os.kill(master.gateway._rinfo().pid, signal.SIGKILL)
    with pytest.raises(EOFError):
        master.channel.waitclose(NEVER)
    with pytest.raises(EOFError):
        channel.waitclose(NEVER)
    assert waiting.is_alive()

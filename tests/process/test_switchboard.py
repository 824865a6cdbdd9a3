"""Messages between real processes: through two kinds of gateways, the relay and back."""

from __future__ import annotations

import marshal
import os
import signal
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any

import execnet
import pytest

from xdist_fixtureworker.controller.fixture_worker_state import State
from xdist_fixtureworker.controller.journal import Journal
from xdist_fixtureworker.controller.relay import Relay
from xdist_fixtureworker.controller.requests import Delivery
from xdist_fixtureworker.controller.switchboard import Switchboard
from xdist_fixtureworker.errors import FixtureWorkerDiedError
from xdist_fixtureworker.roles import FIXTURE_WORKER_ID
from xdist_fixtureworker.wire import pickles
from xdist_fixtureworker.wire.codec import decode, to_plain
from xdist_fixtureworker.wire.messages import (
    Begin,
    Change,
    ExitRequested,
    Failed,
    Finish,
    Finished,
    Inline,
    Instance,
    Interrupt,
    Message,
    Ready,
    Request,
    Serving,
    Variable,
    WorkerJoined,
)

from . import remote_peer

NEVER = 1200.0
"""Seconds after which a test fails instead of hanging; nothing takes that long."""

TABLES = Instance((), "tables", "conftest", "tables", 0, ())
SERVER = Instance((), "server", "conftest", "server", 0, ())
WARM_UP = Instance((), "warm_up", "conftest", "warm_up", 0, ())
BEGIN = Begin("run", 1, None, ("",))


class Peer:
    """A process on the other side of a gateway, and the channel that the switchboard serves."""

    def __init__(self, group: execnet.Group, name: str) -> None:
        self.name = name
        gateway = group.makegateway(f"popen//id={name}")
        self.served = gateway.newchannel()
        self._control = gateway.remote_exec(remote_peer)
        self._control.send(self.served)
        self.pid: int = self._control.receive(NEVER)

    def send(self, message: Message) -> None:
        self.send_plain(to_plain(message))

    def send_plain(self, data: Any) -> None:
        """Send what may be no message; a fixture worker sends lists of them."""
        sent = [data] if self.name == FIXTURE_WORKER_ID else data
        self._control.send(("send", marshal.dumps(sent)))

    def close(self) -> None:
        """Close the channel, as a process does that ends in good order."""
        self._control.send(("close", None))

    def receive(self) -> Message:
        self._control.send(("receive", NEVER))
        return decode(self._control.receive(NEVER), f"the controller, to {self.name},")

    def receive_after_begin(self) -> Message:
        """As a fixture worker, which is told first of all which run it is."""
        message = self.receive()
        return self.receive() if message == BEGIN else message

    def kill(self) -> None:
        """Kill the process, and wait until it is dead; its exit status stays for execnet."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)


class ObservedRelay(Relay):
    """The relay, which also tells what it was told."""

    def __init__(self) -> None:
        super().__init__(Journal(time.monotonic))
        self.asked: SimpleQueue[Message] = SimpleQueue()
        self.down: SimpleQueue[str] = SimpleQueue()
        self.answered: SimpleQueue[list[Delivery]] = SimpleQueue()

    def from_test_worker(self, worker: str, message: Message) -> list[Delivery]:
        deliveries = super().from_test_worker(worker, message)
        self.asked.put(message)
        return deliveries

    def test_worker_down(self, worker: str) -> list[Delivery]:
        deliveries = super().test_worker_down(worker)
        self.down.put(worker)
        return deliveries

    def from_fixture_worker(self, message: Message) -> list[Delivery]:
        deliveries = super().from_fixture_worker(message)
        if isinstance(message, (Ready, Failed)):
            self.answered.put(deliveries)
        return deliveries


@pytest.fixture
def peer() -> Iterator[Callable[[str], Peer]]:
    """Makes processes, which are ended after the test."""
    group = execnet.Group()
    yield lambda name: Peer(group, name)
    group.terminate(5)


@pytest.fixture
def relay() -> ObservedRelay:
    return ObservedRelay()


@pytest.fixture
def ends() -> SimpleQueue[str | None]:
    """What the run was ended early for, each time the switchboard told."""
    return SimpleQueue()


@pytest.fixture
def switchboard(relay: ObservedRelay, ends: SimpleQueue[str | None]) -> Iterator[Switchboard]:
    switchboard = Switchboard(relay, lambda: ends.put(relay.fixture_worker.died), lambda line: None)
    yield switchboard
    switchboard.close()


def is_done(switchboard: Switchboard) -> bool:
    """Wait until it is, as the main thread does; False if that takes for ever."""
    waiting = Thread(target=switchboard.done.wait, daemon=True)
    waiting.start()
    waiting.join(NEVER)
    return not waiting.is_alive()


def connect(switchboard: Switchboard, fixture_worker: Peer) -> None:
    """Have a fixture worker served, in which pytest is up."""
    switchboard.connect_fixture_worker(fixture_worker.served, BEGIN)
    fixture_worker.send(Serving())


def forwarded(fixture_worker: Peer) -> Request:
    message = fixture_worker.receive_after_begin()
    assert isinstance(message, Request)
    return message


def test_a_request_goes_through_and_its_answer_comes_back(
    switchboard: Switchboard, peer: Callable[[str], Peer]
) -> None:
    worker, fixture_worker = peer("gw0"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", worker.served)
    connect(switchboard, fixture_worker)
    switchboard.test_worker_joined(WorkerJoined("gw0", worker.pid, "1.5"))
    assert fixture_worker.receive_after_begin() == WorkerJoined("gw0", worker.pid, "1.5")
    worker.send(Request(17, TABLES))
    request = forwarded(fixture_worker)
    assert request.instance == TABLES
    fixture_worker.send(
        Ready(request.id, Inline(b"\x00value"), (Change(1, 1, (Variable("URL", "u"),)),), ())
    )
    assert worker.receive() == Ready(
        17, Inline(b"\x00value"), (Change(1, 1, (Variable("URL", "u"),)),), ()
    )
    # The next one is answered by the controller alone.
    worker.send(Request(18, TABLES))
    assert worker.receive() == Ready(
        18, Inline(b"\x00value"), (Change(1, 1, (Variable("URL", "u"),)),), ()
    )
    assert switchboard.error is None


def test_all_who_wait_are_answered_by_one_answer(
    switchboard: Switchboard, relay: ObservedRelay, peer: Callable[[str], Peer]
) -> None:
    first, second, fixture_worker = peer("gw0"), peer("gw1"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", first.served)
    switchboard.connect_test_worker("gw1", second.served)
    connect(switchboard, fixture_worker)
    first.send(Request(1, TABLES))
    request = forwarded(fixture_worker)
    second.send(Request(2, TABLES))
    second.send(Request(3, SERVER))  # its arrival says that the one before has arrived
    assert forwarded(fixture_worker).instance == SERVER
    fixture_worker.send(Failed(request.id, None, "ValueError: no", "", {"outcome": "failed"}))
    assert relay.answered.get(timeout=NEVER) == [
        ("gw0", Failed(1, None, "ValueError: no", "", {"outcome": "failed"})),
        ("gw1", Failed(2, None, "ValueError: no", "", {"outcome": "failed"})),
    ]
    assert first.receive() == Failed(1, None, "ValueError: no", "", {"outcome": "failed"})
    assert second.receive() == Failed(2, None, "ValueError: no", "", {"outcome": "failed"})


def test_what_comes_before_the_fixture_worker_is_connected_is_kept(
    switchboard: Switchboard, relay: ObservedRelay, peer: Callable[[str], Peer]
) -> None:
    worker, fixture_worker = peer("gw0"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", worker.served)
    switchboard.test_worker_joined(WorkerJoined("gw0", worker.pid, "1.5"))
    worker.send(Request(1, TABLES))
    assert relay.asked.get(timeout=NEVER) == Request(1, TABLES)
    connect(switchboard, fixture_worker)
    assert fixture_worker.receive_after_begin() == WorkerJoined("gw0", worker.pid, "1.5")
    request = forwarded(fixture_worker)
    fixture_worker.send(Ready(request.id, Inline(b"value"), (), ()))
    assert worker.receive() == Ready(1, Inline(b"value"), (), ())


def test_a_run_that_ends_well(
    switchboard: Switchboard,
    relay: ObservedRelay,
    ends: SimpleQueue[str | None],
    peer: Callable[[str], Peer],
) -> None:
    fixture_worker = peer("fixtureworker")
    connect(switchboard, fixture_worker)
    waiting = Thread(target=switchboard.done.wait, daemon=True)
    waiting.start()
    switchboard.finish()
    assert fixture_worker.receive_after_begin() == Finish()
    assert waiting.is_alive()
    fixture_worker.send(Finished())
    waiting.join(NEVER)
    assert not waiting.is_alive()
    switchboard.fixture_worker_down("its process ended with exit status 0")
    switchboard.close()
    assert (relay.fixture_worker.state, relay.fixture_worker.died) == (State.FINISHED, None)
    assert ends.empty()
    assert switchboard.error is None


def test_an_interrupt_reaches_the_fixture_worker(
    switchboard: Switchboard, peer: Callable[[str], Peer]
) -> None:
    fixture_worker = peer("fixtureworker")
    connect(switchboard, fixture_worker)
    switchboard.interrupt()
    assert fixture_worker.receive_after_begin() == Interrupt()


def test_a_set_up_that_ends_the_run(
    switchboard: Switchboard,
    relay: ObservedRelay,
    ends: SimpleQueue[str | None],
    peer: Callable[[str], Peer],
) -> None:
    fixture_worker = peer("fixtureworker")
    connect(switchboard, fixture_worker)
    waiting = Thread(target=switchboard.done.wait, daemon=True)
    waiting.start()
    fixture_worker.send(ExitRequested("enough", 3))
    assert ends.get(timeout=NEVER) is None  # it is not that it died
    exit_called = relay.journal.exit_called
    assert exit_called is not None
    assert (exit_called.reason, exit_called.returncode) == ("enough", 3)
    assert waiting.is_alive()  # what is set up is still to be finalized
    switchboard.finish()
    fixture_worker.send(Finished())
    waiting.join(NEVER)
    assert not waiting.is_alive()


def test_a_killed_test_worker_waits_no_more(
    switchboard: Switchboard, relay: ObservedRelay, peer: Callable[[str], Peer]
) -> None:
    killed, other, fixture_worker = peer("gw0"), peer("gw1"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", killed.served)
    switchboard.connect_test_worker("gw1", other.served)
    connect(switchboard, fixture_worker)
    killed.send(Request(1, TABLES))
    request = forwarded(fixture_worker)
    killed.kill()
    assert relay.down.get(timeout=NEVER) == "gw0"
    # Its replacement, and another one, want the same: nothing is set up again.
    # What each asks for next says that its request for the same has arrived.
    other.send(Request(5, TABLES))
    other.send(Request(6, SERVER))
    assert forwarded(fixture_worker).instance == SERVER
    replacement = peer("gw2")
    switchboard.connect_test_worker("gw2", replacement.served)
    replacement.send(Request(1, TABLES))
    replacement.send(Request(2, WARM_UP))
    assert forwarded(fixture_worker).instance == WARM_UP
    fixture_worker.send(Ready(request.id, Inline(b"value"), (), ()))
    assert relay.answered.get(timeout=NEVER) == [
        ("gw1", Ready(5, Inline(b"value"), (), ())),
        ("gw2", Ready(1, Inline(b"value"), (), ())),
    ]
    assert other.receive() == Ready(5, Inline(b"value"), (), ())
    assert replacement.receive() == Ready(1, Inline(b"value"), (), ())
    assert switchboard.error is None


def test_a_test_worker_that_ends_in_good_order_is_down_as_well(
    switchboard: Switchboard, relay: ObservedRelay, peer: Callable[[str], Peer]
) -> None:
    worker = peer("gw0")
    switchboard.connect_test_worker("gw0", worker.served)
    worker.close()
    assert relay.down.get(timeout=NEVER) == "gw0"
    assert switchboard.error is None


def test_a_test_worker_killed_before_its_answer_is_sent_holds_nobody_up(
    switchboard: Switchboard, relay: ObservedRelay, peer: Callable[[str], Peer]
) -> None:
    """It waits for something else than the one that is answered after its end."""
    killed, other, fixture_worker = peer("gw0"), peer("gw1"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", killed.served)
    switchboard.connect_test_worker("gw1", other.served)
    connect(switchboard, fixture_worker)
    killed.send(Request(1, SERVER))
    for_killed = forwarded(fixture_worker)
    other.send(Request(1, TABLES))
    for_other = forwarded(fixture_worker)
    killed.kill()
    fixture_worker.send(Ready(for_killed.id, Inline(b"lost"), (), ()))
    fixture_worker.send(Ready(for_other.id, Inline(b"value"), (), ()))
    assert other.receive() == Ready(1, Inline(b"value"), (), ())
    assert relay.down.get(timeout=NEVER) == "gw0"
    assert switchboard.error is None


def test_a_killed_fixture_worker_fails_all_who_wait(
    switchboard: Switchboard,
    relay: ObservedRelay,
    ends: SimpleQueue[str | None],
    peer: Callable[[str], Peer],
) -> None:
    first, second, fixture_worker = peer("gw0"), peer("gw1"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", first.served)
    switchboard.connect_test_worker("gw1", second.served)
    connect(switchboard, fixture_worker)
    first.send(Request(1, TABLES))
    second.send(Request(1, SERVER))
    forwarded(fixture_worker)
    forwarded(fixture_worker)
    fixture_worker.kill()
    reason = f"its process {fixture_worker.pid} was killed by signal 9"
    switchboard.fixture_worker_down(reason)
    for worker in (first, second):
        answer = worker.receive()
        assert isinstance(answer, Failed)
        assert answer.id == 1
        assert answer.text == str(FixtureWorkerDiedError(reason))
        error = pickles.unpack_exception(answer.exception, answer.traceback)
        assert type(error) is FixtureWorkerDiedError
        assert str(error) == answer.text
    assert ends.get(timeout=NEVER) == reason
    assert is_done(switchboard)
    # Who asks later does not wait either.
    first.send(Request(2, WARM_UP))
    answer = first.receive()
    assert isinstance(answer, Failed)
    assert answer.id == 2
    assert switchboard.error is None


def test_sending_to_a_killed_fixture_worker_hurts_nobody(
    switchboard: Switchboard, relay: ObservedRelay, peer: Callable[[str], Peer]
) -> None:
    """Its end is told after that."""
    worker, fixture_worker = peer("gw0"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", worker.served)
    connect(switchboard, fixture_worker)
    fixture_worker.kill()
    with pytest.raises(EOFError):
        fixture_worker.served.waitclose(NEVER)
    worker.send(Request(1, TABLES))
    worker.close()
    assert relay.down.get(timeout=NEVER) == "gw0"  # so the request before was dealt with
    switchboard.finish()
    switchboard.fixture_worker_down("gone")
    assert is_done(switchboard)
    assert switchboard.error is None


GARBAGE = [
    (("Nonsense", ()), "an unknown message: ('Nonsense', ())"),
    (
        ("Request", (1, "tables", "", b"")),
        "Request.instance with the wrong number of fields: 'tables'",
    ),
    (None, "an unknown message: None"),
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=["name", "field", "none"])
@pytest.mark.parametrize("sender", ["test worker", "fixture worker"])
def test_garbage_is_an_error_and_nobody_waits_for_ever(
    switchboard: Switchboard,
    ends: SimpleQueue[str | None],
    peer: Callable[[str], Peer],
    sender: str,
    garbage: tuple[object, str],
) -> None:
    data, text = garbage
    waiting, bad, fixture_worker = peer("gw0"), peer("gw1"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", waiting.served)
    switchboard.connect_test_worker("gw1", bad.served)
    connect(switchboard, fixture_worker)
    waiting.send(Request(3, TABLES))
    forwarded(fixture_worker)
    if sender == "test worker":
        bad.send_plain(data)
        said = f"Internal error: test worker gw1 sent {text}"
    else:
        fixture_worker.send_plain(data)
        said = f"Internal error: the fixture worker sent {text}"
    answer = waiting.receive()
    assert isinstance(answer, Failed)
    assert answer.id == 3
    assert said in answer.text
    assert is_done(switchboard)
    assert switchboard.error is not None
    assert switchboard.error.startswith("Traceback (most recent call last):\n")
    assert switchboard.error.endswith(f"ProtocolError: {said}\n")
    assert ends.get(timeout=NEVER) is not None


def test_a_message_in_the_wrong_direction_is_garbage_as_well(
    switchboard: Switchboard, peer: Callable[[str], Peer]
) -> None:
    worker = peer("gw0")
    switchboard.connect_test_worker("gw0", worker.served)
    worker.send(Finished())
    assert is_done(switchboard)
    assert switchboard.error is not None
    assert "ProtocolError: Internal error: test worker gw0 sent Finished()" in switchboard.error


def test_after_garbage_it_goes_on(switchboard: Switchboard, peer: Callable[[str], Peer]) -> None:
    """The first error is the one that is kept; whoever asks is answered."""
    worker, fixture_worker = peer("gw0"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", worker.served)
    connect(switchboard, fixture_worker)
    fixture_worker.send_plain("first")
    assert is_done(switchboard)
    fixture_worker.send_plain("second")
    worker.send(Request(1, TABLES))
    assert isinstance(worker.receive(), Failed)
    assert switchboard.error is not None
    assert "'first'" in switchboard.error
    assert "'second'" not in switchboard.error


def test_an_answer_that_was_on_its_way_when_the_fixture_worker_was_killed_is_no_error(
    switchboard: Switchboard, relay: ObservedRelay, peer: Callable[[str], Peer]
) -> None:
    """The end of the process is noticed by another thread than the one that reads its pipe."""
    worker, fixture_worker = peer("gw0"), peer("fixtureworker")
    switchboard.connect_test_worker("gw0", worker.served)
    connect(switchboard, fixture_worker)
    worker.send(Request(1, TABLES))
    request = forwarded(fixture_worker)
    switchboard.fixture_worker_down("its process was killed by signal 9")
    assert isinstance(worker.receive(), Failed)
    fixture_worker.send(Ready(request.id, Inline(b"value"), (), ()))
    fixture_worker.close()
    fixture_worker.served.waitclose(NEVER)
    switchboard.close()  # deals with all that has arrived
    assert switchboard.error is None
    assert relay.answered.get_nowait() == []


def test_closing_deals_with_what_has_arrived(
    relay: ObservedRelay, peer: Callable[[str], Peer]
) -> None:
    worker = peer("gw0")
    switchboard = Switchboard(relay, lambda: None, lambda line: None)
    switchboard.connect_test_worker("gw0", worker.served)
    worker.send(Request(1, TABLES))
    worker.close()
    worker.served.waitclose(NEVER)
    switchboard.fixture_worker_down("gone")
    switchboard.close()
    assert relay.down.get_nowait() == "gw0"
    assert relay.fixture_worker.died == "gone"
    assert is_done(switchboard)

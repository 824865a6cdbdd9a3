"""The fixture worker as the controller sees it on the channel: a real one, and its messages."""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

import pytest
from xdist.workermanage import NodeManager

from xdist_fixtureworker.controller.process import FixtureWorkerProcess, Interpreter
from xdist_fixtureworker.wire import pickles
from xdist_fixtureworker.wire.codec import decode_all, encode
from xdist_fixtureworker.wire.messages import (
    AsBefore,
    Begin,
    Doing,
    Failed,
    Finalized,
    Finish,
    Finished,
    Inline,
    Instance,
    Interrupt,
    Message,
    Param,
    Ready,
    Recover,
    Recovery,
    Request,
    Serving,
    SettingUp,
    SetUp,
)

NEVER = 300.0
"""Seconds after which a test fails instead of hanging; nothing takes that long."""

PLUGIN = """
import time
from xdist_fixtureworker import global_fixture

@global_fixture
def it(request): return request.param

@global_fixture
def broken(request): raise ValueError("no")

@global_fixture
def unsendable(request): return lambda: None

@global_fixture(recover=print)
def recoverable(request): return "value"

@global_fixture
def needed(): return "needed"

@global_fixture
def needing(needed): return f"needing {needed}"

@global_fixture
def long(): time.sleep(3600)
"""


@dataclass(frozen=True)
class Down:
    """The fixture worker ended."""

    why: str


class Worker:
    """A fixture worker, which the tests stand in for the controller of."""

    def __init__(self, config: pytest.Config) -> None:
        self._arrived: SimpleQueue[object] = SimpleQueue()
        self._messages: deque[Message] = deque()
        self.interpreter = Interpreter()
        self._process = FixtureWorkerProcess(
            config, self.interpreter, NodeManager(config), lambda why: self._arrived.put(Down(why))
        )
        self._process.channel.setcallback(self._arrived.put)

    def start(self) -> None:
        self._process.start()
        assert self.receive() == Serving()
        self.send(Begin("run", 1, None, ("",)))

    def send(self, message: Message) -> None:
        self.send_raw(encode(message))

    def send_raw(self, data: object) -> None:
        self._process.channel.send(data)

    def receive(self) -> Message:
        """The next message, but for announcements."""
        while True:
            while not self._messages:
                arrived = self._arrived.get(timeout=NEVER)
                assert not isinstance(arrived, Down), arrived.why
                self._messages.extend(decode_all(arrived, "the fixture worker"))
            message = self._messages.popleft()
            if not isinstance(message, Doing):
                return message

    def answer(self, request: Request) -> Message:
        """The answer to ``request``."""
        self.send(request)
        while isinstance(message := self.receive(), (SettingUp, SetUp)):
            pass
        return message

    def finish(self) -> list[Finalized]:
        """Have it finish; returns what it has finalized."""
        self.send(Finish())
        received = [self.receive()]
        while received[-1] != Finished():
            received.append(self.receive())
        return [message for message in received if isinstance(message, Finalized)]

    def reason(self) -> str:
        """Why it is down, after all that it has sent."""
        arrived = self._arrived.get(timeout=NEVER)
        assert isinstance(arrived, Down), arrived
        return arrived.why


@pytest.fixture
def worker(pytester: pytest.Pytester) -> Iterator[Worker]:
    # Not in the conftest: what a plugin defines is there for the whole session.
    pytester.makepyfile(fixtures_of_plugin=PLUGIN)
    pytester.makeconftest("pytest_plugins = ['fixtures_of_plugin']")
    config = pytester.parseconfigure("--tx=popen", "--dist=load")
    worker = Worker(config)
    worker.start()
    yield worker
    worker.interpreter.kill()
    config._ensure_unconfigure()


def instance(name: str, *params: Param) -> Instance:
    return Instance((), name, "fixtures_of_plugin", name, 0, params)


def indirect(name: str, index: int, value: object) -> Param:
    return Param(name, index, pickles.pack(value), (), "")


@pytest.mark.parametrize("name", ["it", "recoverable"])
def test_equal_parameters_are_answered_once(worker: Worker, name: str) -> None:
    """Another instance, as its parameter has another index, but the same set-up: the controller
    has its value."""
    first = worker.answer(Request(1, instance(name, indirect(name, 0, "value"))))
    assert first == Ready(1, Inline(pickles.pack("value")), (), ())
    worker.send(Request(2, instance(name, indirect(name, 1, "value"))))
    assert worker.receive() == AsBefore(2, 1)
    worker.send(Request(3, instance(name, indirect(name, 2, "value"))))
    assert worker.receive() == AsBefore(3, 1)
    other = worker.answer(Request(4, instance(name, indirect(name, 3, "another"))))
    assert isinstance(other, Ready)


@pytest.mark.parametrize("name", ["broken", "unsendable"])
def test_failures_are_answered_once(worker: Worker, name: str) -> None:
    first = worker.answer(Request(1, instance(name, indirect(name, 0, "value"))))
    assert isinstance(first, Failed)
    worker.send(Request(2, instance(name, indirect(name, 1, "value"))))
    assert worker.receive() == AsBefore(2, 1)


def test_what_was_only_needed_so_far_is_answered_in_full(worker: Worker) -> None:
    first = worker.answer(Request(1, instance("needing")))
    assert first == Ready(1, Inline(pickles.pack("needing needed")), (), ())
    worker.send(Request(2, instance("needed")))
    assert worker.receive() == Ready(2, Inline(pickles.pack("needed")), (), ())


def test_an_instance_that_is_not_there_is_no_answer_to_others(worker: Worker) -> None:
    for number in (1, 2):
        answer = worker.answer(Request(number, instance("missing")))
        assert isinstance(answer, Failed)
        assert answer.id == number
        assert "is there in a test worker but not in the fixture worker" in answer.text


def test_an_interrupt_does_not_wait_for_what_it_interrupts(worker: Worker) -> None:
    worker.send(Request(1, instance("long")))
    assert isinstance(worker.receive(), SettingUp)
    worker.send(Request(2, instance("needed")))
    worker.send(Interrupt())
    received: list[object] = []
    failed: list[Failed] = []
    while len(failed) < 2:
        received.append(worker.receive())
        failed = [answer for answer in received if isinstance(answer, Failed)]
    # It says where it was interrupted, if the function had begun.
    others = {type(message).__name__ for message in received} - {"Failed", "Interrupted"}
    assert others == {"SetUp"}
    assert [answer.id for answer in failed] == [1, 2]
    assert {answer.text for answer in failed} == {"KeyboardInterrupt"}


def test_it_finalizes_in_the_end(worker: Worker) -> None:
    worker.answer(Request(1, instance("needing")))
    finalized = worker.finish()
    assert [message.report for message in finalized] == [None, None, None]
    assert len({message.id for message in finalized}) == 3
    assert worker.reason() == "pytest in it ended"


def test_a_recovery_is_told_apart_from_what_this_process_finalizes(worker: Worker) -> None:
    """Its number is that of a set-up in another process."""
    value = Inline(pickles.pack("value"))
    worker.send(Recover(1, Recovery(instance("recoverable"), value)))
    finalized = [message.id for message in worker.finish()]
    assert finalized[0] == 1
    assert len(finalized) == len(set(finalized)) == 2


HALF = marshal.dumps(("Request", (1,)))
UNFIT: list[tuple[Callable[[Worker], None], str]] = [
    (lambda worker: worker.send_raw("nonsense"), "sent an unknown message: 'nonsense'"),
    (lambda worker: worker.send_raw(HALF), "sent Request with the wrong number"),
    (lambda worker: worker.send(Serving()), "the controller sent Serving()"),
]


@pytest.mark.parametrize(("send", "error"), UNFIT, ids=["no message", "fields", "of its own"])
def test_what_is_no_message_to_it_ends_it(
    worker: Worker, send: Callable[[Worker], None], error: str
) -> None:
    send(worker)
    reason = worker.reason()
    assert "ProtocolError: Internal error:" in reason
    assert error in reason

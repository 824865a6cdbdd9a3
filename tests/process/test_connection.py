"""Threads of a test worker that wait for answers: over a real channel, from a process that plays
the controller."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import execnet
import pytest

from xdist_fixtureworker.errors import FixtureWorkerDiedError, ProtocolError
from xdist_fixtureworker.test_worker.connection import Connection
from xdist_fixtureworker.wire.codec import to_plain
from xdist_fixtureworker.wire.frozen import replace
from xdist_fixtureworker.wire.messages import Answer, Failed, Finish, Inline, Ready, Request

from .test_switchboard import NEVER, SERVER, TABLES, WARM_UP, Peer


@pytest.fixture
def controller() -> Iterator[Peer]:
    group = execnet.Group()
    yield Peer(group, "controller")
    group.terminate(5)


@pytest.fixture
def connection(controller: Peer) -> Connection[bytes]:
    return Connection(controller.served)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def data_of(answer: Answer) -> bytes:
    assert isinstance(answer, Ready)
    return answer.value.data


def ready(id_: int, data: bytes) -> Ready:
    return Ready(id_, Inline(data), (), ())


def test_threads_wait_for_different_answers(
    connection: Connection[bytes], controller: Peer, threads: ThreadPoolExecutor
) -> None:
    slow = threads.submit(lambda: connection.ask(TABLES, data_of).wait_read())
    assert controller.receive() == Request(1, TABLES)
    fast = threads.submit(lambda: connection.ask(SERVER, data_of).wait_read())
    assert controller.receive() == Request(2, SERVER)
    controller.send(ready(2, b"server"))
    assert fast.result(NEVER) == b"server"
    assert not slow.done()
    controller.send(ready(1, b"tables"))
    assert slow.result(NEVER) == b"tables"


def test_threads_that_ask_for_the_same_share_one_request_and_one_reading(
    connection: Connection[object], controller: Peer, threads: ThreadPoolExecutor
) -> None:
    readers = []

    def read(answer: Answer) -> object:
        readers.append(threading.current_thread())
        return object()

    asked = [connection.ask(TABLES, read) for _ in range(3)]
    waiting = [threads.submit(pending.wait_read) for pending in asked]
    connection.ask(SERVER, read)
    assert [controller.receive(), controller.receive()] == [
        Request(1, TABLES),
        Request(2, SERVER),
    ]
    controller.send(ready(1, b"tables"))
    results = {id(each.result(NEVER)) for each in waiting}
    assert results == {id(connection.ask(TABLES, read).wait_read())}
    assert len(readers) == 1
    assert readers[0].name.startswith("ThreadPoolExecutor")  # not execnet's receiver


def test_an_answer_that_nobody_asked_for_is_dropped(
    connection: Connection[bytes], controller: Peer
) -> None:
    pending = connection.ask(TABLES, data_of)
    controller.send(ready(7, b"of somebody else"))
    controller.send(ready(1, b"tables"))
    controller.send(Failed(1, None, "twice", "", None))
    assert pending.wait_read() == b"tables"
    pending = connection.ask(SERVER, data_of)
    controller.send(ready(2, b"server"))
    assert pending.wait_read() == b"server"


class ImpatientError(BaseException):
    pass


def be_impatient(*_: object) -> NoReturn:
    raise ImpatientError


def test_a_signal_ends_the_wait_and_who_asks_again_gets_the_answer(
    connection: Connection[bytes], controller: Peer
) -> None:
    main = threading.main_thread().ident
    assert main is not None
    pending = connection.ask(TABLES, data_of)
    before = signal.signal(signal.SIGUSR1, be_impatient)
    sender = threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGUSR1))

    def wait() -> None:
        sender.start()
        pending.wait_read()

    try:
        with pytest.raises(ImpatientError):
            wait()
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    again = connection.ask(TABLES, data_of)
    controller.send(ready(1, b"tables"))
    assert again.wait_read() == b"tables"
    connection.ask(SERVER, data_of)
    assert [controller.receive(), controller.receive()] == [
        Request(1, TABLES),
        Request(2, SERVER),
    ]


def test_a_signal_during_the_reading_leaves_the_answer_to_the_next(
    connection: Connection[bytes], controller: Peer
) -> None:
    interruptions = [ImpatientError()]

    def read(answer: Answer) -> bytes:
        if interruptions:
            raise interruptions.pop()
        return data_of(answer)

    pending = connection.ask(TABLES, read)
    controller.send(ready(1, b"tables"))
    with pytest.raises(ImpatientError):
        pending.wait_read()
    assert connection.ask(TABLES, read).wait_read() == b"tables"


def kill(controller: Peer) -> None:
    controller.kill()


def close(controller: Peer) -> None:
    controller.close()


@pytest.mark.parametrize("end", [kill, close])
def test_a_lost_connection_ends_all_waits(
    connection: Connection[bytes],
    controller: Peer,
    threads: ThreadPoolExecutor,
    end: Callable[[Peer], None],
) -> None:
    answered = connection.ask(TABLES, data_of)
    controller.send(ready(1, b"tables"))
    assert answered.wait_read() == b"tables"
    asked = [connection.ask(instance, data_of) for instance in (SERVER, WARM_UP)]
    waiting = [threads.submit(pending.wait_read) for pending in asked]
    end(controller)
    for each in waiting:
        error = each.exception(NEVER)
        assert type(error) is FixtureWorkerDiedError
        assert "the connection to the controller is lost" in str(error)
    # Who asks afterwards does not wait either, and what was answered stays.
    for instance in (SERVER, replace(SERVER, name="other")):
        with pytest.raises(
            FixtureWorkerDiedError, match="the connection to the controller is lost"
        ):
            connection.ask(instance, data_of).wait_read()
    assert connection.ask(TABLES, data_of).wait_read() == b"tables"


GARBAGE = [
    (("Nonsense", ()), "an unknown message: ('Nonsense', ())"),
    (to_plain(Finish()), str(Finish())),
]


@pytest.mark.parametrize(("garbage", "text"), GARBAGE, ids=["unknown", "no answer"])
def test_garbage_ends_all_waits(
    connection: Connection[bytes], controller: Peer, garbage: object, text: str
) -> None:
    asked = [connection.ask(instance, data_of) for instance in (TABLES, SERVER)]
    controller.send_plain(garbage)
    for pending in asked:
        with pytest.raises(ProtocolError) as caught:
            pending.wait_read()
        assert str(caught.value) == f"Internal error: the controller sent {text}"
    with pytest.raises(ProtocolError):
        connection.ask(WARM_UP, data_of)

"""What the controller sends is sorted when it arrives."""

from __future__ import annotations

import marshal
import signal
import threading
from collections.abc import Iterator

import pytest

from xdist_fixtureworker.errors import ProtocolError
from xdist_fixtureworker.fixture_worker.intake import CONNECTION_LOST, Intake, Work
from xdist_fixtureworker.fixture_worker.main_thread import MainThread
from xdist_fixtureworker.wire.codec import encode
from xdist_fixtureworker.wire.messages import (
    Begin,
    Expected,
    Fetch,
    Finish,
    Inline,
    Instance,
    Interrupt,
    Recover,
    Recovery,
    Request,
    Serving,
    Span,
    WorkerJoined,
)

TABLES = Instance((), "tables", "conftest", "tables", 0, ())
NEVER = 300.0
"""Seconds after which a test fails instead of hanging; nothing takes that long."""


@pytest.fixture
def main() -> Iterator[MainThread]:
    before = signal.getsignal(signal.SIGINT)
    yield MainThread()
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def intake(main: MainThread) -> Intake:
    return Intake(main, lambda message: None, lambda message: None)


def taken(intake: Intake) -> Work | None:
    work = intake.wait_next()
    if work is not None:
        intake.take(work)
    return work


def test_work_is_done_in_the_order_of_arrival(intake: Intake) -> None:
    work = [
        Begin("run", 1, None, ("",)),
        Request(1, TABLES),
        Recover(2, Recovery(TABLES, Inline(b"value"))),
        Finish(),
    ]
    for message in work:
        intake.receive(encode(message))
    assert [taken(intake) for _ in work] == work


def test_work_that_is_not_begun_is_not_lost(intake: Intake) -> None:
    """As where something is raised when it has just arrived."""
    intake.receive(encode(Request(1, TABLES)))
    intake.receive(encode(Finish()))
    assert [intake.wait_next(), intake.wait_next()] == [Request(1, TABLES)] * 2
    intake.take(Request(1, TABLES))
    assert intake.wait_next() == Finish()


def test_what_is_expected_comes_when_nothing_else_is_to_be_done(intake: Intake) -> None:
    labels = Instance((), "labels", "conftest", "labels", 0, ())
    for message in (Expected(TABLES), Expected(labels), Request(1, TABLES)):
        intake.receive(encode(message))
    assert [taken(intake), taken(intake)] == [Request(1, TABLES), Expected(TABLES)]
    assert intake.wait_next() == Expected(labels)
    intake.receive(encode(Request(2, labels)))  # before that was begun, or while it is
    intake.take(Expected(labels))
    intake.expect(Expected(TABLES))
    assert [taken(intake), taken(intake)] == [Request(2, labels), Expected(TABLES)]


def test_the_end_comes_before_what_is_expected(intake: Intake) -> None:
    intake.receive(encode(Expected(TABLES)))
    intake.receive(encode(Finish()))
    assert taken(intake) == Finish()


def test_parts_of_files_are_sent_at_once(main: MainThread) -> None:
    """Also while a set-up runs."""
    asked: list[Fetch] = []
    intake = Intake(main, lambda message: None, asked.append)
    fetch = Fetch("gw0", 1, 2, Span(3, 4))
    intake.receive(encode(fetch))
    intake.receive(encode(Finish()))
    assert asked == [fetch]
    assert intake.wait_next() == Finish()


def test_nothing_else_is_queued(intake: Intake, main: MainThread) -> None:
    intake.receive(encode(WorkerJoined("gw0", 7, "1.5")))
    assert intake.test_workers == [WorkerJoined("gw0", 7, "1.5")]
    assert not main.interrupted
    intake.receive(encode(Interrupt()))
    assert main.interrupted
    intake.receive(encode(Finish()))
    assert intake.wait_next() == Finish()


@pytest.mark.parametrize("data", ["nonsense", marshal.dumps(("Request", (1,))), encode(Serving())])
def test_what_is_no_message_to_it_is_an_error_in_its_turn(intake: Intake, data: object) -> None:
    intake.receive(encode(Request(1, TABLES)))
    intake.receive(data)
    intake.receive(encode(Finish()))
    assert taken(intake) == Request(1, TABLES)
    with pytest.raises(ProtocolError, match="the controller sent"):
        intake.wait_next()
    assert intake.wait_next() == Finish()


def test_the_end_of_the_connection_comes_after_the_work(intake: Intake) -> None:
    intake.receive(encode(Request(1, TABLES)))
    intake.receive(CONNECTION_LOST)
    assert intake.connection_lost
    assert [taken(intake), intake.wait_next()] == [Request(1, TABLES), None]


def test_the_end_of_the_connection_is_held_up_until_all_is_done(
    intake: Intake, main: MainThread
) -> None:
    """In execnet's thread, which ends the process afterwards."""
    receiver = threading.Thread(target=intake.receive, args=[CONNECTION_LOST], daemon=True)

    def long() -> None:
        with main.set_up():
            receiver.start()
            threading.Event().wait(NEVER)

    with pytest.raises(KeyboardInterrupt):  # nobody wants it any more
        long()
    assert intake.wait_next() is None
    assert receiver.is_alive()
    intake.let_end()
    receiver.join(NEVER)
    assert not receiver.is_alive()


@pytest.mark.parametrize("may_end", [False, True], ids=["it died", "it ends the run"])
def test_the_death_of_the_controller(intake: Intake, may_end: bool) -> None:
    lost: list[bool] = []
    intake.on_lost = lambda: lost.append(True)
    if may_end:
        intake.let_end()
    intake.receive(CONNECTION_LOST)
    assert lost == ([] if may_end else [True])

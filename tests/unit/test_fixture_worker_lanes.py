"""Several fixture workers as the controller sees them: who is asked for what. No process."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from xdist_fixtureworker.controller.journal import Journal
from xdist_fixtureworker.controller.lanes import LaneRelay, Lanes
from xdist_fixtureworker.controller.requests import Delivery
from xdist_fixtureworker.roles import FIXTURE_WORKER_ID
from xdist_fixtureworker.wire.codec import decode
from xdist_fixtureworker.wire.messages import (
    LANE_BITS,
    Call,
    Expected,
    Failed,
    Finalized,
    Finish,
    Finished,
    Freed,
    Group,
    Groups,
    Inline,
    Instance,
    Message,
    Needed,
    Ready,
    Released,
    Request,
    Returned,
    Serving,
    SettingUp,
    Settle,
    Settled,
    SetUp,
    Withdrawn,
    WorkerJoined,
    Yours,
)


def instance(name: str) -> Instance:
    return Instance((), name, "conftest", name, 0, ())


A, B, C, D = map(instance, "ABCD")


class Board:
    """A switchboard without a thread: what is put there is done at once."""

    def __init__(self, relay: LaneRelay) -> None:
        self.channels = self
        self.to_lane: list[Message] = []
        self._relay = relay
        self._channels: dict[str, Any] = {}

    def add_test_worker(self, worker: str, channel: Any) -> None:
        self._channels[worker] = channel

    def remove(self, worker: str) -> None:
        self._channels.pop(worker, None)

    def test_worker_joined(self, joined: WorkerJoined) -> None:
        self.put(lambda: self._relay.test_worker_joined(joined))

    def put(self, event: Callable[[], list[Delivery]]) -> None:
        for worker, message in event():
            if worker == FIXTURE_WORKER_ID:
                self.to_lane.append(message)
            elif worker in self._channels:
                self._channels[worker].send(encode(message))

    def take(self) -> list[Message]:
        """What was sent to the lane since this was asked last."""
        taken, self.to_lane = self.to_lane, []
        return taken


class Service:
    def __init__(self, relay: LaneRelay) -> None:
        self.relay = relay
        self.switchboard = Board(relay)
        self.process: object = self


class Channel:
    """Of a test worker."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.receive: Callable[[object], None] = lambda _: None

    def setcallback(self, receive: Callable[[object], None], endmarker: object) -> None:
        self.receive = receive
        self.end = endmarker

    def send(self, data: object) -> None:
        self.sent.append(decode(data, "the controller"))


def encode(message: Message) -> object:
    from xdist_fixtureworker.wire.codec import encode

    return encode(message)


class Run:
    """Three lanes at most, and a test worker."""

    def __init__(self) -> None:
        make: Any = lambda number, relay: Service(relay)  # noqa: E731
        self.lanes = Lanes(3, Journal(itertools.count(1.0).__next__), make)
        self.channel = Channel()
        self.lanes.connect_test_worker("gw0", self.channel)  # type: ignore[arg-type]
        self._ids = itertools.count(1)
        self._set_ups = itertools.count(1)

    def asks(self, message: Message) -> list[int]:
        """What the test worker sends; returns the lanes that get something."""
        self.channel.receive(encode(message))
        return self.got()

    def got(self) -> list[int]:
        boards = [service.switchboard for service in self.lanes.services]
        return [number for number, board in enumerate(boards) if board.to_lane and board.take()]

    def wants(self, fixture: Instance) -> int:
        (lane,) = self.asks(Request(next(self._ids), fixture))
        return lane

    def says(self, lane: int, *messages: Message) -> None:
        """What a lane sends."""
        relay, board = self.lanes.relays[lane], self.board(lane)
        if not relay.fixture_worker.came_up:
            messages = (Serving(), *messages)
        for message in messages:
            board.put(lambda message=message: relay.from_fixture_worker(message))  # type: ignore[misc]

    def board(self, lane: int) -> Board:
        board = self.lanes.services[lane].switchboard
        assert isinstance(board, Board)
        return board

    def sets_up(self, lane: int, fixture: Instance) -> int:
        number = (lane << LANE_BITS) + next(self._set_ups)
        self.says(
            lane,
            SettingUp(number, fixture.name, "", True),
            SetUp(number, fixture.name, "", None, (), None),
        )
        return number

    def finishes(self) -> None:
        """The tests are over."""
        self.lanes.end.begin()
        for service, relay in zip(self.lanes.services, self.lanes.relays, strict=True):
            if service.process is not None and not relay.has_ended:
                service.switchboard.put(relay.finish)
                assert self.board(self.lanes.relays.index(relay)).take() == [Settle()]


@pytest.fixture
def run() -> Run:
    return Run()


def needed(fixture: Instance, by: str = "X (conftest.py:1)") -> Needed:
    return Needed(1, fixture, "conftest.py:7", by)


def test_another_lane_is_started_while_others_are_busy(run: Run) -> None:
    assert [run.wants(A), run.wants(B), run.wants(C), run.wants(D)] == [0, 1, 2, 0]


def test_a_lane_that_has_nothing_to_do_is_taken(run: Run) -> None:
    assert run.wants(A) == 0
    run.sets_up(0, A)
    run.says(0, Ready(1, Inline(b""), (), ()))
    assert run.wants(B) == 0
    assert len(run.lanes.relays) == 1


def test_what_belongs_together_is_in_one_lane(run: Run) -> None:
    assert run.asks(Groups((Group((A, C)), Group((B,))))) == []
    assert [run.wants(A), run.wants(B), run.wants(C)] == [0, 1, 0]


def test_what_is_expected_is_spread(run: Run) -> None:
    run.says(0, Groups((Group((A,)), Group((B,)))), Expected(A), Expected(B))
    assert run.got() == [0, 1]
    assert run.asks(Expected(A)) == []  # nor later, when test workers say it
    assert run.wants(B) == 1


def test_what_no_other_lane_has_belongs_to_who_asks(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    run.says(1, needed(C))
    assert run.board(1).take() == [Yours(1)]
    run.says(1, needed(C))
    assert run.board(1).take() == [Yours(1)]
    assert run.wants(C) == 1


def test_the_value_of_another_lane(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    run.says(1, needed(A))
    assert run.got() == []  # it was asked for that already
    run.sets_up(0, A)
    run.says(0, Ready(1, Inline(b"value"), (), ()))
    assert run.board(1).take() == [Ready(1, Inline(b"value"), (), ())]
    assert run.channel.sent == [Ready(1, Inline(b"value"), (), ())]


def test_lanes_that_wait_for_each_other(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    run.says(0, needed(B, "A (conftest.py:3)"))
    run.says(1, needed(A, "B (conftest.py:9)"))
    (answer,) = run.board(1).take()
    assert isinstance(answer, Failed)
    assert "the set-up of B (conftest.py:9) waits for 'A' (conftest.py:7)" in answer.text
    assert "the set-up of A (conftest.py:3) waits for 'B' (conftest.py:7)" in answer.text
    # The other one goes on to wait, and gets an answer.
    run.says(1, Failed(1, None, "no", "", None))
    (answer,) = run.board(0).take()
    assert isinstance(answer, Failed)
    assert answer.text == "no"


def test_what_others_use_is_finalized_after_them(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    a = run.sets_up(0, A)
    run.says(0, Ready(1, Inline(b""), (), ()))
    before = run.sets_up(1, D)
    run.says(1, needed(A))
    run.board(1).take()
    b = run.sets_up(1, B)
    run.finishes()
    run.says(1, Settled())
    assert run.got() == []  # the other one may still ask for something
    run.says(0, Settled())
    assert run.board(0).take() == [Finish(held=(a,))]
    assert run.board(1).take() == [Finish()]
    run.says(1, Finalized(b, None))
    assert run.board(0).take() == [Freed(a)]
    run.says(1, Finalized(before, None), Finished())
    assert run.board(0).take() == []


def test_a_lane_that_has_died(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    run.sets_up(0, A)
    run.says(0, Ready(1, Inline(b""), (), ()))
    run.says(1, needed(A))
    run.board(1).take()
    run.board(0).put(list)
    relay = run.lanes.relays[1]
    run.board(1).put(lambda: relay.fixture_worker_down("killed"))
    (_, failed) = run.channel.sent
    assert isinstance(failed, Failed)
    assert "killed" in failed.text
    run.board(0).take()
    run.finishes()
    run.says(0, Settled())
    assert run.board(0).take() == [Finish()]  # nobody uses what is there any more
    assert run.lanes.journal.unfinalized == ["A ()"]


def test_nothing_new_is_given_to_a_lane_that_has_died(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    relay = run.lanes.relays[1]
    run.board(1).put(lambda: relay.fixture_worker_down("killed"))
    assert run.wants(C) == 2


def test_calls_go_to_the_lane_that_has_the_object(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    there = (1 << LANE_BITS) + 3
    call = Call("", 1, there, "call", "next", b"", "next()", "test_it.py::test_it")
    assert run.asks(call) == [1]
    run.says(1, Returned("gw0", 1, b"", (there,)))
    assert run.channel.sent[-1] == Returned("gw0", 1, b"", (there,))
    assert run.asks(Withdrawn("", 2)) == [1]
    assert run.asks(Released("", (there, 7))) == [0, 1]
    run.says(0, call)
    (passed_on,) = run.board(1).take()
    assert isinstance(passed_on, Call)
    assert passed_on.worker == "lane fixtureworker"
    run.says(1, Returned(passed_on.worker, 1, b"", ()))
    assert run.board(0).take() == [Returned(passed_on.worker, 1, b"", ())]


def test_test_workers_are_told_to_later_lanes(run: Run) -> None:
    joined = WorkerJoined("gw0", 7, "1.5")
    run.lanes.test_worker_joined(joined)
    run.got()
    run.wants(A)
    run.channel.receive(encode(Request(9, B)))
    assert joined in run.board(1).take()


def test_a_set_up_at_the_end_may_ask_others(run: Run) -> None:
    """So none of them finalizes before."""
    run.wants(A)
    run.wants(B)
    run.sets_up(0, A)
    run.says(0, Ready(1, Inline(b"A"), (), ()))
    run.finishes()
    run.says(0, Settled())
    run.says(1, needed(A))
    assert run.board(1).take() == [Ready(1, Inline(b"A"), (), ())]
    run.sets_up(1, B)
    assert run.got() == []
    run.says(1, Settled())
    assert run.got() == [0, 1]


def test_a_lane_that_dies_at_the_end_is_not_waited_for(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    run.says(0)
    run.says(1)
    run.finishes()
    run.says(0, Settled())
    relay = run.lanes.relays[1]
    run.board(1).put(lambda: relay.fixture_worker_down("killed"))
    assert run.board(0).take() == [Finish()]


def test_who_waits_for_a_lane_that_was_not_started(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    run.says(0)
    run.lanes.services[1].process = None
    run.says(0, needed(B))
    assert run.got() == []  # it was asked for that already
    run.lanes.end.begin()
    (failed,) = run.board(0).take()
    assert isinstance(failed, Failed)
    assert failed.text == "the tests ended before fixtureworker1, which it belongs to, was started."
    run.board(0).put(run.lanes.relays[0].finish)
    assert run.board(0).take() == [Settle()]
    run.says(0, Settled())
    assert run.board(0).take() == [Finish()]
    assert run.wants(C) == 0  # of a test worker that dies: no other one is started


def test_a_wait_for_another_lane_has_no_limit(run: Run) -> None:
    run.wants(A)
    run.wants(B)
    run.says(0, needed(B))
    assert run.lanes.relays[0].waits_for_tests
    run.says(1, Ready(1, Inline(b""), (), ()))
    assert not run.lanes.relays[0].waits_for_tests

"""Who may use a live object next, with no thread and no object."""

from __future__ import annotations

import itertools

import pytest

from xdist_fixtureworker.sharing.lanes import ACQUIRE, Lane, holder
from xdist_fixtureworker.wire.messages import Call


@pytest.fixture
def lane() -> Lane:
    return Lane()


@pytest.fixture
def ids() -> itertools.count[int]:
    return itertools.count(1)


def call(id_: int, worker: str = "gw0", operation: str = "call") -> Call:
    return Call(worker, id_, 1, operation, "next", b"", f"call {id_}", "test_it.py::test (call)")


def test_one_at_a_time_in_the_order_of_arrival(lane: Lane) -> None:
    first, second, third = call(1), call(1, "gw1"), call(2)
    assert lane.arrive(first) is first
    assert lane.arrive(second) is None
    assert lane.arrive(third) is None
    assert lane.done() is second
    assert lane.done() is third
    assert lane.done() is None
    assert lane.running is None


def test_a_dropped_call_is_left_out(lane: Lane) -> None:
    calls = [call(1), call(2), call(3, "gw1"), call(4)]
    for each in calls:
        lane.arrive(each)
    assert lane.withdraw("gw0", 2) == ([calls[1]], None)
    assert lane.drop(calls[3])
    assert not lane.drop(calls[3])
    assert not lane.drop(calls[0])  # it runs
    assert lane.done() is calls[2]
    assert lane.done() is None


def test_exclusive_use_lets_its_holder_through_only(lane: Lane) -> None:
    acquire, other, own = call(1, operation=ACQUIRE), call(1, "gw1"), call(2)
    assert lane.arrive(acquire) is acquire
    assert str(lane.holder) == "gw0 (test_it.py::test)"
    assert lane.done() is None
    assert lane.arrive(other) is None
    assert lane.is_blocked(other)
    assert lane.arrive(own) is own
    assert not lane.is_blocked(own)
    assert lane.done() is None
    assert lane.release("gw0", 1) is other
    assert lane.holder is None


def test_exclusive_use_is_granted_in_the_order_of_arrival(lane: Lane) -> None:
    running = call(1, "gw2")
    asked = [call(1, worker, ACQUIRE) for worker in ("gw1", "gw0")]
    lane.arrive(running)
    assert [lane.arrive(each) for each in asked] == [None, None]
    assert lane.done() is asked[0]
    assert lane.done() is None
    assert lane.release("gw1", 1) is asked[1]


def test_the_holder_may_have_it_several_times(lane: Lane) -> None:
    other = call(1, "gw1")
    for id_ in (1, 2):
        assert lane.arrive(call(id_, operation=ACQUIRE)) is not None
        assert lane.done() is None
    lane.arrive(other)
    assert lane.release("gw0", 1) is None
    assert lane.release("gw1", 2) is None  # it is not that worker's
    assert lane.release("gw0", 7) is None
    assert lane.release("gw0", 2) is other


@pytest.mark.parametrize("id_", [None, 1])
def test_what_a_worker_has_is_given_back_when_it_is_gone(lane: Lane, id_: int | None) -> None:
    acquire, other = call(1, operation=ACQUIRE), call(1, "gw1")
    lane.arrive(acquire)
    lane.done()
    lane.arrive(other)
    assert lane.withdraw("gw0", id_) == ([], other)
    assert lane.holder is None


def test_a_dead_worker_that_waits_for_exclusive_use_does_not_get_it(lane: Lane) -> None:
    lane.arrive(call(1, operation=ACQUIRE))
    lane.done()
    waiting, last = call(1, "gw1", ACQUIRE), call(1, "gw2")
    lane.arrive(waiting)
    lane.arrive(last)
    assert lane.withdraw("gw1") == ([waiting], None)
    assert lane.release("gw0", 1) is last


def test_all_that_wait_can_be_taken(lane: Lane) -> None:
    running, waiting = call(1), [call(2), call(3)]
    lane.arrive(running)
    for each in waiting:
        lane.arrive(each)
    assert lane.take_waiting() == waiting
    assert lane.running is running
    assert lane.done() is None


def test_holders_are_shown_without_the_phase_of_the_test() -> None:
    assert holder("gw0", "test_it.py::test[a (b)] (setup)") == "gw0 (test_it.py::test[a (b)])"
    assert holder("gw0", "") == "gw0"

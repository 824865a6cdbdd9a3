"""What ties several fixture workers to each other, with no process."""

from __future__ import annotations

from xdist_fixtureworker.controller.ties import Holds, Placement, Wait, Waits
from xdist_fixtureworker.wire.frozen import replace
from xdist_fixtureworker.wire.messages import Group, Groups, Instance, Needed, Param


def instance(name: str) -> Instance:
    return Instance((), name, "conftest", name, 0, ())


A, B, C = map(instance, "ABC")


def test_fixtures_that_depend_on_each_other_have_one_lane() -> None:
    placement = Placement()
    placement.note(Groups((Group((A, B)), Group((C,)))))
    assert placement.lane_of(A) is None
    placement.bind(B, 2)
    assert (placement.lane_of(A), placement.lane_of(B), placement.lane_of(C)) == (2, 2, None)


def test_parameters_do_not_count() -> None:
    placement = Placement()
    with_params = replace(A, params=(Param("size", 1, None, (), ""),))
    placement.bind(with_params, 1)
    assert placement.lane_of(A) == placement.lane_of(with_params) == 1


def test_a_lane_is_kept() -> None:
    """Also where it turns out later that fixtures of two lanes belong together."""
    placement = Placement()
    placement.bind(A, 0)
    placement.bind(B, 1)
    placement.note(Groups((Group((A, B, C)),)))
    placement.bind(C, 1)
    assert (placement.lane_of(A), placement.lane_of(B), placement.lane_of(C)) == (0, 1, 1)


def test_the_first_to_tell_counts() -> None:
    placement = Placement()
    placement.note(Groups((Group((A, B)),)))
    placement.note(Groups((Group((A, C)),)))
    placement.bind(A, 1)
    assert (placement.lane_of(B), placement.lane_of(C)) == (1, 1)


def waits_for(lane: int, fixture: Instance) -> Wait:
    return Wait(lane, Needed(1, fixture, "conftest.py:1", "X (conftest.py:2)"))


def test_lanes_that_wait_for_each_other() -> None:
    waits = Waits()
    waits.begin(0, waits_for(1, B))
    assert waits.circle(0) == []
    waits.begin(1, waits_for(2, C))
    assert waits.circle(1) == []
    waits.begin(2, waits_for(0, A))
    assert [needed.instance for needed in waits.circle(2)] == [A, B, C]
    assert [needed.instance for needed in waits.circle(0)] == [B, C, A]


def test_a_lane_that_waits_for_a_circle_is_in_none() -> None:
    waits = Waits()
    waits.begin(0, waits_for(1, B))
    waits.begin(1, waits_for(0, A))
    waits.begin(2, waits_for(0, A))
    assert waits.circle(2) == []


def test_who_was_answered_waits_no_more() -> None:
    waits = Waits()
    waits.begin(0, waits_for(1, B))
    assert waits.end(0) == waits_for(1, B)
    assert waits.end(0) is None
    waits.begin(1, waits_for(0, A))
    assert waits.circle(1) == []


def test_a_set_up_is_held_until_all_who_use_it_are_finalized() -> None:
    holds = Holds()
    holds.hold((0, 7), (1, 3))
    holds.hold((0, 7), (2, 5))
    holds.hold((0, 9), (1, 4))
    assert holds.held_in(0) == (7, 9)
    assert holds.held_in(1) == ()
    assert holds.let_go(1, 3) == []
    assert holds.let_go(1, 4) == [(0, 9)]
    assert holds.let_go(2, 5) == [(0, 7)]
    assert holds.held_in(0) == ()


def test_a_lane_that_has_ended_holds_nothing() -> None:
    holds = Holds()
    holds.hold((0, 7), (1, 3))
    holds.hold((2, 8), (1, 4))
    holds.hold((2, 8), (0, 1))
    assert holds.let_go(1) == [(0, 7)]
    assert holds.held_in(2) == (8,)

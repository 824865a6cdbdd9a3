"""When there is a notice of what is waited for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from xdist_fixtureworker.controller.slow_notice import SlowNotice


def shown_by(notice: SlowNotice, seconds: int) -> dict[int, str]:
    """The notices of the next seconds."""
    lines = {second: notice.line(float(second)) for second in range(seconds)}
    return {second: line for second, line in lines.items() if line is not None}


@pytest.mark.parametrize(("interval", "seconds"), [(1.0, range(2, 40)), (30.0, (2, 32))])
def test_intervals(interval: float, seconds: Sequence[int]) -> None:
    notice = SlowNotice(interval)
    notice.update("the set-up of tables", 0.0)
    assert shown_by(notice, 40) == {
        second: f"fixture worker: waiting for the set-up of tables for {second} s"
        for second in seconds
    }


def test_what_does_not_take_long_has_no_notice() -> None:
    notice = SlowNotice(30.0)
    assert not notice.update("one", 0.0)
    assert notice.line(1.9) is None
    assert not notice.update("other", 1.9)
    assert notice.line(3.8) is None
    assert not notice.update(None, 3.8)
    assert shown_by(notice, 100) == {}


def test_the_end_of_what_there_was_a_notice_of() -> None:
    notice = SlowNotice(30.0)
    notice.update("one", 0.0)
    notice.line(2.0)
    assert notice.update(None, 3.0)
    assert not notice.update(None, 4.0)


def test_the_same_again_is_no_news() -> None:
    notice = SlowNotice(30.0)
    notice.update("one", 0.0)
    notice.update("one", 1.0)
    assert notice.line(2.0) == "fixture worker: waiting for one for 2 s"


@pytest.mark.parametrize(
    ("now", "left"), [(0.0, 2.0), (1.5, 0.5), (3.0, 0.0)], ids=["begin", "later", "late"]
)
def test_how_long_until_there_is_something_to_do(now: float, left: float) -> None:
    notice = SlowNotice(30.0)
    assert notice.seconds_left(now) is None
    notice.update("one", 0.0)
    assert notice.seconds_left(now) == left


def test_the_limit_is_over_once() -> None:
    notice = SlowNotice(2.0, limit=5.0)
    notice.update("one", 0.0)
    assert shown_by(notice, 5) == {
        second: f"fixture worker: waiting for one for {second} s" for second in (2, 4)
    }
    assert notice.seconds_left(4.5) == 0.5
    assert not notice.gives_up(4.5)
    assert notice.gives_up(5.0)
    assert not notice.gives_up(6.0)
    assert notice.line(6.0)
    assert notice.seconds_left(6.0) == 2.0
    notice.update("other", 7.0)
    assert not notice.gives_up(8.0)
    assert notice.gives_up(12.0)


def test_what_could_not_run_does_not_count() -> None:
    notice = SlowNotice(2.0, limit=5.0)
    notice.update("one", 0.0)
    notice.look(20.0, stopped=True)
    assert not notice.gives_up(24.0)
    assert notice.gives_up(25.0)
    notice.update("other", 30.0)
    assert notice.gives_up(35.0)
    notice.update("one", 40.0)
    notice.look(41.0, stopped=False)
    notice.look(141.0, stopped=False)  # it is the controller that was stopped
    assert not notice.gives_up(142.9)
    assert notice.gives_up(143.1)

"""What happened when: spans and waits, from the journal and the reports of tests."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.timelines import (
    EPOCH,
    FW,
    ORIGIN,
    begun,
    ended,
    finalized,
    ran,
    report,
    set_up,
    timeline,
    up,
    waited,
    worker,
)
from xdist_fixtureworker.controller.journal import (
    Asked,
    Did,
    Event,
    FinalizerBegun,
    FixtureWorkerDied,
    RecoveryBegun,
    RecoveryEnded,
    SetUpInterrupted,
)
from xdist_fixtureworker.controller.timeline import recorder
from xdist_fixtureworker.controller.timeline.recorded import ran_by
from xdist_fixtureworker.controller.timeline.savings import Savings
from xdist_fixtureworker.controller.timeline.spans import Death, Span, Timeline


def spans(found: list[tuple[str, Span]] | tuple[tuple[str, Span], ...]) -> dict[str, list[float]]:
    return {name: [pytest.approx(each.start), pytest.approx(each.stop)] for name, each in found}


# --- tests, from reports


def outcomes(*reports: tuple[str, str]) -> str:
    """How a test ended whose phases ended so."""
    of = worker("gw0")
    for number, (when, outcome) in enumerate(reports):
        report(of, "test_a", when, 1.0 + number, 2.0 + number, outcome=outcome)
    (found,) = ran_by(of)
    return found.outcome


def test_a_test_is_made_of_its_phases() -> None:
    of = worker("gw0")
    ran(of, "test_a", 1.0, 2.0)
    (found,) = ran_by(of)
    assert (found.nodeid, found.outcome) == ("test_a", "passed")
    assert [found.start, found.stop] == pytest.approx([ORIGIN + 1.0, ORIGIN + 2.0])
    assert [phase.when for phase in found.phases] == ["setup", "call", "teardown"]
    assert [phase.seconds for phase in found.phases] == pytest.approx([0.1, 0.8, 0.1])


def test_the_worst_phase_counts() -> None:
    passed = ("setup", "passed"), ("call", "passed"), ("teardown", "passed")
    assert outcomes(*passed) == "passed"
    assert outcomes(("setup", "skipped"), passed[2]) == "skipped"
    assert outcomes(passed[0], ("call", "failed"), passed[2]) == "failed"
    assert outcomes(("setup", "failed"), passed[2]) == "error"
    assert outcomes(*passed[:2], ("teardown", "failed")) == "error"
    assert outcomes(passed[0], ("call", "xfailed"), passed[2]) == "xfailed"
    assert outcomes(passed[0], ("call", "of a plugin"), passed[2]) == "of a plugin"


def test_a_test_that_is_run_again_is_two() -> None:
    of = worker("gw0")
    ran(of, "test_a", 1.0, 2.0, "rerun")
    ran(of, "test_a", 2.0, 3.0)
    assert [each.outcome for each in ran_by(of)] == ["rerun", "passed"]


def test_subtests_are_a_part_of_their_test() -> None:
    of = worker("gw0")
    report(of, "test_a", "setup", 1.0, 1.1)
    report(of, "test_a", "call", 1.2, 1.4, outcome="failed")
    report(of, "test_a", "call", 1.4, 1.5)
    report(of, "test_a", "call", 1.1, 1.6)
    (found,) = ran_by(of)
    assert found.outcome == "failed"
    assert [phase.seconds for phase in found.phases] == pytest.approx([0.1, 0.5])


def test_one_in_which_the_worker_crashed_takes_the_time_since_the_one_before() -> None:
    of = worker("gw0")
    ran(of, "test_a", 1.0, 2.0)
    report(of, "test_b", "???", -EPOCH, 7.0, outcome="failed")
    assert [each.outcome for each in ran_by(of)] == ["passed", "crashed"]
    crashed = ran_by(of)[1]
    assert [crashed.start, crashed.stop] == pytest.approx([ORIGIN + 2.0, ORIGIN + 7.0])
    assert crashed.phases == ()


def test_one_in_which_the_worker_crashed_at_once() -> None:
    of = worker("gw0")
    report(of, "test_b", "???", 0.0, 7.0, outcome="failed")
    (crashed,) = ran_by(of)
    assert [crashed.start, crashed.stop] == pytest.approx([ORIGIN + 0.5, ORIGIN + 7.0])


@pytest.mark.parametrize("clock", [-3600.0, 0.0, 5.0])
def test_another_machines_clock_may_be_wrong(clock: float) -> None:
    """Its tests are moved so that the report that was quickest took no time."""
    of = worker("gw0", is_local=False)
    report(of, "test_a", "call", 1.0, 2.0, clock=clock, delay=0.3)
    report(of, "test_b", "call", 2.0, 3.0, clock=clock, delay=0.1)
    times = [time for each in ran_by(of) for time in (each.start, each.stop)]
    assert times == pytest.approx([ORIGIN + time for time in (1.1, 2.1, 2.1, 3.1)])


def test_this_machines_clock_is_the_same_for_all() -> None:
    of = worker("gw0")
    report(of, "test_a", "call", 1.0, 2.0, delay=0.3)
    assert ran_by(of)[0].stop == pytest.approx(ORIGIN + 2.0)


def test_no_report_comes_before_its_test_has_ended() -> None:
    """Where this machine's clock is set in the middle of a run, say."""
    of = worker("gw0")
    report(of, "test_a", "call", 1.0, 2.0, delay=-0.5)
    assert ran_by(of)[0].stop == pytest.approx(ORIGIN + 1.5)


# --- fixture workers, from the journal


def test_a_run_in_which_nothing_happened() -> None:
    found = timeline([])
    assert (found.lanes, found.seconds, found.began) == ((), 10.0, EPOCH)


def test_set_ups_and_finalizers() -> None:
    events = [
        up(1.0),
        *set_up(2.0, 3.0, 1, "server"),
        *set_up(3.0, 4.5, 2, "tables", needs=[1]),
        *finalized(8.0, 8.5, 2, "tables"),
        *finalized(8.5, 9.0, 1, "server"),
    ]
    (lane,) = timeline(events).fixture_workers
    assert (lane.name, lane.start, lane.up, lane.stop, lane.death) == (FW, 0.0, 1.0, 10.0, None)
    assert spans([(each.fixture, each) for each in lane.set_ups]) == {
        "server": [2.0, 3.0],
        "tables": [3.0, 4.5],
    }
    assert lane.set_ups[1].needs == ((FW, 1),)
    assert {each.outcome for each in (*lane.set_ups, *lane.finalizers)} == {""}
    assert spans([(each.fixture, each) for each in lane.finalizers]) == {
        "tables": [8.0, 8.5],
        "server": [8.5, 9.0],
    }


def test_one_within_another_is_drawn_below_it() -> None:
    events = [
        up(1.0),
        begun(2.0, 1, "outer"),
        begun(2.5, 2, "inner", is_global=False),
        ended(3.0, 2, "inner"),
        ended(4.0, 1, "outer"),
        *set_up(4.0, 5.0, 3, "next"),
    ]
    (lane,) = timeline(events).fixture_workers
    assert [(each.fixture, each.depth) for each in lane.set_ups] == [
        ("outer", 0),
        ("inner", 1),
        ("next", 0),
    ]
    assert [each.fixture for each in lane.outer] == ["outer", "next"]


def test_set_ups_that_went_wrong() -> None:
    events = [
        up(1.0),
        begun(2.0, 1, "broken"),
        ended(3.0, 1, "broken", failed=True),
        begun(3.0, 2, "long"),
        SetUpInterrupted(ORIGIN + 4.0, FW, 2, "long", "conftest.py:2", "conftest.py:9"),
        ended(4.5, 2, "long", failed=True),
        ended(5.0, 7, "never begun", failed=True),  # what it depends on has failed
    ]
    (lane,) = timeline(events).fixture_workers
    assert [(each.fixture, each.outcome) for each in lane.set_ups] == [
        ("broken", "failed"),
        ("long", "interrupted"),
    ]


def test_what_a_dead_fixture_worker_left_ends_with_it() -> None:
    events: list[Event] = [
        up(1.0),
        *set_up(2.0, 3.0, 1, "server"),
        begun(3.0, 2, "tables"),
        *waited("gw0", 1, "tables", 3.0, 5.0, is_ready=False),
        FixtureWorkerDied(ORIGIN + 5.0, FW, "killed"),
        up(7.0, "recovery"),
        RecoveryBegun(ORIGIN + 7.0, "recovery", 1, "server", "conftest.py:1"),
        RecoveryEnded(ORIGIN + 7.5, "recovery", 1, {"outcome": "failed"}, FW),
    ]
    found = timeline(events, [worker("gw0")])
    dead, recovery = found.fixture_workers
    assert (dead.stop, dead.death) == (5.0, Death(5.0, "killed"))
    assert [(each.outcome, each.stop) for each in dead.set_ups] == [("", 3.0), ("unfinished", 5.0)]
    assert (recovery.start, recovery.death) == (7.0, None)
    (undone,) = recovery.finalizers
    assert (undone.is_recovery, undone.outcome, undone.seconds) == (True, "failed", 0.5)
    (wait,) = found.waits
    assert (wait.set_up, wait.is_ready) == ((FW, 2), False)


def test_one_that_did_not_come_up() -> None:
    found = timeline([FixtureWorkerDied(ORIGIN + 2.0, FW, "an error in a conftest")])
    (lane,) = found.fixture_workers
    assert (lane.up, lane.stop) == (None, 2.0)
    assert [(each.what, each.start, each.stop) for each in lane.starts] == [("start", 0.0, 2.0)]


def test_a_finalizer_that_did_not_end() -> None:
    events = [up(1.0), FinalizerBegun(ORIGIN + 8.0, FW, 1, "server", "conftest.py:1")]
    (lane,) = timeline(events).fixture_workers
    assert [(each.outcome, each.stop) for each in lane.finalizers] == [("unfinished", 10.0)]


def test_what_else_was_done_ends_with_what_comes_next() -> None:
    events = [
        up(1.0),
        Did(ORIGIN + 2.0, FW, "the import of a.py"),
        *set_up(3.0, 4.0, 1, "server"),
        Did(ORIGIN + 4.0, FW, "a hook"),
        Did(ORIGIN + 4.5, FW, ""),
        Did(ORIGIN + 9.0, FW, "what hangs"),
    ]
    (lane,) = timeline(events).fixture_workers
    assert [(each.what, each.start, each.stop) for each in lane.others] == [
        ("the import of a.py", 2.0, 3.0),
        ("a hook", 4.0, 4.5),
        ("what hangs", 9.0, 10.0),
    ]


# --- test workers


def test_starts_tests_and_deaths_of_test_workers() -> None:
    one, other = worker("gw0"), worker("gw1", start=0.2)
    ran(one, "test_a", 1.0, 2.0)
    one.down, one.error = ORIGIN + 3.0, "Not properly terminated"
    other.up = other.collected = None
    first, second = timeline([], [one, other]).test_workers
    assert [(each.what, each.start, each.stop) for each in first.starts] == [
        ("start", 0.0, pytest.approx(0.4)),
        ("collection", pytest.approx(0.4), pytest.approx(0.5)),
    ]
    assert spans([(each.nodeid, each) for each in first.tests]) == {"test_a": [1.0, 2.0]}
    assert [phase.when for phase in first.tests[0].phases] == ["setup", "call", "teardown"]
    assert first.tests[0].phases[0].start == pytest.approx(1.0)
    assert (first.stop, first.death) == (3.0, Death(3.0, "Not properly terminated"))
    assert [(each.what, each.stop) for each in second.starts] == [("start", 10.0)]
    assert (second.up, second.stop, second.death) == (None, 10.0, None)


def test_who_waited_for_what_and_in_which_test() -> None:
    one, other = worker("gw0"), worker("gw1")
    ran(one, "test_a", 2.0, 4.0)
    ran(one, "test_b", 4.0, 5.0)
    other.down = ORIGIN + 2.7
    events = [
        up(1.0),
        *set_up(2.0, 3.0, 1, "server"),
        *waited("gw0", 1, "server", 2.1, 3.1),
        *waited("gw0", 2, "server", 4.2, 4.3),
        Asked(ORIGIN + 2.5, "gw1", 1, "server"),
        *waited("gw0", 3, "unknown", 8.0, 8.1, is_ready=False),
    ]
    found = timeline(events, [one, other])
    assert [(each.worker, each.test, each.set_up, each.is_ready) for each in found.waits] == [
        ("gw0", "test_a", (FW, 1), True),
        ("gw1", "", None, False),
        ("gw0", "test_b", (FW, 1), True),
        ("gw0", "", None, False),
    ]
    assert [each.seconds for each in found.waits] == pytest.approx([1.0, 0.2, 0.1, 0.1])


# --- what would save time


def savings(*events: list[Event], up_at: float = 1.0) -> Savings:
    return Savings(timeline([up(up_at), *(event for some in events for event in some)]))


def approximately(**seconds: float) -> dict[str, object]:
    return {
        name: pytest.approx(seconds.get(name, 0.0), abs=1e-9)
        for name in ("start", "own", "others", "related", "rest")
    }


def test_a_wait_is_for_the_start_the_set_up_and_the_rest() -> None:
    found = savings(
        set_up(2.0, 3.0, 1, "server"),
        waited("gw0", 1, "server", 0.5, 3.25),
        up_at=1.5,
    )
    assert vars(found.parts) == approximately(start=1.0, own=1.0, rest=0.75)
    assert found.fixtures[0].longest == 2.75


def test_what_it_depends_on_is_a_part_of_it() -> None:
    found = savings(
        set_up(2.0, 3.0, 1, "server"),
        set_up(3.0, 4.0, 2, "tables", needs=[1]),
        waited("gw0", 1, "tables", 2.0, 4.0),
    )
    assert vars(found.parts) == approximately(own=2.0)


def test_so_is_a_session_fixture_that_is_set_up_for_it() -> None:
    plain = [begun(2.0, 1, "settings", is_global=False), ended(3.0, 1, "settings")]
    found = savings(plain, set_up(3.0, 4.0, 2, "server"), waited("gw0", 1, "server", 2.0, 4.0))
    assert vars(found.parts) == approximately(own=2.0)
    assert [each.fixture for each in found.fixtures] == ["server"]


def test_waits_behind_others_and_what_lanes_would_save() -> None:
    found = savings(
        set_up(2.0, 3.0, 1, "server"),
        set_up(3.0, 5.0, 2, "wheel"),
        set_up(5.0, 5.5, 3, "tables", needs=[1]),
        set_up(5.5, 6.0, 4, "users", needs=[1]),
        waited("gw0", 1, "users", 2.5, 6.0),
    )
    assert vars(found.parts) == approximately(own=1.0, others=2.0, related=0.5)
    assert found.lanes == pytest.approx(2.0)


def test_a_wait_for_what_is_there_may_be_one_behind_others() -> None:
    """The fixture worker is busy when it is first asked for it by name."""
    found = savings(
        set_up(1.0, 2.0, 1, "server"),
        set_up(3.0, 5.0, 2, "wheel"),
        waited("gw0", 1, "server", 4.0, 5.0),
    )
    assert vars(found.parts) == approximately(others=1.0)
    assert found.eager == 0.0


def test_one_within_another_counts_once() -> None:
    events = [begun(2.0, 1, "outer"), begun(2.5, 2, "inner")]
    events += [ended(3.0, 2, "inner"), ended(4.0, 1, "outer", needs=[2])]
    found = savings(
        events, waited("gw0", 1, "outer", 2.0, 4.0), waited("gw1", 1, "inner", 2.0, 4.0)
    )
    assert vars(found.parts) == approximately(own=4.0)


def test_eager_begins_when_the_fixture_worker_is_up() -> None:
    found = savings(
        set_up(3.0, 5.0, 1, "server"),
        waited("gw0", 1, "server", 3.0, 5.0),
        waited("gw1", 1, "server", 2.5, 5.0),
    )
    # It would be ready at 3: one waits half a second, the other not at all.
    assert found.eager == pytest.approx(4.0)
    assert found.fixtures[0].eager == pytest.approx(4.0)


def test_who_waits_less_asks_earlier_for_the_next_one() -> None:
    found = savings(
        set_up(3.0, 5.0, 1, "server"),
        set_up(6.0, 8.0, 2, "wheel"),
        waited("gw0", 1, "server", 3.0, 5.0),
        waited("gw0", 2, "wheel", 6.0, 8.0),
    )
    # server at 3, wheel at 5, which it asks for at 4.
    assert found.eager == pytest.approx(3.0)


def test_one_that_is_eager_holds_up_others() -> None:
    found = savings(
        set_up(1.0, 3.0, 1, "server"),
        set_up(3.0, 5.0, 2, "wheel"),
        waited("gw0", 1, "server", 1.0, 3.0),
        waited("gw1", 1, "wheel", 4.0, 5.0),
    )
    assert found.eager == 0.0
    # wheel at 3 and server at 5: the former saves a second, the latter costs two.
    assert [each.eager for each in found.fixtures] == [0.0, 0.0]
    assert vars(found.parts) == approximately(own=3.0)


def test_it_comes_with_what_it_depends_on() -> None:
    found = savings(
        set_up(3.0, 4.0, 1, "server"),
        set_up(4.0, 5.0, 2, "tables", needs=[1]),
        waited("gw0", 1, "tables", 3.0, 5.0),
    )
    assert {each.fixture: each.eager for each in found.fixtures} == {
        "server": None,  # nobody waited for it as such
        "tables": pytest.approx(2.0),
    }


def test_what_does_not_work_is_not_to_be_made_faster() -> None:
    events = [begun(2.0, 1, "broken"), ended(3.0, 1, "broken", failed=True)]
    found = savings(events, waited("gw0", 1, "broken", 2.0, 3.0, is_ready=False))
    assert vars(found.parts) == approximately(own=1.0)
    assert found.fixtures[0].eager is None


def test_waits_in_vain() -> None:
    found = savings(waited("gw0", 1, "server", 0.5, 2.5, is_ready=False))
    assert vars(found.parts) == approximately(start=0.5, rest=1.5)
    assert (found.eager, found.lanes, found.fixtures[0].set_ups) == (0.0, 0.0, [])


def made_up(seed: int) -> Timeline:
    """Fixtures that depend on earlier ones, set up one after the other, for workers that wait."""
    rng = random.Random(seed)
    now = rng.random()
    events = [up(now)]
    for id_ in range(1, rng.randrange(2, 12)):
        now += rng.choice([0.0, rng.random()])
        needs = [each for each in range(1, id_) if rng.random() < 0.2]
        start, now = now, now + rng.random()
        events += set_up(start, now, id_, f"f{id_}", needs)
        for number in range(rng.randrange(4)):
            asked = start - rng.random() if rng.random() < 0.5 else start + rng.random()
            answered = max(asked, now) + rng.random() / 100
            events += waited(f"gw{number}.{id_}", id_, f"f{id_}", asked, answered)
    return timeline(events, end=now + 1.0)


@pytest.mark.parametrize("seed", range(50))
def test_of_any_run(seed: int) -> None:
    found = made_up(seed)
    result = Savings(found)
    waited_for = sum(wait.seconds for wait in found.waits)
    assert result.parts.seconds == pytest.approx(waited_for)
    assert sum(each.parts.seconds for each in result.fixtures) == pytest.approx(waited_for)
    assert min(vars(result.parts).values()) >= 0
    # Nothing is saved of what it takes to start, and no more than what set-ups took.
    in_set_ups = result.parts.own + result.parts.others + result.parts.related
    assert 0 <= result.eager <= in_set_ups + result.parts.rest + 1e-9
    assert 0 <= result.lanes <= in_set_ups
    for each in result.fixtures:
        assert each.eager is None or 0 <= each.eager <= waited_for
    for lane in found.fixture_workers:
        for one in lane.set_ups:
            assert 0 <= one.start <= one.stop <= found.seconds


# --- the file


@pytest.mark.parametrize("name", ["t.json", "t.HTML", "./t.html", "folder/t.json"])
def test_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    assert recorder.checked(name, tmp_path) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t.svg", recorder.unknown_kind("t.svg")),
        ("t", recorder.unknown_kind("t")),
        (".html", recorder.unknown_kind(".html")),
        ("folder.html", recorder.is_directory("folder.html")),
    ],
)
def test_what_cannot_be_one(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(pytest.UsageError) as excinfo:
        recorder.checked(name, tmp_path)
    assert str(excinfo.value) == message


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        recorder.checked("none/t.html", tmp_path)
    assert str(excinfo.value) == recorder.no_directory("none/t.html", str(tmp_path / "none"))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As somebody else, since whoever may do everything is not refused."""
    monkeypatch.setattr(recorder.os, "access", lambda path, mode: False)
    with pytest.raises(pytest.UsageError) as excinfo:
        recorder.checked("t.html", tmp_path)
    assert str(excinfo.value) == recorder.not_writable("t.html")

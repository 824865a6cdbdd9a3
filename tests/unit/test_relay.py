"""Who gets which answer, with no channel and no process."""

from __future__ import annotations

import itertools

import pytest

from xdist_fixtureworker.controller import relay as relay_module
from xdist_fixtureworker.controller.fixture_worker_state import State
from xdist_fixtureworker.controller.journal import (
    Answered,
    Asked,
    FinalizerEnded,
    FixtureWorkerDied,
    FixtureWorkerUp,
    Journal,
    RecoveryEnded,
    SetUpEnded,
    WorkerDown,
    WorkerStarted,
)
from xdist_fixtureworker.controller.relay import Relay
from xdist_fixtureworker.controller.reporting import interruptions
from xdist_fixtureworker.controller.requests import Delivery
from xdist_fixtureworker.errors import (
    FixtureWorkerDiedError,
    ProtocolError,
    SetUpError,
)
from xdist_fixtureworker.roles import FIXTURE_WORKER_ID
from xdist_fixtureworker.wire import pickles
from xdist_fixtureworker.wire.messages import (
    Answer,
    AsBefore,
    Begin,
    Change,
    Doing,
    ExitRequested,
    Expected,
    Failed,
    Fetch,
    Finalized,
    Finalizing,
    Finish,
    Finished,
    Hanging,
    Inline,
    Instance,
    Interrupt,
    Interrupted,
    Message,
    Part,
    Ready,
    Recover,
    Recovery,
    Request,
    Serving,
    SettingUp,
    SetUp,
    Span,
    Variable,
    WorkerJoined,
)

TABLES = Instance((), "tables", "conftest", "tables", 0, ())
SERVER = Instance((), "server", "conftest", "server", 0, ())
WARM_UP = Instance((), "warm_up", "conftest", "warm_up", 0, ())
READY = Ready(0, Inline(b"value"), (Change(1, 1, (Variable("URL", "u"),)),), ())
FAILED = Failed(0, b"packed", "ValueError: no", "conftest.py:3", {"outcome": "failed"})


def forwarded(deliveries: list[Delivery]) -> Request:
    """The one request that goes to the fixture worker, and nothing else does."""
    ((address, message),) = deliveries
    assert address == FIXTURE_WORKER_ID
    assert isinstance(message, Request)
    return message


def with_id(answer: Answer, id_: int) -> Answer:
    if isinstance(answer, Ready):
        return Ready(id_, answer.value, answer.environment, answer.output)
    return Failed(id_, answer.exception, answer.text, answer.traceback, answer.report)


def died(id_: int, reason: str) -> Failed:
    """What is answered in place of a fixture worker that died."""
    error = FixtureWorkerDiedError(reason)
    return Failed(id_, pickles.pack_exception(error), str(error), "", None)


def hangs(id_: int, text: str) -> Failed:
    """What is answered in place of a fixture worker that hangs."""
    return Failed(id_, pickles.pack_exception(SetUpError(text)), text, "", None)


def set_up(
    relay: Relay,
    id_: int,
    fixture: str,
    where: str,
    *,
    report: dict[str, object] | None = None,
    recovery: Recovery | None = None,
) -> None:
    """Tell the relay of a set-up."""
    done = SetUp(id_, fixture, where, report, (), recovery)
    assert relay.from_fixture_worker(SettingUp(id_, fixture, where, True)) == []
    assert relay.from_fixture_worker(done) == []


@pytest.fixture
def starting() -> Relay:
    """With a fixture worker that has not said anything yet."""
    return Relay(Journal(itertools.count(1.0).__next__))


@pytest.fixture
def relay(starting: Relay) -> Relay:
    """With a fixture worker that serves."""
    assert starting.from_fixture_worker(Serving()) == []
    return starting


def test_joining_is_told_to_the_fixture_worker(relay: Relay) -> None:
    assert relay.test_worker_joined(WorkerJoined("gw3", 4711, "1.5")) == [
        (FIXTURE_WORKER_ID, WorkerJoined("gw3", 4711, "1.5"))
    ]


def test_who_joined_is_remembered_after_its_end(relay: Relay) -> None:
    relay.test_worker_joined(WorkerJoined("gw3", 4711, "1.5"))
    relay.test_worker_down("gw3")
    assert relay.journal.test_workers == {"gw3": WorkerStarted(2.0, "gw3", 4711, "1.5")}
    assert relay.journal.of(WorkerDown) == [WorkerDown(3.0, "gw3")]


@pytest.mark.parametrize("answer", [READY, FAILED], ids=["ready", "failed"])
class TestAnswers:
    def test_a_request_is_forwarded_and_its_answer_delivered(
        self, relay: Relay, answer: Answer
    ) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(17, TABLES)))
        assert request.instance == TABLES
        assert relay.from_fixture_worker(with_id(answer, request.id)) == [
            ("gw0", with_id(answer, 17))
        ]

    def test_many_workers_ask_once_and_all_are_answered(self, relay: Relay, answer: Answer) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(5, TABLES)))
        assert relay.from_test_worker("gw1", Request(1, TABLES)) == []
        assert relay.from_test_worker("gw2", Request(9, TABLES)) == []
        assert relay.from_fixture_worker(with_id(answer, request.id)) == [
            ("gw0", with_id(answer, 5)),
            ("gw1", with_id(answer, 1)),
            ("gw2", with_id(answer, 9)),
        ]

    def test_one_worker_can_ask_twice(self, relay: Relay, answer: Answer) -> None:
        """Ctrl-C can cut a wait short, and the same is asked for again."""
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        assert relay.from_test_worker("gw0", Request(2, TABLES)) == []
        assert relay.from_fixture_worker(with_id(answer, request.id)) == [
            ("gw0", with_id(answer, 1)),
            ("gw0", with_id(answer, 2)),
        ]

    def test_an_answer_is_kept_for_later_requests(self, relay: Relay, answer: Answer) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_fixture_worker(with_id(answer, request.id))
        assert relay.from_test_worker("gw1", Request(4, TABLES)) == [("gw1", with_id(answer, 4))]
        assert relay.from_test_worker("gw0", Request(2, TABLES)) == [("gw0", with_id(answer, 2))]

    def test_a_kept_answer_outlives_the_fixture_worker(self, relay: Relay, answer: Answer) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_fixture_worker(with_id(answer, request.id))
        assert relay.fixture_worker_down("gone") == []
        assert relay.from_test_worker("gw1", Request(4, TABLES)) == [("gw1", with_id(answer, 4))]

    def test_instances_are_asked_for_one_by_one(self, relay: Relay, answer: Answer) -> None:
        first = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        second = forwarded(relay.from_test_worker("gw1", Request(1, SERVER)))
        assert first.id != second.id
        assert relay.from_fixture_worker(with_id(answer, second.id)) == [
            ("gw1", with_id(answer, 1))
        ]
        assert relay.from_fixture_worker(with_id(answer, first.id)) == [("gw0", with_id(answer, 1))]

    def test_a_dead_test_worker_waits_no_more(self, relay: Relay, answer: Answer) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_test_worker("gw1", Request(2, TABLES))
        assert relay.test_worker_down("gw0") == []
        assert relay.from_fixture_worker(with_id(answer, request.id)) == [
            ("gw1", with_id(answer, 2))
        ]

    def test_a_set_up_that_nobody_waits_for_any_more_is_not_asked_for_again(
        self, relay: Relay, answer: Answer
    ) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.test_worker_down("gw0")
        assert relay.from_test_worker("gw4", Request(1, TABLES)) == []
        assert relay.from_fixture_worker(with_id(answer, request.id)) == [
            ("gw4", with_id(answer, 1))
        ]

    def test_an_answer_for_nobody_is_kept(self, relay: Relay, answer: Answer) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.test_worker_down("gw0")
        assert relay.from_fixture_worker(with_id(answer, request.id)) == []
        assert relay.from_test_worker("gw4", Request(3, TABLES)) == [("gw4", with_id(answer, 3))]

    def test_a_second_answer_is_dropped(self, relay: Relay, answer: Answer) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        assert relay.from_fixture_worker(with_id(answer, request.id)) != []
        assert relay.from_fixture_worker(with_id(answer, request.id)) == []

    def test_an_answer_that_nobody_asked_for(self, relay: Relay, answer: Answer) -> None:
        with pytest.raises(ProtocolError) as excinfo:
            relay.from_fixture_worker(with_id(answer, 1))
        assert str(excinfo.value) == "Internal error: nobody waits for the answer 1"

    def test_an_answer_that_was_on_its_way_when_the_fixture_worker_died(
        self, relay: Relay, answer: Answer
    ) -> None:
        """The end of the process is noticed in another thread than what it sent before."""
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        assert relay.fixture_worker_down("gone") == [("gw0", died(1, "gone"))]
        assert relay.from_fixture_worker(with_id(answer, request.id)) == []


class TestFixtureWorkerDown:
    def test_all_who_wait_are_answered(self, relay: Relay) -> None:
        relay.from_test_worker("gw0", Request(1, TABLES))
        relay.from_test_worker("gw1", Request(2, TABLES))
        relay.from_test_worker("gw2", Request(3, SERVER))
        assert relay.fixture_worker_down("its process 7 was killed by signal 9") == [
            ("gw0", died(1, "its process 7 was killed by signal 9")),
            ("gw1", died(2, "its process 7 was killed by signal 9")),
            ("gw2", died(3, "its process 7 was killed by signal 9")),
        ]
        assert relay.fixture_worker.died == "its process 7 was killed by signal 9"

    def test_who_asks_later_is_answered_at_once(self, relay: Relay) -> None:
        relay.fixture_worker_down("gone")
        assert relay.from_test_worker("gw0", Request(8, TABLES)) == [("gw0", died(8, "gone"))]
        assert relay.from_test_worker("gw1", Request(9, TABLES)) == [("gw1", died(9, "gone"))]

    def test_the_error_can_be_raised_in_a_test_worker(self, relay: Relay) -> None:
        relay.from_test_worker("gw0", Request(1, TABLES))
        ((_, answer),) = relay.fixture_worker_down("gone")
        assert isinstance(answer, Failed)
        error = pickles.unpack_exception(answer.exception, answer.traceback)
        assert type(error) is FixtureWorkerDiedError
        assert str(error) == answer.text

    def test_of_a_long_reason_the_last_line_is_shown_and_all_is_recorded(
        self, relay: Relay
    ) -> None:
        reason = "Traceback (most recent call last):\n  File\nRuntimeError: no room\n"
        relay.from_test_worker("gw0", Request(1, TABLES))
        assert relay.fixture_worker_down(reason) == [("gw0", died(1, "RuntimeError: no room"))]
        assert relay.fixture_worker.died == reason

    def test_a_second_time_does_nothing(self, relay: Relay) -> None:
        relay.fixture_worker_down("first")
        assert relay.fixture_worker_down("second") == []
        assert relay.fixture_worker.died == "first"

    def test_a_dead_test_worker_is_not_answered(self, relay: Relay) -> None:
        relay.from_test_worker("gw0", Request(1, TABLES))
        relay.test_worker_down("gw0")
        assert relay.fixture_worker_down("gone") == []

    def test_after_finished_it_is_no_early_end(self, relay: Relay) -> None:
        relay.finish()
        assert not relay.fixture_worker.ended
        relay.from_fixture_worker(Finished())
        assert relay.fixture_worker_down("its process 7 ended with exit status 0") == []
        assert relay.fixture_worker.died is None
        assert relay.fixture_worker.state is State.FINISHED

    def test_answers_from_before_do_not_count_as_waiting(self, relay: Relay) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_fixture_worker(with_id(READY, request.id))
        relay.from_test_worker("gw0", Request(2, SERVER))
        assert relay.fixture_worker_down("gone") == [("gw0", died(2, "gone"))]


class TestJournal:
    def test_at_first(self, starting: Relay) -> None:
        journal, fixture_worker = starting.journal, starting.fixture_worker
        assert (journal.events, journal.failed_finalizers, journal.unfinalized) == ([], [], [])
        assert (fixture_worker.came_up, fixture_worker.ended) == (False, False)
        assert (journal.exit_called, fixture_worker.died) == (None, None)

    def test_that_it_came_up(self, starting: Relay) -> None:
        assert starting.from_fixture_worker(Serving()) == []
        starting.fixture_worker_down("gone")
        assert starting.fixture_worker.came_up
        assert starting.journal.events == [
            FixtureWorkerUp(1.0, "fixtureworker"),
            FixtureWorkerDied(2.0, "fixtureworker", "gone"),
        ]

    def test_that_it_did_not(self, starting: Relay) -> None:
        starting.fixture_worker_down("gone")
        assert not starting.fixture_worker.came_up

    def test_who_asked_and_who_was_answered(self, relay: Relay) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(5, TABLES)))
        relay.from_test_worker("gw1", Request(1, TABLES))
        relay.from_fixture_worker(with_id(READY, request.id))
        relay.from_test_worker("gw1", Request(2, TABLES))
        relay.fixture_worker_down("gone")
        relay.from_test_worker("gw0", Request(6, SERVER))
        kinds = (Asked, Answered)
        assert [event for event in relay.journal.events if isinstance(event, kinds)] == [
            Asked(2.0, "gw0", 5, "tables"),
            Asked(3.0, "gw1", 1, "tables"),
            Answered(4.0, "gw0", 5, True),
            Answered(5.0, "gw1", 1, True),
            Asked(6.0, "gw1", 2, "tables"),
            Answered(7.0, "gw1", 2, True),
            Asked(9.0, "gw0", 6, "server"),
            Answered(10.0, "gw0", 6, False),
        ]

    def test_set_ups_in_their_order(self, relay: Relay) -> None:
        set_up(relay, 1, "server", "conftest.py:1")
        set_up(relay, 2, "tables", "conftest.py:9", report={"outcome": "passed"})
        assert [(done.fixture, done.report) for done in relay.journal.of(SetUpEnded)] == [
            ("server", None),
            ("tables", {"outcome": "passed"}),
        ]
        assert relay.journal.unfinalized == ["server (conftest.py:1)", "tables (conftest.py:9)"]

    def test_one_that_is_being_set_up(self, relay: Relay) -> None:
        assert relay.from_fixture_worker(SettingUp(1, "tables", "conftest.py:9", True)) == []
        assert relay.journal.unfinalized == [
            "tables (conftest.py:9), while it was being set up",
        ]

    def test_one_whose_set_up_failed_is_finalized_too(self, relay: Relay) -> None:
        set_up(relay, 1, "tables", "conftest.py:9", report={"outcome": "failed"})
        assert relay.journal.unfinalized == ["tables (conftest.py:9)"]

    def test_finalized_ones_are_not_left_over(self, relay: Relay) -> None:
        set_up(relay, 1, "server", "conftest.py:1")
        set_up(relay, 2, "tables", "conftest.py:9")
        assert relay.from_fixture_worker(Finalized(2, None)) == []
        assert relay.journal.unfinalized == ["server (conftest.py:1)"]
        relay.from_fixture_worker(Finalized(1, None))
        assert relay.journal.unfinalized == []

    def test_instances_with_several_parameters(self, relay: Relay) -> None:
        for id_ in (1, 2):
            set_up(relay, id_, "tables", "conftest.py:1")
        relay.from_fixture_worker(Finalized(1, None))
        assert relay.journal.unfinalized == ["tables (conftest.py:1)"]

    def test_plain_session_fixtures_are_not_named(self, relay: Relay) -> None:
        relay.from_fixture_worker(SettingUp(1, "plain", "conftest.py:5", False))
        relay.from_fixture_worker(SetUp(1, "plain", "conftest.py:5", None, (), None))
        assert relay.journal.unfinalized == []
        relay.from_fixture_worker(Finalized(1, None))
        assert relay.journal.unfinalized == []

    def test_failed_finalizers_in_their_order(self, relay: Relay) -> None:
        one, other = {"nodeid": "one"}, {"nodeid": "other"}
        relay.from_fixture_worker(Finalized(1, one))
        relay.from_fixture_worker(Finalized(2, None))
        relay.from_fixture_worker(Finalized(3, other))
        assert relay.journal.failed_finalizers == [one, other]

    def test_a_finalizer_that_failed_has_run(self, relay: Relay) -> None:
        set_up(relay, 1, "tables", "conftest.py:9")
        relay.from_fixture_worker(Finalized(1, {"outcome": "failed"}))
        assert relay.journal.unfinalized == []

    def test_what_goes_on(self, relay: Relay) -> None:
        """The innermost: it is what takes the time."""
        assert relay.journal.activity("fixtureworker") is None
        relay.from_fixture_worker(SettingUp(1, "tables", "conftest.py:9", True))
        assert relay.journal.activity("fixtureworker") == "the set-up of tables (conftest.py:9)"
        relay.from_fixture_worker(SettingUp(2, "server", "conftest.py:1", False))
        assert relay.journal.activity("fixtureworker") == "the set-up of server (conftest.py:1)"
        relay.from_fixture_worker(SetUp(2, "server", "conftest.py:1", None, (), None))
        assert relay.journal.activity("fixtureworker") == "the set-up of tables (conftest.py:9)"
        relay.from_fixture_worker(SetUp(1, "tables", "conftest.py:9", None, (), None))
        assert relay.journal.activity("fixtureworker") is None
        relay.from_fixture_worker(Finalizing(1, "tables", "conftest.py:9"))
        assert relay.journal.activity("fixtureworker") == "the finalizer of tables (conftest.py:9)"
        relay.from_fixture_worker(Finalized(1, None))
        assert relay.journal.activity("fixtureworker") is None

    def test_interrupted(self, relay: Relay) -> None:
        relay.from_fixture_worker(SettingUp(1, "tables", "conftest.py:9", True))
        relay.from_fixture_worker(Interrupted(1, "tables", "conftest.py:9", "tables.py:3"))
        assert list(interruptions(relay.journal)) == [
            "set-up of tables (conftest.py:9) interrupted at tables.py:3"
        ]

    def test_exit(self, relay: Relay) -> None:
        assert relay.from_fixture_worker(ExitRequested("enough", 3)) == []
        exit_called = relay.journal.exit_called
        assert exit_called is not None
        assert (exit_called.reason, exit_called.returncode) == ("enough", 3)

    def test_what_was_not_finalized_when_it_died(self, relay: Relay) -> None:
        set_up(relay, 1, "tables", "conftest.py:9")
        relay.fixture_worker_down("gone")
        assert relay.journal.unfinalized == ["tables (conftest.py:9)"]


class TestHanging:
    TEXT = "the set-up of the global fixture 'tables' hangs: no exception reaches it\nStacks:\n..."

    def test_all_who_wait_are_answered(self, relay: Relay) -> None:
        relay.from_test_worker("gw0", Request(1, TABLES))
        relay.from_test_worker("gw1", Request(2, SERVER))
        answers = relay.from_fixture_worker(Hanging(1, self.TEXT))
        assert answers == [("gw0", hangs(1, self.TEXT)), ("gw1", hangs(2, self.TEXT))]

    def test_what_is_ready_is_served_and_nothing_else(self, relay: Relay) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_fixture_worker(with_id(READY, request.id))
        relay.from_fixture_worker(Hanging(1, self.TEXT))
        assert relay.from_test_worker("gw1", Request(4, TABLES)) == [("gw1", with_id(READY, 4))]
        answers = relay.from_test_worker("gw1", Request(5, SERVER))
        assert answers == [("gw1", hangs(5, self.TEXT))]

    def test_it_comes_loose(self, relay: Relay) -> None:
        """Whoever asked before has its answer; whoever asks now is served."""
        late = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_fixture_worker(Hanging(1, self.TEXT))
        assert relay.from_fixture_worker(with_id(READY, late.id)) == []
        assert relay.from_test_worker("gw1", Request(1, TABLES)) == [("gw1", hangs(1, self.TEXT))]
        request = forwarded(relay.from_test_worker("gw1", Request(2, SERVER)))
        answers = relay.from_fixture_worker(with_id(READY, request.id))
        assert answers == [("gw1", with_id(READY, 2))]

    def test_at_the_end_it_is_not_waited_for(self, relay: Relay) -> None:
        relay.from_fixture_worker(Hanging(1, self.TEXT))
        assert relay.fixture_worker.died is None
        assert relay.finish() == []
        assert relay.fixture_worker.died == self.TEXT.partition("\n")[0]

    def test_it_does_not_even_say_so(self, relay: Relay) -> None:
        relay.from_test_worker("gw0", Request(1, TABLES))
        relay.from_fixture_worker(SettingUp(1, "tables", "conftest.py:9", True))
        text = relay_module.says_nothing_more("the set-up of tables (conftest.py:9)")
        assert relay.says_nothing() == [("gw0", hangs(1, text))]
        assert relay.says_nothing() == []

    def test_in_a_finalizer(self, relay: Relay) -> None:
        relay.finish()
        relay.from_fixture_worker(Hanging(1, self.TEXT))
        assert relay.fixture_worker.died == self.TEXT.partition("\n")[0]


class TestRecovery:
    ONE, OTHER = Recovery(TABLES, Inline(b"one")), Recovery(SERVER, Inline(b"other"))

    def test_last_set_up_first_and_only_what_can_be(self, relay: Relay) -> None:
        set_up(relay, 1, "one", "conftest.py:1", recovery=self.ONE)
        set_up(relay, 2, "without", "conftest.py:2")
        set_up(relay, 3, "other", "conftest.py:3", recovery=self.OTHER)
        set_up(relay, 4, "finalized", "conftest.py:4", recovery=self.OTHER)
        relay.from_fixture_worker(Finalized(4, None))
        relay.from_fixture_worker(SettingUp(5, "begun", "conftest.py:5", True))
        lost = relay.recoverable
        assert lost == [Recover(3, self.OTHER), Recover(1, self.ONE)]
        relay.fixture_worker_down("gone")
        journal = relay.journal
        again = Relay(journal, "recovery")
        assert again.recover([(each, "fixtureworker") for each in lost]) == [
            (FIXTURE_WORKER_ID, Recover(3, self.OTHER)),
            (FIXTURE_WORKER_ID, Recover(1, self.ONE)),
        ]
        again.from_fixture_worker(Serving())
        begun, other = "begun (conftest.py:5), while it was being set up", "other (conftest.py:3)"
        left = ["one (conftest.py:1)", "without (conftest.py:2)"]
        assert journal.unfinalized == [*left, other, begun]
        again.from_fixture_worker(Finalizing(3, "other", "recover= of conftest"))
        assert journal.activity("recovery") == "the finalizer of other (recover= of conftest)"
        again.from_fixture_worker(Finalized(3, None))
        assert journal.activity("recovery") is None
        assert journal.unfinalized == [*left, begun]
        again.from_fixture_worker(Finalized(1, {"outcome": "failed"}))
        assert journal.unfinalized == [*left, begun]  # it was not undone
        assert journal.undone == [other]
        assert [done.id for done in journal.of(RecoveryEnded)] == [3, 1]

    def test_what_the_recovering_fixture_worker_finalizes_itself(self, relay: Relay) -> None:
        """Its ids begin at 1 as well."""
        set_up(relay, 1, "one", "conftest.py:1", recovery=self.ONE)
        relay.fixture_worker_down("gone")
        again = Relay(relay.journal, "recovery")
        again.recover([(each, "fixtureworker") for each in relay.recoverable])
        again.from_fixture_worker(Serving())
        again.from_fixture_worker(Finalized(1, {"outcome": "failed"}))
        again.from_fixture_worker(Finalizing(1, "the test session", "request.node"))
        again.from_fixture_worker(Finalized(1, None))
        assert relay.journal.unfinalized == ["one (conftest.py:1)"]
        assert relay.journal.undone == []
        assert len(relay.journal.of(FinalizerEnded)) == 2

    def test_what_is_finalized_needs_no_recovery(self, relay: Relay) -> None:
        set_up(relay, 1, "one", "conftest.py:1", recovery=self.ONE)
        relay.from_fixture_worker(Finalized(1, None))
        relay.fixture_worker_down("gone")
        assert relay.recoverable == []


class TestOneCopy:
    """Of each value the relay keeps one pickle."""

    def pickled(self) -> Inline:
        """Equal each time, as what arrives in two messages."""
        return Inline(bytes(bytearray(b"the value")))

    def test_of_an_answer_and_a_recovery(self, relay: Relay) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        recovery = Recovery(TABLES, self.pickled())
        set_up(relay, 1, "tables", "conftest.py:1", recovery=recovery)
        ready = Ready(request.id, self.pickled(), (), ())
        assert ready.value is not recovery.value
        ((_, delivered),) = relay.from_fixture_worker(ready)
        assert isinstance(delivered, Ready)
        (recover,) = relay.recoverable
        assert recover == Recover(1, recovery)
        assert delivered.value is recover.recovery.value

    def test_of_answers_to_all_who_ask(self, relay: Relay) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        ((_, first),) = relay.from_fixture_worker(Ready(request.id, self.pickled(), (), ()))
        ((_, second),) = relay.from_test_worker("gw1", Request(7, TABLES))
        assert isinstance(first, Ready)
        assert isinstance(second, Ready)
        assert first.value is second.value

    def test_of_instances_that_turn_out_to_be_one(self, relay: Relay) -> None:
        one = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        other = forwarded(relay.from_test_worker("gw0", Request(2, SERVER)))
        ((_, first),) = relay.from_fixture_worker(Ready(one.id, self.pickled(), (), ()))
        ((_, second),) = relay.from_fixture_worker(AsBefore(other.id, one.id))
        assert isinstance(first, Ready)
        assert isinstance(second, Ready)
        assert (first.id, second.id) == (1, 2)
        assert first.value is second.value

    def test_no_value_gets_into_the_journal(self, relay: Relay) -> None:
        request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        recovery = Recovery(TABLES, self.pickled())
        set_up(relay, 1, "tables", "conftest.py:1", recovery=recovery)
        relay.from_fixture_worker(Ready(request.id, self.pickled(), (), ()))
        relay.fixture_worker_down("gone")
        assert "the value" not in repr(relay.journal.events)


@pytest.mark.parametrize("answer", [READY, FAILED], ids=["ready", "failed"])
class TestAsBefore:
    def test_it_is_answered_and_kept(self, relay: Relay, answer: Answer) -> None:
        one = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_fixture_worker(with_id(answer, one.id))
        other = forwarded(relay.from_test_worker("gw0", Request(2, SERVER)))
        relay.from_test_worker("gw1", Request(1, SERVER))
        assert relay.from_fixture_worker(AsBefore(other.id, one.id)) == [
            ("gw0", with_id(answer, 2)),
            ("gw1", with_id(answer, 1)),
        ]
        assert relay.from_test_worker("gw2", Request(9, SERVER)) == [("gw2", with_id(answer, 9))]

    def test_of_one_that_was_as_before_itself(self, relay: Relay, answer: Answer) -> None:
        requests = [
            forwarded(relay.from_test_worker("gw0", Request(number, instance)))
            for number, instance in enumerate((TABLES, SERVER, WARM_UP))
        ]
        one, two, three = (request.id for request in requests)
        relay.from_fixture_worker(with_id(answer, one))
        relay.from_fixture_worker(AsBefore(two, one))
        assert relay.from_fixture_worker(AsBefore(three, two)) == [("gw0", with_id(answer, 2))]

    def test_what_was_answered_in_its_place_counts(self, relay: Relay, answer: Answer) -> None:
        """The earlier request was given up while the fixture worker hung."""
        one = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_fixture_worker(Hanging(1, "it hangs"))
        assert relay.from_fixture_worker(with_id(answer, one.id)) == []
        other = forwarded(relay.from_test_worker("gw0", Request(2, SERVER)))
        assert relay.from_fixture_worker(AsBefore(other.id, one.id)) == [
            ("gw0", hangs(2, "it hangs"))
        ]

    def test_one_that_was_given_up(self, relay: Relay, answer: Answer) -> None:
        one = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        relay.from_fixture_worker(with_id(answer, one.id))
        other = forwarded(relay.from_test_worker("gw0", Request(2, SERVER)))
        assert relay.fixture_worker_down("gone") == [("gw0", died(2, "gone"))]
        assert relay.from_fixture_worker(AsBefore(other.id, one.id)) == []

    def test_there_was_none_before(self, relay: Relay, answer: Answer) -> None:
        one = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
        other = forwarded(relay.from_test_worker("gw0", Request(2, SERVER)))
        for message in (AsBefore(other.id, one.id), AsBefore(other.id, 99)):
            with pytest.raises(ProtocolError) as excinfo:
                relay.from_fixture_worker(message)
            assert str(excinfo.value) == f"Internal error: no answer came before {message}"
        relay.from_fixture_worker(with_id(answer, one.id))
        assert relay.from_fixture_worker(AsBefore(other.id, one.id)) == [
            ("gw0", with_id(answer, 2))
        ]


def test_an_interrupt_goes_to_the_fixture_worker(relay: Relay) -> None:
    """Whoever waits goes on waiting: the set-up that is cut short is answered like any other."""
    request = forwarded(relay.from_test_worker("gw0", Request(1, TABLES)))
    assert relay.interrupt() == [(FIXTURE_WORKER_ID, Interrupt())]
    assert relay.from_fixture_worker(with_id(FAILED, request.id)) == [("gw0", with_id(FAILED, 1))]


def test_finish_goes_to_the_fixture_worker(relay: Relay) -> None:
    assert relay.finish() == [(FIXTURE_WORKER_ID, Finish())]


TO_FIXTURE_WORKER: list[Message] = [
    Begin("run", 1, None, ("",)),
    Finish(),
    Interrupt(),
    Recover(1, Recovery(TABLES, Inline(b""))),
    WorkerJoined("gw0", 1, "1.5"),
    Request(1, TABLES),
    Fetch("gw0", 1, 1, Span(0, 1)),
]
FROM_FIXTURE_WORKER: list[Message] = [
    READY,
    FAILED,
    AsBefore(2, 1),
    Part("gw0", 1, b"", ""),
    Serving(),
    SettingUp(1, "tables", "conftest.py:1", True),
    SetUp(1, "tables", "conftest.py:1", None, (), None),
    Finalizing(1, "tables", "conftest.py:1"),
    Finalized(1, None),
    Hanging(1, "it hangs"),
    Interrupted(5, "tables", "conftest.py:3", "conftest.py:7"),
    ExitRequested("enough", None),
    Finished(),
]


@pytest.mark.parametrize(
    "message",
    [Finish(), Interrupt(), WorkerJoined("gw0", 1, "1.5"), *FROM_FIXTURE_WORKER],
    ids=lambda message: type(message).__name__,
)
def test_what_no_test_worker_sends(relay: Relay, message: Message) -> None:
    with pytest.raises(ProtocolError) as excinfo:
        relay.from_test_worker("gw5", message)
    assert str(excinfo.value) == f"Internal error: test worker gw5 sent {message}"
    assert relay.journal.events == [FixtureWorkerUp(1.0, "fixtureworker")]
    assert relay.fixture_worker.state is State.SERVING


@pytest.mark.parametrize(
    "message",
    TO_FIXTURE_WORKER,
    ids=lambda message: type(message).__name__,
)
def test_what_the_fixture_worker_does_not_send(relay: Relay, message: Message) -> None:
    with pytest.raises(ProtocolError) as excinfo:
        relay.from_fixture_worker(message)
    assert str(excinfo.value) == f"Internal error: the fixture worker sent {message}"
    assert relay.journal.events == [FixtureWorkerUp(1.0, "fixtureworker")]
    assert relay.fixture_worker.state is State.SERVING


class TestTheStart:
    """Of the fixture worker, which has not said yet that it serves."""

    @pytest.fixture
    def relay(self) -> Relay:
        return Relay(Journal(lambda: 0.0))

    def test_it_is_named_when_somebody_waits(self, relay: Relay) -> None:
        assert relay.activity is None
        relay.from_test_worker("gw0", Request(1, TABLES, "conftest.py:3"))
        assert relay.activity == "the start of the fixture worker"
        relay.from_fixture_worker(Serving())
        assert relay.activity == (
            "the look-up of the global fixture tables (conftest.py:3), or hooks around its set-up"
        )
        relay.from_fixture_worker(Ready(1, Inline(b""), (), ()))
        assert relay.activity is None

    def test_it_is_named_at_the_end(self, relay: Relay) -> None:
        relay.finish()
        assert relay.activity == "the start of the fixture worker"

    def test_it_takes_too_long(self, relay: Relay) -> None:
        relay.from_test_worker("gw0", Request(1, TABLES))
        ((worker, answer),) = relay.says_nothing()
        assert worker == "gw0"
        assert isinstance(answer, Failed)
        assert "its start took longer than fixture_worker_timeout" in answer.text
        assert not relay.fixture_worker.came_up
        assert relay.fixture_worker.hangs

    def test_an_interrupt_waits_a_while(self, relay: Relay) -> None:
        relay.interrupt()
        assert relay.is_unwanted
        assert relay.activity == "the start of the fixture worker, to end it"
        assert not relay.fixture_worker.ended
        relay.says_nothing()
        assert relay.fixture_worker.died == "the run was interrupted while it started"

    def test_the_second_interrupt_does_not_wait(self, relay: Relay) -> None:
        relay.interrupt()
        relay.interrupt()
        assert relay.fixture_worker.ended


def test_what_tests_will_want_is_told_once(relay: Relay) -> None:
    expected = Expected(TABLES, "conftest.py:3")
    assert relay.from_test_worker("gw0", expected) == [(FIXTURE_WORKER_ID, expected)]
    assert relay.from_test_worker("gw1", expected) == []
    other = Expected(SERVER, "conftest.py:7")
    assert relay.from_test_worker("gw1", other) == [(FIXTURE_WORKER_ID, other)]
    # Who asks for it asks as ever.
    assert forwarded(relay.from_test_worker("gw0", Request(1, TABLES))).instance == TABLES


def test_nobody_waits_for_what_is_done_ahead(relay: Relay) -> None:
    relay.from_fixture_worker(SettingUp(1, "tables", "conftest.py:3", True))
    assert relay.activity is None
    relay.from_test_worker("gw0", Request(1, SERVER))
    assert relay.activity == "the set-up of tables (conftest.py:3)"


def test_the_end_waits_for_what_is_done_ahead(relay: Relay) -> None:
    relay.from_fixture_worker(SettingUp(1, "tables", "conftest.py:3", True))
    relay.finish()
    assert relay.activity == "the set-up of tables (conftest.py:3)"


def test_what_else_goes_on_is_named(relay: Relay) -> None:
    relay.from_test_worker("gw0", Request(1, TABLES))
    relay.from_fixture_worker(Doing("the import of test_it.py"))
    assert relay.activity == "the import of test_it.py"
    relay.from_fixture_worker(SettingUp(1, "tables", "conftest.py:3", True))
    assert relay.activity == "the set-up of tables (conftest.py:3)"
    relay.from_fixture_worker(Doing("the pickling of tables"))
    assert relay.activity == "the pickling of tables"
    relay.from_fixture_worker(Doing(""))
    assert relay.activity == "the set-up of tables (conftest.py:3)"

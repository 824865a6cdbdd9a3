"""What the controller does with calls of live objects, with no channel and no process."""

from __future__ import annotations

import itertools

import pytest

from xdist_fixtureworker.controller import relay as relay_module
from xdist_fixtureworker.controller.journal import Journal
from xdist_fixtureworker.controller.relay import Relay
from xdist_fixtureworker.controller.requests import Delivery
from xdist_fixtureworker.errors import CallError, FixtureWorkerDiedError
from xdist_fixtureworker.roles import FIXTURE_WORKER_ID
from xdist_fixtureworker.wire import pickles
from xdist_fixtureworker.wire.frozen import replace
from xdist_fixtureworker.wire.messages import (
    Call,
    Fetch,
    Finish,
    Finished,
    Hanging,
    Held,
    Instance,
    Part,
    Raised,
    Released,
    Request,
    Returned,
    Serving,
    SettingUp,
    Span,
    Withdrawn,
    WorkerLeft,
)

WHAT = "pool.next() (conftest.py:3)"
CALL = Call("", 1, 7, "call", "next", b"arguments", WHAT, "test_it.py::test")
RETURNED = Returned("gw0", 1, b"value", ())


@pytest.fixture
def relay() -> Relay:
    """With a fixture worker that serves."""
    relay = Relay(Journal(itertools.count(1.0).__next__))
    assert relay.from_fixture_worker(Serving()) == []
    return relay


def error_of(deliveries: list[Delivery]) -> BaseException | None:
    ((_, message),) = deliveries
    assert isinstance(message, Raised)
    return pickles.unpack_exception(message.exception, "")


def test_there_and_back(relay: Relay) -> None:
    passed = relay.from_test_worker("gw0", CALL)
    assert passed == [(FIXTURE_WORKER_ID, replace(CALL, worker="gw0"))]
    assert relay.from_fixture_worker(RETURNED) == [("gw0", RETURNED)]
    raised = Raised("gw1", 1, None, "", "")
    relay.from_test_worker("gw1", CALL)
    assert relay.from_fixture_worker(raised) == [("gw1", raised)]


def test_a_test_worker_speaks_for_itself_only(relay: Relay) -> None:
    for message in (replace(CALL, worker="gw1"), Withdrawn("gw1", 1), Released("gw1", (3,))):
        passed = relay.from_test_worker("gw0", message)
        assert passed == [(FIXTURE_WORKER_ID, replace(message, worker="gw0"))]


def test_an_answer_that_nobody_waits_for(relay: Relay) -> None:
    """It is passed on to a worker that is there: what is in it has to be released."""
    assert relay.from_fixture_worker(RETURNED) == []
    relay.from_test_worker("gw0", CALL)
    relay.from_test_worker("gw0", Withdrawn("", 1))
    assert relay.activity is None
    assert relay.from_fixture_worker(RETURNED) == [("gw0", RETURNED)]
    assert relay.from_fixture_worker(Raised("gw0", 1, None, "", "")) == []


def test_a_test_worker_that_dies(relay: Relay) -> None:
    assert relay.test_worker_down("gw1") == []
    relay.from_test_worker("gw0", CALL)
    assert relay.test_worker_down("gw1") == []
    assert relay.test_worker_down("gw0") == [(FIXTURE_WORKER_ID, WorkerLeft("gw0"))]
    assert relay.activity is None
    assert relay.from_fixture_worker(RETURNED) == []
    assert relay.test_worker_down("gw0") == []


def test_the_fixture_worker_dies(relay: Relay) -> None:
    relay.from_test_worker("gw0", CALL)
    for deliveries in (
        relay.fixture_worker_down("killed by SIGKILL"),
        relay.from_test_worker("gw0", replace(CALL, id=2)),
    ):
        error = error_of(deliveries)
        assert type(error) is FixtureWorkerDiedError
        assert f"before there was an answer to {WHAT}: killed by SIGKILL" in str(error)
    assert relay.from_fixture_worker(RETURNED) == [("gw0", RETURNED)]  # the test worker drops it


def test_after_the_end(relay: Relay) -> None:
    assert relay.finish() == [(FIXTURE_WORKER_ID, Finish())]
    relay.from_fixture_worker(Finished())
    error = error_of(relay.from_test_worker("gw0", CALL))
    assert type(error) is CallError
    assert str(error) == relay_module.run_is_over()


def test_a_set_up_that_hangs_is_no_reason_to_refuse_calls(relay: Relay) -> None:
    relay.from_test_worker("gw0", CALL)
    relay.from_fixture_worker(SettingUp(1, "slow", "conftest.py:9", True))
    assert relay.from_fixture_worker(Hanging(1, "the set-up of slow hangs")) == []
    assert relay.from_test_worker("gw1", CALL) == [(FIXTURE_WORKER_ID, replace(CALL, worker="gw1"))]
    assert relay.from_fixture_worker(RETURNED) == [("gw0", RETURNED)]


def test_no_thread_of_the_fixture_worker_runs(relay: Relay) -> None:
    relay.from_test_worker("gw0", CALL)
    assert str(error_of(relay.says_nothing())) == relay_module.no_thread_runs()
    relay.from_test_worker("gw0", replace(CALL, id=2))
    assert str(error_of(relay.says_nothing())) == relay_module.no_thread_runs()
    assert relay.says_nothing() == []


def test_a_call_whose_answer_goes_by_socket(relay: Relay) -> None:
    """The test worker asked for it too late; or too early, and asks again."""
    relay.from_test_worker("gw0", replace(CALL, operation="move"))
    assert relay.activity == f"{WHAT}, asked for by gw0"
    withdrawn = Withdrawn("gw0", 1)
    assert relay.from_fixture_worker(withdrawn) == [("gw0", withdrawn)]
    assert relay.activity is None
    assert relay.from_fixture_worker(withdrawn) == []


def test_what_is_waited_for(relay: Relay) -> None:
    assert relay.activity is None
    relay.from_test_worker("gw0", CALL)
    relay.from_test_worker("gw1", CALL)
    assert relay.activity == f"{WHAT}, asked for by gw0"
    assert not relay.waits_for_tests
    relay.from_fixture_worker(Held("gw0", 1, "gw2 (test_it.py::test)"))
    assert relay.activity == f"{WHAT}, asked for by gw1"
    assert not relay.waits_for_tests
    relay.from_fixture_worker(Returned("gw1", 1, b"", ()))
    assert relay.activity == f"{WHAT}, asked for by gw0, held by gw2 (test_it.py::test)"
    assert relay.waits_for_tests
    relay.from_fixture_worker(SettingUp(1, "slow", "conftest.py:9", True))
    assert relay.waits_for_tests  # nobody waits for that
    relay.from_test_worker("gw2", Request(1, Instance((), "slow", "conftest", "slow", 0, ())))
    assert relay.activity == "the set-up of slow (conftest.py:9)"
    assert not relay.waits_for_tests


def test_it_does_not_wait_for_others_any_more(relay: Relay) -> None:
    relay.from_test_worker("gw0", CALL)
    relay.from_fixture_worker(Held("gw0", 1, "gw2"))
    relay.from_fixture_worker(Held("gw0", 1, ""))
    relay.from_fixture_worker(Held("gw0", 2, "gw2"))  # nobody waits for that one
    assert relay.activity == f"{WHAT}, asked for by gw0"
    assert not relay.waits_for_tests


# --- parts of large values, which are asked for in the same way

FETCH = Fetch("", 3, 1, Span(0, 4))
PART = Part("gw0", 3, b"part", "")


def test_parts_are_passed_on(relay: Relay) -> None:
    assert relay.from_test_worker("gw0", FETCH) == [
        (FIXTURE_WORKER_ID, replace(FETCH, worker="gw0"))
    ]
    assert relay.activity is None
    assert relay.from_fixture_worker(PART) == [("gw0", PART)]
    assert relay.from_fixture_worker(PART) == []


def test_parts_for_a_test_worker_that_died(relay: Relay) -> None:
    relay.from_test_worker("gw0", FETCH)
    relay.from_test_worker("gw1", FETCH)
    assert relay.test_worker_down("gw0") == []
    assert relay.from_fixture_worker(PART) == []
    assert relay.from_fixture_worker(replace(PART, worker="gw1")) == [
        ("gw1", replace(PART, worker="gw1"))
    ]


def test_parts_when_the_fixture_worker_dies(relay: Relay) -> None:
    relay.from_test_worker("gw0", FETCH)
    error = "the fixture worker ended before there was an answer to the request for that file: it was killed."
    refused = replace(PART, data=b"", error=error)
    assert relay.fixture_worker_down("it was killed") == [("gw0", refused)]
    assert relay.from_test_worker("gw0", FETCH) == [("gw0", refused)]


def test_parts_when_no_thread_of_the_fixture_worker_runs(relay: Relay) -> None:
    relay.from_test_worker("gw0", FETCH)
    ((worker, message),) = relay.says_nothing()
    assert (worker, type(message)) == ("gw0", Part)

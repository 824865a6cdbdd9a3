"""Whatever a peer sends, it is a message or an error that says who sent it; and a host of live
objects answers each call."""

from __future__ import annotations

import contextlib
import marshal
import pickle
import threading
import typing
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xdist_fixtureworker.errors import ProtocolError
from xdist_fixtureworker.sharing.host import Host
from xdist_fixtureworker.wire.codec import decode, encode, to_plain
from xdist_fixtureworker.wire.frozen import Frozen, field_names
from xdist_fixtureworker.wire.messages import (
    Call,
    Held,
    Message,
    Raised,
    Released,
    Returned,
    Withdrawn,
    WorkerLeft,
)

NEVER = 300.0
OF_CALLS = (Call, Returned, Raised, Held, Withdrawn, Released, WorkerLeft)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
SENDABLE = st.recursive(
    SCALARS | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from([cls.__name__ for cls in typing.get_args(Message)])
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: st.integers(0, 2**62),
    bytes: st.binary(),
    bytes | None: st.none() | st.binary(),
    tuple[int, ...]: st.lists(st.integers(0, 2**40)).map(tuple),
}


def messages(cls: type[Frozen]) -> st.SearchStrategy[Frozen]:
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{name: BY_TYPE[hints[name]] for name in field_names(cls)})


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(message=st.one_of(*map(messages, OF_CALLS)))
def test_messages_of_calls_arrive_as_they_were(message: Any) -> None:
    received = decode(encode(message), "gw0")
    assert received == message


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=SENDABLE | st.tuples(NAMES, st.lists(SENDABLE).map(tuple)))
def test_anything_else_is_refused(data: Any) -> None:
    with contextlib.suppress(ProtocolError):
        name, _ = to_plain(decode(marshal.dumps(data), "gw0"))
        assert data[0] == name


class Box:
    def get(self, *args: object) -> object:
        return args


OPERATIONS = ["call", "get", "set", "iterate", "take", "acquire", "release", "__len__", "__eq__"]
CALLS = st.builds(
    Call,
    worker=st.sampled_from(["gw0", "gw1"]),
    id=st.integers(0, 2**31),
    object=st.integers(0, 3),
    operation=st.sampled_from(OPERATIONS) | st.text(),
    name=st.sampled_from(["get", "_private", "__class__", "0.001", "7", ""]) | st.text(),
    arguments=st.binary() | SENDABLE.map(lambda value: pickle.dumps(((value,), {}))),
    what=st.just("what"),
    test=st.text(),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(calls=st.lists(CALLS, max_size=6, unique_by=lambda call: (call.worker, call.id)))
def test_each_call_is_answered(calls: list[Call]) -> None:
    answers: list[Any] = []
    answered = threading.Condition()

    def send(message: Message) -> None:
        with answered:
            if not isinstance(message, Held):
                answers.append(message)
            answered.notify()

    host = Host(send)
    host.share(Box(), "it", "conftest.py:3", 1)
    for call in calls:
        host.receive(call)
    # Some may wait for exclusive use that another worker has.
    for worker in ("gw0", "gw1"):
        host.receive(Withdrawn(worker, 2**40))
    host.finalize()
    waits = {(c.worker, c.id) for c in calls if c.operation == "acquire"}
    expected = {(c.worker, c.id) for c in calls} - waits
    with answered:
        assert answered.wait_for(
            lambda: expected <= {(a.worker, a.id) for a in answers}, timeout=NEVER
        )
    assert len({(a.worker, a.id) for a in answers}) == len(answers)

"""Messages arrive as they were sent; what is no message is refused."""

from __future__ import annotations

import enum
import inspect
import marshal
import os
import pickle
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from xdist_fixtureworker.errors import ProtocolError
from xdist_fixtureworker.wire import codec, messages
from xdist_fixtureworker.wire.codec import (
    decode,
    decode_all,
    encode,
    encode_all,
    from_plain,
    prepare,
    to_plain,
)
from xdist_fixtureworker.wire.frozen import Frozen, field_names, replace
from xdist_fixtureworker.wire.messages import (
    AsBefore,
    Begin,
    Call,
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
    Freed,
    Group,
    Groups,
    Hanging,
    Held,
    Inline,
    Instance,
    Interrupt,
    Interrupted,
    Mapped,
    Message,
    Needed,
    Output,
    Param,
    Part,
    Raised,
    Ready,
    Recover,
    Recovery,
    Released,
    Request,
    Returned,
    Serving,
    SettingUp,
    Settle,
    Settled,
    SetUp,
    Span,
    Step,
    Variable,
    Withdrawn,
    WorkerJoined,
    WorkerLeft,
    Yours,
)

NESTED = Instance(
    place=(Step("tests/a b", "a b", "Package"), Step("tests/a b/test_é.py", "test_é.py", "Module")),
    name="tables",
    module="tests.conftest",
    qualname="TestIt.tables",
    occurrence=2,
    params=(
        Param("size", 3, None, (), "'small'"),
        Param("url", 0, b"\x80\x05\x00", (Step("a/test_it.py", "test_it.py", "Module"),), ""),
    ),
)
FLAT = Instance((), "tables", "conftest", "tables", 0, ())
REPORT = {
    "nodeid": "global fixture tables",
    "location": ("conftest.py", 3, "global fixture tables"),
    "sections": [("Captured stdout setup", "é\n")],
    "longrepr": {"reprcrash": None, "chain": [[1, 2.5, True]]},
}

EXAMPLES: list[Message] = [
    WorkerJoined("gw0", 4711, "boot/1700"),
    WorkerJoined("gw1", 0, "", "socket=there:8888", 4711, 2),
    Request(1, NESTED, "conftest.py:3"),
    Request(2, FLAT),
    Expected(NESTED, "conftest.py:3", b"\x80\x05N."),
    Expected(FLAT),
    Groups((Group((NESTED, FLAT)), Group(()))),
    Needed(1, FLAT, "conftest.py:3", "other (conftest.py:7)"),
    Yours(1),
    Settle(),
    Settled(),
    Freed(2**40),
    Ready(
        1,
        Inline(b"\x80\x05N."),
        (Change(3, 7, (Variable("URL", "é"), Variable("GONE", None))),),
        (Output(4, "server", "log", "é"),),
    ),
    Ready(2, Inline(b""), (), ()),
    Failed(1, b"\x80\x05N.", "ValueError: no", "conftest.py:3: ValueError", REPORT),
    Failed(2, None, "", "", None),
    AsBefore(2, 1),
    Call(
        "", 1, 3, "call", "next", b"\x80", "accounts.next() (conftest.py:3)", "test_it.py::test_é"
    ),
    Returned("gw0", 1, b"\x80\x05N.", (3, 3, 4)),
    Returned("gw0", 2, b"", ()),
    Raised("gw0", 1, b"\x80", "ValueError: no", "conftest.py:3: ValueError"),
    Raised("gw0", 1, None, "", ""),
    Held("gw0", 1, "gw1 (test_it.py::test_é)"),
    Withdrawn("", 1),
    Released("gw0", (3, 3, 4)),
    WorkerLeft("gw0"),
    Interrupt(),
    Finish(),
    Finish(3, 60, "stopping after 3 failures", "enough", 1, (7, 2**40)),
    Serving(),
    Begin("5f0c", 4711, "/project/.pytest_cache/fixture_worker", ("/dev/shm/a", "/tmp/a")),
    Begin("5f0c", 4711, None, ("/tmp/a",)),
    Begin("5f0c", 4711, None, (), True, 2),
    Ready(3, Mapped(1, "/tmp/é/1", b"\x00" * 16, Span(64, 7), (Span(128, 2**40),)), (), ()),
    Fetch("", 1, 7, Span(2**40, 2**20)),
    Part("gw0", 1, b"\x00", ""),
    Part("gw0", 2, b"", "OSError: é"),
    Recover(3, Recovery(FLAT, Inline(b"\x80\x05N."))),
    Doing("the import of test_it.py"),
    SettingUp(1, "tables", "conftest.py:3", True),
    SetUp(1, "tables", "conftest.py:3", REPORT, ("A", "B"), Recovery(NESTED, Inline(b"\x80"))),
    SetUp(2**40, "tables", "conftest.py:3", None, (), None),
    Finalizing(1, "tables", "conftest.py:3"),
    Finalized(1, REPORT),
    Finalized(1, None),
    Hanging(1, "the set-up hangs"),
    Interrupted(5, "tables", "conftest.py:3", "conftest.py:7"),
    ExitRequested("enough", 3),
    ExitRequested("", None),
    Finished(),
]
CLASSES = typing.get_args(Message)


def name_of(message: Message) -> str:
    return type(message).__name__


def hints_of(cls: type[Frozen]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {name: hints[name] for name in field_names(cls)}


def records_in(value: object) -> Iterator[Any]:
    """``value`` and the records inside, each."""
    if isinstance(value, tuple):
        for element in value:
            yield from records_in(element)
    elif isinstance(value, Frozen):
        yield value
        for field in field_names(type(value)):
            yield from records_in(getattr(value, field))


@pytest.mark.parametrize("message", EXAMPLES, ids=name_of)
def test_round_trip(message: Message) -> None:
    received = decode(encode(message), "the other side")
    assert received == message
    assert type(received) is type(message)


@pytest.mark.parametrize("message", EXAMPLES, ids=name_of)
def test_what_is_prepared_is_looked_at_once(message: Message) -> None:
    prepare(type(message))
    looked_at = codec._readers_of_fields.cache_info().misses
    decode(encode(message), "the other side")
    assert codec._readers_of_fields.cache_info().misses == looked_at


def test_every_record_of_the_module_has_an_example() -> None:
    defined = {
        cls
        for _, cls in inspect.getmembers(
            messages, lambda found: isinstance(found, type) and issubclass(found, Frozen)
        )
        if cls.__module__ == messages.__name__
    }
    exemplified = {type(part) for message in EXAMPLES for part in records_in(message)}
    assert exemplified == defined
    assert {type(message) for message in EXAMPLES} == set(CLASSES)


@pytest.mark.parametrize("cls", sorted({type(p) for m in EXAMPLES for p in records_in(m)}, key=str))
def test_every_optional_field_has_an_example_with_and_without_a_value(cls: type[Any]) -> None:
    parts = [part for m in EXAMPLES for part in records_in(m) if type(part) is cls]
    for field, hint in hints_of(cls).items():
        present = {getattr(part, field) is None for part in parts}
        if type(None) in typing.get_args(hint):
            assert present == {True, False}, field
        else:
            assert present == {False}, field


@pytest.mark.parametrize("message", EXAMPLES, ids=name_of)
def test_messages_are_frozen(message: Message) -> None:
    with pytest.raises(AttributeError):
        message.id = 7  # type: ignore[misc, union-attr]  # that is the point


def test_equal_instances_are_one_key() -> None:
    received = decode(encode(Request(1, NESTED)), "gw0")
    assert isinstance(received, Request)
    assert {NESTED: "value"}[received.instance] == "value"
    assert hash(FLAT) != hash(NESTED)


NOT_UTF_8 = os.fsdecode(b"caf\xe9")  # as in os.environ or in the name of a file


@pytest.mark.parametrize(
    "message",
    [
        Ready(
            1,
            Inline(b""),
            (Change(1, 1, (Variable("NAME", NOT_UTF_8),)),),
            (Output(1, "server", "stdout", NOT_UTF_8),),
        ),
        Failed(1, None, f"FileNotFoundError: {NOT_UTF_8}", NOT_UTF_8, None),
        Failed(1, None, "", "", {"longrepr": NOT_UTF_8}),
        Failed(1, None, "", "", {"keywords": {f"test_it[{NOT_UTF_8}]": 1}}),
        SetUp(1, "tables", "conftest.py:3", {"sections": [("stdout", NOT_UTF_8)]}, (), None),
        Finalized(1, {"longrepr": NOT_UTF_8}),
        ExitRequested(NOT_UTF_8, 1),
        Raised("gw0", 1, None, NOT_UTF_8, NOT_UTF_8),
    ],
    ids=[
        "environment",
        "text",
        "failed-report",
        "keywords",
        "set-up-report",
        "finalizer-report",
        "exit",
        "raised",
    ],
)
def test_text_that_is_not_utf_8_can_be_sent(message: Message) -> None:
    received = decode(encode(message), "the other side")
    assert type(received) is type(message)


def test_text_that_is_not_utf_8_arrives_as_it_was() -> None:
    """Outside of reports, which are there to be read."""
    variables = (Variable(NOT_UTF_8, None), Variable("NAME", NOT_UTF_8))
    message = Ready(1, Inline(b""), (Change(1, 1, variables),), ())
    assert decode(encode(message), "the fixture worker") == message


def test_reports_stay_readable() -> None:
    report = {"longrepr": f"no such file: {NOT_UTF_8}", "sections": [("stdout", "é")]}
    received = decode(encode(Failed(1, None, "", "", report)), "the fixture worker")
    assert isinstance(received, Failed)
    assert received.report == {
        "longrepr": r"no such file: caf\udce9",
        "sections": [("stdout", "é")],
    }


# --- what is refused


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        "Finish",
        (),
        ("Finish",),
        ("Finish", (), ()),
        ("Finish", 0),
        (b"Finish", ()),
        ("finish", ()),
        ("Nonsense", (1, 2)),
        ("Step", ("a", "b", "Module")),  # part of a message, but none
        ("Message", ()),
        {"Finish": ()},
    ],
    ids=repr,
)
def test_unknown_messages(data: object) -> None:
    with pytest.raises(ProtocolError) as excinfo:
        from_plain(data, "test worker gw7")
    assert str(excinfo.value) == (
        f"Internal error: test worker gw7 sent an unknown message: {data!r}"
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, "an unknown message: None"),
        ("Finish", "an unknown message: 'Finish'"),
        (b"", "garbage: EOF read where object expected"),
        (b"\xff\xff", "garbage: bad marshal data (unknown type code)"),
        (encode(Finish())[:-1], "garbage: "),
        (marshal.dumps(("Finish", 0)), "an unknown message: ('Finish', 0)"),
    ],
    ids=["nothing", "text", "empty", "no data", "half a message", "no message"],
)
def test_bytes_that_are_no_message(data: object, text: str) -> None:
    with pytest.raises(ProtocolError) as excinfo:
        decode(data, "gw7")
    assert str(excinfo.value).startswith(f"Internal error: gw7 sent {text}")
    with pytest.raises(ProtocolError, match=r"^Internal error: gw7 sent "):
        decode_all(data, "gw7")


def test_a_member_of_an_enumeration_arrives_as_its_value() -> None:
    class Name(str, enum.Enum):
        TABLES = "tables"

    class Number(enum.IntEnum):
        ONE = 1

    received = decode(encode(SettingUp(Number.ONE, Name.TABLES, "", True)), "gw0")
    assert received == SettingUp(1, "tables", "", True)
    assert isinstance(received, SettingUp)
    assert (type(received.id), type(received.fixture)) == (int, str)


def test_several_messages_come_in_a_list() -> None:
    messages = [Serving(), Doing("an import")]
    received = decode_all(encode_all(messages), "the fixture worker")
    assert received == messages
    with pytest.raises(
        ProtocolError, match=r"^Internal error: gw7 sent no list of messages: .'Ser"
    ):
        decode_all(encode(Serving()), "gw7")


def test_an_unknown_message_is_quoted_in_part_only() -> None:
    with pytest.raises(ProtocolError) as excinfo:
        from_plain(("Nonsense", ("x" * 10_000,)), "the controller")
    assert str(excinfo.value).startswith(
        "Internal error: the controller sent an unknown message: ('Nonsense', ('xxx"
    )
    assert len(str(excinfo.value)) < 300


@pytest.mark.parametrize("message", EXAMPLES, ids=name_of)
def test_wrong_number_of_fields(message: Message) -> None:
    name, fields = to_plain(message)
    wrong = [(*fields, 1)] if not fields else [(*fields, 1), fields[:-1]]
    for values in wrong:
        with pytest.raises(ProtocolError) as excinfo:
            from_plain((name, values), "test worker gw1")
        assert str(excinfo.value).startswith(
            f"Internal error: test worker gw1 sent {name} with the wrong number of fields: ("
        )


def replaced(value: object, hint: Any, where: str) -> Iterator[tuple[str, object]]:
    """``value`` with one typed value inside replaced by one of a wrong type, in all ways."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and isinstance(value, tuple):
        for index, element in enumerate(value):
            for path, changed in replaced(element, arguments[0], where):
                yield path, (*value[:index], changed, *value[index + 1 :])
    elif isinstance(hint, type) and issubclass(hint, Frozen) and isinstance(value, tuple):
        for index, (field, inner) in enumerate(hints_of(hint).items()):
            for path, changed in replaced(value[index], inner, f"{where}.{field}"):
                yield path, (*value[:index], changed, *value[index + 1 :])
        return
    yield where, 1j


@pytest.mark.parametrize("message", EXAMPLES, ids=name_of)
def test_wrong_type_anywhere(message: Message) -> None:
    name, fields = to_plain(message)
    wrong = list(replaced(fields, type(message), name))
    hints = hints_of(type(message))
    assert {where.split(".")[1] for where, _ in wrong} == set(hints)
    for where, changed in wrong:
        with pytest.raises(ProtocolError) as excinfo:
            from_plain((name, changed), "the fixture worker")
        text = f"Internal error: the fixture worker sent {where} as complex: 1j"
        assert str(excinfo.value) == text or (
            # where a whole nested part was expected
            str(excinfo.value)
            == f"Internal error: the fixture worker sent {where} with the wrong number of fields: 1j"
        )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (("WorkerJoined", ("gw0", "1", "", "", 0, 1)), "WorkerJoined.pid as str: '1'"),
        (("WorkerJoined", ("gw0", True, "", "", 0, 1)), "WorkerJoined.pid as bool: True"),
        (("WorkerJoined", ("gw0", 1.0, "", "", 0, 1)), "WorkerJoined.pid as float: 1.0"),
        (("WorkerJoined", ("gw0", None, "", "", 0, 1)), "WorkerJoined.pid as NoneType: None"),
        (("WorkerJoined", ("gw0", 1, 1, "", 0, 1)), "WorkerJoined.started as int: 1"),
        (
            ("Ready", (1, "value", (), (), ())),
            "Ready.value as str: 'value'",
        ),
        (
            ("Ready", (1, ("Inline", ("value",)), (), (), ())),
            "Ready.value.Inline.data as str: 'value'",
        ),
        (("Ready", (1, ("Inline", (b"",)), [], (), ())), "Ready.environment as list: []"),
        (
            ("Ready", (1, ("Inline", (b"",)), ((1, 1, (("A", 1),)),), (), ())),
            "Ready.environment.variables.value as int: 1",
        ),
        (("Failed", (1, "x", "", "", None)), "Failed.exception as str: 'x'"),
        (("ExitRequested", (b"\xff", None)), r"ExitRequested.reason as bytes: b'\xff'"),
        (("Failed", (1, None, "", "", ())), "Failed.report as tuple: ()"),
        (("ExitRequested", ("", "1")), "ExitRequested.returncode as str: '1'"),
        (
            ("Request", (1, ((("a", "b", 3),), "n", "m", "q", 0, ()), "", b"")),
            "Request.instance.place.kind as int: 3",
        ),
        (
            ("Request", (1, ((("a", "b"),), "n", "m", "q", 0, ()), "", b"")),
            "Request.instance.place with the wrong number of fields: ('a', 'b')",
        ),
        (
            ("Request", (1, ((), "n", "m", "q", 0, (("p", 0, "v", (), ""),)), "", b"")),
            "Request.instance.params.value as str: 'v'",
        ),
        (
            ("Request", (1, "tables", "", b"")),
            "Request.instance with the wrong number of fields: 'tables'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_types_are_named_with_their_sender(data: object, text: str) -> None:
    with pytest.raises(ProtocolError) as excinfo:
        from_plain(data, "test worker gw2")
    assert str(excinfo.value) == f"Internal error: test worker gw2 sent {text}"


@pytest.mark.parametrize("sender", ["the controller", "the fixture worker", "test worker gw3"])
def test_the_error_says_who_sent_it(sender: str) -> None:
    for data in (None, ("Finish", (1,)), ("WorkerJoined", ("1",))):
        with pytest.raises(ProtocolError, match=f"^Internal error: {sender} sent "):
            from_plain(data, sender)


# --- fields that take several types


class Left(Frozen):
    text: str


class Right(Frozen):
    number: int
    inner: Left | Right | None


class Several(Frozen):
    one: Left | Right
    maybe: Left | Right | None
    each: tuple[Left | Right | int, ...]
    scalar: int | str | bytes | None


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it a message."""
    monkeypatch.setattr(codec, "_MESSAGES", {"Several": Several})


SEVERAL = [
    Several(Left("a"), None, (), None),
    Several(Right(1, None), Left("b"), (Left("c"), 2, Right(3, Right(4, Left("d")))), 5),
    Several(Left(NOT_UTF_8), Right(1, Left("")), (), "text"),
    Several(Left(""), None, (1, 2), b"bytes"),
]


@pytest.mark.parametrize("message", SEVERAL, ids=str)
def test_a_field_takes_each_of_several_records(several: None, message: Any) -> None:
    received = decode(encode(message), "gw0")
    assert received == message
    assert type(received.one) is type(message.one)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ((None, None, (), None), "Several.one as NoneType: None"),
        ((("a",), None, (), None), "Several.one as tuple: ('a',)"),
        ((("Several", ()), None, (), None), "Several.one as tuple: ('Several', ())"),
        ((("Left", (1,)), None, (), None), "Several.one.Left.text as int: 1"),
        ((("Left", "a"), None, (), None), "Several.one.Left with the wrong number of fields: 'a'"),
        (
            (("Right", (1, ("Left", ()))), None, (), None),
            "Several.one.Right.inner.Left with the wrong number of fields: ()",
        ),
        ((("Left", ("",)), 1, (), None), "Several.maybe as int: 1"),
        ((("Left", ("",)), None, ("Left", ("",)), None), "Several.each as str: 'Left'"),
        ((("Left", ("",)), None, (None,), None), "Several.each as NoneType: None"),
        ((("Left", ("",)), None, (), 1.5), "Several.scalar as float: 1.5"),
        ((("Left", ("",)), None, (), True), "Several.scalar as bool: True"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_type_of_several_fits(several: None, fields: object, text: str) -> None:
    with pytest.raises(ProtocolError) as excinfo:
        from_plain(("Several", fields), "gw0")
    assert str(excinfo.value) == f"Internal error: gw0 sent {text}"


# --- records


class Point(Frozen):
    x: int
    y: int = 0


def test_records() -> None:
    assert Point(1) == Point(1, 0) == Point(x=1) == Point(y=0, x=1)
    assert Point(1) != Point(2)
    assert Point(1) != (1, 0)
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
    assert replace(Point(1, 2), y=3) == Point(1, 3)
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 2}), ((1,), {"z": 2})]
)
def test_records_are_made_of_all_their_fields(args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError, match=r"^Point "):
        Point(*args, **kwargs)


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match=r"Point\.x cannot be changed"):
        Point(1).x = 2  # type: ignore[misc]  # that is the point
    with pytest.raises(AttributeError, match=r"Point\.x cannot be deleted"):
        del Point(1).x

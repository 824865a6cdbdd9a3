"""The messages between the processes, and how they cross an execnet channel.

A message is a frozen dataclass. On a channel it is a tuple ``(name, (field, ...))`` of the types
that execnet can send; only this module sees those tuples. :func:`decode` checks the name, the
number of fields and the type of every value, nested ones included.

========================  ============================  =========================================
from -> to                message                       meaning
========================  ============================  =========================================
test worker -> controller :class:`Request`              give me this value
controller -> fixture w.  :class:`Begin`                first message: which run this is
controller -> fixture w.  :class:`Request`              as from a test worker, once per instance
controller -> fixture w.  :class:`WorkerJoined`         a test worker was started
controller -> fixture w.  :class:`Interrupt`            Ctrl-C: cut a running set-up short
controller -> fixture w.  :class:`Recover`              undo what a dead fixture worker left
controller -> fixture w.  :class:`Finish`               all test workers are down: finalize
fixture w. -> controller  :class:`Serving`              first message: pytest is up
fixture w. -> controller  :class:`Ready`, :class:`Failed`   the one answer to a request
controller -> test worker :class:`Ready`, :class:`Failed`   the same, to each that asked
fixture w. -> controller  :class:`SettingUp`            a set-up starts
fixture w. -> controller  :class:`SetUp`                a set-up ended
fixture w. -> controller  :class:`Finalizing`           a finalizer, or a recovery, starts
fixture w. -> controller  :class:`Finalized`            a finalizer, or a recovery, ended
fixture w. -> controller  :class:`Hanging`              a time-out did not cut it short
fixture w. -> controller  :class:`ExitRequested`        a set-up called ``pytest.exit``
fixture w. -> controller  :class:`Finished`             last message: all is finalized
========================  ============================  =========================================
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .errors import ProtocolError


@dataclass(frozen=True)
class Step:
    """One node on the way from the session to the node where a fixture is defined."""

    path: str  #: POSIX path of the node, relative to pytest's rootdir
    name: str
    kind: str  #: name of the node's class: two nodes can share path and name


@dataclass(frozen=True)
class Param:
    """The parameter of one parametrized fixture that an instance depends on."""

    name: str
    index: int  #: position in its ``parametrize()`` call or ``params``
    value: bytes | None  #: the pickled value; None: it stands at ``index`` in the definition
    module: tuple[Step, ...]  #: of the test that has the value: its class may be defined there
    text: str  #: what stands at ``index``, to be compared; empty if it is sent, or no plain data


@dataclass(frozen=True)
class Instance:
    """What makes one instance of a global fixture that one and no other."""

    place: tuple[Step, ...]  #: empty: defined for the whole session
    name: str
    module: str
    qualname: str
    occurrence: int  #: among definitions that agree in all of the above
    params: tuple[Param, ...]


@dataclass(frozen=True)
class Variable:
    """A change to ``os.environ``; ``value`` is None where the variable was removed."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Change:
    """What the set-up of a fixture with ``env=True`` changed in ``os.environ``."""

    fixture: int  #: the same for all instances of a parametrized one
    order: int  #: of the set-ups: where two changed one variable, the later one has its way
    variables: tuple[Variable, ...]


@dataclass(frozen=True)
class Output:
    """What was captured during a set-up, to be shown with a test that fails."""

    set_up: int  #: its id
    kind: str  #: "stdout", "stderr" or "log"
    text: str


@dataclass(frozen=True)
class Recovery:
    """What it takes to undo a set-up in another process: the definition, and the value."""

    instance: Instance  #: without params: the value is what is left of them
    value: bytes  #: pickled


@dataclass(frozen=True)
class Begin:
    run: str  #: an id of our own
    controller: int  #: its process
    ledger: str | None  #: directory of the files that tell what is set up; None: do not write any


@dataclass(frozen=True)
class Serving:
    pass


@dataclass(frozen=True)
class WorkerJoined:
    worker: str
    pid: int
    created: float  #: when that process was started: its id may be used again


@dataclass(frozen=True)
class Request:
    id: int
    instance: Instance


@dataclass(frozen=True)
class Ready:
    id: int
    value: bytes
    environment: tuple[Change, ...]  #: its own, and those of what it depends on
    output: tuple[Output, ...]  #: likewise


@dataclass(frozen=True)
class Failed:
    id: int
    exception: bytes | None  #: pickled, where pickle takes it
    text: str  #: type and message of the exception
    traceback: str
    report: Mapping[str, object] | None  #: the serialized report of the set-up, if there is one


@dataclass(frozen=True)
class Interrupt:
    pass


@dataclass(frozen=True)
class Finish:
    pass


@dataclass(frozen=True)
class Recover:
    id: int  #: of the set-up, in the fixture worker that died
    recovery: Recovery


@dataclass(frozen=True)
class SettingUp:
    id: int  #: one per set-up and fixture worker
    fixture: str
    where: str
    is_global: bool  #: False: a session fixture that a global one depends on


@dataclass(frozen=True)
class SetUp:
    id: int
    fixture: str
    where: str
    report: Mapping[str, object] | None
    environment: tuple[str, ...]  #: names of variables that it changed and nobody replays
    recovery: Recovery | None


@dataclass(frozen=True)
class Finalizing:
    id: int
    fixture: str
    where: str


@dataclass(frozen=True)
class Finalized:
    id: int
    report: Mapping[str, object] | None  #: of a finalizer that failed


@dataclass(frozen=True)
class Hanging:
    id: int
    text: str  #: what hangs, and the stacks of all threads


@dataclass(frozen=True)
class ExitRequested:
    reason: str
    returncode: int | None


@dataclass(frozen=True)
class Finished:
    pass


Answer: TypeAlias = Ready | Failed
Message: TypeAlias = (
    Begin
    | Serving
    | WorkerJoined
    | Request
    | Ready
    | Failed
    | Interrupt
    | Recover
    | Finish
    | SettingUp
    | SetUp
    | Finalizing
    | Finalized
    | Hanging
    | ExitRequested
    | Finished
)
_MESSAGES: Mapping[str, type[Any]] = {cls.__name__: cls for cls in typing.get_args(Message)}


def encode(message: Message) -> tuple[str, tuple[object, ...]]:
    """The form in which ``message`` can be sent over an execnet channel. Any process."""
    return type(message).__name__, _fields(message)


def _fields(value: Any) -> tuple[object, ...]:
    return tuple(_plain(getattr(value, field.name)) for field in dataclasses.fields(value))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, tuple):
        return tuple(_plain(element) for element in value)
    if isinstance(value, str) and not _is_utf_8(value):
        return value.encode("utf-8", "surrogatepass")  # decode() makes it a str again
    if isinstance(value, Mapping):
        return _readable(value)
    return value


def _is_utf_8(text: str) -> bool:
    """Whether execnet can send ``text``. File names and variables may have any bytes in them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _readable(value: Any) -> Any:
    """A report with what is not UTF-8 in it escaped: it is there to be read."""
    if isinstance(value, str) and not _is_utf_8(value):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_readable(key): _readable(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        elements = [_readable(element) for element in value]
        return tuple(elements) if isinstance(value, tuple) else elements
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    return repr(value)  # something that another plugin put into the report


def decode(data: object, sender: str) -> Message:
    """The message that ``data`` stands for. Any process.

    :param sender: who sent it, for the error.
    :raises ProtocolError: if ``data`` is no message, or a field is missing or has a wrong type.
    """
    match data:
        case (str(name), tuple(fields)) if name in _MESSAGES:
            return typing.cast(Message, _build(_MESSAGES[name], fields, name, sender))
    raise ProtocolError(f"Internal error: {sender} sent an unknown message: {data!r:.200}")


def _build(cls: type[Any], values: object, where: str, sender: str) -> object:
    hints = _hints(cls)  # type: ignore[arg-type]  # a class is hashable, whatever mypy thinks
    if not isinstance(values, tuple) or len(values) != len(hints):
        raise ProtocolError(
            f"Internal error: {sender} sent {where} with the wrong number of fields: "
            f"{values!r:.200}"
        )
    return cls(
        *(
            _check(hint, value, f"{where}.{field}", sender)
            for (field, hint), value in zip(hints.items(), values, strict=True)
        )
    )


@functools.cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _check(hint: Any, value: object, where: str, sender: str) -> object:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is tuple and isinstance(value, tuple):
        return tuple(_check(arguments[0], element, where, sender) for element in value)
    if origin is types.UnionType:
        if value is None and type(None) in arguments:
            return None
        return _check(arguments[0], value, where, sender)
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast("type[Any]", hint), value, where, sender)
    if hint is str and isinstance(value, bytes):
        with contextlib.suppress(UnicodeDecodeError):
            return value.decode("utf-8", "surrogatepass")
    expected = dict if origin is Mapping else hint
    if type(value) is expected or (origin is Mapping and isinstance(value, dict)):
        return value
    raise ProtocolError(
        f"Internal error: {sender} sent {where} as {type(value).__name__}: {value!r:.200}"
    )

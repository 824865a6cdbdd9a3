"""Routes requests and answers between test workers and the fixture worker; runs in the controller.

Pure: :class:`Relay` is told what arrived and returns what to send where. It knows no channel,
thread or clock; :mod:`.switchboard` has those.

An instance that several test workers want is asked for once, and its answer is kept: whoever asks
later is answered from here, also when the fixture worker is gone by then.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import errors
from ..wire import pickles
from ..wire.frozen import Frozen, replace
from ..wire.messages import (
    Answer,
    AsBefore,
    ExitRequested,
    Failed,
    Finalized,
    Finalizing,
    Finish,
    Finished,
    Hanging,
    Instance,
    Interrupt,
    Message,
    Ready,
    Recover,
    Recovery,
    Request,
    Serving,
    SettingUp,
    SetUp,
    WorkerJoined,
)

FIXTURE_WORKER = ""
"""The address of the fixture worker; test workers are addressed by their xdist id."""

Delivery = tuple[str, Message]


class Live(Frozen):
    """A global fixture that is set up, or being set up, in the fixture worker."""

    fixture: str
    where: str  #: ``file:line``
    recovery: Recovery | None = None
    is_set_up: bool = False

    def __str__(self) -> str:
        suffix = "" if self.is_set_up else ", while it was being set up"
        return f"{self.fixture} ({self.where}){suffix}"


@dataclass
class Record:
    """What the relay learned during the run, for the summary and the exit code."""

    set_ups: list[SetUp] = field(default_factory=list)
    failed_finalizers: list[Mapping[str, Any]] = field(default_factory=list)
    live: dict[int, Live] = field(default_factory=dict)  #: by id, in the order of set-up
    running: dict[int, str] = field(default_factory=dict)  #: what is going on, by id
    test_workers: dict[str, WorkerJoined] = field(default_factory=dict)  #: all that ever were
    exit_requested: ExitRequested | None = None
    served: bool = False  #: whether pytest came up in the fixture worker
    hanging: Hanging | None = None
    finished: bool = False
    died: str | None = None  #: why the fixture worker ended too early

    @property
    def unfinalized(self) -> list[str]:
        """``name (file:line)`` of what was set up and not finalized."""
        return [str(live) for live in self.live.values()]

    @property
    def activity(self) -> str | None:
        """What is going on in the fixture worker, as far as it is worth telling."""
        return next(reversed(self.running.values()), None)

    @property
    def recoverable(self) -> dict[int, Live]:
        """What a ``recover=`` function can undo, last set up first."""
        return {id_: live for id_, live in reversed(self.live.items()) if live.recovery is not None}


class Relay:
    """The state of all requests of one test run."""

    def __init__(self) -> None:
        self.record = Record()
        self._ids = itertools.count(1)
        self._asked: dict[int, Instance] = {}
        self._waiting: dict[Instance, list[tuple[str, int]]] = {}
        self._answers: dict[Instance, Answer] = {}
        self._answered: dict[int, Instance] = {}
        self._given_up: set[int] = set()  # requests that were answered in the place of a dead one
        self._finishing = False
        self._recovering = False

    def from_test_worker(self, worker: str, message: Message) -> list[Delivery]:
        """What to send after ``message`` came from the test worker of that id."""
        match message:
            case Request():
                return self._request(worker, message)
            case _:
                raise errors.ProtocolError(f"Internal error: test worker {worker} sent {message}")

    def from_fixture_worker(self, message: Message) -> list[Delivery]:
        """What to send after ``message`` came from the fixture worker."""
        record = self.record
        record.hanging = None  # it sends something: it came loose
        match message:
            case Ready() | Failed():
                return self._answer(message)
            case AsBefore():
                earlier = self._answers[self._answered[message.earlier]]
                return self._answer(replace(earlier, id=message.id))
            case Serving():
                record.served = True
            case SettingUp() | SetUp() | Finalizing() | Finalized():
                self._note(message)
            case Hanging():
                return self._hanging(message)
            case ExitRequested():
                record.exit_requested = message
            case Finished():
                record.finished = True
            case _:
                raise errors.ProtocolError(f"Internal error: the fixture worker sent {message}")
        return []

    def _note(self, message: SettingUp | SetUp | Finalizing | Finalized) -> None:
        """Keep what is set up, and what is going on."""
        record, id_ = self.record, message.id
        match message:
            case SettingUp():
                record.running[id_] = f"the set-up of {message.fixture} ({message.where})"
                if message.is_global:
                    record.live[id_] = Live(message.fixture, message.where)
            case SetUp():
                record.running.pop(id_, None)
                record.set_ups.append(message)
                if id_ in record.live:
                    live = record.live[id_]
                    record.live[id_] = replace(live, recovery=message.recovery, is_set_up=True)
            case Finalizing():
                record.running[id_] = f"the finalizer of {message.fixture} ({message.where})"
            case Finalized():
                record.running.pop(id_, None)
                if message.report is None or not self._recovering:
                    record.live.pop(id_, None)
                if message.report is not None:
                    record.failed_finalizers.append(message.report)

    def _hanging(self, message: Hanging) -> list[Delivery]:
        self.record.hanging = message
        if self._finishing:
            return self.fixture_worker_down(_first_line(message.text))
        return self._give_up(errors.SetUpError(message.text))

    def says_nothing(self) -> list[Delivery]:
        """What to send when the fixture worker is silent for longer than its own watch allows.

        No thread of it runs then, as while a call into C code keeps the interpreter's lock.
        """
        id_ = next(reversed(self.record.running), 0)
        activity = self.record.activity or ""
        if self.record.hanging is not None:
            return []
        return self._hanging(Hanging(id_, says_nothing_more(activity)))

    def interrupt(self) -> list[Delivery]:
        """What to send when the user does not want to wait for a set-up any more."""
        return [(FIXTURE_WORKER, Interrupt())]

    def finish(self) -> list[Delivery]:
        """What to send when all test workers are down."""
        self._finishing = True
        if self.record.hanging is not None:
            return self.fixture_worker_down(_first_line(self.record.hanging.text))
        return [(FIXTURE_WORKER, Finish())]

    def recover(self, lost: dict[int, Live]) -> list[Delivery]:
        """What to send to undo what a fixture worker before this one left."""
        self._recovering = True
        self.record.live = {id_: lost[id_] for id_ in reversed(lost)}
        return [
            (FIXTURE_WORKER, Recover(id_, live.recovery))
            for id_, live in lost.items()
            if live.recovery is not None
        ]

    def test_worker_joined(self, joined: WorkerJoined) -> list[Delivery]:
        """What to send after a test worker was started on this machine."""
        self.record.test_workers[joined.worker] = joined
        return [(FIXTURE_WORKER, joined)]

    def test_worker_down(self, worker: str) -> list[Delivery]:
        """What to send after a test worker ended; a set-up that it asked for goes on."""
        for waiting in self._waiting.values():
            waiting[:] = [(who, id_) for who, id_ in waiting if who != worker]
        return []

    def fixture_worker_down(self, reason: str) -> list[Delivery]:
        """What to send after the fixture worker ended, for whatever reason."""
        if self.record.finished or self.record.died is not None:
            return []
        self.record.died = reason
        return self._give_up(self._died_error())

    def _give_up(self, error: errors.FixtureWorkerError) -> list[Delivery]:
        """Answer all that the fixture worker was asked for, in its place."""
        asked = list(self._asked)
        self._given_up.update(asked)
        return [delivery for id_ in asked for delivery in self._keep(_failed(id_, error))]

    def _request(self, worker: str, request: Request) -> list[Delivery]:
        instance = request.instance
        if instance in self._answers:
            return [(worker, replace(self._answers[instance], id=request.id))]
        if self.record.died is not None:
            return [(worker, _failed(request.id, self._died_error()))]
        if self.record.hanging is not None:
            return [(worker, _failed(request.id, errors.SetUpError(self.record.hanging.text)))]
        waiting = self._waiting.setdefault(instance, [])
        waiting.append((worker, request.id))
        if instance in self._asked.values():
            return []
        id_ = next(self._ids)
        self._asked[id_] = instance
        return [(FIXTURE_WORKER, Request(id_, instance))]

    def _answer(self, answer: Answer) -> list[Delivery]:
        if answer.id in self._given_up:
            return []  # it was on its way when the fixture worker died, or it came loose
        return self._keep(answer)

    def _keep(self, answer: Answer) -> list[Delivery]:
        instance = self._asked.pop(answer.id)
        self._answered[answer.id] = instance
        self._answers[instance] = answer
        waiting = self._waiting.pop(instance, [])
        return [(worker, replace(answer, id=id_)) for worker, id_ in waiting]

    def _died_error(self) -> errors.FixtureWorkerDiedError:
        reason = (self.record.died or "").rstrip().rpartition("\n")[2]  # whole in the summary
        return errors.FixtureWorkerDiedError.because(reason)


def _failed(id_: int, error: errors.FixtureWorkerError) -> Failed:
    packed = pickles.pack_exception(error)
    return Failed(id=id_, exception=packed, text=str(error), traceback="", report=None)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


# --- messages


def says_nothing_more(activity: str) -> str:
    return (
        f"{activity} hangs: it took longer than fixture_worker_timeout, and no thread of the "
        f"fixture worker runs, as in a call into C code that keeps the interpreter's lock.\n"
        f"Nothing else can be set up or finalized. Use a time-out of the library that it calls."
    )

"""Routes requests and answers between test workers and the fixture worker; runs in the controller.

Pure: :class:`Relay` is told what arrived and returns what to send where. It knows no channel,
thread or clock; :mod:`.switchboard` has those.

An instance that several test workers want is asked for once, and its answer is kept: whoever asks
later is answered from here, also when the fixture worker is gone by then.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import errors, values
from ..protocol import (
    Answer,
    ExitRequested,
    Failed,
    Finalized,
    Finish,
    Finished,
    Instance,
    Interrupt,
    Joined,
    Message,
    Ready,
    Request,
    Serving,
    SetUp,
    WorkerJoined,
)

FIXTURE_WORKER = ""
"""The address of the fixture worker; test workers are addressed by their xdist id."""

Delivery = tuple[str, Message]


@dataclass
class Record:
    """What the relay learned during the run, for the summary and the exit code."""

    set_ups: list[SetUp] = field(default_factory=list)
    failed_finalizers: list[Mapping[str, Any]] = field(default_factory=list)
    live: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    test_workers: dict[str, Joined] = field(default_factory=dict)  #: all that ever were
    exit_requested: ExitRequested | None = None
    served: bool = False  #: whether pytest came up in the fixture worker
    finished: bool = False
    died: str | None = None  #: why the fixture worker ended too early

    @property
    def unfinalized(self) -> list[str]:
        """``name (file:line)`` of what was set up and not finalized."""
        return [f"{name} ({where})" for (name, where), count in self.live.items() if count > 0]


class Relay:
    """The state of all requests of one test run."""

    def __init__(self) -> None:
        self.record = Record()
        self._ids = itertools.count(1)
        self._asked: dict[int, Instance] = {}
        self._waiting: dict[Instance, list[tuple[str, int]]] = {}
        self._answers: dict[Instance, Answer] = {}

    def from_test_worker(self, worker: str, message: Message) -> list[Delivery]:
        """What to send after ``message`` came from the test worker of that id."""
        match message:
            case Joined():
                self.record.test_workers[worker] = message
                joined = WorkerJoined(worker, message.pid, message.created)
                return [(FIXTURE_WORKER, joined)]
            case Request():
                return self._request(worker, message)
            case _:
                raise errors.ProtocolError(f"Internal error: test worker {worker} sent {message}")

    def from_fixture_worker(self, message: Message) -> list[Delivery]:
        """What to send after ``message`` came from the fixture worker."""
        match message:
            case Ready() | Failed():
                return self._answer(message)
            case Serving():
                self.record.served = True
            case SetUp():
                self.record.set_ups.append(message)
                if message.report is None or message.report.get("outcome") == "passed":
                    self.record.live[message.fixture, message.where] += 1
            case Finalized():
                self.record.live[message.fixture, message.where] -= 1
                if message.report is not None:
                    self.record.failed_finalizers.append(message.report)
            case ExitRequested():
                self.record.exit_requested = message
            case Finished():
                self.record.finished = True
            case _:
                raise errors.ProtocolError(f"Internal error: the fixture worker sent {message}")
        return []

    def interrupt(self) -> list[Delivery]:
        """What to send when the user does not want to wait for a set-up any more."""
        return [(FIXTURE_WORKER, Interrupt())]

    def finish(self) -> list[Delivery]:
        """What to send when all test workers are down."""
        return [(FIXTURE_WORKER, Finish())]

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
        return [
            delivery
            for request in list(self._asked)
            for delivery in self._answer(self._died_answer(request))
        ]

    def _request(self, worker: str, request: Request) -> list[Delivery]:
        instance = request.instance
        if instance in self._answers:
            return [(worker, replace(self._answers[instance], id=request.id))]
        if self.record.died is not None:
            return [(worker, self._died_answer(request.id))]
        waiting = self._waiting.setdefault(instance, [])
        waiting.append((worker, request.id))
        if instance in self._asked.values():
            return []
        id_ = next(self._ids)
        self._asked[id_] = instance
        return [(FIXTURE_WORKER, Request(id_, instance))]

    def _answer(self, answer: Answer) -> list[Delivery]:
        if answer.id not in self._asked and self.record.died is not None:
            return []  # it was on its way when the fixture worker died
        instance = self._asked.pop(answer.id)
        self._answers[instance] = answer
        waiting = self._waiting.pop(instance, [])
        return [(worker, replace(answer, id=id_)) for worker, id_ in waiting]

    def _died_answer(self, id_: int) -> Failed:
        reason = (self.record.died or "").rstrip().rpartition("\n")[2]  # whole in the summary
        text = errors.fixture_worker_died(reason)
        packed = values.pack_exception(errors.FixtureWorkerDiedError(text))
        return Failed(id=id_, exception=packed, text=text, traceback="", report=None)

"""Requests of test workers, and the answers that are kept for them; runs in the controller.

Pure. An instance that several test workers want is asked for once, and its answer is kept: whoever
asks later is answered from here, also when the fixture worker is gone by then.
"""

from __future__ import annotations

import itertools

from ..errors import FixtureWorkerError, ProtocolError
from ..roles import FIXTURE_WORKER_ID
from ..wire.frozen import replace
from ..wire.messages import Answer, AsBefore, Failed, Instance, Message, Ready, Request
from .journal import Answered, Asked, Journal

Delivery = tuple[str, Message]
"""The id of the worker that a message is for, and the message."""


def to_fixture_worker(message: Message) -> list[Delivery]:
    """Get what to send where only the fixture worker is sent something."""
    return [(FIXTURE_WORKER_ID, message)]


class Requests:
    """All requests of test workers to one fixture worker."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ids = itertools.count(1)
        self._instances: dict[int, Instance] = {}  # by request, of all to the fixture worker
        self._open: dict[Instance, Request] = {}  # those that it has not answered
        self._waiting: dict[Instance, list[tuple[str, int]]] = {}
        self._answers: dict[Instance, Answer] = {}
        self._down: set[str] = set()  # the test workers that are

    @property
    def are_open(self) -> bool:
        """Whether the fixture worker was asked for something that it has not answered."""
        return bool(self._open)

    @property
    def answered_next(self) -> Request | None:
        """The request that the fixture worker deals with, or is about to: it keeps their order."""
        return next(iter(self._open.values()), None)

    def name_of(self, id_: int) -> str:
        """The name of the fixture that a request to the fixture worker is for."""
        return self._instances[id_].name if id_ in self._instances else ""

    def is_answered(self, instance: Instance) -> bool:
        """Whether the answer is kept."""
        return instance in self._answers

    def ask(
        self, worker: str, request: Request, refusal: FixtureWorkerError | None
    ) -> list[Delivery]:
        """Answer ``request`` from what is known, or pass it on.

        :param refusal: why the fixture worker cannot be asked.
        """
        instance = request.instance
        self._journal.append(Asked(self._journal.clock(), worker, request.id, instance.name))
        if instance in self._answers:
            return [self._deliver(worker, request.id, self._answers[instance])]
        if refusal is not None:
            return [self._deliver(worker, request.id, _failed(request.id, refusal))]
        self._waiting.setdefault(instance, []).append((worker, request.id))
        if instance in self._open:
            return []
        passed_on = replace(request, id=next(self._ids))
        self._open[instance] = passed_on
        self._instances[passed_on.id] = instance
        return [(FIXTURE_WORKER_ID, passed_on)]

    def answer(self, answer: Ready | Failed | AsBefore) -> list[Delivery]:
        """Keep an answer of the fixture worker, and deliver it to all who wait for it.

        A second one is dropped.

        :raises ProtocolError: if nobody asked for it.
        """
        if self._is_answered(answer.id):
            # On its way when the fixture worker died, or of one that came loose; or a second one.
            return []
        if isinstance(answer, AsBefore):
            answer = replace(self._earlier(answer), id=answer.id)
        return self._keep(answer)

    def give_up(self, error: FixtureWorkerError) -> list[Delivery]:
        """Answer all that the fixture worker was asked for, in its place."""
        ids = [request.id for request in self._open.values()]
        return [delivery for id_ in ids for delivery in self._keep(_failed(id_, error))]

    def test_worker_down(self, worker: str) -> None:
        """Forget who waits in that test worker; a set-up that it asked for goes on."""
        self._down.add(worker)

    def _is_answered(self, id_: int) -> bool:
        return id_ in self._instances and not self._is_open(id_)

    def _is_open(self, id_: int) -> bool:
        instance = self._instances.get(id_)
        request = None if instance is None else self._open.get(instance)
        return request is not None and request.id == id_

    def _earlier(self, answer: AsBefore) -> Answer:
        """The answer that counts for the earlier request: possibly one in the place of the fixture
        worker's."""
        instance = self._instances.get(answer.earlier)
        if instance is None or instance not in self._answers:
            raise ProtocolError(f"Internal error: no answer came before {answer}")
        return self._answers[instance]

    def _keep(self, answer: Answer) -> list[Delivery]:
        if not self._is_open(answer.id):
            raise ProtocolError(f"Internal error: nobody waits for the answer {answer.id}")
        instance = self._instances[answer.id]
        del self._open[instance]
        self._answers[instance] = answer
        waiting = self._waiting.pop(instance, [])
        up = [(worker, id_) for worker, id_ in waiting if worker not in self._down]
        return [self._deliver(worker, id_, answer) for worker, id_ in up]

    def _deliver(self, worker: str, id_: int, answer: Answer) -> Delivery:
        is_ready = isinstance(answer, Ready)
        self._journal.append(Answered(self._journal.clock(), worker, id_, is_ready))
        return worker, replace(answer, id=id_)


def _failed(id_: int, error: FixtureWorkerError) -> Failed:
    from ..wire.pickles import pack_exception

    packed = pack_exception(error)
    return Failed(id=id_, exception=packed, text=str(error), traceback="", report=None)

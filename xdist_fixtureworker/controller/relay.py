"""Routes messages between test workers and the fixture worker; runs in the controller.

Pure: :class:`Relay` is told what arrived and returns what to send where. It knows no channel,
thread or clock; :mod:`.switchboard` has those.

The one copy of each pickled value lives here, until the end of the run: with the answer that
:class:`.requests.Requests` keeps, so that a replacement of a test worker gets it even when the
fixture worker is dead. What ``recover=`` needs of a fixture is the same object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..errors import (
    CallError,
    FixtureWorkerDiedError,
    FixtureWorkerError,
    ProtocolError,
    SetUpError,
)
from ..roles import FIXTURE_WORKER_ID
from ..wire.messages import (
    AsBefore,
    Call,
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
    Held,
    Instance,
    Interrupt,
    Interrupted,
    Message,
    Part,
    Raised,
    Ready,
    Recover,
    Released,
    Request,
    Returned,
    Serving,
    SettingUp,
    Settled,
    SetUp,
    Withdrawn,
    WorkerJoined,
)
from .fixture_worker_state import FixtureWorkerState, Move, State
from .journal import (
    Did,
    Event,
    ExitCalled,
    FinalizerBegun,
    FinalizerEnded,
    FixtureWorkerDied,
    FixtureWorkerUp,
    Journal,
    RecoveryBegun,
    RecoveryEnded,
    SetUpBegun,
    SetUpEnded,
    SetUpInterrupted,
    WorkerDown,
    WorkerStarted,
)
from .recoveries import Recoveries
from .requests import Delivery, Requests

if TYPE_CHECKING:
    from .calls import Calls

FromFixtureWorker: TypeAlias = (
    Serving
    | Ready
    | Failed
    | AsBefore
    | Returned
    | Raised
    | Held
    | Withdrawn
    | Part
    | Doing
    | SettingUp
    | SetUp
    | Interrupted
    | Finalizing
    | Finalized
    | Hanging
    | ExitRequested
    | Settled
    | Finished
)

_START = "the start of the fixture worker"
_NOT_WANTED = "the run was interrupted while it started"


class Relay:
    """What is going on between the test workers and one fixture worker.

    :param fixture_worker: its name in the journal.
    """

    def __init__(self, journal: Journal, fixture_worker: str = FIXTURE_WORKER_ID) -> None:
        self.journal = journal
        self.fixture_worker = FixtureWorkerState(fixture_worker)
        self.requests = Requests(journal)
        self._calls: Calls | None = None  # where a test has made one, or fetches a large value
        self._expected: set[Instance] = set()  # what tests will want, as test workers say
        self._recoveries = Recoveries()
        self._interrupted = False
        self._to_undo: dict[int, str] = {}  # ids of set-ups, and the fixture worker that died

    def from_test_worker(self, worker: str, message: Message) -> list[Delivery]:
        """What to send after ``message`` came from the test worker of that id."""
        match message:
            case Request():
                return self.requests.ask(worker, message, self.refusal)
            case Expected() if message.instance in self._expected:
                return []
            case Expected():
                self._expected.add(message.instance)
                return [(FIXTURE_WORKER_ID, message)]
            case Call() | Withdrawn() | Released() | Fetch():
                return self._open_calls.pass_on(worker, message, self._refusal_of_calls)
            case _:
                raise ProtocolError(f"Internal error: test worker {worker} sent {message}")

    def from_fixture_worker(self, message: Message) -> list[Delivery]:
        """What to send after ``message`` came from the fixture worker."""
        if not isinstance(message, FromFixtureWorker):
            raise ProtocolError(f"Internal error: the fixture worker sent {message}")
        deliveries = self.move(*_move_of(message))
        _note_rest(self.journal, self.fixture_worker.name, message)
        match message:
            case Ready() | Failed() | AsBefore():
                return self.requests.answer(self._recoveries.one_copy(message))
            case Returned() | Raised() | Held() | Withdrawn() | Part():
                return deliveries + self._open_calls.from_fixture_worker(message)
            case SettingUp() | SetUp() | Interrupted():
                self._note_set_up(message)
            case Finalizing() | Finalized():
                self._note_finalizer(message)
            case Serving() | Doing() | ExitRequested():
                self.journal.append(_event(message, self._now, self.fixture_worker.name))
        return deliveries

    def says_nothing(self) -> list[Delivery]:
        """What to send when the fixture worker is silent for longer than its own watch allows.

        No thread of it runs then, as while a call into C code keeps the interpreter's lock.
        """
        activity = self.activity or ""
        calls: list[Delivery] = []
        if self._calls is not None:
            calls = self._calls.give_up(CallError(no_thread_runs()))
        if self.fixture_worker.hangs:
            return calls
        if not self.fixture_worker.came_up:
            return self.move(Move.HANGS, _NOT_WANTED if self.is_unwanted else starts_too_slowly())
        return self.move(Move.HANGS, says_nothing_more(activity)) + calls

    @property
    def activity(self) -> str | None:
        """What goes on in the fixture worker, as far as somebody may wait for it."""
        if self.fixture_worker.came_up:
            if activity := self._awaited:
                return activity
            if (request := self.requests.answered_next) is not None:
                return around_set_up(request.instance.name, request.where)
            return None if self._calls is None else self._calls.activity
        if self.is_unwanted:
            return f"{_START}, to end it"
        called_off = self.fixture_worker.state is State.CALLED_OFF
        return _START if called_off or self.requests.are_open else None

    @property
    def is_unwanted(self) -> bool:
        """Whether the run was interrupted while the fixture worker started."""
        return self._interrupted and not self.fixture_worker.came_up

    @property
    def waits_for_tests(self) -> bool:
        """Whether all that goes on is calls that wait for what other tests have."""
        if self._calls is None or self.requests.are_open or self._awaited:
            return False
        return self._calls.may_take_long

    @property
    def _awaited(self) -> str | None:
        """What the fixture worker does while tests, or the end of the run, wait: not what it does
        before anybody asks."""
        serves = self.fixture_worker.state is State.SERVING
        if serves and not self.requests.are_open:
            return None
        return self.journal.activity(self.fixture_worker.name)

    def interrupt(self) -> list[Delivery]:
        """What to send when the user does not want to wait for a set-up any more."""
        if self.is_unwanted:  # the second time; nothing is set up in it
            return self.move(Move.HANGS, _NOT_WANTED)
        self._interrupted = True
        return [(FIXTURE_WORKER_ID, Interrupt())]

    def finish(self, message: Finish | None = None) -> list[Delivery]:
        """What to send when all test workers are down.

        :param message: how the run went.
        """
        deliveries = self.move(Move.IS_TO_FINISH)
        message = message or Finish()
        return deliveries if self.fixture_worker.ended else [(FIXTURE_WORKER_ID, message)]

    @property
    def recoverable(self) -> list[Recover]:
        """What ``recover=`` functions can undo now, last set up first."""
        return [
            Recover(id_, recovery)
            for worker, id_ in reversed(list(self.journal.live))
            if worker == self.fixture_worker.name
            and (recovery := self._recoveries.get(id_)) is not None
        ]

    def recover(self, lost: Sequence[tuple[Recover, str]]) -> list[Delivery]:
        """What to send to undo what was left.

        :param lost: each with the name of the fixture worker that died.
        """
        self._to_undo.update((message.id, lost_by) for message, lost_by in lost)
        return [(FIXTURE_WORKER_ID, message) for message, _ in lost]

    def test_worker_joined(self, joined: WorkerJoined) -> list[Delivery]:
        """What to send after a test worker was started."""
        where = joined.host, joined.pid_there
        event = WorkerStarted(self._now, joined.worker, joined.pid, joined.started, *where)
        self.journal.append(event)
        return [(FIXTURE_WORKER_ID, joined)]

    def test_worker_down(self, worker: str) -> list[Delivery]:
        """What to send after a test worker ended."""
        self.journal.append(WorkerDown(self._now, worker))
        self.requests.test_worker_down(worker)
        return [] if self._calls is None else self._calls.test_worker_down(worker)

    def fixture_worker_down(self, reason: str) -> list[Delivery]:
        """What to send after the fixture worker ended, for whatever reason."""
        return self.move(Move.IS_DOWN, reason)

    def move(self, move: Move, text: str = "") -> list[Delivery]:
        """Change the state; answer all who would now wait in vain."""
        died_before = self.fixture_worker.died
        self.fixture_worker.move(move, text)
        name, reason = self.fixture_worker.name, self.fixture_worker.died
        if died_before is None and reason is not None:
            self.journal.append(FixtureWorkerDied(self._now, name, reason))
        refusal = self.refusal
        deliveries = [] if refusal is None else self.requests.give_up(refusal)
        if self._calls is not None and self._refusal_of_calls is not None:
            deliveries += self._calls.give_up(self._refusal_of_calls)
        return deliveries

    @property
    def _open_calls(self) -> Calls:
        if self._calls is None:
            from .calls import Calls

            self._calls = Calls()
        return self._calls

    @property
    def _refusal_of_calls(self) -> FixtureWorkerError | None:
        """Why nothing can be done with a live object. A set-up that hangs is no reason."""
        if self.fixture_worker.died is not None:
            return self.refusal
        return CallError(run_is_over()) if self.fixture_worker.ended else None

    @property
    def refusal(self) -> FixtureWorkerError | None:
        """Why the fixture worker cannot be asked."""
        if self.fixture_worker.died is not None:
            # The last line only: all of it is in the summary.
            reason = self.fixture_worker.died.rstrip().rpartition("\n")[2]
            return FixtureWorkerDiedError(reason)
        if self.fixture_worker.state is State.HANGING:
            return SetUpError(self.fixture_worker.hangs_in)
        return None

    @property
    def _now(self) -> float:
        return self.journal.clock()

    def _note_set_up(self, message: SettingUp | SetUp | Interrupted) -> None:
        by, id_ = self.fixture_worker.name, message.id
        fixture, where = message.fixture, message.where
        event: SetUpBegun | SetUpEnded | SetUpInterrupted
        match message:
            case SettingUp():
                event = SetUpBegun(self._now, by, id_, fixture, where, message.is_global)
            case Interrupted():
                event = SetUpInterrupted(self._now, by, id_, fixture, where, message.place)
            case SetUp():
                report, environment = message.report, message.environment
                event = SetUpEnded(
                    *(self._now, by, id_, fixture, where, report, environment),
                    elsewhere=message.elsewhere,
                    is_replayed=message.is_replayed,
                    is_silent=message.is_silent,
                    failed=message.failed,
                    needs=message.needs,
                )
                if message.recovery is not None:
                    self._recoveries.add(id_, message.recovery)
        self.journal.append(event)

    def _note_finalizer(self, message: Finalizing | Finalized) -> None:
        by, id_ = self.fixture_worker.name, message.id
        match message:
            case Finalizing():
                kind = RecoveryBegun if id_ in self._to_undo else FinalizerBegun
                self.journal.append(kind(self._now, by, id_, message.fixture, message.where))
            case Finalized() if id_ in self._to_undo:
                lost_by = self._to_undo.pop(id_)
                self.journal.append(RecoveryEnded(self._now, by, id_, message.report, lost_by))
            case Finalized():
                self._recoveries.discard(id_)
                self.journal.append(FinalizerEnded(self._now, by, id_, message.report))


def _move_of(message: FromFixtureWorker) -> tuple[Move, str]:
    match message:
        case Serving():
            return Move.COMES_UP, ""
        case Hanging():
            return Move.HANGS, message.text
        case Finished():
            return Move.HAS_FINISHED, ""
        case _:
            return Move.SENDS, ""


def _note_rest(journal: Journal, by: str, message: FromFixtureWorker) -> None:
    """Note that a fixture worker has done what it was asked for, if that is so."""
    if isinstance(message, Ready | Failed | AsBefore | Finalized):
        journal.rests(by)


def _event(message: Serving | Doing | ExitRequested, at: float, by: str) -> Event:
    match message:
        case Serving():
            return FixtureWorkerUp(at, by)
        case Doing():
            return Did(at, by, message.what)
        case ExitRequested():
            return ExitCalled(at, message.reason, message.returncode)


# --- messages


def around_set_up(fixture: str, where: str) -> str:
    return f"the look-up of the global fixture {fixture} ({where}), or hooks around its set-up"


def starts_too_slowly() -> str:
    return (
        "its start took longer than fixture_worker_timeout: what is loaded there, a conftest or a "
        "plugin, does not come to an end"
    )


def run_is_over() -> str:
    return "the fixture worker has finalized all fixtures, and their objects are gone."


def no_thread_runs() -> str:
    return (
        "there is no answer within fixture_worker_timeout, and no thread of the fixture worker "
        "runs, as in a call into C code that keeps the interpreter's lock."
    )


def says_nothing_more(activity: str) -> str:
    return (
        f"{activity} hangs: it took longer than fixture_worker_timeout, and no thread of the "
        f"fixture worker runs, as in a call into C code that keeps the interpreter's lock.\n"
        f"Nothing else can be set up or finalized. Use a time-out of the library that it calls."
    )

"""Messages between the processes; pure, used by every process.

========================  ============================  =========================================
from -> to                message                       meaning
========================  ============================  =========================================
test worker -> controller :class:`Request`              give me this value
test worker -> fixture w. :class:`Expected`             tests will want this value
controller -> fixture w.  :class:`Begin`                first message: which run this is
controller -> fixture w.  :class:`Request`              as from a test worker, once per instance
controller -> fixture w.  :class:`WorkerJoined`         a test worker was started
controller -> fixture w.  :class:`Interrupt`            Ctrl-C: cut a running set-up short
controller -> fixture w.  :class:`Recover`              undo what a dead fixture worker left
controller -> fixture w.  :class:`Finish`               all test workers are down: finalize
fixture w. -> controller  :class:`Serving`              first message: pytest is up
fixture w. -> controller  :class:`Ready`, :class:`Failed`   the one answer to a request
fixture w. -> controller  :class:`AsBefore`             likewise: another instance, the same value
controller -> test worker :class:`Ready`, :class:`Failed`   the answer, to each that asked
fixture w. -> controller  :class:`Doing`                users' code runs besides those below
fixture w. -> controller  :class:`SettingUp`            a set-up starts
fixture w. -> controller  :class:`SetUp`                a set-up ended
fixture w. -> controller  :class:`Interrupted`          a set-up was cut short, and where
fixture w. -> controller  :class:`Finalizing`           a finalizer, or a recovery, starts
fixture w. -> controller  :class:`Finalized`            a finalizer, or a recovery, ended
fixture w. -> controller  :class:`Hanging`              a time-out did not cut it short
fixture w. -> controller  :class:`ExitRequested`        a set-up called ``pytest.exit``
fixture w. -> controller  :class:`Finished`             last message: all is finalized
test w. -> fixture w.     :class:`Call`                 do this with a live object
fixture w. -> test w.     :class:`Returned`, :class:`Raised`   the one answer to a call
test w. -> fixture w.     :class:`Withdrawn`            nobody waits for that call any more
test w. -> fixture w.     :class:`Released`             these results are not used any more
fixture w. -> test w.     :class:`Withdrawn`            that call is not to be answered this way
fixture w. -> controller  :class:`Held`                 whom a call waits for
test w. -> fixture w.     :class:`Fetch`                send me a part of that file
fixture w. -> test w.     :class:`Part`                 the one answer to that
controller -> fixture w.  :class:`WorkerLeft`           a test worker that made calls is down
========================  ============================  =========================================

What concerns calls, and parts of files, goes by way of the controller, which does not look into
arguments and values.

Where there may be several fixture workers, called lanes, also these. To another lane, a lane is as
a test worker is: it makes a :class:`Call`.

========================  ============================  =========================================
from -> to                message                       meaning
========================  ============================  =========================================
test worker -> controller :class:`Groups`               which fixtures depend on each other
fixture w. -> controller  :class:`Groups`               likewise, as far as it knows them
fixture w. -> controller  :class:`Needed`               I need this; is it another lane's?
fixture w. -> controller  :class:`Expected`             as from a test worker
controller -> fixture w.  :class:`Yours`                the answer: set it up yourself
controller -> fixture w.  :class:`Ready`, :class:`Failed`   the answer, of another lane
controller -> fixture w.  :class:`Settle`               no test is left: do what others ask for
fixture w. -> controller  :class:`Settled`              all that was asked for before is done
controller -> fixture w.  :class:`Freed`                other lanes do not hold this any more
========================  ============================  =========================================

:mod:`.codec` says how they cross a channel. A pickled value is kept once in a run, by the
controller's relay, until the end: so a test worker that comes later gets it, also when the fixture
worker is dead by then. The fixture worker drops it when it has been sent, and a test worker when it
is unpickled; what is alive besides is the object itself in the fixture worker, and one copy in each
test worker that asked. Of a large value, the controller keeps where it is: in a file that test
workers map, and have in common. Those that cannot map it fetch it, part by part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from .frozen import Frozen

LANE_BITS = 32
"""Bits of the numbers of set-ups and objects; those above are the number of the lane."""


class Step(Frozen):
    """One node on the way from the session to the node where a fixture is defined."""

    path: str  #: POSIX path of the node, relative to pytest's rootdir
    name: str
    kind: str  #: name of the node's class: two nodes can share path and name


class Param(Frozen):
    """The parameter of one parametrized fixture that an instance depends on."""

    name: str
    index: int  #: position in its ``parametrize()`` call or ``params``
    value: bytes | None  #: the pickled value; None: it stands at ``index`` in the definition
    module: tuple[Step, ...]  #: of the test that has the value: its class may be defined there
    text: str  #: what stands at ``index``, to be compared; empty if it is sent, or no plain data


class Instance(Frozen):
    """Identity of one instance of a global fixture: where it is defined, and the parameters it
    depends on."""

    place: tuple[Step, ...]  #: empty: defined for the whole session
    name: str
    module: str
    qualname: str
    occurrence: int  #: among definitions that agree in all of the above
    params: tuple[Param, ...]


class Group(Frozen):
    """Global fixtures that depend on each other, or are to be in one lane."""

    fixtures: tuple[Instance, ...]  #: without parameters


class Variable(Frozen):
    """A change to ``os.environ``; ``value`` is None where the variable was removed."""

    name: str
    value: str | None


class Change(Frozen):
    """The changes to ``os.environ`` of the set-up of a fixture with ``env=True``."""

    fixture: int  #: the same for all instances of a parametrized one
    order: int  #: of the set-ups: the later one wins where two changed one variable
    variables: tuple[Variable, ...]


class Output(Frozen):
    """Output captured during a set-up, to be shown with tests that fail."""

    set_up: int  #: its id
    fixture: str
    kind: str  #: "stdout", "stderr" or "log"
    text: str


class Inline(Frozen):
    """A value whose pickle is in the message."""

    data: bytes


class Span(Frozen):
    """Where something is in a file, in bytes."""

    start: int
    size: int


class Mapped(Frozen):
    """A value that is in a file of the fixture worker's machine, to be mapped."""

    number: int  #: of the file in that fixture worker
    file: str
    token: bytes  #: at the beginning of the file, and of no other: names are not unique
    pickle: Span
    buffers: tuple[Span, ...]  #: that the pickle refers to


Value: TypeAlias = Inline | Mapped
"""The value of a global fixture on its way. Another way to send one is another class in this union,
made where the fixture worker answers, and read where a test worker takes the value."""


class Recovery(Frozen):
    """The definition and the value that another process needs to undo a set-up."""

    instance: Instance  #: without params: the value is what is left of them
    value: Value


class Begin(Frozen):
    run: str  #: an id of our own
    controller: int  #: its process
    crash_files: str | None  #: directory of the files that tell what is set up; None: write none
    run_files: tuple[str, ...]  #: directories for files of the run, to be made when there is one
    eager: bool = False  #: whether fixtures are to be set up before a test asks for them
    lane: int | None = None  #: its number, where there may be several; else None


class Serving(Frozen):
    pass


class WorkerJoined(Frozen):
    """A test worker was started, and which process on this machine ends when it does.

    That is the test worker itself. If it is on another host, it is the process that holds the
    connection, as ``ssh`` does; or there is none.
    """

    worker: str
    pid: int  #: of that process; 0: there is none
    started: str  #: when that process was started: its id may be used again
    host: str = ""  #: as ``--tx`` names it; empty: this machine
    pid_there: int = 0  #: the test worker's own, on that host
    gateways: int = 1  #: that the connection goes through, its own included


class Request(Frozen):
    id: int
    instance: Instance
    where: str = ""  #: ``file:line`` of the fixture, for messages
    marks: bytes = b""  #: pickled, by name of fixture: those that all tests agree in


class Expected(Frozen):
    """Like a request, but nobody waits yet, and there is no answer. It is looked at when nothing
    else is to be done."""

    instance: Instance
    where: str = ""
    marks: bytes = b""


class Groups(Frozen):
    groups: tuple[Group, ...]


class Needed(Frozen):
    id: int
    instance: Instance  #: without parameters
    where: str  #: ``file:line`` of the fixture, for messages
    needed_by: str  #: the set-up that asks: ``name (file:line)``


class Yours(Frozen):
    id: int  #: of the request


class Ready(Frozen):
    id: int
    value: Value
    environment: tuple[Change, ...]  #: its own, and those of what it depends on
    output: tuple[Output, ...]  #: likewise
    asked: tuple[str, ...] = ()  #: names that set-ups asked for by ``getfixturevalue()``; likewise


class Failed(Frozen):
    id: int
    exception: bytes | None  #: pickled, where pickle takes it
    text: str  #: type and message of the exception
    traceback: str
    report: Mapping[str, object] | None  #: the serialized report of the set-up, if there is one


class AsBefore(Frozen):
    """The answer to an instance that turned out to be one that was answered before."""

    id: int
    earlier: int  #: the id of the request that was answered


class Call(Frozen):
    """Something that a test does with a live object: a call, an attribute, ``len()``."""

    worker: str  #: that makes it; the controller fills it in
    id: int  #: unique in that test worker
    object: int
    operation: str  #: see :mod:`xdist_fixtureworker.sharing.operations`
    name: str  #: of the method or attribute, where the operation has one
    arguments: bytes  #: pickled
    what: str  #: for messages: ``accounts.next() (conftest.py:3)``
    test: str  #: that makes it, for messages


class Returned(Frozen):
    worker: str
    id: int
    value: bytes
    objects: tuple[int, ...]  #: the live objects in the value, each as often as it is in there


class Raised(Frozen):
    worker: str
    id: int
    exception: bytes | None  #: pickled, where pickle takes it
    text: str  #: type and message of the exception
    traceback: str


class Held(Frozen):
    """A call waits until somebody gives back what it wants."""

    worker: str
    id: int
    by: str  #: as in "gw1 (test_it.py::test_a)"; empty: it does not wait any more


class Withdrawn(Frozen):
    worker: str
    id: int


class Released(Frozen):
    worker: str
    objects: tuple[int, ...]  #: as in :class:`Returned`


class Fetch(Frozen):
    """Asks for a part of the file of a :class:`Mapped` value, which the test worker cannot map."""

    worker: str  #: that asks; the controller fills it in
    id: int  #: unique among those of that test worker
    file: int  #: its number
    part: Span


class Part(Frozen):
    worker: str
    id: int
    data: bytes
    error: str  #: why there are no data; empty if there are


class WorkerLeft(Frozen):
    worker: str


class Interrupt(Frozen):
    pass


class Finish(Frozen):
    """What the finalizers are told of the run, named as in :class:`pytest.Session`."""

    testsfailed: int = 0
    testscollected: int = 0
    shouldstop: str = ""
    shouldfail: str = ""
    exitstatus: int = 0  #: of the run, if no finalizer fails
    held: tuple[int, ...] = ()  #: set-ups whose finalizers wait until they are freed


class Settle(Frozen):
    """No test is left. Other lanes may ask for something, until all have settled."""


class Settled(Frozen):
    pass


class Freed(Frozen):
    """Whatever depends on a set-up in other lanes is finalized."""

    id: int


class Recover(Frozen):
    id: int  #: of the set-up, in the fixture worker that died
    recovery: Recovery


class Doing(Frozen):
    what: str  #: an import, a hook; empty: it is over


class SettingUp(Frozen):
    id: int  #: one per set-up and fixture worker
    fixture: str
    where: str
    is_global: bool  #: False: a session fixture that a global one depends on


class SetUp(Frozen):
    id: int
    fixture: str
    where: str
    report: Mapping[str, object] | None
    environment: tuple[str, ...]  #: names of variables that it changed and nobody replays
    recovery: Recovery | None
    elsewhere: tuple[str, ...] = ()  #: what else it changed that tests may look for
    is_replayed: bool = False  #: what it changes in the environment
    is_silent: bool = False  #: autouse, and without a value: all that it does is elsewhere
    failed: bool = False
    needs: tuple[int, ...] = ()  #: ids of the set-ups of the global fixtures that it depends on


class Finalizing(Frozen):
    id: int
    fixture: str
    where: str


class Finalized(Frozen):
    id: int
    report: Mapping[str, object] | None  #: of a finalizer that failed


class Hanging(Frozen):
    id: int
    text: str  #: what hangs, and the stacks of all threads


class Interrupted(Frozen):
    id: int
    fixture: str
    where: str
    place: str  #: ``file:line`` in the user's code, where it was at that time


class ExitRequested(Frozen):
    reason: str
    returncode: int | None


class Finished(Frozen):
    pass


Answer: TypeAlias = Ready | Failed
Message: TypeAlias = (
    Begin
    | Serving
    | WorkerJoined
    | Request
    | Expected
    | Groups
    | Needed
    | Yours
    | Ready
    | Failed
    | AsBefore
    | Call
    | Returned
    | Raised
    | Held
    | Withdrawn
    | Released
    | Fetch
    | Part
    | WorkerLeft
    | Interrupt
    | Recover
    | Settle
    | Settled
    | Finish
    | Freed
    | Doing
    | SettingUp
    | SetUp
    | Interrupted
    | Finalizing
    | Finalized
    | Hanging
    | ExitRequested
    | Finished
)

"""Live objects and their stand-ins, with both ends in this process."""

from __future__ import annotations

import asyncio
import copy
import gc
import marshal
import os
import pickle
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from xdist_fixtureworker.errors import (
    CallError,
    CannotShareError,
    FixtureWorkerDiedError,
    ProtocolError,
    RemoteTraceback,
)
from xdist_fixtureworker.sharing import dialling
from xdist_fixtureworker.sharing.calls import Calls
from xdist_fixtureworker.sharing.dialling import Lines
from xdist_fixtureworker.sharing.exclusive import exclusive
from xdist_fixtureworker.sharing.host import Host
from xdist_fixtureworker.sharing.lanes import MOVE
from xdist_fixtureworker.sharing.lines import Line
from xdist_fixtureworker.sharing.listener import Listener
from xdist_fixtureworker.wire.codec import decode, encode
from xdist_fixtureworker.wire.frozen import replace
from xdist_fixtureworker.wire.messages import (
    Call,
    Held,
    Message,
    Raised,
    Released,
    Returned,
    Serving,
    Withdrawn,
    WorkerLeft,
)

NEVER = 300.0


class Ends:
    """A host, and test workers that call what it has; messages as the channel carries them.

    :param by_socket: whether calls go by socket, where that can be.
    """

    def __init__(self, by_socket: bool, limit: float | None = None) -> None:
        self.host = Served(self, self._to_test_worker, limit)
        self.listener: Listener | None = None
        if by_socket:
            self._folder = tempfile.TemporaryDirectory()
            self.listener = Listener(self.host, Path(self._folder.name))
        self.calls: dict[str, Calls] = {}
        self.sent: list[Message] = []
        self.held: list[Held] = []

    def worker(self, name: str) -> Calls:
        def send(message: Message) -> None:
            received = decode(encode(message), name)
            if received != Released("", ()):
                self.sent.append(received)
            self.host.receive(replace(received, worker=name))  # type: ignore[type-var]

        if name not in self.calls:
            self.calls[name] = Calls(send)
            if self.listener is not None:
                self.calls[name].exchange.connect(Lines(self.listener.introduction, name))
        return self.calls[name]

    def share(self, value: object, **more: Any) -> Callable[..., Any]:
        """Returns what makes the stand-in of a test worker."""
        data = self.host.share(value, "it", "conftest.py:3", **{"root": 1, **more})
        return lambda worker="gw0": self.worker(worker).unpack(data)

    def _to_test_worker(self, message: Message) -> None:
        received = decode(encode(message), "the host")
        if isinstance(received, Held):
            self.held.append(received)
        else:
            assert isinstance(received, (Returned, Raised, Withdrawn))
            self.calls[received.worker].exchange.answered(received)

    def close(self) -> None:
        for calls in self.calls.values():
            calls.exchange.close()
        if self.listener is not None:
            self.listener.close()
            self._folder.cleanup()


class Served(Host):
    """Notes what comes by socket as well."""

    def __init__(self, ends: Ends, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ends = ends
        self.reads = threading.Event()
        self.reads.set()

    def serve(self, call: Call) -> Returned | Raised | None:
        self.reads.wait(NEVER)
        self._ends.sent.append(replace(call, worker=""))
        return super().serve(call)

    @property
    def queued(self) -> int:
        """Calls that wait for one object, or run."""
        (lane,) = self._objects.lanes()
        return len(lane._waiting) + (lane.running is not None)


@pytest.fixture(params=["by channel", "by socket"])
def make_ends(request: pytest.FixtureRequest) -> Iterator[Callable[..., Ends]]:
    made: list[Ends] = []

    def make(limit: float | None = None) -> Ends:
        made.append(Ends(request.param == "by socket", limit))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def ends(make_ends: Callable[..., Ends]) -> Ends:
    return make_ends()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + NEVER
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Part:
    """Pickle refuses it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()

    def get(self) -> int:
        return self.number


class CannotArriveError(Exception):
    def __init__(self, one: object, two: object) -> None:
        super().__init__("one argument")


class Box:
    shared_by_all = 5

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.parts = [Part(1), Part(2)]
        self.mode = "slow"
        self.items = {"x": 1}
        self.function = lambda: 7
        self.entered: list[object] = []

    @property
    def size(self) -> int:
        return len(self.items)

    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @staticmethod
    def of_nothing() -> int:
        return 3

    def me(self) -> Box:
        return self

    def part(self, number: int) -> Part:
        return Part(number)

    def same(self, *others: Any, **more: Any) -> bool:
        found = [*others, *more.values()]
        return bool(found) and all(other is self for each in found for other in _flat(each))

    def fail(self, error: BaseException) -> None:
        raise error

    def fail_unsendable(self) -> None:
        raise CannotArriveError(1, 2)

    def thread(self) -> str:
        return threading.current_thread().name

    def module(self) -> object:
        return os

    async def later(self) -> int:
        return 1

    async def streamed(self) -> Any:
        yield 1

    def future(self) -> object:
        loop = asyncio.new_event_loop()
        try:
            return loop.create_future()
        finally:
            loop.close()

    def generate(self) -> Iterator[int]:
        yield from range(3)

    def keys(self) -> object:
        return self.items.keys()

    def _private(self) -> int:
        return 1

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, key: object) -> bool:
        return key in self.items

    def __iter__(self) -> Iterator[str]:
        return iter(self.items)

    def __getitem__(self, key: str) -> int:
        return self.items[key]

    def __setitem__(self, key: str, value: int) -> None:
        self.items[key] = value

    def __delitem__(self, key: str) -> None:
        del self.items[key]

    def __call__(self, *args: Any, **kwargs: Any) -> object:
        return args, kwargs

    def __enter__(self) -> object:
        self.entered.append("in")
        return self

    def __exit__(self, *error: object) -> bool:
        self.entered.append(error)
        return isinstance(error[1], KeyError)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for element in value.values() for each in _flat(element)]
    if isinstance(value, (list, tuple)):
        return [each for element in value for each in _flat(element)]
    return [value]


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def it(ends: Ends, box: Box) -> Any:
    return ends.share(box, writable=("mode",))()


# --- what can be done


def test_methods_attributes_and_calls(it: Any, box: Box) -> None:
    assert (it.size, it.mode, it.of_class(), it.of_nothing()) == (1, "slow", "Box", 3)
    assert it(1, a=2) == ((1,), {"a": 2})
    assert callable(it)
    assert it.function() == 7
    assert it.shared_by_all == 5
    it.mode = "fast"
    assert box.mode == "fast"
    assert it.thread() != threading.current_thread().name


def test_containers(it: Any, box: Box) -> None:
    assert (len(it), "x" in it, "y" in it, bool(it), it["x"]) == (1, True, False, True, 1)
    it["y"] = 2
    it["x"] += 10
    assert box.items == {"x": 11, "y": 2}
    assert (list(it), [*it.keys()]) == (["x", "y"], ["x", "y"])
    del it["x"]
    assert dict(it.items.items()) == {"y": 2}
    with pytest.raises(KeyError):
        it["x"]


def test_what_its_class_does_not_have(ends: Ends) -> None:
    part = ends.share(Part(1))()
    for use in (len, iter, next, int, lambda it: it[0], lambda it: it(), lambda it: 1 in it):
        with pytest.raises(TypeError):
            use(part)
    assert part
    assert ends.sent == []


def test_comparison(ends: Ends) -> None:
    one, other, part = ends.share([1])(), ends.share([2])(), ends.share(Part(1))()
    assert (one == [1], one == [2], one != [2], one < other, other > one) == (True,) * 1 + (
        False,
        True,
        True,
        True,
    )
    assert part == part  # noqa: PLR0124  # that is the point
    assert part != one
    assert {part: 1}[part] == 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_iteration_takes_chunks(ends: Ends) -> None:
    numbers = ends.share(list(range(1000)))()
    assert list(numbers) == list(range(1000))
    assert len(ends.sent) < 20
    assert [a + b for a, b in zip(numbers, numbers, strict=True)] == list(range(0, 2000, 2))


def test_iteration_over_what_cannot_be_sent(ends: Ends) -> None:
    parts: Any = ends.share([Part(1), "plain", [Part(2)], len, Part(3).get])()
    first, plain, listed, function, method = parts
    assert (first.get(), plain, listed[0].get(), function([1]), method()) == (1, "plain", 2, 1, 3)


def test_an_iterator_is_taken_from_one_by_one(it: Any) -> None:
    numbers = it.generate()
    assert next(numbers) == 0
    assert list(numbers) == [1, 2]
    with pytest.raises(StopIteration):
        next(numbers)


def test_context_managers(it: Any, box: Box) -> None:
    with it as entered:
        assert entered is it
        assert box.entered == ["in"]
    with it:
        raise KeyError("swallowed")
    with pytest.raises(IndexError), it:
        raise IndexError
    ends = [each[0] for each in box.entered if isinstance(each, tuple)]
    assert ends == [None, KeyError, IndexError]


# --- what is sent


def test_what_pickle_refuses_comes_back_as_a_proxy(it: Any) -> None:
    part = it.part(5)
    assert part.get() == 5
    assert repr(part) == (
        f"<proxy of {__name__}.Part in the fixture worker: it.part() (conftest.py:3)>"
    )
    assert [each.get() for each in it.parts] == [1, 2]


def test_the_object_itself_comes_back_as_its_proxy(it: Any) -> None:
    assert it.me() is it
    assert it.me().me is not None
    assert it.parts[0] is it.parts[0]


def test_a_proxy_arrives_as_the_object(it: Any) -> None:
    assert it.same(it)
    assert it.same([it, {"a": (it,)}], named={"b": it})
    assert not it.same(it.part(1))
    assert it(it.me)[0][0]() is it


def test_exceptions(it: Any) -> None:
    with pytest.raises(ValueError, match=r"^no$") as caught:
        it.fail(ValueError("no"))
    cause = caught.value.__cause__
    assert isinstance(cause, RemoteTraceback)
    assert "in fail\n    raise error\n" in str(cause)
    assert "performing.py" not in str(cause)
    with pytest.raises(AttributeError, match="no attribute 'none'") as missing:
        it.none()
    assert missing.value.__cause__ is None
    with pytest.raises(CallError) as unsendable:
        it.fail_unsendable()
    assert str(unsendable.value) == (
        "it.fail_unsendable() (conftest.py:3) raised an exception that cannot be sent: "
        f"{__name__}.CannotArriveError: one argument"
    )
    assert "in fail_unsendable" in str(unsendable.value.__cause__)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), pytest.exit.Exception("x")])
def test_what_ends_a_process_is_an_error_of_the_call(it: Any, error: BaseException) -> None:
    with pytest.raises(CallError, match="raised what ends a process"):
        it.fail(error)
    assert len(it) == 1


def test_outcomes_of_tests_are_those_of_the_test(it: Any) -> None:
    with pytest.raises(pytest.skip.Exception, match="not here"):
        it.fail(pytest.skip.Exception("not here"))


def test_isinstance(it: Any) -> None:
    assert isinstance(it, Box)
    assert it.__class__ is Box
    assert type(it).__name__ == "Proxy"


def test_plain_values_are_sent_as_they_are(ends: Ends) -> None:
    for value in (None, True, 1, 1.5, "text", b"bytes"):
        assert ends.share(value)() == value


# --- what is refused


def test_private_names(it: Any) -> None:
    for name in ("_private", "__dict__", "_xdist"):
        with pytest.raises(AttributeError):
            getattr(it, name)()
    assert not hasattr(it, "__deepcopy__")


def test_attributes_that_are_not_writable(it: Any, box: Box) -> None:
    with pytest.raises(AttributeError, match=r"writable=\(\"items\",\)"):
        it.items = {}
    with pytest.raises(AttributeError, match="'mode' of it cannot be deleted"):
        del it.mode
    assert box.items


def test_what_makes_no_sense_in_another_process(it: Any) -> None:
    with pytest.raises(CallError, match="is the module 'os'"):
        it.module()
    for method in (it.later, it.streamed, it.future):
        with pytest.raises(CallError, match="is asynchronous"):
            method()


def _top_level() -> None:
    pass


@pytest.mark.parametrize(
    "function", [lambda: 1, _top_level, [{"a": _top_level}]], ids=["lambda", "test's", "inside"]
)
def test_functions_of_the_test(it: Any, function: object) -> None:
    with pytest.raises(CallError, match="it belongs to this test worker"):
        it(function)


def test_functions_that_can_be_imported_are_values(it: Any) -> None:
    assert it(os.path.join) == ((os.path.join,), {})


class Evil:
    """Does something when it is pickled or unpickled."""

    def __init__(self, pickling: str = "", unpickling: str = "") -> None:
        self.what = pickling, unpickling

    def __reduce__(self) -> Any:
        if self.what[0]:
            raise {"raises": ValueError, "exits": SystemExit}[self.what[0]](self.what[0])
        return _unpickled, (self.what[1],)


def _unpickled(what: str) -> object:
    if what == "hangs":
        threading.Event().wait(NEVER)
    raise {"raises": ValueError, "exits": SystemExit}[what](what)


for _function in (_unpickled,):
    _function.__code__ = _function.__code__.replace(co_filename="/elsewhere.py")


def test_arguments_that_cannot_be_pickled(it: Any) -> None:
    for argument in (threading.Lock(), [Part(1)], Evil("raises"), Evil("exits")):
        with pytest.raises(CannotShareError, match=r"the arguments of it\(\)"):
            it(argument)
    assert len(it) == 1


@pytest.mark.parametrize("what", ["raises", "exits"])
def test_arguments_that_cannot_be_unpickled(it: Any, what: str) -> None:
    with pytest.raises(CallError, match=r"cannot be unpickled|ends a process"):
        it(Evil(unpickling=what))
    assert len(it) == 1


def test_results_that_cannot_be_pickled_or_unpickled(ends: Ends) -> None:
    parts: Any = ends.share([Evil("raises"), Evil("exits"), Evil(unpickling="raises")])()
    assert parts[0].what == ("raises", "")
    with pytest.raises(CallError, match="raised what ends a process"):
        parts[1]
    with pytest.raises(CannotShareError, match="the result of it"):
        parts[2]
    assert len(parts) == 3


def test_a_proxy_is_not_copied(it: Any) -> None:
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(CannotShareError, match="cannot be copied or pickled"):
            make(it)


def test_large_arguments_and_results(it: Any) -> None:
    data = os.urandom(1000) * 100_000
    ((received,), _) = it(data)
    assert received == data


# --- threads


class Gate:
    """Its methods wait until the test opens them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entered: list[str] = []
        self.inside = 0
        self.most = 0
        self.open = threading.Event()

    def enter(self, name: str) -> str:
        self.entered.append(name)
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.open.wait(NEVER)
        self.inside -= 1
        return name

    def names(self) -> list[str]:
        return self.entered


def test_calls_of_one_object_take_turns(ends: Ends, threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    shared = ends.share(gate)
    calls = []
    for index in range(6):
        calls.append(threads.submit(shared(f"gw{index % 2}").enter, str(index)))
        until(lambda: ends.host.queued == len(calls))
    until(lambda: gate.entered)
    assert gate.entered == ["0"]
    gate.open.set()
    assert [call.result(NEVER) for call in calls] == list("012345")
    assert gate.entered == list("012345")
    assert gate.most == 1


def test_a_call_that_does_not_end_holds_up_its_object_only(
    ends: Ends, threads: ThreadPoolExecutor, it: Any
) -> None:
    gate = Gate()
    shared = ends.share(gate)()
    waiting = threads.submit(shared.enter, "a")
    until(lambda: gate.entered)
    assert len(it) == 1
    assert not waiting.done()
    gate.open.set()
    assert waiting.result(NEVER) == "a"


class ImpatientError(Exception):
    pass


def test_who_does_not_wait_any_more(threads: ThreadPoolExecutor) -> None:
    """A call that has not begun is dropped; the answer of one that has is dropped, too."""
    ends = Ends(by_socket=False)
    gate = Gate()
    shared = ends.share(gate)()
    running = threads.submit(shared.enter, "running")
    until(lambda: gate.entered)
    calls = ends.worker("gw0")

    class Wakes:
        answer = None

        def __init__(self, line: object) -> None:
            pass

        def wait(self) -> None:
            raise ImpatientError

    import xdist_fixtureworker.sharing.exchange as module

    patch = pytest.MonkeyPatch()
    patch.setattr(module, "Waiting", Wakes)
    with pytest.raises(ImpatientError):
        shared.enter("never")
    patch.undo()
    gate.open.set()
    assert running.result(NEVER) == "running"
    assert shared.names() == ["running"]
    del calls


@pytest.fixture
def impatient() -> Iterator[Callable[[], object]]:
    """Raises in the main thread."""

    def handler(*_: object) -> None:
        raise ImpatientError

    before = signal.signal(signal.SIGUSR1, handler)
    main = threading.main_thread().ident
    assert main is not None
    yield lambda: signal.pthread_kill(main, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def test_who_does_not_wait_any_more_by_socket(
    threads: ThreadPoolExecutor, impatient: Callable[[], object]
) -> None:
    ends = Ends(by_socket=True)
    gate = Gate()
    shared = ends.share(gate)()
    running = threads.submit(shared.enter, "running")
    until(lambda: gate.entered)

    def interrupt() -> None:
        until(lambda: len(ends.sent) == 2)
        impatient()

    interrupting = threads.submit(interrupt)
    with pytest.raises(ImpatientError):
        shared.enter("never")
    interrupting.result(NEVER)
    gate.open.set()
    assert running.result(NEVER) == "running"
    assert shared.names() == ["running"]
    ends.close()


class Changing:
    """Can be pickled each second time only, as an object that another thread changes meanwhile."""

    def __init__(self) -> None:
        self.tried = 0

    def __reduce_ex__(self, protocol: Any) -> Any:
        self.tried += 1
        if self.tried % 2:
            raise TypeError("cannot be pickled now")
        return Changing, ()


class Changed:
    def one(self) -> Changing:
        return Changing()

    def log(self) -> object:
        return [(Changing(), "text"), Changing()].__iter__()


def test_results_that_another_thread_changes_stay(ends: Ends) -> None:
    shared = ends.share(Changed())()
    one = shared.one()
    (changing, text), alone = shared.log()
    assert text == "text"
    assert Changing not in {type(one), type(changing), type(alone)}
    assert one.tried == changing.tried == 3


def test_a_call_that_is_asked_for_before_it_is_read(
    threads: ThreadPoolExecutor, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the fixture worker is stopped: it is asked for again."""
    monkeypatch.setattr(dialling, "PATIENCE", 0.05)
    ends = Ends(by_socket=True)
    it = ends.share(box)()
    assert len(it) == 1
    ends.host.reads.clear()
    waiting = threads.submit(it.__len__)
    until(lambda: len([message for message in ends.sent if _is_move(message)]) == 2)
    assert not waiting.done()
    ends.host.reads.set()
    assert waiting.result(NEVER) == 1
    assert len(it) == 1
    ends.close()


def _is_move(message: Message) -> bool:
    return isinstance(message, Call) and message.operation == MOVE


def test_a_withdrawal_that_overtakes_its_call(ends: Ends, box: Box) -> None:
    """And the end of a test worker that does: neither is given what nobody would give back."""
    data = ends.host.share(box, "it", "conftest.py:3", 1)
    acquire = Call("gw0", 99, 1, "acquire", "", pickle.dumps(((), {})), "what", "")
    ends.host.receive(Withdrawn("gw0", 99))
    assert ends.host.serve(acquire) is None
    ends.host.receive(WorkerLeft("gw0"))
    assert ends.host.serve(replace(acquire, id=100)) is None
    assert ends.worker("gw1").unpack(data) is not None
    with exclusive(ends.worker("gw1").unpack(data), timeout=NEVER):
        pass


def test_the_time_of_a_call_is_limited(
    make_ends: Callable[..., Ends], threads: ThreadPoolExecutor
) -> None:
    ends = make_ends(limit=0.2)
    gate = Gate()
    shared = ends.share(gate)()
    with pytest.raises(CallError) as caught:
        shared.enter("slow")
    assert str(caught.value).startswith(
        "it.enter() (conftest.py:3) took longer than the 0.2 s of fixture_worker_timeout.\n"
    )
    assert "self.open.wait(NEVER)" in str(caught.value)
    with pytest.raises(CallError) as busy:
        shared.names()
    assert str(busy.value) == (
        "it.names() (conftest.py:3) cannot begin: it.enter() (conftest.py:3) of "
        f"gw0 ({os.environ['PYTEST_CURRENT_TEST'].rpartition(' ')[0]}) took longer than "
        "fixture_worker_timeout, and has not ended yet."
    )
    gate.open.set()
    until(lambda: gate.inside == 0)
    until(lambda: _succeeds(shared.names))


def _succeeds(action: Callable[[], object]) -> bool:
    try:
        action()
    except CallError:
        return False
    return True


def test_calls_that_wait_for_one_that_takes_too_long(
    make_ends: Callable[..., Ends], threads: ThreadPoolExecutor
) -> None:
    ends = make_ends(limit=0.5)
    gate = Gate()
    shared = ends.share(gate)()
    slow = threads.submit(shared.enter, "slow")
    until(lambda: gate.entered)
    waiting = threads.submit(shared.names)
    for each in (slow, waiting):
        assert isinstance(each.exception(NEVER), CallError)
    gate.open.set()


# --- exclusive use


def test_exclusive_use(ends: Ends, threads: ThreadPoolExecutor, box: Box) -> None:
    shared = ends.share(box)
    mine, others = shared("gw0"), shared("gw1")
    with exclusive(mine) as same, mine.exclusive():
        assert same is mine
        waiting = threads.submit(others.__len__)
        until(lambda: ends.held)
        assert len(mine) == 1
        assert not waiting.done()
        with pytest.raises(TimeoutError, match=r"no exclusive use of it .* within 0.1 s: gw0 \("):
            exclusive(others, timeout=0.1).__enter__()
    assert waiting.result(NEVER) == 1
    assert [(held.worker, held.by.partition(" ")[0]) for held in ends.held][:1] == [("gw1", "gw0")]
    with exclusive(others, timeout=NEVER):
        assert len(others) == 1


def test_exclusive_use_of_a_worker_that_dies(ends: Ends, box: Box) -> None:
    shared = ends.share(box)
    exclusive(shared("gw0")).__enter__()
    ends.host.receive(WorkerLeft("gw0"))
    assert len(shared("gw1")) == 1


def test_exclusive_use_of_the_object_itself(box: Box) -> None:
    with exclusive(box) as same:
        assert same is box


# --- what is kept


class Noticed:
    """Tells when it is deleted."""

    def __init__(self, gone: list[int], number: int) -> None:
        self.gone, self.number, self.lock = gone, number, threading.Lock()

    def __del__(self) -> None:
        self.gone.append(self.number)


class Maker:
    def __init__(self) -> None:
        self.gone: list[int] = []
        self.kept: list[object] = []
        self.lock = threading.Lock()

    def make(self, number: int) -> Noticed:
        return Noticed(self.gone, number)

    def make_in(self, number: int) -> list[Noticed]:
        return [Noticed(self.gone, number)]


def test_results_are_released(ends: Ends) -> None:
    maker = Maker()
    shared = ends.share(maker)()
    one, two = shared.make(1), shared.make(2)
    del one
    gc.collect()
    ends.worker("gw0").release_dropped()
    until(lambda: maker.gone == [1])
    assert two.number == 2
    del two
    gc.collect()
    ends.worker("gw0").release_dropped()
    until(lambda: maker.gone == [1, 2])
    ends.worker("gw0").release_dropped()
    assert sum(isinstance(message, Released) for message in ends.sent) == 2


def test_many_results_are_released_in_between(ends: Ends) -> None:
    maker = Maker()
    shared = ends.share(maker)()
    for number in range(500):
        shared.make(number)
    until(lambda: len(maker.gone) >= 400)
    assert sum(isinstance(message, Released) for message in ends.sent) <= 10


def test_many_results_can_be_held(ends: Ends) -> None:
    maker = Maker()
    shared = ends.share(maker)()
    held = [shared.make(number) for number in range(2_000)]
    assert held[1777].number == 1777
    ends.host.receive(WorkerLeft("gw0"))
    until(lambda: len(maker.gone) == 2_000)


def test_results_are_dropped_with_the_last_worker_that_has_them(ends: Ends) -> None:
    maker = Maker()
    maker.kept.append(Noticed(maker.gone, 1))
    shared = ends.share(maker)
    kept = [shared(worker).kept[0] for worker in ("gw0", "gw1")]
    maker.kept.clear()
    ends.host.receive(WorkerLeft("gw0"))
    assert kept[1].number == 1
    ends.host.receive(WorkerLeft("gw1"))
    until(lambda: maker.gone == [1])


# --- the end


def test_after_the_finalizer(ends: Ends, box: Box) -> None:
    shared = ends.share(box, root=1)()
    part = shared.parts[0]
    other = ends.share(Box(), root=2)()
    ends.host.finalize(1)
    for use in (lambda: len(shared), part.get):
        with pytest.raises(CallError, match="comes too late: its fixture has been finalized"):
            use()
    assert len(other) == 1
    ends.host.finalize()
    with pytest.raises(CallError, match="too late"):
        len(other)


def test_a_call_that_waits_when_the_finalizer_comes(
    ends: Ends, threads: ThreadPoolExecutor
) -> None:
    gate = Gate()
    shared = ends.share(gate)()
    running = threads.submit(shared.enter, "a")
    until(lambda: gate.entered)
    waiting = threads.submit(shared.names)
    until(lambda: len(ends.sent) == 2)
    ends.host.finalize()
    assert isinstance(waiting.exception(NEVER), CallError)
    gate.open.set()
    assert running.result(NEVER) == "a"


def test_when_the_connection_is_lost(ends: Ends, threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    shared = ends.share(gate)()
    waiting = threads.submit(shared.enter, "a")
    until(lambda: gate.entered)
    ends.worker("gw0").exchange.lose(EOFError())
    for each in (waiting.exception(NEVER), _error_of(shared.names)):
        assert type(each) is FixtureWorkerDiedError
        assert "the connection to the controller is lost" in str(each)
    gate.open.set()


def _error_of(action: Callable[[], object]) -> BaseException | None:
    try:
        action()
    except BaseException as error:
        return error
    return None


def test_what_cannot_be_sent(box: Box) -> None:
    ends = Ends(by_socket=False)
    shared = ends.share(box)()

    def refuse(message: Message) -> None:
        raise OSError("closed")

    patch = pytest.MonkeyPatch()
    patch.setattr(ends.worker("gw0").exchange, "_send", refuse)
    with pytest.raises(FixtureWorkerDiedError, match=r"before there was an answer to len\(it\)"):
        len(shared)
    patch.undo()
    with pytest.raises(FixtureWorkerDiedError):
        len(shared)


# --- bad messages


BAD = [
    Call("gw0", 1, 999, "call", "get", b"", "what", ""),
    Call("gw0", 1, 1, "call", "get", b"garbage", "what", ""),
    Call("gw0", 1, 1, "call", "get", pickle.dumps(7), "what", ""),
    Call("gw0", 1, 1, "call", "get", pickle.dumps(((), 7)), "what", ""),
    Call("gw0", 1, 1, "call", "__init__", pickle.dumps(((), {})), "what", ""),
    Call("gw0", 1, 1, "get", "__dict__", pickle.dumps(((), {})), "what", ""),
    Call("gw0", 1, 1, "set", "number", pickle.dumps(((1,), {})), "what", ""),
    Call("gw0", 1, 1, "nonsense", "", pickle.dumps(((), {})), "what", ""),
    Call("gw0", 1, 1, "__len__", "", pickle.dumps(((), {})), "what", ""),
    Call("gw0", 1, 1, "__reduce_ex__", "", pickle.dumps(((2,), {})), "what", ""),
    Call("gw0", 1, 1, "iterate", "", pickle.dumps(((), {})), "what", ""),
    Call("gw0", 1, 1, "take", "", pickle.dumps(((), {})), "what", ""),
    Call("gw0", 1, 1, "release", "7", b"", "what", ""),
    Call("gw0", 1, 1, "release", "seven", b"", "what", ""),
    Call("gw0", 1, 1, "acquire", "soon", b"", "what", ""),
]


@pytest.mark.parametrize("call", BAD, ids=lambda call: f"{call.operation}-{call.name}")
def test_a_bad_call_is_answered(ends: Ends, call: Call) -> None:
    answers: list[Message] = []
    host = Host(answers.append)
    host.share(Part(1), "it", "conftest.py:3", 1)
    host.receive(call)
    until(lambda: answers)
    assert isinstance(answers[0], Raised) or call.name == "7"
    host.receive(Call("gw1", 1, 1, "call", "get", pickle.dumps(((), {})), "what", ""))
    until(lambda: len(answers) == 2)
    assert isinstance(answers[1], Returned)


def test_what_is_not_for_live_objects(ends: Ends) -> None:
    with pytest.raises(ProtocolError):
        ends.host.receive(Serving())


class Outsider:
    """Speaks to the socket as a test worker would, or otherwise."""

    def __init__(self, ends: Ends, key: bytes | None = None) -> None:
        assert ends.listener is not None
        address, known = ends.listener.introduction
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(address)
        self.line = Line(self.socket, "the host")
        self.line.send_bytes((known if key is None else key).hex().encode() + b" gw7")

    def is_refused(self) -> bool:
        try:
            return not self.line.receive_bytes() and self.is_refused()
        except (EOFError, ConnectionResetError):
            return True

    def frame(self, data: bytes) -> None:
        self.line.send_bytes(data)

    def half(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.socket.shutdown(socket.SHUT_WR)


GET = Call("", 1, 1, "call", "get", pickle.dumps(((), {})), "what", "")
WHAT = "it.get() (conftest.py:3)"
GARBAGE: dict[str, Callable[[Outsider], object]] = {
    "no data": lambda it: it.frame(b"garbage"),
    "no message": lambda it: it.frame(marshal.dumps(("Call", (1, 2)))),
    "no call": lambda it: it.line.send(Serving()),
    "two calls at once": lambda it: it.socket.sendall(2 * _framed(GET)),
    "the end": lambda it: it.socket.shutdown(socket.SHUT_WR),
    "half a call": lambda it: it.half(_framed(GET)[:-1]),
}


def _framed(message: Message) -> bytes:
    data = encode(message)
    return len(data).to_bytes(8, "big") + data


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_on_a_socket_closes_that_connection(what: str) -> None:
    ends = Ends(by_socket=True)
    shared = ends.share(Part(1))
    assert shared().get() == 1
    outsider = Outsider(ends)
    GARBAGE[what](outsider)
    assert outsider.is_refused()
    outsider.socket.close()
    assert shared().get() == 1
    assert [message.what for message in ends.sent if isinstance(message, Call)] == [WHAT] * 2
    ends.close()


def test_who_does_not_have_the_key() -> None:
    ends = Ends(by_socket=True)
    outsider = Outsider(ends, b"guessed")
    assert outsider.is_refused()
    outsider.socket.close()
    ends.close()


def test_who_does_not_read_answers_holds_up_nobody() -> None:
    ends = Ends(by_socket=True)
    box = Box()
    box.data = bytes(10_000_000)  # type: ignore[attr-defined]
    shared = ends.share(box)
    outsider = Outsider(ends)
    assert outsider.line.receive_bytes() == b""
    outsider.line.send(replace(GET, operation="get", name="data"))
    until(lambda: ends.sent)
    assert len(shared().data) == 10_000_000
    outsider.socket.close()
    ends.close()


def test_a_flood(ends: Ends) -> None:
    answers: list[Message] = []
    host = Host(answers.append)
    host.share(Part(1), "it", "conftest.py:3", 1)
    arguments = pickle.dumps(((), {}))
    for id_ in range(10_000):
        host.receive(Call("gw0", id_, 1, "call", "get", arguments, "what", ""))
    until(lambda: len(answers) == 10_000)
    assert [answer.id for answer in answers] == list(range(10_000))  # type: ignore[union-attr]

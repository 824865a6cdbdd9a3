"""Runs calls in threads, those that share a lane one by one; the process that has the objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from ..errors import CallError
from ..wire.messages import Call, Returned
from .callers import CALLER
from .handles import pack
from .lanes import ACQUIRE, Lane, holder
from .open_calls import OpenCalls
from .returning import raised
from .threads import Threads, Watch


class Turns:
    """Runs each call when it is its turn, and answers it.

    :param calls: that are not answered.
    :param perform: does what a call asks for, and returns the answer. May raise anything.
    :param runs: how a call is run: "beside" others, or "waits" beside them for as long as it wants.
    :param on_unsent: told of an answer that nobody waits for any more.
    :param limit: seconds that a call may take; None: as long as it wants.
    """

    def __init__(
        self,
        calls: OpenCalls,
        perform: Callable[[Call], Returned],
        runs: Callable[[Call], str],
        on_unsent: Callable[[Returned], object],
        limit: float | None,
    ) -> None:
        self._calls = calls
        self._perform = perform
        self._runs = runs
        self._on_unsent = on_unsent
        self._limit = limit
        self._lock = threading.Lock()  # around each change of a lane
        self._threads = Threads()
        self._watch = Watch(limit, self._expire)

    def arrive(self, lane: Lane, call: Call) -> None:
        """Run a call when it is its turn; at once, in this thread, if it came by socket.

        :raises ValueError: if the call asks for exclusive use, and its name is no number.
        """
        seconds = float(call.name) if call.operation == ACQUIRE and call.name else None
        with self._lock:
            stuck = lane.running if lane.is_stuck else None
            following = None if stuck is not None else lane.arrive(call)
            held_by = lane.holder if lane.is_blocked(call) else None
        if stuck is not None:
            self.refuse(call, is_busy(call.what, stuck.what, holder(stuck.worker, stuck.test)))
            return
        if held_by is not None:
            self._calls.held(call, str(held_by))
        if following is call and self._calls.is_direct(call):
            self._take_turn(lane, call)
        else:
            self._start(lane, following)
        if seconds is not None and following is None:
            timer = threading.Timer(seconds, self._waited_too_long, [lane, call, seconds])
            timer.daemon = True
            timer.start()

    def release(self, lane: Lane, call: Call) -> None:
        """Give back the exclusive use that was got by the call whose id is the name of this one.

        :raises ValueError: if that is no number.
        """
        with self._lock:
            following = lane.release(call.worker, int(call.name))
        self._calls.answer(_nothing(call))
        self._start(lane, following)

    def withdraw(self, lanes: Iterable[Lane], worker: str, id_: int | None = None) -> None:
        """Drop a call, or all of a worker, and give back what it has."""
        for lane in lanes:
            with self._lock:
                _, following = lane.withdraw(worker, id_)
            self._start(lane, following)

    def drop(self, lanes: Iterable[Lane]) -> list[Call]:
        """Drop all calls that have not begun; returns them."""
        with self._lock:
            return [call for lane in lanes for call in lane.take_waiting()]

    def refuse(self, call: Call, text: str) -> None:
        """Answer a call with an error of ours."""
        self._calls.answer(raised(call, CallError(text)))

    def beside(self, action: Callable[[], object]) -> None:
        """Do something that nothing else is to wait for."""
        try:
            self._threads.run(action)
        except RuntimeError:  # no thread is left
            action()

    def _start(self, lane: Lane, call: Call | None) -> None:
        """Run a call in the thread that waits for it, or in one of ours."""
        if call is None:
            return
        run = partial(self._take_turn, lane, call)
        if self._calls.begin(call, run):
            return
        try:
            self._threads.run(run)
        except RuntimeError as error:  # no thread is left
            self._calls.answer(raised(call, error))
            self._done(lane)

    def _take_turn(self, lane: Lane, call: Call) -> None:
        """Run a call, and let the next one begin."""
        self._calls.held(call, "")
        runs = self._runs(call)
        if runs:
            self._done(lane)
        self._run(lane, call, runs == "waits")
        if not runs:
            self._done(lane)

    def _done(self, lane: Lane) -> None:
        with self._lock:
            following = lane.done()
        self._start(lane, following)

    def _run(self, lane: Lane, call: Call, may_wait: bool) -> None:
        caller = self._calls.caller(call)
        if caller is None:
            return
        before = CALLER.set(caller)
        try:
            if may_wait or self._limit is None:
                answer = self._perform(call)
            else:
                with self._watch.over((lane, call)):
                    answer = self._perform(call)
        except BaseException as error:
            self._calls.answer(raised(call, error))
        else:
            if not self._calls.answer(answer):
                self._on_unsent(answer)
        finally:
            CALLER.reset(before)

    def _waited_too_long(self, lane: Lane, call: Call, seconds: float) -> None:
        with self._lock:
            has_it = lane.holder
            running = lane.running
            is_late = lane.drop(call)
        if is_late:
            by = str(has_it) if has_it is not None else ""
            if not by and running is not None:
                by = f"{holder(running.worker, running.test)}, by {running.what}"
            error = TimeoutError(still_held(call.what, seconds, by))
            self._calls.answer(raised(call, error))

    def _expire(self, what: object, stack: str) -> None:
        """Answer a call that takes too long; others are refused until it ends."""
        lane, call = cast("tuple[Lane, Call]", what)
        with self._lock:
            lane.is_stuck = lane.running is call
            waiting = lane.take_waiting() if lane.is_stuck else []
        self.refuse(call, takes_too_long(call.what, self._limit or 0.0, stack))
        for each in waiting:
            self.refuse(each, is_busy(each.what, call.what, holder(call.worker, call.test)))


def _nothing(call: Call) -> Returned:
    return Returned(call.worker, call.id, pack(None, lambda _: None), ())


# --- messages


def takes_too_long(what: str, seconds: float, stack: str) -> str:
    return (
        f"{what} took longer than the {seconds:g} s of fixture_worker_timeout.\n"
        f"Until it ends, nothing else can be done with that object. Where it is:\n{stack}"
    )


def is_busy(what: str, other: str, by: str) -> str:
    return (
        f"{what} cannot begin: {other} of {by} took longer than fixture_worker_timeout, and has "
        f"not ended yet."
    )


def still_held(what: str, seconds: float, by: str) -> str:
    return f"no {what} within {seconds:g} s: {by or 'others'} had it all the time."

"""Threads in which calls of live objects run, and the watch on how long; every process."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

SLICE = 0.5
_HERE = str(Path(__file__).parent)


class Threads:
    """As many threads as there are actions at once; they are used again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = 0
        self._actions: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def run(self, action: Callable[[], object]) -> None:
        """Run an action, which must not raise, in a thread.

        :raises RuntimeError: if the system has no thread left.
        """
        with self._lock:
            is_there = self._idle > 0
            self._idle -= is_there
        if is_there:
            self._actions.put(action)
        else:
            thread = threading.Thread(target=self._run, args=[action], name="live object")
            thread.daemon = True
            thread.start()

    def _run(self, action: Callable[[], object]) -> None:
        while True:
            action()
            del action  # and what it refers to
            with self._lock:
                self._idle += 1
            action = self._actions.get()


class Watch:
    """Tells of what takes longer than a limit.

    :param limit: seconds; None: there is none.
    :param on_expiry: called in a thread of ours with what took longer, and the stack of the thread
        that does it.
    """

    def __init__(self, limit: float | None, on_expiry: Callable[[object, str], object]) -> None:
        self._limit = limit
        self._on_expiry = on_expiry
        self._changed = threading.Condition()
        self._left: dict[int, float] = {}  # seconds, by thread
        self._what: dict[int, object] = {}
        self._is_started = False

    @contextmanager
    def over(self, what: object) -> Iterator[None]:
        """Around what is watched, which runs in this thread."""
        if self._limit is None:
            yield
            return
        thread = threading.get_ident()
        with self._changed:
            self._left[thread], self._what[thread] = self._limit, what
            if not self._is_started:
                self._is_started = True
                threading.Thread(target=self._watch, name="time-out of calls", daemon=True).start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._left.pop(thread, None)
                self._what.pop(thread, None)

    def _watch(self) -> None:
        """In slices: while the process is stopped, as by SIGSTOP, no more than one counts."""
        while True:
            with self._changed:
                while not self._left:
                    self._changed.wait()
                passed = min(SLICE, *self._left.values())
            time.sleep(max(passed, 0.001))
            for thread, what in self._expired(passed):
                self._on_expiry(what, _stack(thread))

    def _expired(self, passed: float) -> list[tuple[int, object]]:
        with self._changed:
            for thread in self._left:
                self._left[thread] -= passed
            gone = [thread for thread, left in self._left.items() if left <= 0]
            for thread in gone:
                del self._left[thread]
            return [(thread, self._what.pop(thread)) for thread in gone]


def _stack(thread: int) -> str:
    """Where a thread is, from the code that was called on."""
    frame = sys._current_frames().get(thread)
    stack = [] if frame is None else traceback.extract_stack(frame)
    ours = [number for number, each in enumerate(stack) if each.filename.startswith(_HERE)]
    called = stack[ours[-1] + 1 :] if ours else stack
    return "".join(traceback.format_list(called or stack))

"""Cuts the code of fixtures short from another thread; runs in the fixture worker.

Fixtures run in the main thread. Ctrl-C and time-outs come up elsewhere, and reach the main thread
as a signal, which wakes it from a system call, too. Its handler raises only while users' code runs,
that of fixtures or around them: the bookkeeping of this plugin is never interrupted.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback

# As signal.getsignal(), without the enumeration.
from _signal import getsignal  # type: ignore[import-not-found]  # typeshed knows the public one
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from .handlers import Handlers

HANGING_AFTER = 10.0
"""Seconds that code gets to come loose after its time-out; then it is said to hang."""
AGAIN_AFTER = HANGING_AFTER / 2
"""Seconds after which hooks and reports that follow on it are cut short as well."""

SLICE = 0.5


class Time:
    """The time that counts towards the limits."""

    def __init__(self) -> None:
        self._forgiven = False

    @contextmanager
    def forgiven(self) -> Iterator[None]:
        """Around what does not count, as the wait for another process."""
        try:
            self._forgiven = True
            yield
        finally:
            self._forgiven = False

    def ends_within(self, done: threading.Event, seconds: float) -> bool:
        """Whether it is done within the seconds that this process could run. In slices: while it is
        stopped, as by SIGSTOP, the clock goes on, but no more than a slice of that counts."""
        while seconds > 0:
            if done.wait(min(seconds, SLICE)):
                return True
            seconds -= 0 if self._forgiven else SLICE
        return done.is_set()


class MainThread:
    """The main thread, as seen from the others. Made in the main thread."""

    def __init__(self) -> None:
        self._interrupted = False
        self._only_finalizers = False
        self._in_set_up = False
        self._in_finalizer = False
        self._in_foreign = False
        self._protected = False
        self._expired: str | None = None
        self._lock = threading.Lock()
        self.time = Time()
        self.handlers = Handlers(lambda: self.in_users_code)  #: that fixtures leave
        self._listen()

    @property
    def interrupted(self) -> bool:
        """Whether no set-up is to run any more."""
        return self._interrupted

    @property
    def in_users_code(self) -> bool:
        """Whether code runs that may be cut short, or that is a finalizer."""
        runs = self._in_foreign or self._in_set_up or self._in_finalizer
        return runs and not self._protected

    @property
    def in_finalizer(self) -> bool:
        """Whether the code of a finalizer runs."""
        return self._in_finalizer

    def end_of_set_ups(self) -> None:
        """Only finalizers run from now on, which are not interrupted; nor what they set up."""
        with self._lock:
            self._only_finalizers = True
            self._interrupted = False

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the set-up that runs, if one does. Any thread."""
        with self._lock:
            if self._only_finalizers:
                return
            self._interrupted = True
        self._wake()

    @contextmanager
    def set_up(self) -> Iterator[None]:
        """Around the code of a fixture's set-up."""
        outer = self._in_set_up
        try:
            self._in_set_up = True
            yield
            self._in_set_up = outer
        finally:
            self._in_set_up = outer
            self._listen()

    @contextmanager
    def finalizer(self) -> Iterator[None]:
        """Around a fixture's finalizers, which Ctrl-C does not cut short."""
        try:
            self._in_finalizer = True
            yield
            self._in_finalizer = False
        finally:
            self._in_finalizer = False
            self._listen()

    @contextmanager
    def protected(self) -> Iterator[None]:
        """Around what nothing cuts short; :meth:`check` raises it later."""
        outer = self._protected
        try:
            self._protected = True
            yield
        finally:
            self._protected = outer

    def check(self) -> None:
        """Raise what has come up meanwhile: Ctrl-C, or the end of the time."""
        self._on_sigint(signal.SIGINT, None)

    @contextmanager
    def limited(
        self,
        seconds: float | None,
        on_expiry: Callable[[str], str],
        on_hanging: Callable[[str], None],
    ) -> Iterator[None]:
        """Raise ``pytest.fail.Exception`` in users' code that runs too long within it.

        :param seconds: None: there is no limit.
        :param on_expiry: called with the stacks of all threads; returns what the exception says.
        :param on_hanging: called with the stacks if that did not help. Both in another thread.
        """
        outer = self._in_foreign
        done = threading.Event()
        try:
            if seconds is not None:
                arguments = done, seconds, on_expiry, on_hanging
                name = "fixture time-out"
                threading.Thread(target=self._watch, args=arguments, name=name, daemon=True).start()
            self._in_foreign = True
            yield
        finally:
            with self.protected():
                with self._lock:
                    self._in_foreign = outer
                    done.set()
                    self._expired = None
                if not outer:
                    self._listen()

    def _watch(
        self,
        done: threading.Event,
        seconds: float,
        on_expiry: Callable[[str], str],
        on_hanging: Callable[[str], None],
    ) -> None:
        """Wait for the end of what runs, and cut it short. In a thread of its own."""
        if self.time.ends_within(done, seconds):
            return
        message = on_expiry(_stacks())
        self._expire(done, message)
        if self.time.ends_within(done, AGAIN_AFTER):
            return
        if not (self._in_set_up or self._in_finalizer):
            self._expire(done, message)  # hooks after the fixture was cut short, or its report
        if not self.time.ends_within(done, HANGING_AFTER - AGAIN_AFTER):
            with self._lock:
                if not done.is_set():
                    on_hanging(_stacks())

    def _expire(self, done: threading.Event, message: str) -> None:
        with self._lock:
            if not done.is_set():
                self._expired = message
                self._wake()

    def _listen(self) -> None:
        """Be the handler of the signal, also if a fixture has put another one in its place, as an
        event loop does that had one of its own: from that one, KeyboardInterrupt comes anywhere."""
        if getsignal(signal.SIGINT) != self._on_sigint:
            signal.signal(signal.SIGINT, self._on_sigint)
        self.handlers.guard()

    def _wake(self) -> None:
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _on_sigint(self, _signal: int, _frame: object) -> None:
        """Do nothing, unless it is us who sent the signal. Not ``SIG_IGN``, which the servers that
        fixtures start would inherit."""
        __tracebackhide__ = True  # what is shown last is where the code of the fixture was
        if not self.in_users_code:
            return
        if self._expired is not None:
            message, self._expired = self._expired, None
            # Not an Exception: code that waits for a server goes on after those.
            raise pytest.fail.Exception(message, pytrace=True)
        if self._interrupted and not self._in_finalizer:
            raise KeyboardInterrupt


def _stacks() -> str:
    """The stacks of all threads of this process but the one that asks."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks = [
        f"thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
        if ident != threading.get_ident()
    ]
    return "\n".join(stacks)

"""Runs users' code that is neither set-up nor finalizer: imports, hooks, reports; fixture worker.

It may block as well. So it is announced to the controller, which names it when it takes long, has
the time of ``fixture_worker_timeout``, and is interrupted like a set-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TypeVar

from ..wire.messages import Doing, Hanging
from .main_thread import MainThread
from .outbox import Outbox
from .reports import shown

T = TypeVar("T")


class Foreign:
    """What such code runs in.

    :param main: the thread that it runs in, which time-outs interrupt.
    :param timeout: seconds that it may take; None: as long as it wants.
    :param outbox: takes messages to the controller.
    """

    def __init__(self, main: MainThread, timeout: float | None, outbox: Outbox) -> None:
        self._main = main
        self._timeout = timeout
        self._outbox = outbox
        self._announced = ""
        self._wanted = ""

    @contextmanager
    def looking_up(self, fixture: str, where: str) -> Iterator[None]:
        """Around the look-up of a global fixture, for which modules may have to be imported."""
        label = f"the global fixture {fixture} ({where})"
        what = f"the look-up of {label}"
        self._wanted = f" for {label}"
        try:
            with self.named(what), self.limited(what), self._main.set_up():
                self._main.check()
                yield
        finally:
            self._wanted = ""

    @contextmanager
    def running(self, what: str) -> Iterator[None]:
        """Announce what runs within it, limit it, and let it be interrupted.

        :param what: as in "waiting for the import of test_it.py".
        """
        with self.announced(what), self.limited(what), self._main.set_up():
            self._main.check()
            yield

    @contextmanager
    def waiting(self, what: str, ask: Callable[[], None]) -> Iterator[None]:
        """As :meth:`running`, without a limit, also for what goes on around it: what is waited for
        has one of its own.

        :param what: as in "waiting for the set-up of one, which waits for two".
        :param ask: asks the controller, which is told then what waits. Nothing cuts that short.
        """
        before = self._announced
        with self._main.protected():
            ask()
            self._outbox.send(Doing(what))
        try:
            with self.named(what), self._main.time.forgiven(), self._main.set_up():
                self._main.check()
                yield
        finally:
            with self._main.protected():
                self._outbox.send(Doing(before))  # goes on; nothing: a set-up around it

    def importing(self, path: str) -> AbstractContextManager[None]:
        """Around the import of a module, within a look-up."""
        return self.announced(f"the import of {path}{self._wanted}")

    @contextmanager
    def named(self, what: str) -> Iterator[None]:
        """Name what goes on within it where its time is over. The controller knows that it may,
        while a request is not answered."""
        before, self._announced = self._announced, what
        try:
            yield
        finally:
            self._announced = before

    @contextmanager
    def announced(self, what: str) -> Iterator[None]:
        """Tell the controller what goes on within it.

        That it is over, the controller takes from the answer, or from the next that is told.
        """
        before = self._announced
        self._outbox.send(Doing(what))
        try:
            with self.named(what):
                yield
        finally:
            if before:
                self._outbox.send(Doing(before))

    def limited(
        self, what: str, expired: Callable[[str], str] | None = None
    ) -> AbstractContextManager[None]:
        """Give what runs within it the time of ``fixture_worker_timeout``.

        :param what: as in "the set-up of first (conftest.py:3) took longer".
        :param expired: given the stacks of all threads, returns what the exception says.
        """

        def timed_out(stacks: str) -> str:
            return f"{self.exceeds_timeout(self._announced or what)}\n{stacks}"

        def hanging(stacks: str) -> None:
            self._outbox.send(Hanging(0, hangs(self._announced or what, stacks)))

        self._outbox.flush()
        return self._main.limited(self._timeout, expired or timed_out, hanging)

    def telling(self, make: Callable[[], T], otherwise: Callable[[BaseException], T]) -> T:
        """What ``make`` makes of an exception, whose own methods run then.

        :param otherwise: makes something without these, where they raise or take too long.
        """
        try:
            with self.limited("the making of a report"):
                return make()
        except BaseException as error:
            return otherwise(error)

    def shown(self, error: BaseException) -> str:
        """``error`` and where it came up, whatever its methods do."""
        return self.telling(partial(shown, error), lambda _: type(error).__name__)

    def was_interrupted(self, error: BaseException | None) -> bool:
        """Whether ``error`` came up in it because the run was interrupted."""
        return self._main.interrupted and isinstance(error, KeyboardInterrupt)

    def exceeds_timeout(self, what: str) -> str:
        """What to say of ``what`` when its time is over."""
        return exceeds_timeout(what, self._timeout or 0.0)


# --- messages


def exceeds_timeout(what: str, seconds: float) -> str:
    return (
        f"{what} took longer than the {seconds:g} s of fixture_worker_timeout.\n"
        f"The stacks of all threads of the fixture worker at that time are shown below. If it only "
        f"needs longer, raise the limit."
    )


def hangs(what: str, stacks: str) -> str:
    return (
        f"{what} hangs: it took longer than fixture_worker_timeout, and no exception reaches it, "
        f"as in a call into C code.\n"
        f"Nothing else can be set up or finalized. Use a time-out of the library that it calls.\n"
        f"Stacks of the fixture worker:\n{stacks}"
    )

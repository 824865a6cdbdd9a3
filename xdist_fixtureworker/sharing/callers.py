"""Tells shared objects who calls them; every process."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar

from .lanes import holder


class Caller:
    """Who calls, and what becomes of what it is given when it is gone.

    :param worker: empty: this process.
    :param on_held: told whom the call waits for; an empty text when it does not wait any more.
    :param on_free: called when nothing is to be undone any more.
    """

    def __init__(
        self,
        worker: str = "",
        test: str = "",
        on_held: Callable[[str], object] | None = None,
        on_free: Callable[[], object] | None = None,
    ) -> None:
        self.worker = worker
        self.test = test
        self.is_gone = False
        self._on_held = on_held
        self._on_free = on_free
        self._undo: Callable[[], object] | None = None

    def __str__(self) -> str:
        return holder(self.worker or "this process", self.test)

    @property
    def has_something(self) -> bool:
        """Whether there is something to undo."""
        return self._undo is not None

    def waits_for(self, holders: str) -> None:
        """Tell whom the call waits for; empty: nobody any more."""
        if self._on_held is not None:
            self._on_held(holders)

    def when_gone(self, undo: Callable[[], object]) -> None:
        """Have something done when nobody waits for the call, or the caller is dead; in another
        thread, if that is not so already."""
        self._undo = undo
        if self.is_gone:
            self.go()

    def gave_back(self) -> None:
        """Forget what was to be done."""
        self._undo = None
        if self._on_free is not None:
            self._on_free()

    def go(self) -> None:
        """Do it. Any thread."""
        self.is_gone = True
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


CALLER: ContextVar[Caller | None] = ContextVar("CALLER", default=None)


def current_caller() -> Caller:
    """Who calls now."""
    caller = CALLER.get()
    return caller if caller is not None else Caller(test=current_test())


def current_test() -> str:
    """The test that runs in this process, as pytest tells it; with its phase in parentheses."""
    return os.environ.get("PYTEST_CURRENT_TEST", "")

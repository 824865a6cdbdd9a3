"""Says with ``-v`` when a set-up or a finalizer begins, as xdist does of tests; in the controller.

Pure: it is told what is entered into the journal.
"""

from __future__ import annotations

from collections.abc import Callable

from .journal import Event, FinalizerBegun, Key, RecoveryBegun, SetUpBegun


class AsItHappens:
    """One per run.

    :param worker: the fixture worker's id, as xdist knows it.
    :param everything: whether session fixtures that global ones depend on are shown, too.
    :param show: shows a line.
    """

    def __init__(self, worker: str, everything: bool, show: Callable[[str], object]) -> None:
        self._worker = worker
        self._everything = everything
        self._show = show
        self._shown: set[Key] = set()

    def entered(self, event: Event) -> None:
        """Say it, if it is something to be said."""
        match event:
            case SetUpBegun() if event.is_global or self._everything:
                self._shown.add((event.fixture_worker, event.id))
                self._say("SETUP", event)
            case RecoveryBegun():
                self._say("RECOVER", event)
            case FinalizerBegun() if (event.fixture_worker, event.id) in self._shown:
                self._say("TEARDOWN", event)

    def _say(self, what: str, event: SetUpBegun | FinalizerBegun) -> None:
        self._show(f"[{self._worker}] {what} {event.fixture} ({event.where})")

"""In what order several fixture workers finalize; runs in the controller, if there are several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ..wire.messages import Freed
from .requests import Delivery, to_fixture_worker
from .ties import Holds, Mark

if TYPE_CHECKING:
    from threading import RLock

    from .service import Service


class Ending(Protocol):
    """What is asked of the relay of a lane."""

    has_ended: bool

    def call_off(self) -> list[Delivery]: ...

    def finalize(self) -> list[Delivery]: ...


class LanesEnd:
    """What lanes wait for before they finalize.

    :param lock: around what all lanes share.
    """

    def __init__(self, lock: RLock, services: Sequence[Service], relays: Sequence[Ending]) -> None:
        self._lock = lock
        self._services = services
        self._relays = relays
        self._holds = Holds()
        self._unsettled: set[int] = set()
        self.has_begun = False  #: no test is left

    def begin(self) -> None:
        """No test is left: do without the lanes that were not started.

        Finalizers begin when all have settled: a set-up that goes on may ask another lane for what
        that would have finalized.
        """
        with self._lock:
            self.has_begun = True
            self._unsettled = {n for n, relay in enumerate(self._relays) if not relay.has_ended}
            for service, relay in zip(self._services, self._relays, strict=True):
                if service.process is None:
                    service.switchboard.put(relay.call_off)

    def settled(self, lane: int) -> None:
        """Note that nothing is set up in a lane any more, but for others."""
        with self._lock:
            if lane not in self._unsettled:
                return
            self._unsettled.discard(lane)
            if not self._unsettled:
                for service, relay in zip(self._services, self._relays, strict=True):
                    service.switchboard.put(relay.finalize)

    def hold(self, held: Mark, user: Mark) -> None:
        """As :meth:`.ties.Holds.hold`."""
        with self._lock:
            self._holds.hold(held, user)

    def held(self, lane: int) -> tuple[int, ...]:
        """The set-ups of a lane that others depend on, and all before them."""
        with self._lock:
            return self._holds.held_in(lane)

    def finalized(self, lane: int, last: int | None = None) -> None:
        """Note the last set-up of a lane that is not finalized; None: all are, or never will be."""
        with self._lock:
            for holding, held in self._holds.let_go(lane, last):
                self._services[holding].switchboard.put(partial(to_fixture_worker, Freed(held)))

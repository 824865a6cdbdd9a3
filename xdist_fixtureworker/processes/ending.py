"""Ends processes; controller and fixture worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import psutil

from .details import LOST, living
from .identity import Identity, wait_gone
from .strays import Fate, Stray

GRACE = 5.0
"""Seconds that a process gets to end after it was asked to; then it is killed."""

_ROUNDS = 3

P = TypeVar("P", bound=Identity)


def end(processes: Iterable[P], grace: float = GRACE) -> dict[P, Fate]:
    """Terminate, wait for ``grace`` seconds, kill, wait for as long again."""
    fates = dict.fromkeys(processes, Fate.GONE)
    left = list(fates)
    for fate, send in (
        (Fate.TERMINATED, psutil.Process.terminate),
        (Fate.KILLED, psutil.Process.kill),
    ):
        for process in left:
            if _send(process, send):
                fates[process] = fate
        left = wait_gone(left, grace)
    fates.update(dict.fromkeys(left, Fate.LEFT))
    return fates


def _send(process: Identity, send: Callable[[psutil.Process], None]) -> bool:
    found = living(process)
    if found is None:
        return False
    try:
        send(found)
    except LOST:
        return False  # ended meanwhile, or of another user now
    return True


def end_all(look: Callable[[], Iterable[Stray]], grace: float = GRACE) -> dict[Stray, Fate]:
    """End what ``look`` finds, and again: it may have started more meanwhile."""
    fates: dict[Stray, Fate] = {}
    for _ in range(_ROUNDS):
        new = [stray for stray in look() if stray not in fates]
        if not new:
            break
        fates.update(end(new, grace))
    return fates

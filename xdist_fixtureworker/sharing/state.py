"""Small shared objects of which each call is atomic; every process."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Generic, TypeVar

from .exclusive import Exclusive, exclusive
from .operations import run_in_caller

T = TypeVar("T")


class Shared:
    """Base of what is to be shared: ``with it.exclusive(): ...`` in any run."""

    @run_in_caller
    def exclusive(self, timeout: float | None = None) -> Exclusive[Shared]:
        """Keep all other tests from it while a block runs: see :func:`exclusive`."""
        return exclusive(self, timeout)


class Counter(Shared):
    """Gives each number once. Any process; with ``share="proxy"``, one for all tests.

    :param start: the value before the first :meth:`next`.
    """

    def __init__(self, start: int = 0) -> None:
        self._lock = threading.Lock()
        self._value = start

    def next(self) -> int:
        """Add one; returns the number that nobody else gets."""
        with self._lock:
            self._value += 1
            return self._value

    @property
    def value(self) -> int:
        """The number that was given last."""
        return self._value


class Journal(Shared, Generic[T]):
    """A list to which entries are added only. Any process; with ``share="proxy"``, one for all
    tests: for what all of them did."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[T] = []

    def append(self, entry: T) -> None:
        """Add an entry."""
        with self._lock:
            self._entries.append(entry)

    def extend(self, entries: Iterable[T]) -> None:
        """Add entries, one behind the other."""
        added = list(entries)
        with self._lock:
            self._entries += added

    def snapshot(self) -> list[T]:
        """A list of all entries so far, in order."""
        with self._lock:
            return list(self._entries)

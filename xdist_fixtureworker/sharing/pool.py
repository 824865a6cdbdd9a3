"""A pool of items, each for one test at a time; every process."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from ..errors import CallError
from .callers import Caller, current_caller
from .operations import run_beside, run_in_caller, wait_beside
from .state import Shared

T = TypeVar("T")

_SHOWN = 5  # holders


class Pool(Shared, Generic[T]):
    """Items, each of which one test has at a time. Any process; with ``share="proxy"``, one pool
    for all tests.

    :param items: what is given out.
    :param on_return: called with an item that comes back, before it is given out again; in the
        process of the pool. If it raises, the item is not given out any more.
    """

    def __init__(
        self, items: Iterable[T] = (), on_return: Callable[[T], object] | None = None
    ) -> None:
        self._shelf: _Shelf[T] = _Shelf(list(items))
        self._on_return = on_return
        self._make: Callable[[], T] | None = None
        self._dispose: Callable[[T], object] | None = None

    @staticmethod
    def of(
        make: Callable[[], T],
        maximum: int,
        dispose: Callable[[T], object] | None = None,
        on_return: Callable[[T], object] | None = None,
    ) -> Pool[T]:
        """A pool whose items are made when they are needed.

        :param make: makes an item, in the process of the pool.
        :param maximum: of items that there are at once.
        :param dispose: called with each item by :meth:`close`.
        :param on_return: as for :class:`Pool`.
        """
        return MakingPool(make, maximum, dispose, on_return)

    @run_in_caller
    def lease(
        self, timeout: float | None = None, where: Mapping[str, object] | None = None
    ) -> Lease[T]:
        """Have an item for the time of a block: ``with pool.lease() as item: ...``.

        Who asks first gets one first. An item goes back when the block ends, or its test worker
        dies.

        :param timeout: seconds to wait for one; None: as long as it takes.
        :param where: what its attributes, or the keys of a dict, must be.
        :raises TimeoutError: if others had all of them for so long; it says who.
        :raises LookupError: if no item of the pool is like that.
        """
        return Lease(self, timeout, where)

    def close(self) -> None:
        """Dispose of all items. For the finalizer of the fixture that made the pool.

        :raises CallError: if it is called by a test, which has a stand-in.
        """
        if current_caller().worker:
            raise CallError(closed_by_test())
        for item in self._shelf.take_all():
            if self._dispose is not None:
                self._dispose(item)

    @wait_beside
    def __take__(self, timeout: float | None, where: Mapping[str, object] | None) -> tuple[int, T]:
        """Wait for an item; returns the number of the lease, too."""
        caller = current_caller()
        caller.when_gone(self._shelf.wake)
        until = math.inf if timeout is None else time.monotonic() + timeout
        try:
            with self._shelf.queued(where) as request:
                number, item = self._wait(request, caller, until, timeout)
        except BaseException:
            caller.gave_back()
            raise
        caller.when_gone(lambda: self._take_back(number))
        return number, item

    def _wait(
        self, request: Request, caller: Caller, until: float, timeout: float | None
    ) -> tuple[int, T]:
        while not caller.is_gone:
            found = self._shelf.find(request, caller)
            if found is not None:
                return found
            if self._make is not None and self._shelf.may_make():
                caller.waits_for(makes_another())
                self._make_one(self._make)
                continue
            if not self._shelf.is_possible(request):
                raise LookupError(nothing_like_that(request.where or {}))
            if not self._shelf.wait(request, caller, until):
                raise TimeoutError(all_taken(timeout or 0.0, self._shelf.holders))
        raise CallError(not_waited_for())

    def _make_one(self, make: Callable[[], T]) -> None:
        try:
            item = make()
        except BaseException:
            self._shelf.made([])
            raise
        self._shelf.made([item])

    @run_beside
    def __give_back__(self, number: int) -> None:
        """Take a lease back."""
        caller = self._shelf.holder(number)
        if caller is not None:
            caller.gave_back()
            self._take_back(number)

    def _take_back(self, number: int) -> None:
        found = self._shelf.begin_return(number)
        if not found:
            return
        (item,) = found
        try:
            if self._on_return is not None:
                self._on_return(item)
        except BaseException:
            self._shelf.end_return(number, [])
            raise
        self._shelf.end_return(number, [item])


class MakingPool(Pool[T]):
    """What :meth:`Pool.of` returns."""

    def __init__(
        self,
        make: Callable[[], T],
        maximum: int,
        dispose: Callable[[T], object] | None,
        on_return: Callable[[T], object] | None,
    ) -> None:
        super().__init__((), on_return)
        self._make, self._dispose = make, dispose
        self._shelf.can_be_made, self._shelf.makes = maximum, True


class Lease(Generic[T]):
    """What :meth:`Pool.lease` returns."""

    def __init__(
        self, pool: Pool[T], timeout: float | None, where: Mapping[str, object] | None
    ) -> None:
        self._pool = pool
        self._timeout = timeout
        self._where = where
        self._numbers: list[int] = []

    def __enter__(self) -> T:
        __tracebackhide__ = True
        number, item = self._pool.__take__(self._timeout, self._where)
        self._numbers.append(number)
        found: T = item
        return found

    def __exit__(self, *_: object) -> None:
        __tracebackhide__ = True
        self._pool.__give_back__(self._numbers.pop())


class Request:
    """Somebody who waits for an item."""

    def __init__(self, where: Mapping[str, object] | None) -> None:
        self.where = where
        self.seen = 0  #: the state of the shelf when it was looked through

    def fits(self, item: object) -> bool:
        """Whether an item is like that."""
        return all(_part(item, name) == value for name, value in (self.where or {}).items())


def _part(item: Any, name: str) -> object:
    missing = object()
    if isinstance(item, Mapping):
        return item.get(name, missing)
    return getattr(item, name, missing)


class _Shelf(Generic[T]):
    """The items, who has them, and who waits for one. Safe for threads."""

    def __init__(self, items: list[T]) -> None:
        self.can_be_made = 0
        self.makes = False  #: whether another may be made in the place of a spoilt one
        self._changed = threading.Condition()
        self._state = 0  # goes up with each change
        self._numbers = itertools.count(1)
        self._free = items
        self._leased: dict[int, tuple[T, Caller]] = {}
        self._returning: set[int] = set()
        self._being_made = 0
        self._requests: list[Request] = []

    @contextmanager
    def queued(self, where: Mapping[str, object] | None) -> Iterator[Request]:
        """Around the wait for an item."""
        request = Request(where)
        with self._changed:
            self._requests.append(request)
        try:
            yield request
        finally:
            with self._changed:
                self._requests.remove(request)
            self.wake()

    def find(self, request: Request, caller: Caller) -> tuple[int, T] | None:
        """Lease a free item that nobody who came before waits for."""
        with self._changed:
            request.seen = self._state
            before = self._requests[: self._requests.index(request)]
            for item in self._free:
                if request.fits(item) and not any(each.fits(item) for each in before):
                    self._free = [each for each in self._free if each is not item]
                    number = next(self._numbers)
                    self._leased[number] = item, caller
                    return number, item
        return None

    def wait(self, request: Request, caller: Caller, until: float) -> bool:
        """Wait for a change since the request was looked at; False: it is too late."""
        caller.waits_for(self.holders)
        with self._changed:
            while self._state == request.seen:
                left = min(until - time.monotonic(), threading.TIMEOUT_MAX)
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def wake(self) -> None:
        """Have all who wait look again."""
        with self._changed:
            self._state += 1
            self._changed.notify_all()

    def may_make(self) -> bool:
        """Whether one more item may be made; :meth:`made` is to follow."""
        with self._changed:
            if self.can_be_made <= 0:
                return False
            self.can_be_made -= 1
            self._being_made += 1
            return True

    def made(self, items: list[T]) -> None:
        """Note that an item was made; or none, so that another may be."""
        with self._changed:
            self._being_made -= 1
            self.can_be_made += not items
            self._free = [*self._free, *items]
        self.wake()

    def is_possible(self, request: Request) -> bool:
        """Whether an item may come that is like that."""
        with self._changed:
            items = [*self._free, *(item for item, _ in self._leased.values())]
            return self._being_made + self.can_be_made > 0 or any(map(request.fits, items))

    @property
    def holders(self) -> str:
        """Who has the items."""
        with self._changed:
            callers = [str(caller) for _, caller in self._leased.values()]
        more = [f"and {len(callers) - _SHOWN} more"] if len(callers) > _SHOWN else []
        return ", ".join([*callers[:_SHOWN], *more])

    def holder(self, number: int) -> Caller | None:
        """Who has a lease; None: it was taken back."""
        with self._changed:
            return self._leased[number][1] if number in self._leased else None

    def begin_return(self, number: int) -> list[T]:
        """The item of a lease that ends; none if that has begun before."""
        with self._changed:
            if number not in self._leased or number in self._returning:
                return []
            self._returning.add(number)
            return [self._leased[number][0]]

    def end_return(self, number: int, items: list[T]) -> None:
        """Put the item back; none: it is spoilt, and another may be made if it was made."""
        with self._changed:
            del self._leased[number]
            self._returning.discard(number)
            self._free = [*self._free, *items]
            self.can_be_made += not items and self.makes
        self.wake()

    def take_all(self) -> list[T]:
        """All items; nobody gets one any more."""
        with self._changed:
            items = [*self._free, *(item for item, _ in self._leased.values())]
            self._free, self.can_be_made = [], 0
            self._leased.clear()
        self.wake()
        return items


# --- messages


def all_taken(seconds: float, holders: str) -> str:
    return f"no item of the pool was free within {seconds:g} s: {holders or 'others'} had them."


def nothing_like_that(where: Mapping[str, object]) -> str:
    wanted = ", ".join(f"{name}={value!r}" for name, value in where.items())
    return f"no item of the pool has {wanted}." if wanted else "the pool has no items."


def makes_another() -> str:
    """As in "held by ..."."""
    return "the making of another item"


def not_waited_for() -> str:
    return "nobody waits for an item any more."


def closed_by_test() -> str:
    return (
        "close() disposes of the items of a pool, which other tests use.\n"
        "Call it in the finalizer of the fixture that made the pool."
    )

"""Exclusive use of a shared object, for more than one call; every process."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


def exclusive(shared: T, timeout: float | None = None) -> Exclusive[T]:
    """Keep all other tests from a shared object while a block runs.

    Write ``with exclusive(accounts): ...``. Calls of other test workers wait until the block ends,
    or the test worker dies; who asks first gets it first. In a process that has the object itself,
    as in a serial run, nothing is done.

    :param shared: the value of a global fixture with ``share="proxy"``.
    :param timeout: seconds to wait for it; None: as long as it takes.
    :raises TimeoutError: if others had it for so long; it says who.
    """
    return Exclusive(shared, timeout)


class Exclusive(Generic[T]):
    """What :func:`exclusive` returns."""

    def __init__(self, shared: T, timeout: float | None) -> None:
        self._shared: Any = shared
        self._timeout = timeout
        self._acquired: list[int] = []

    def __enter__(self) -> T:
        __tracebackhide__ = True
        calls = _calls_of(self._shared)
        if calls is not None:
            handle = self._shared.__fixtureworker_handle__
            self._acquired.append(calls.acquire(handle, self._timeout))
        shared: T = self._shared
        return shared

    def __exit__(self, *_: object) -> None:
        __tracebackhide__ = True
        calls = _calls_of(self._shared)
        if calls is not None:
            calls.release(self._shared.__fixtureworker_handle__, self._acquired.pop())


def _calls_of(shared: object) -> Any:
    """What makes the calls of a stand-in; None for any other object."""
    try:
        return object.__getattribute__(shared, "__fixtureworker_calls__")
    except AttributeError:
        return None

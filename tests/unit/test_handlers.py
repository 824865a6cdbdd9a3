"""Signal handlers that fixtures leave raise only where a fixture runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from xdist_fixtureworker.fixture_worker.handlers import Handlers


class Place:
    in_users_code = False


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def handlers(place: Place) -> Iterator[Handlers]:
    def handler(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGUSR1, handler)
    handlers = Handlers(lambda: place.in_users_code)
    handlers.guard()
    yield handlers
    signal.signal(signal.SIGUSR1, before)


def test_it_raises_in_the_code_of_a_fixture(handlers: Handlers, place: Place) -> None:
    place.in_users_code = True
    with pytest.raises(TimeoutError):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert list(handlers.raised()) == []


def test_elsewhere_it_is_kept(handlers: Handlers) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    assert [type(error) for error in handlers.raised()] == [TimeoutError]
    assert list(handlers.raised()) == []


def test_what_is_kept_is_bounded(handlers: Handlers) -> None:
    for _ in range(100):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert 0 < len(list(handlers.raised())) < 100


def test_each_is_guarded_once(handlers: Handlers) -> None:
    guarded = signal.getsignal(signal.SIGUSR1)
    handlers.guard()
    assert signal.getsignal(signal.SIGUSR1) is guarded

"""SIGTERM and SIGHUP end a run in good order, where nobody else handles them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from xdist_fixtureworker.controller.signals import EndSignals, HeldSignals

NUMBERS = [signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def default_handlers() -> Iterator[None]:
    """As in a pytest that was started from a shell; put back afterwards."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def theirs(number: int, frame: object) -> None: ...


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_the_session_ends_with_the_exit_code_of_a_shell(number: signal.Signals) -> None:
    signals = EndSignals()
    with pytest.raises(pytest.exit.Exception) as excinfo:
        signal.raise_signal(number)
    signals.restore()
    assert excinfo.value.msg == f"{number.name} received"
    assert excinfo.value.returncode == 128 + number


def test_afterwards_they_do_what_they_did_before() -> None:
    signals = EndSignals()
    assert [signal.getsignal(number) for number in NUMBERS] != [signal.SIG_DFL] * 2
    signals.restore()
    assert [signal.getsignal(number) for number in NUMBERS] == [signal.SIG_DFL] * 2


@pytest.mark.parametrize("handler", [theirs, signal.SIG_IGN], ids=["handler", "ignored"])
def test_those_that_somebody_else_handles_are_left_alone(handler: signal._HANDLER) -> None:
    """As under ``nohup``, which ignores SIGHUP."""
    signal.signal(signal.SIGHUP, handler)
    signals = EndSignals()
    assert signal.getsignal(signal.SIGHUP) is handler
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    signals.restore()
    assert signal.getsignal(signal.SIGHUP) is handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_that_came_later_stays() -> None:
    signals = EndSignals()
    signal.signal(signal.SIGTERM, theirs)
    signals.restore()
    assert signal.getsignal(signal.SIGTERM) is theirs
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_what_was_put_back_once_is_not_put_back_again() -> None:
    signals = EndSignals()
    signals.restore()
    later = EndSignals()
    signals.restore()
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    later.restore()


def test_in_another_thread_there_are_no_handlers_to_set() -> None:
    """As where pytest is run in a thread of somebody's program."""
    made: list[EndSignals] = []
    thread = threading.Thread(target=lambda: made.append(EndSignals()))
    thread.start()
    thread.join(30)
    assert [signal.getsignal(number) for number in NUMBERS] == [signal.SIG_DFL] * 2
    (signals,) = made
    signals.restore()


def test_held_signals_interrupt_nothing_and_are_counted() -> None:
    before = signal.getsignal(signal.SIGINT)
    signals = EndSignals()
    with HeldSignals() as held:
        assert held.received is None
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert type(held.received) is KeyboardInterrupt
        signal.raise_signal(signal.SIGTERM)
    assert held.interrupts == 2
    assert isinstance(held.received, pytest.exit.Exception)
    assert held.received.returncode == 143
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(pytest.exit.Exception):
        signal.raise_signal(signal.SIGTERM)
    signals.restore()


def test_a_handler_of_somebody_else_is_not_held() -> None:
    before = signal.signal(signal.SIGINT, theirs)
    try:
        with HeldSignals() as held:
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is theirs
        assert held.interrupts == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_nothing_is_held_in_another_thread() -> None:
    def hold() -> None:
        with HeldSignals():
            handlers.append(signal.getsignal(signal.SIGINT))

    handlers: list[object] = []
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]

"""What ends a run from outside: once it interrupts, then it is counted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from xdist_fixtureworker.controller.signals import EndSignals

from ..suite import NEVER_HANG

DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
EXITS = [signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def default_handlers() -> Iterator[None]:
    """As in a pytest that was started from a shell; put back afterwards."""
    before = {number: signal.signal(number, handler) for number, handler in DEFAULTS.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers() -> dict[signal.Signals, object]:
    return {number: signal.getsignal(number) for number in DEFAULTS}


def theirs(number: int, frame: object) -> None: ...


@pytest.mark.parametrize("number", EXITS, ids=lambda number: number.name)
def test_the_session_ends_with_the_exit_code_of_a_shell(number: signal.Signals) -> None:
    EndSignals()
    with pytest.raises(pytest.exit.Exception) as excinfo:
        signal.raise_signal(number)
    assert excinfo.value.msg == f"{number.name} received"
    assert excinfo.value.returncode == 128 + number


@pytest.mark.parametrize("number", DEFAULTS, ids=lambda number: number.name)
def test_the_first_one_interrupts_and_the_next_one_does_not(number: signal.Signals) -> None:
    """Between the two, the first one's exception is on its way, or finalizers run."""
    signals = EndSignals()
    error = KeyboardInterrupt if number == signal.SIGINT else pytest.exit.Exception
    with pytest.raises(error):
        signal.raise_signal(number)
    assert (signals.received, signals.held) == (1, None)
    signal.raise_signal(number)
    assert signals.received == 2
    assert type(signals.held) is error


def test_a_third_ctrl_c_gets_through_where_nobody_holds_it() -> None:
    """Somebody caught the first exception, and the run goes on as if nothing had been."""
    signals = EndSignals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert signals.interrupts == 3


def test_held_signals_interrupt_nothing_and_are_counted() -> None:
    signals = EndSignals()
    signals.hold()
    for _ in range(4):
        signal.raise_signal(signal.SIGINT)
    assert type(signals.held) is KeyboardInterrupt
    signal.raise_signal(signal.SIGTERM)
    assert (signals.interrupts, signals.received) == (4, 5)
    assert isinstance(signals.held, pytest.exit.Exception)
    assert signals.held.returncode == 143


def test_afterwards_they_do_what_they_did_before() -> None:
    signals = EndSignals()
    assert all(handler != DEFAULTS[number] for number, handler in handlers().items())
    signals.restore()
    assert handlers() == DEFAULTS


@pytest.mark.parametrize("number", DEFAULTS, ids=lambda number: number.name)
@pytest.mark.parametrize("handler", [theirs, signal.SIG_IGN], ids=["handler", "ignored"])
def test_those_that_somebody_else_handles_are_left_alone(
    number: signal.Signals, handler: signal._HANDLER
) -> None:
    """As under ``nohup``, which ignores SIGHUP."""
    signal.signal(number, handler)
    signals = EndSignals()
    assert signal.getsignal(number) is handler
    signals.restore()
    assert handlers() == {**DEFAULTS, number: handler}


def test_a_handler_that_came_later_stays() -> None:
    signals = EndSignals()
    signal.signal(signal.SIGTERM, theirs)
    signals.restore()
    assert handlers() == {**DEFAULTS, signal.SIGTERM: theirs}


def test_what_was_put_back_once_is_not_put_back_again() -> None:
    signals = EndSignals()
    signals.restore()
    EndSignals()
    signals.restore()
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


def test_in_another_thread_there_are_no_handlers_to_set() -> None:
    """As where pytest is run in a thread of somebody's program."""
    made: list[EndSignals] = []
    thread = threading.Thread(target=lambda: made.append(EndSignals()))
    thread.start()
    thread.join(NEVER_HANG)
    assert handlers() == DEFAULTS
    (signals,) = made
    signals.restore()

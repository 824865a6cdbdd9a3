"""The code of a fixture is cut short from another thread; nothing else is."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from xdist_fixtureworker.fixture_worker import main_thread
from xdist_fixtureworker.fixture_worker.main_thread import MainThread

LONG = 1200.0  # seconds that nothing here takes, if it works
SHORT = 0.05  # a time-out


@pytest.fixture
def main() -> Iterator[MainThread]:
    before = signal.getsignal(signal.SIGINT)
    yield MainThread()
    signal.signal(signal.SIGINT, before)


class Told:
    """What the watching thread says, and that it may look."""

    def __init__(self) -> None:
        self.stacks = ""
        self.hanging = threading.Event()
        self.begun = threading.Event()

    def expiry(self, stacks: str) -> str:
        self.stacks = stacks
        return "it took too long"

    def hangs(self, stacks: str) -> None:
        self.stacks = stacks
        self.hanging.set()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Has the time-out be over when the code has begun, however long that takes."""
    told, stacks = Told(), main_thread._stacks

    def stacks_of_what_has_begun() -> str:
        told.begun.wait(LONG)
        return stacks()

    monkeypatch.setattr(main_thread, "_stacks", stacks_of_what_has_begun)
    return told


def test_a_set_up_is_interrupted_in_a_system_call(main: MainThread) -> None:
    def interrupt() -> None:
        while not main.in_users_code:
            time.sleep(SHORT)
        main.interrupt()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt), main.set_up():
        time.sleep(LONG)
    assert main.interrupted
    main.end_of_set_ups()
    assert not main.interrupted


def test_a_finalizer_is_not_interrupted(main: MainThread) -> None:
    with main.finalizer():
        main.interrupt()


def test_what_runs_around_fixtures_is_not_interrupted(main: MainThread) -> None:
    main.interrupt()


@pytest.mark.parametrize("inside", [False, True])
def test_ctrl_c_of_a_terminal_does_nothing(main: MainThread, inside: bool) -> None:
    if inside:
        with main.set_up():
            os.kill(os.getpid(), signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)


def test_a_set_up_within_another(main: MainThread) -> None:
    with main.set_up():
        with main.set_up():
            pass
        assert main.in_users_code
    assert not main.in_users_code


@pytest.mark.parametrize("phase", ["set_up", "finalizer"])
def test_what_takes_too_long_is_cut_short(main: MainThread, told: Told, phase: str) -> None:
    with (
        pytest.raises(pytest.fail.Exception, match="it took too long"),
        main.limited(SHORT, told.expiry, told.hangs),
        getattr(main, phase)(),
    ):
        told.begun.set(), time.sleep(LONG)  # in one line, which the stacks show
    assert "thread MainThread:" in told.stacks
    assert "time.sleep(LONG)" in told.stacks
    assert not told.hanging.is_set()


def test_code_that_goes_on_after_exceptions_is_cut_short_too(main: MainThread, told: Told) -> None:
    def wait_for_a_server() -> None:
        while True:
            try:
                told.begun.set(), time.sleep(LONG)
            except Exception:
                continue

    with (
        pytest.raises(pytest.fail.Exception),
        main.limited(SHORT, told.expiry, told.hangs),
        main.set_up(),
    ):
        wait_for_a_server()


def test_what_does_not_come_loose_is_told(
    main: MainThread, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_thread, "HANGING_AFTER", SHORT)
    monkeypatch.setattr(main_thread, "AGAIN_AFTER", SHORT)
    with main.limited(SHORT, told.expiry, told.hangs), main.protected():
        told.begun.set(), told.hanging.wait(LONG)
        assert told.hanging.is_set()
    assert "told.hanging.wait(LONG)" in told.stacks


def test_what_is_protected_is_cut_short_later(main: MainThread, told: Told) -> None:
    with main.limited(SHORT, told.expiry, told.hangs):
        with main.protected():
            told.begun.set()
            while main._expired is None:
                time.sleep(SHORT)
        with pytest.raises(pytest.fail.Exception, match="it took too long"):
            main.check()


def test_what_runs_after_a_fixture_was_cut_short_is_cut_short_too(
    main: MainThread, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_thread, "HANGING_AFTER", LONG)
    monkeypatch.setattr(main_thread, "AGAIN_AFTER", SHORT)
    with main.limited(SHORT, told.expiry, told.hangs):
        with pytest.raises(pytest.fail.Exception), main.set_up():
            told.begun.set(), time.sleep(LONG)
        with pytest.raises(pytest.fail.Exception):
            time.sleep(LONG)
    assert not told.hanging.is_set()


def test_hooks_are_interrupted(main: MainThread, told: Told) -> None:
    threading.Timer(SHORT, main.interrupt).start()
    with pytest.raises(KeyboardInterrupt), main.limited(None, told.expiry, told.hangs):
        time.sleep(LONG)


def test_within_the_limit_nothing_happens(main: MainThread, told: Told) -> None:
    with main.limited(LONG, told.expiry, told.hangs), main.set_up():
        pass
    with main.limited(None, told.expiry, told.hangs), main.set_up():
        pass
    for thread in threading.enumerate():
        if thread.name == "fixture time-out":
            thread.join(LONG)
            assert not thread.is_alive()
    assert told.stacks == ""

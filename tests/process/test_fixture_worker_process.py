"""The fixture worker's process as the controller sees it, with no pytest in it."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import psutil
import pytest
from xdist.remote import serialize_warning_message
from xdist.workermanage import NodeManager

from xdist_fixtureworker.controller import process
from xdist_fixtureworker.controller.process import FixtureWorkerProcess, Interpreter
from xdist_fixtureworker.controller.python_versions import (
    check_local_pythons,
    check_python,
    mixed_pythons,
)

from . import remote_worker

NEVER = 1200.0
"""Seconds after which a test fails instead of hanging; nothing takes that long."""


class NoPytest:
    """Has xdist start our module in place of its own, and notes which nodes it configures."""

    def __init__(self) -> None:
        self.configured: list[Any] = []

    def pytest_xdist_getremotemodule(self) -> Any:
        return remote_worker

    def pytest_configure_node(self, node: Any) -> None:
        self.configured.append(node)


class Started:
    """A process with the remote module in it, and all that the controller was told about it."""

    def __init__(self, config: pytest.Config) -> None:
        self.hooks = NoPytest()
        config.pluginmanager.register(self.hooks)
        self.reasons: SimpleQueue[str] = SimpleQueue()
        self.interpreter = Interpreter()
        self.process = FixtureWorkerProcess(
            config, self.interpreter, NodeManager(config), self.reasons.put
        )

    def start(self) -> tuple[object, ...]:
        """Start it; returns what it says it got from the controller."""
        self.process.start()
        said: tuple[object, ...] = self.process.channel.receive(NEVER)
        return said

    def tell(self, command: str, content: object = None) -> None:
        self.process.channel.send((command, content))

    def have_sent(self, name: str, **content: object) -> None:
        """Have it send an event, as ``xdist.remote`` does."""
        self.tell("event", (name, content))

    def reason(self) -> str:
        return self.reasons.get(timeout=NEVER)


@pytest.fixture
def config(pytester: pytest.Pytester) -> Iterator[pytest.Config]:
    config = pytester.parseconfigure("--tx=3*popen", "--dist=load", "--testrunuid=our-run")
    yield config
    config._ensure_unconfigure()


@pytest.fixture
def started(config: pytest.Config) -> Iterator[Started]:
    started = Started(config)
    yield started
    started.interpreter.kill()


def test_it_is_a_worker_of_this_run_with_a_channel_of_ours(started: Started) -> None:
    assert started.start() == ("fixture worker", "fixtureworker", 3, "our-run")
    assert started.hooks.configured == [started.process.node]
    assert started.process.node.gateway.id == "fixtureworker"


def test_a_warning_is_kept_for_pytests_hook(started: Started, config: pytest.Config) -> None:
    started.start()
    recorded: list[tuple[str, str, str]] = []

    class Records:
        def pytest_warning_recorded(self, warning_message: Any, when: Any, nodeid: str) -> None:
            recorded.append((str(warning_message.message), when, nodeid))

    config.pluginmanager.register(Records())
    with pytest.warns(UserWarning, match="careful") as caught:
        warnings.warn("careful", stacklevel=1)
    message = serialize_warning_message(caught[0])
    started.have_sent(
        "warning_recorded",
        warning_message_data=message,
        when="runtest",
        nodeid="global fixture tables",
        location=None,
    )
    started.have_sent("internal_error", formatted_error="its arrival says that it has arrived")
    started.reason()
    assert len(started.process.warnings) == 1
    for warning in started.process.warnings:
        config.hook.pytest_warning_recorded.call_historic(kwargs=warning)
    assert recorded == [("careful", "runtest", "global fixture tables")]


def test_an_internal_error_is_told(started: Started) -> None:
    started.start()
    started.have_sent("internal_error", formatted_error="Traceback\nRuntimeError: no\n")
    assert started.reason() == "Traceback\nRuntimeError: no\n"


def test_the_end_of_pytest_is_told_and_the_process_stops(started: Started) -> None:
    started.start()
    running = psutil.Process(started.process.pid)
    started.have_sent("workerfinished", workeroutput={"exitstatus": 0, "tables": 1})
    assert started.reason() == "pytest in it ended"
    started.tell("end")  # so the module in it ends
    started.process.stop()
    assert not running.is_running()
    assert started.process.node.workeroutput["tables"] == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda s: s.name)
def test_a_signal_that_killed_it_is_told(started: Started, number: signal.Signals) -> None:
    started.start()
    os.kill(started.process.pid, number)
    assert started.reason() == (
        f"its process {started.process.pid} was killed by signal {number.value}"
    )


def test_its_exit_status_is_told(started: Started) -> None:
    started.start()
    started.tell("exit", 3)
    assert started.reason() == f"its process {started.process.pid} ended with exit status 3"
    # It is left for execnet, which waits for the process as well.
    gateway: Any = started.process.node.gateway
    assert gateway._io.popen.wait(NEVER) == 3


def test_the_end_of_the_connection_is_told_where_the_process_lives_on(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "EXIT_STATUS_TIMEOUT", 0.01)
    started.start()
    started.tell("raise", "no room")
    assert "RuntimeError: no room" in started.reason()
    assert psutil.pid_exists(started.process.pid)


def test_without_waitid_the_end_of_the_connection_tells(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS before Python 3.13."""
    monkeypatch.delattr(os, "waitid")
    monkeypatch.setattr(process, "EXIT_STATUS_TIMEOUT", 0.01)
    started.start()
    started.tell("exit", 3)
    assert started.reason() == "Not properly terminated"


def test_a_child_that_holds_its_pipes_does_not_hide_its_death(started: Started) -> None:
    """A process that was forked from it has its end of the connection, which stays open."""
    started.start()
    started.tell("fork")
    child: int = started.process.channel.receive(NEVER)
    try:
        os.kill(started.process.pid, signal.SIGKILL)
        assert started.reason() == f"its process {started.process.pid} was killed by signal 9"
        assert psutil.pid_exists(child)
        assert not started.process.channel.isclosed()
        # And we do not wait for that child.
        started.interpreter.kill()
        assert psutil.pid_exists(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_killing_it_ends_it(started: Started) -> None:
    started.start()
    running = psutil.Process(started.process.pid)
    started.interpreter.kill()
    assert not running.is_running()
    started.interpreter.kill()  # again, as from a finally


def test_a_process_in_which_nothing_was_started_can_be_killed(started: Started) -> None:
    assert psutil.Process(started.process.pid).ppid() == os.getpid()  # known from the start
    started.interpreter.kill()
    with pytest.raises(EOFError):
        started.process.channel.waitclose(NEVER)
    assert started.reasons.empty()


def test_an_interpreter_in_which_nothing_was_started_can_be_killed() -> None:
    interpreter = Interpreter()
    gateway = interpreter.gateway()
    running = psutil.Process(gateway._rinfo().pid)
    assert running.ppid() == os.getpid()
    interpreter.kill()
    assert not running.is_running()


def test_an_interpreter_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it is told, and there is nothing to kill."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    interpreter = Interpreter()
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="/no/such/python"):
            interpreter.gateway()
    interpreter.kill()


OURS = ".".join(map(str, sys.version_info[:2]))


def test_test_workers_need_our_version_of_python() -> None:
    check_python(OURS, "gw0")
    with pytest.raises(pytest.UsageError) as excinfo:
        check_python("2.7", "gw1")
    assert str(excinfo.value) == mixed_pythons(OURS, "2.7", "gw1")


def with_pythons(pytester: pytest.Pytester, *specs: str) -> pytest.Config:
    return pytester.parseconfigure("--dist=load", *(f"--tx={spec}" for spec in specs))


def test_interpreters_of_our_version(pytester: pytest.Pytester) -> None:
    check_local_pythons(with_pythons(pytester, "2*popen", f"popen//python={sys.executable}"))


def test_an_interpreter_of_another_version(pytester: pytest.Pytester) -> None:
    python = pytester.path / "python"
    python.write_text("#!/bin/sh\necho 2.7\n", encoding="utf-8")
    python.chmod(0o755)
    config = with_pythons(pytester, "2*popen", f"popen//python={python}")
    with pytest.raises(pytest.UsageError) as excinfo:
        check_local_pythons(config)
    assert str(excinfo.value) == mixed_pythons(OURS, "2.7", f"popen//python={python}")


def test_an_interpreter_that_does_not_answer_is_left_to_execnet(pytester: pytest.Pytester) -> None:
    python = pytester.path / "python"
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    check_local_pythons(with_pythons(pytester, f"popen//python={python}"))


def test_interpreters_elsewhere_are_not_asked(pytester: pytest.Pytester) -> None:
    check_local_pythons(with_pythons(pytester, "ssh=no.such.host//python=no-such-python"))

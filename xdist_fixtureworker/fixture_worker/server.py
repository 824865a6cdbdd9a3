"""The plugin of the fixture worker: an xdist worker that runs global fixtures instead of tests.

Requests arrive in execnet's receiver thread and are queued; the main thread takes them out one by
one until it is told to finish or the connection ends, and then finalizes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import execnet
import pytest

from .._compat import captured, is_session_scoped
from ..errors import ProtocolError
from ..processes import strays
from ..processes.crash_file import LedgerFile
from ..roles import RUN
from ..settings import timeout, treatment_of_strays
from ..wire.codec import decode, encode
from ..wire.messages import (
    Begin,
    Finish,
    Finished,
    Hanging,
    Interrupt,
    Message,
    Recover,
    Request,
    Serving,
    WorkerJoined,
)
from .items import FixtureItem
from .lazy_collection import collect_when_read
from .main_thread import MainThread
from .runner import Runner
from .tree import Tree

_CONNECTION_LOST = object()
TEST_WORKERS_TIMEOUT = 20.0
"""Seconds that test workers get to end after the controller died; then they are ended. execnet does
so with those that run a test after 15 s."""


HANGING_SET_UP = 60.0
"""Seconds that a set-up gets to end after the controller died; then it hangs in spite of the
exception that was raised in it, and so would this process."""


class FixtureWorker:
    """Serves until all is finalized, whatever becomes of the controller."""

    def __init__(self, channel: execnet.Channel) -> None:
        self._channel = channel
        self._requests: SimpleQueue[object] = SimpleQueue()
        self._may_end = threading.Event()
        self._test_workers: list[strays.Identity] = []
        self._controller_died = False
        self._main = MainThread()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session
        self._tree = Tree(session)
        self._runner = Runner(session, self._tree, self._main, timeout(session.config), self._send)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        collect_when_read(session, self._tree)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._channel.setcallback(self._received, endmarker=_CONNECTION_LOST)
        self._send(Serving())
        try:
            self._serve(session.config)
            self._main.end_of_set_ups()
            self._runner.finalize()
            self._send(Finished())
            if self._controller_died:
                self._deal_with_strays()
        finally:
            self._may_end.set()
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item) -> bool | None:
        if not isinstance(item, FixtureItem):
            return None
        item.run_phases(nextitem)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: Any, request: Any
    ) -> Generator[None, object, object]:
        __tracebackhide__ = True
        if not is_session_scoped(fixturedef):  # as one that a hook of a conftest asks for
            return (yield)
        if self._main.interrupted:
            raise KeyboardInterrupt
        self._runner.setting_up(fixturedef)
        error: BaseException | None = None
        try:
            with self._main.set_up():
                return (yield)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._runner.was_set_up(fixturedef, request, error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if isinstance(item, FixtureItem) and call.excinfo is not None and item.error is None:
            item.error = call.excinfo.value

    def _serve(self, config: pytest.Config) -> None:
        while True:
            data = self._next(config)
            if data is _CONNECTION_LOST:
                self._wait_test_workers_down()
                return
            match message := decode(data, "the controller"):
                case Begin():
                    self._begin(message)
                case Request():
                    self._send(self._runner.answer(message))
                case Interrupt():
                    pass  # was obeyed when it arrived
                case WorkerJoined():
                    self._test_workers.append(strays.Identity(message.pid, message.created))
                case Recover():
                    self._runner.recover(message)
                case Finish():
                    return
                case _:
                    raise ProtocolError(f"Internal error: the controller sent {message}")

    def _next(self, config: pytest.Config) -> object:
        """The next that arrives. Servers that fixtures run in threads may log each request of a
        test meanwhile."""
        try:
            with captured(config):
                return self._requests.get()
        except ValueError:  # a fixture has closed sys.stdout
            return self._requests.get()

    def _received(self, data: object) -> None:
        """Runs in execnet's receiver thread.

        When the connection ends, execnet interrupts the main thread after 5 s and ends the
        process after another 10 s; but only once this call has returned. So it is what gives the
        finalizers the time they need. It returns in any case: the event is set in a ``finally``,
        and when the main thread hangs.
        """
        if data is _CONNECTION_LOST:
            self._controller_died = True
        self._requests.put(data)
        if data is _CONNECTION_LOST:
            # In the main thread if the connection was lost before this callback was set.
            if threading.current_thread() is not threading.main_thread():
                self._main.interrupt()  # nobody wants what is being set up any more
                if not self._may_end.wait(HANGING_SET_UP) and not self._main.in_set_up:
                    self._may_end.wait()
        elif data == encode(Interrupt()):
            self._main.interrupt()

    def _wait_test_workers_down(self) -> None:
        """Without the controller, wait for the test workers themselves: they may be using what
        the finalizers destroy. One that hangs, or is stopped, does not end by itself."""
        strays.end(strays.wait_gone(self._test_workers, TEST_WORKERS_TIMEOUT))

    def _begin(self, begin: Begin) -> None:
        if begin.ledger is not None:
            self._runner.ledger_file = LedgerFile(
                Path(begin.ledger),
                begin.run,
                self._testrun_uid,
                strays.Identity.of(begin.controller),
            )

    def _left_behind(self) -> list[strays.Stray]:
        """What is left of the run but for this process. Only for when it is the last one."""
        run = strays.RunIdentity(os.environ.get(RUN, ""), self._testrun_uid)
        return strays.find(run, exclude={os.getpid()})

    def _deal_with_strays(self) -> None:
        """In the controller's place. There is no terminal: the next run reports."""
        match treatment_of_strays(self._session.config):
            case "kill":
                strays.end_all(self._left_behind)
            case "report" if self._left_behind() and self._runner.ledger_file is not None:
                self._runner.ledger_file.keep()

    @property
    def _testrun_uid(self) -> str:
        return str(self._session.config.workerinput["testrunuid"])  # type: ignore[attr-defined]  # set by xdist

    def _send(self, message: Message) -> None:
        if isinstance(message, Hanging):
            self._may_end.set()
        try:
            self._channel.send(encode(message))
        except OSError:
            pass  # the controller died; the queue tells

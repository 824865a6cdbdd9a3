"""The plugin of the fixture worker: an xdist worker that runs global fixtures instead of tests.

Requests arrive in execnet's receiver thread and are queued; the main thread takes them out one by
one until it is told to finish or the connection ends, and then finalizes.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import execnet
import psutil
import pytest

from .._compat import captured, is_session_scoped
from ..errors import ProtocolError
from ..ledger_file import LedgerFile, Process
from ..protocol import (
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
    decode,
    encode,
)
from ..settings import timeout
from .collected import collect_when_read
from .items import FixtureItem
from .main_thread import MainThread
from .runner import Runner
from .tree import Tree

_CONNECTION_LOST = object()
TEST_WORKERS_TIMEOUT = 60.0
"""Seconds that test workers get to end after the controller died; then we finalize all the same."""


HANGING_SET_UP = 60.0
"""Seconds that a set-up gets to end after the controller died; then it hangs in spite of the
exception that was raised in it, and so would this process."""


class FixtureWorker:
    """Serves until all is finalized, whatever becomes of the controller."""

    def __init__(self, channel: execnet.Channel) -> None:
        self._channel = channel
        self._requests: SimpleQueue[object] = SimpleQueue()
        self._may_end = threading.Event()
        self._test_workers: list[psutil.Process] = []
        self._main = MainThread()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
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
            with captured(config):  # servers that fixtures run in threads may log each request
                data = self._requests.get()
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
                    self._joined(message.pid)
                case Recover():
                    self._runner.recover(message)
                case Finish():
                    return
                case _:
                    raise ProtocolError(f"Internal error: the controller sent {message}")

    def _received(self, data: object) -> None:
        """Runs in execnet's receiver thread.

        When the connection ends, execnet interrupts the main thread after 5 s and ends the
        process after another 10 s; but only once this call has returned. So it is what gives the
        finalizers the time they need. It returns in any case: the event is set in a ``finally``,
        and when the main thread hangs.
        """
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
        the finalizers destroy. execnet ends each of them within 15 s of the controller's death,
        unless it is stopped."""
        psutil.wait_procs(self._test_workers, timeout=TEST_WORKERS_TIMEOUT)

    def _begin(self, begin: Begin) -> None:
        if begin.ledger is not None:
            self._runner.ledger_file = LedgerFile(
                Path(begin.ledger), begin.run, Process.of(begin.controller)
            )

    def _joined(self, pid: int) -> None:
        try:
            self._test_workers.append(psutil.Process(pid))  # notes its create time as well
        except psutil.NoSuchProcess:
            pass  # it is down already

    def _send(self, message: Message) -> None:
        if isinstance(message, Hanging):
            self._may_end.set()
        try:
            self._channel.send(encode(message))
        except OSError:
            pass  # the controller died; the queue tells

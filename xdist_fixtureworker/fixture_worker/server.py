"""The plugin of the fixture worker: an xdist worker that runs global fixtures instead of tests.

The main thread does what the controller asks for, one by one, until it is told to finish or the
connection ends, and then finalizes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import execnet
import pytest

from .._compat import captured, is_session_scoped
from ..processes.crash_file import CrashFile
from ..processes.identity import Identity
from ..settings import timeout
from ..wire.codec import encode
from ..wire.messages import (
    Begin,
    Finish,
    Finished,
    Hanging,
    Message,
    Recover,
    Request,
    Serving,
)
from .answers import Answerer
from .elsewhere import Elsewhere
from .finalizing import Finalization
from .fixture_item import FixtureItem
from .intake import CONNECTION_LOST, Intake, Work
from .items import Items
from .lazy_collection import collect_when_read
from .lookup import Lookup
from .main_thread import MainThread
from .marks import Marks
from .orphaned import deal_with_strays, wait_test_workers_down
from .running import Runner
from .set_ups import SetUps
from .tree import Tree


class FixtureWorker:
    """Serves until all is finalized, whatever becomes of the controller."""

    def __init__(self, channel: execnet.Channel) -> None:
        self._channel = channel
        self._main = MainThread()
        self._intake = Intake(self._main)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._tree = Tree(session)
        self._set_ups = SetUps(session.config)
        lookup = Lookup(self._tree, self._set_ups.argnames)
        items = Items(
            session=session,
            set_ups=self._set_ups,
            lookup=lookup,
            main=self._main,
            timeout=timeout(session.config),
            send=self._send,
        )
        elsewhere = Elsewhere()
        session.config.pluginmanager.register(elsewhere, "xdist_fixtureworker_elsewhere")
        session.config.pluginmanager.register(Marks(), "xdist_fixtureworker_marks")
        self._runner = Runner(
            set_ups=self._set_ups,
            lookup=lookup,
            items=items,
            main=self._main,
            elsewhere=elsewhere,
            send=self._send,
        )
        self._answerer = Answerer(
            config=session.config,
            set_ups=self._set_ups,
            lookup=lookup,
            runner=self._runner,
            serialize=items.serialized,
        )
        self._finalization = Finalization(
            session=session,
            set_ups=self._set_ups,
            lookup=lookup,
            items=items,
            main=self._main,
            send=self._send,
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        collect_when_read(session, self._tree)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._channel.setcallback(self._intake.receive, endmarker=CONNECTION_LOST)
        self._send(Serving())
        try:
            self._serve(session.config)
            self._main.end_of_set_ups()
            self._finalization.finalize()
            self._send(Finished())
            if self._intake.connection_lost:
                uid = _testrun_uid(session.config)
                deal_with_strays(session.config, uid, self._set_ups.crash_file)
        finally:
            self._intake.let_end()
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
                if self._main.interrupted:  # since we looked
                    raise KeyboardInterrupt
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
        while (work := self._wait_next(config)) is not None:
            match work:
                case Begin():
                    self._begin(work, config)
                case Request():
                    self._send(self._answerer.answer(work))
                case Recover():
                    self._finalization.recover(work)
                case Finish():
                    return
        wait_test_workers_down(self._intake.test_workers)

    def _wait_next(self, config: pytest.Config) -> Work | None:
        """Wait for the next thing to do. Servers that fixtures run in threads may log each request
        of a test meanwhile: so what is printed is captured."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(ValueError):  # a fixture has closed sys.stdout
                stack.enter_context(captured(config))
            return self._intake.wait_next()

    def _begin(self, begin: Begin, config: pytest.Config) -> None:
        if begin.crash_files is not None:
            controller = Identity.of(begin.controller)
            self._set_ups.crash_file = CrashFile(
                Path(begin.crash_files), begin.run, _testrun_uid(config), controller
            )

    def _send(self, message: Message) -> None:
        if isinstance(message, Hanging):
            self._intake.let_end()
        try:
            self._channel.send(encode(message))
        except OSError:
            pass  # the controller died; the intake tells


def _testrun_uid(config: Any) -> str:
    return str(config.workerinput["testrunuid"])  # set by xdist

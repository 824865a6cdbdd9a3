"""The plugin of a test worker: fetches the values of global fixtures from the fixture worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import execnet
import pytest

from .. import errors
from .._compat import is_session_scoped
from ..declared.promotion import promotions
from ..roles import CHANGED_VALUES
from ..rules.debugger import explain_quit
from ..rules.same_value import note_value
from ..settings import lanes
from ..wire.messages import Instance, Output
from .agreed import AgreedMarks
from .answers import Answers, set_up_of
from .asking import marks_hint
from .connection import Connection
from .environment import Environment
from .forking import FetchesBeforeFork, asked_in_fork, pytest_forked_is_there
from .instances import Fetched, GlobalDefinitions
from .naming import GlobalDefinition


class TestWorker:
    """The plugin of a test worker that a fixture worker serves. Made once tests are collected, and
    only if there are global fixtures."""

    __test__ = False

    def __init__(self, session: pytest.Session, channel: execnet.Channel) -> None:
        self._session = session
        self._config = config = session.config
        self._connection: Connection[Fetched] = Connection(channel)
        self._environment = Environment()
        self._answers = Answers(config, self._connection)
        self._showing = threading.Lock()
        self._shown: set[int] = set()  # set-ups whose output was added to a test
        self._definitions = GlobalDefinitions(self._fetch)
        self._agreed = AgreedMarks(session.items)
        self._definitions.take_over(session)
        if lanes(config) > 1:
            self._connection.send(self._definitions.grouped(session.items))
        if self._definitions.leaves_out:
            leaves_out = LeavesOut(self._definitions)
            config.pluginmanager.register(leaves_out, "xdist_fixtureworker_leaves_out")
        for expected in self._definitions.expected(session.items, self._agreed):
            self._connection.send(expected)
        if pytest_forked_is_there(config):
            plugin = FetchesBeforeFork(config, self._fetch_before_fork)
            config.pluginmanager.register(plugin, "xdist_fixtureworker_before_fork")

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None:
            explain_quit(call.excinfo.value)
        report = yield
        if call.excinfo is not None and report.outcome == "failed":
            self._answers.show_original(call.excinfo, report)
            if hint := marks_hint(item, report):
                report.sections.append(("marks of the test", hint))
        return report

    @pytest.hookimpl(trylast=True)  # but before xdist sends the output
    def pytest_sessionfinish(self) -> None:
        output = self._config.workeroutput  # type: ignore[attr-defined]  # set by xdist
        output[CHANGED_VALUES] = self._answers.values.changed()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._environment.restore()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        __tracebackhide__ = True
        try:
            value = yield
        except BaseException:
            self._definitions.forget_unanswered(fixturedef)
            raise
        if promotions(self._config) and is_session_scoped(fixturedef):
            note_value(self._config, fixturedef)
        return value

    def _fetch(self, known: GlobalDefinition, instance: Instance, item: pytest.Item) -> Fetched:
        """Fetch a global fixture. Tests may call this from several threads."""
        __tracebackhide__ = True
        fetched = self._ask(known, instance)
        # Each time: another instance of the same fixture may have been in use since.
        self._environment.apply(fetched.environment)
        self._show_output(fetched.output, item)
        return fetched

    def _ask(self, known: GlobalDefinition, instance: Instance) -> Fetched:
        __tracebackhide__ = True
        declaration = known.declaration
        if self._connection.is_forked:
            before = self._connection.result(instance)
            if before is None:
                message = asked_in_fork(declaration.name, declaration.where)
                raise errors.FixtureWorkerError(message)
            return before
        read = partial(self._answers.read, declaration)
        marks = partial(self._agreed.packed, known.closure)
        try:
            fetched = self._connection.ask(instance, read, declaration.where, marks).wait_read()
        except errors.FixtureWorkerDiedError as error:
            raise error.before(declaration.name, declaration.where) from error.__cause__
        if isinstance(fetched.error, pytest.exit.Exception):
            # As if the controller had asked the worker to stop: xdist would take an exit code for
            # a crash, and replace the worker.
            self._session.shouldstop = str(fetched.error)
            raise pytest.exit.Exception(str(fetched.error), returncode=0)
        return fetched

    def _fetch_before_fork(self, item: pytest.Item) -> Callable[[], None]:
        """Fetch what a test names, and note afterwards that its output was shown there."""
        shown: set[int] = set()
        for known in self._definitions.needed_by(item):
            try:
                fetched = self._ask(known, self._definitions.instance(known, item))
            except errors.FixtureWorkerError:
                continue  # it comes up again where the test asks
            shown.update(output.set_up for output in fetched.output)
        return partial(self._shown.update, shown)

    def _show_output(self, outputs: tuple[Output, ...], item: pytest.Item) -> None:
        """Add the output of set-ups to the first test that needs them, as for session fixtures."""
        with self._showing:
            for output in outputs:
                if output.set_up not in self._shown:
                    item.add_report_section(set_up_of(output.fixture), output.kind, output.text)
            self._shown.update(output.set_up for output in outputs)


class LeavesOut:
    """The plugin that keeps pytest from setting up what only global fixtures need."""

    def __init__(self, definitions: GlobalDefinitions) -> None:
        self._definitions = definitions

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # before hooks that set fixtures up
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        __tracebackhide__ = True
        self._definitions.leave_out_dependencies(item)
        return (yield)

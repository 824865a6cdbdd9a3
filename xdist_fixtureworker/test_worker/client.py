"""The plugin of a test worker: fetches the values of global fixtures from the fixture worker."""

from __future__ import annotations

import threading
from collections.abc import Generator
from functools import partial
from typing import Any

import execnet
import pytest

from .. import errors
from .._compat import is_session_scoped
from ..declared.decorator import Declaration
from ..declared.promotion import promotions
from ..roles import MARKS_ASKED
from ..rules.same_value import note_value
from ..wire import pickles
from ..wire.messages import Answer, Failed, Instance, Output, Ready
from .asking import marks_hint
from .connection import Connection
from .environment import Environment
from .instances import Fetched, GlobalDefinitions


class TestWorker:
    """The plugin of a test worker in a run with a fixture worker."""

    __test__ = False

    def __init__(self, config: pytest.Config, channel: execnet.Channel) -> None:
        self._config = config
        self._connection: Connection[Fetched] = Connection(channel)
        self._environment = Environment()
        self._failed: list[Fetched] = []
        self._showing = threading.Lock()
        self._shown: set[int] = set()  # set-ups whose output was added to a test
        self._definitions = GlobalDefinitions(self._fetch)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._session = session
        self._definitions.take_over(session)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None and report.outcome == "failed":
            self._show_original(call.excinfo, report)
            if hint := marks_hint(item, report):
                report.sections.append(("marks of the test", hint))
        return report

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

    def _fetch(self, declaration: Declaration, instance: Instance, item: pytest.Item) -> Fetched:
        """Fetch a global fixture. Tests may call this from several threads."""
        __tracebackhide__ = True
        fetched = self._connection.ask(instance, partial(self._read, declaration)).wait_read()
        if isinstance(fetched.error, pytest.exit.Exception):
            # As if the controller had asked the worker to stop: xdist would take an exit code for
            # a crash, and replace the worker.
            self._session.shouldstop = str(fetched.error)
            raise pytest.exit.Exception(str(fetched.error), returncode=0)
        # Each time: another instance of the same fixture may have been in use since.
        self._environment.apply(fetched.environment)
        self._show_output(fetched.output, item)
        return fetched

    def _show_output(self, outputs: tuple[Output, ...], item: pytest.Item) -> None:
        """Add the output of set-ups to the first test that needs them, as for session fixtures."""
        with self._showing:
            for output in outputs:
                if output.set_up not in self._shown:
                    item.add_report_section("setup", output.kind, output.text)
            self._shown.update(output.set_up for output in outputs)

    def _read(self, declaration: Declaration, answer: Answer) -> Fetched:
        """Unpickle the value or the exception of an answer."""
        if isinstance(answer, Failed):
            fetched = self._read_failure(answer)
        else:
            fetched = self._read_value(declaration, answer)
        if fetched.error is not None:
            self._failed.append(fetched)
        return fetched

    def _read_failure(self, answer: Failed) -> Fetched:
        error = pickles.unpack_exception(answer.exception, answer.traceback)
        report = None
        if answer.report is not None:
            report = self._config.hook.pytest_report_from_serializable(
                config=self._config, data=answer.report
            )
        return Fetched(error=error or errors.SetUpError(answer.text), report=report)

    def _read_value(self, declaration: Declaration, answer: Ready) -> Fetched:
        try:
            value = pickles.unpack(answer.value.data)
        except Exception as error:
            message = cannot_unpickle(
                declaration.name,
                declaration.where,
                self._config.workerinput["workerid"],  # type: ignore[attr-defined]  # set by xdist
                pickles.describe(error),
            )
            return Fetched(error=errors.CannotShareError(message))
        return Fetched(value, environment=answer.environment, output=answer.output)

    def _show_original(
        self, excinfo: pytest.ExceptionInfo[BaseException], report: pytest.TestReport
    ) -> None:
        """Replace the report of a failed set-up by that from the fixture worker."""
        for fetched in list(self._failed):
            if fetched.error is excinfo.value and fetched.report is not None:
                report.longrepr = fetched.report.longrepr
                report.sections = [*fetched.report.sections, *report.sections]
                setattr(report, MARKS_ASKED, getattr(fetched.report, MARKS_ASKED, None))
                return
        if isinstance(excinfo.value, errors.FixtureWorkerError):
            report.longrepr = excinfo.getrepr(style="value")


# --- messages


def cannot_unpickle(fixture: str, where: str, worker: str, cause: str) -> str:
    return (
        f"the value of the global fixture '{fixture}' ({where}) was sent by the fixture worker "
        f"but cannot be unpickled in test worker {worker} ({cause}).\n"
        f"Its class must be importable there by the same name: define it in a module that both "
        f"import, or return plain data."
    )

"""Fetches the values of global fixtures from the fixture worker; runs in a test worker.

Requests leave one at a time, from the thread that needs the value, and the answer is awaited there,
so no thread of ours and no queue is needed: when the controller dies, execnet ends the wait with
``EOFError``.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Generator
from typing import Any

import execnet
import pytest

from .. import errors
from .._compat import is_session_scoped
from ..declared.decorator import Declaration
from ..declared.promotion import promotions
from ..rules.same_value import note_value
from ..wire import pickles
from ..wire.codec import decode, encode
from ..wire.messages import Answer, Change, Failed, Instance, Ready, Request
from .instances import GlobalDefinitions, Outcome


class TestWorker:
    """The plugin of a test worker in a run with a fixture worker."""

    __test__ = False

    def __init__(self, config: pytest.Config, channel: execnet.Channel) -> None:
        self._config = config
        self._channel = channel
        self._ids = itertools.count(1)
        self._lock = threading.RLock()  # a test may ask in several threads
        self._outcomes: dict[Instance, Outcome] = {}
        self._environment = Environment()
        self._shown: set[int] = set()  # the set-ups whose output a test has
        self._definitions = GlobalDefinitions(self._fetch)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._session = session
        self._definitions.take_over(session)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None and report.outcome == "failed":
            self._show_original(call.excinfo, report)
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

    def _fetch(self, declaration: Declaration, instance: Instance, item: pytest.Item) -> Outcome:
        __tracebackhide__ = True
        with self._lock:
            if instance not in self._outcomes:
                self._outcomes[instance] = self._outcome(declaration, self._ask(instance))
            outcome = self._outcomes[instance]
        if isinstance(outcome.error, pytest.exit.Exception):
            # Ends this worker's session as if the controller had asked for it: an exit code of
            # its own would be taken for a crash, and the worker be replaced.
            self._session.shouldstop = str(outcome.error)
            raise pytest.exit.Exception(str(outcome.error), returncode=0)
        # Not only the first time: another instance of the same fixture may have been in use since.
        self._environment.apply(outcome.environment)
        # As with any session fixture, with the first test of this process that needs it.
        for output in outcome.output:
            if output.set_up not in self._shown:
                item.add_report_section("setup", output.kind, output.text)
        self._shown.update(output.set_up for output in outcome.output)
        return outcome

    def _ask(self, instance: Instance) -> Answer:
        request = Request(next(self._ids), instance)
        try:
            self._channel.send(encode(request))
            while True:
                answer = decode(self._channel.receive(), "the controller")
                if isinstance(answer, (Ready, Failed)) and answer.id == request.id:
                    return answer  # others answer a request that Ctrl-C cut short
        except (EOFError, OSError) as error:
            raise errors.FixtureWorkerDiedError.because(
                "the connection to the controller is lost"
            ) from error

    def _outcome(self, declaration: Declaration, answer: Answer) -> Outcome:
        if isinstance(answer, Failed):
            error = pickles.unpack_exception(answer.exception, answer.traceback)
            report = None
            if answer.report is not None:
                report = self._config.hook.pytest_report_from_serializable(
                    config=self._config, data=answer.report
                )
            return Outcome(error=error or errors.SetUpError(answer.text), report=report)
        try:
            value = pickles.unpack(answer.value.data)
        except Exception as error:
            message = cannot_unpickle(
                declaration.name,
                declaration.where,
                self._config.workerinput["workerid"],  # type: ignore[attr-defined]  # set by xdist
                pickles.describe(error),
            )
            return Outcome(error=errors.CannotShareError(message))
        return Outcome(value, environment=answer.environment, output=answer.output)

    def _show_original(
        self, excinfo: pytest.ExceptionInfo[BaseException], report: pytest.TestReport
    ) -> None:
        """Show a failed set-up as the fixture worker saw it: with its traceback and output."""
        for outcome in self._outcomes.values():
            if outcome.error is excinfo.value and outcome.report is not None:
                report.longrepr = outcome.report.longrepr
                report.sections = [*outcome.report.sections, *report.sections]
                return
        if isinstance(excinfo.value, errors.FixtureWorkerError):
            report.longrepr = excinfo.getrepr(style="value")


class Environment:
    """Replays in this process what global fixtures with ``env=True`` changed in ``os.environ``."""

    def __init__(self) -> None:
        self._in_force: dict[int, Change] = {}
        self._before: dict[str, str | None] = {}
        self._replayed: dict[str, str | None] = {}

    def apply(self, changes: tuple[Change, ...]) -> None:
        """Have these in force, in the place of others of the same fixtures.

        What is as it should be is left alone: a test may have changed it for itself.
        """
        self._in_force.update({change.fixture: change for change in changes})
        wanted = {
            variable.name: variable.value
            for change in sorted(self._in_force.values(), key=lambda change: change.order)
            for variable in change.variables
        }
        for name, value in wanted.items():
            if name not in self._replayed:
                self._before[name] = os.environ.get(name)
            elif self._replayed[name] == value:
                continue
            _set(name, value)
        for name in self._replayed.keys() - wanted.keys():
            _set(name, self._before.pop(name))
        self._replayed = wanted

    def restore(self) -> None:
        for name, value in self._before.items():
            _set(name, value)
        self._before.clear()
        self._replayed.clear()
        self._in_force.clear()


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


# --- messages


def cannot_unpickle(fixture: str, where: str, worker: str, cause: str) -> str:
    return (
        f"the value of the global fixture '{fixture}' ({where}) was sent by the fixture worker "
        f"but cannot be unpickled in test worker {worker} ({cause}).\n"
        f"Its class must be importable there by the same name: define it in a module that both "
        f"import, or return plain data."
    )

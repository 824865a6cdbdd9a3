"""The pytest items through which the fixture worker sets fixtures up and finalizes them.

An item that runs through ``pytest_runtest_protocol`` gets what a test gets: captured output, log
sections, warnings, assertion diffs, faulthandler and a report; from any plugin that a test gets
them from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from _pytest.fixtures import FuncFixtureInfo, TopRequest
from _pytest.runner import call_and_report
from _pytest.scope import Scope

from ..declared.definitions import Definition
from ..declared.locations import underlying
from .marks import MarkedItem
from .reporters import ItemHooks, record_keepers
from .reports import Phase, own_report, plain_report

_HOOK = "exception around it, in a hook for instance"


class CallSpec:
    """Stands for what pytest knows of a parametrized test, as far as fixture requests read it: that
    class has no public constructor."""

    def __init__(self, params: dict[str, object], indices: dict[str, int], id_: str) -> None:
        self.params = params
        self.indices = indices
        self.marks: list[pytest.Mark] = []
        self.id = id_
        self._arg2scope = dict.fromkeys(params, Scope.Session)


class FixtureItem(MarkedItem):
    """An item that stands for one session fixture, at the node where it is defined.

    :param definition: the fixture.
    :param names: of the fixtures that it needs, and its own.
    :param visible: the definitions of each fixture name that the item can see.
    :param action: called in the phase "setup".
    """

    nofuncargs = False
    instance = None
    # Tracebacks as those of a test that fails in a fixture: without pytest's own frames.
    _traceback_filter = pytest.Function._traceback_filter
    repr_failure = pytest.Function.repr_failure  # type: ignore[assignment]  # as in pytest itself

    def __init__(
        self,
        *,
        definition: Definition,
        names: Sequence[str],
        visible: Mapping[str, Sequence[Definition]],
        callspec: CallSpec,
        action: Callable[[FixtureItem], object],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.definition = definition
        self.obj = self._obj = definition.func
        self.function = underlying(definition.func)
        self.originalname = definition.argname
        self.funcargs: dict[str, object] = {}
        self.fixturenames = list(names)
        self.reports: list[pytest.TestReport] = []
        self.error: BaseException | None = None  #: the first one, of the fixture or of a hook
        self._action = action
        self._record_keepers = record_keepers(self.config.pluginmanager)
        self._fixtureinfo = FuncFixtureInfo((), (), self.fixturenames, visible)  # type: ignore[arg-type]  # a Mapping does
        self._request = TopRequest(self, _ispytest=True)  # type: ignore[arg-type]  # as for DoctestItem
        if callspec.params:
            self.callspec = callspec

    @property
    def cls(self) -> type | None:
        parent = self.getparent(pytest.Class)
        return parent.obj if parent else None

    @property
    def module(self) -> Any:
        return sys.modules.get(self.function.__module__)

    @property
    def ihook(self) -> Any:
        """The hooks that are called for it, its phases and its reports."""
        return self.hooks(super().ihook)

    def hooks(self, hooks: Any) -> ItemHooks:
        """``hooks``, without those of plugins that keep a record of each test."""
        return ItemHooks(self.config.pluginmanager, hooks, self._record_keepers)

    def request(self) -> TopRequest:
        """The request from which fixtures are looked up."""
        return self._request

    def setup(self) -> None:
        __tracebackhide__ = True
        self.noting(lambda: self._action(self))

    def noting(self, code: Callable[[], object]) -> None:
        """Run code of the fixture; what it raises is known whatever becomes of its report."""
        __tracebackhide__ = True
        try:
            code()
        except BaseException as error:
            self.note(error)
            raise

    def note(self, error: BaseException) -> None:
        """Note what was raised, unless something was before."""
        if self.error is None:
            self.error = error

    def runtest(self) -> None:
        """Nothing: a fixture has no phase "call"."""

    def reportinfo(self) -> tuple[Any, int | None, str]:
        code = getattr(self.function, "__code__", None)
        if code is None:
            return self.path, None, self.name
        return code.co_filename, code.co_firstlineno - 1, self.name

    def run_phases(self, following: pytest.Item) -> None:
        """Set up and tear down this item; what it set up for the session stays.

        :param following: an item right below the session, which is said to come next.
        :raises BaseException: of a hook; and ``KeyboardInterrupt`` and ``pytest.exit``, if the
            set-up did. The rest is in reports.
        """
        try:
            self._keep(call_and_report(self, "setup", log=False), "setup")
        except BaseException:
            self.session._setupstate.teardown_exact(following)
            raise
        report = call_and_report(self, "teardown", log=False, nextitem=following)
        self._keep(report, "teardown")
        if self in self.session._setupstate.stack:  # a hook raised before pytest's came
            self.session._setupstate.teardown_exact(following)

    def _keep(self, report: object, when: Phase) -> None:
        """Keep what the hook returned: a report, or nothing."""
        if isinstance(report, pytest.TestReport):
            self.reports.append(report)
        elif self.error is not None:
            self.reports.append(own_report(self, self.error, when))

    def run_finalizer_alone(self, finalizer: Callable[[], None]) -> None:
        """Run a finalizer that :meth:`run_phases` did not come to, because a hook for the phase
        "setup" raised. It has to run all the same."""
        self.error, self.reports = None, []
        try:
            self.noting(finalizer)
        except BaseException as error:
            self.reports = [own_report(self, error, "teardown")]

    def note_hook_error(self, told: str, when: Phase) -> None:
        """Note that a hook raised, by which the report of what the fixture raised may be lost.

        :param told: what to say of the hook.
        """
        failure = self.failure
        if failure is None and self.error is None:
            self.reports.append(plain_report(self.nodeid, self.name, told, when))
            return
        if failure is None:
            assert self.error is not None
            failure = own_report(self, self.error, when)
            self.reports.append(failure)
        failure.sections.append((_HOOK, told))

    @property
    def failure(self) -> pytest.TestReport | None:
        """The report of the first phase that did not pass."""
        return next((report for report in self.reports if not report.passed), None)


class SessionItem(pytest.Item):
    """The item that is said to come next after each fixture, so that pytest keeps the session set
    up; at the end it stands for the session itself."""

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, self.name

    def runtest(self) -> None:
        """Never called."""

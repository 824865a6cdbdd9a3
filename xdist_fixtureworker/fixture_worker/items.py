"""Makes the items for session fixtures, and runs them within the time-out; fixture worker."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from ..declared.definitions import Definition, module_of
from ..declared.locations import in_source
from .clones import ParameterValue, VisibleDefinitions
from .fixture_item import CallSpec, FixtureItem, SessionItem
from .foreign import Foreign
from .lookup import Found, Lookup
from .reports import Phase, plain_report
from .set_ups import SetUps
from .surprises import Surprises

SESSION = "the test session"
_STACKS = "stacks of all threads"


class Items:
    """Makes items, runs them, and turns their reports into what can be sent.

    :param foreign: what users' code runs in.
    """

    def __init__(
        self,
        *,
        session: pytest.Session,
        set_ups: SetUps,
        lookup: Lookup,
        foreign: Foreign,
        surprises: Surprises,
    ) -> None:
        self.session_item = SessionItem.from_parent(session, name=SESSION, nodeid=SESSION)
        self._config = session.config
        self._set_ups = set_ups
        self._lookup = lookup
        self._foreign = foreign
        self._surprises = surprises
        self._files: dict[str, str] = {}  # as in the ids of tests, by path

    def make(
        self,
        definition: Definition,
        found: Found,
        action: Callable[[FixtureItem], object],
        kind: str = "",
    ) -> FixtureItem:
        """Make an item for ``definition``, which is what was found or a copy of it.

        :param action: what the item does in the phase "setup".
        :param kind: of fixture, to be shown; default: whether it is global.
        """
        visible: Mapping[str, Sequence[Definition]] = VisibleDefinitions(
            definition, found.node, found.parameters, self._set_ups.clones
        )
        kind = kind or ("global" if self._set_ups.of(definition).is_global else "session")
        parameters = found.parameters
        shown = "-".join(_shown(value) for value in parameters.values())
        label = f"{kind} fixture {definition.argname}" + (f"[{shown}]" if shown else "")
        item: FixtureItem = FixtureItem.from_parent(
            cast(pytest.Collector, found.node),  # what fixtures are defined at
            name=label,
            nodeid=f"{self._file(definition)}::{label}",
            definition=definition,
            names=self._lookup.names_needed(definition, found.node),
            visible=visible,
            callspec=CallSpec(
                {name: value.value for name, value in parameters.items()},
                {name: value.index for name, value in parameters.items()},
                shown,
            ),
            action=action,
        )
        record = self._set_ups.of(definition)
        item.take_marks(record.declaration, self._set_ups.agreed_marks.of(record.original))
        return item

    def run(self, item: FixtureItem, when: str, what: str, where: str) -> None:
        """Run an item within the time-out.

        :param when: the phase of pytest in which the code of the fixture runs.
        :param what: that phase in our words.
        """
        label = named(what, item.originalname, where)

        def expired(stacks: str) -> str:
            item.add_report_section(when, _STACKS, stacks)
            return self._foreign.exceeds_timeout(label)

        with contextlib.ExitStack() as stack:
            if when == "setup":  # what is said of a finalizer began before
                stack.enter_context(self._foreign.named(f"hooks around {label}"))
            stack.enter_context(self._foreign.limited(label, expired))
            hooks = item.hooks(self._config.hook)
            hooks.pytest_runtest_protocol(item=item, nextitem=self.session_item)

    def note_hook_error(self, item: FixtureItem, told: str, when: Phase) -> None:
        """Note in an item that a hook raised; see there."""

        def plainly(_: BaseException) -> None:
            item.reports.append(plain_report(item.nodeid, item.name, told, when))

        self._foreign.telling(partial(item.note_hook_error, told, when), plainly)

    def run_finalizer_alone(
        self, item: FixtureItem, finalizer: Callable[[], None], where: str
    ) -> None:
        """Run a finalizer that its item did not come to, within the time-out."""
        with self._foreign.limited(named("finalizer", item.originalname, where)):
            item.run_finalizer_alone(finalizer)

    def for_durations(self, report: pytest.TestReport) -> dict[str, Any] | None:
        """The report of a set-up as plain data, if ``--durations`` is to show it."""
        wanted = self._config.getoption("durations", None) is not None
        return self.serialized(report) if wanted else None

    def serialized(self, report: pytest.TestReport) -> dict[str, Any]:
        """The report as plain data, whatever hooks do."""
        arguments = {"config": self._config, "report": report}
        try:
            with self._foreign.limited(f"the making of the report of {report.nodeid}"):
                data = self._config.hook.pytest_report_to_serializable(**arguments)
            if isinstance(data, dict):
                return data
        except BaseException as error:
            self._surprises.tell(error, in_hook("pytest_report_to_serializable", report.nodeid))
        return self._serialized_by_pytest(report)

    def _serialized_by_pytest(self, report: pytest.TestReport) -> dict[str, Any]:
        pytests: Any = self._config.pluginmanager.get_plugin("reports")
        try:
            data = pytests.pytest_report_to_serializable(report)
        except BaseException:  # of what another plugin has put into the report
            when: Any = report.when
            plain = plain_report(report.nodeid, report.nodeid, report.longreprtext, when)
            plain.outcome = report.outcome
            data = pytests.pytest_report_to_serializable(plain)
        serialized: dict[str, Any] = data
        return serialized

    def _file(self, definition: Definition) -> str:
        """The file that the fixture stands in, as in the ids of tests."""
        try:
            file = inspect.getfile(in_source(definition.func))
        except Exception:  # it is built in, or what inspect looks at is broken
            return module_of(definition)
        if file not in self._files:
            root, path = self._config.rootpath, Path(file)
            shown = path.relative_to(root) if path.is_relative_to(root) else path
            self._files[file] = shown.as_posix()
        return self._files[file]


def _shown(parameter: ParameterValue) -> str:
    """As in the ids that pytest makes."""
    value = parameter.value
    if value is None or isinstance(value, (str, int, float, bool)):
        return str(value)
    return f"{parameter.name}{parameter.index}"


# --- messages


def named(what: str, fixture: str, where: str) -> str:
    return f"the {what} of the global fixture '{fixture}' ({where})"


def in_hook(hook: str, item: str) -> str:
    return f"by a hook {hook} for {item}; the report is as pytest makes it."

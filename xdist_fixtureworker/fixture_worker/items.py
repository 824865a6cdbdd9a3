"""Makes the items for session fixtures, and runs them within the time-out; fixture worker."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.scope import Scope

from ..declared.definitions import Definition, module_of
from ..declared.locations import in_source
from ..wire.messages import Hanging, Message
from .clones import ParameterValue, VisibleDefinitions
from .fixture_item import CallSpec, FixtureItem, SessionItem
from .lookup import Found, Lookup
from .main_thread import MainThread
from .reporters import ItemHooks
from .set_ups import SetUps

SESSION = "the test session"
_STACKS = "stacks of all threads"


class Items:
    """Makes items, runs them, and turns their reports into what can be sent.

    :param main: the thread that they run in, which time-outs interrupt.
    :param timeout: seconds that a set-up or a finalizer may take; None: as long as it wants.
    :param send: sends a message to the controller; must not raise.
    """

    def __init__(
        self,
        *,
        session: pytest.Session,
        set_ups: SetUps,
        lookup: Lookup,
        main: MainThread,
        timeout: float | None,
        send: Callable[[Message], None],
    ) -> None:
        self.session_item = SessionItem.from_parent(session, name=SESSION, nodeid=SESSION)
        self._config = session.config
        self._set_ups = set_ups
        self._lookup = lookup
        self._main = main
        self._timeout = timeout
        self._send = send

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
                params={name: value.value for name, value in parameters.items()},
                indices={name: value.index for name, value in parameters.items()},
                _arg2scope=dict.fromkeys(parameters, Scope.Session),
                id=shown,
            ),
            action=action,
        )
        item.take_marks(self._set_ups.of(definition).declaration)
        return item

    def run(self, item: FixtureItem, number: int, when: str, what: str, where: str) -> None:
        """Run an item within the time-out.

        :param when: the phase of pytest in which the code of the fixture runs.
        :param what: that phase in our words.
        """
        name = item.originalname

        def expired(stacks: str) -> str:
            item.add_report_section(when, _STACKS, stacks)
            return exceeds_timeout(what, name, where, self._timeout or 0.0)

        with self.limited(number, what, name, where, expired):
            hooks = ItemHooks(self._config, self._config.hook)
            hooks.pytest_runtest_protocol(item=item, nextitem=self.session_item)

    def limited(
        self,
        number: int,
        what: str,
        name: str,
        where: str,
        expired: Callable[[str], str] | None = None,
    ) -> AbstractContextManager[None]:
        """Give what runs within it the time of ``fixture_worker_timeout``.

        :param number: of the set-up.
        :param expired: given the stacks of all threads, returns what the exception says.
        """

        def timed_out(stacks: str) -> str:
            return f"{exceeds_timeout(what, name, where, self._timeout or 0.0)}\n{stacks}"

        def hanging(stacks: str) -> None:
            self._send(Hanging(number, hangs(what, name, where, stacks)))

        return self._main.limited(self._timeout, expired or timed_out, hanging)

    def serialized(self, report: pytest.TestReport) -> dict[str, Any]:
        """The report as plain data."""
        data: dict[str, Any] = self._config.hook.pytest_report_to_serializable(
            config=self._config, report=report
        )
        return data

    def _file(self, definition: Definition) -> str:
        """The file that the fixture stands in, as in the ids of tests."""
        try:
            path = Path(inspect.getfile(in_source(definition.func)))
        except TypeError:  # it is built in
            return module_of(definition)
        root = self._config.rootpath
        return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _shown(parameter: ParameterValue) -> str:
    """As in the ids that pytest makes."""
    value = parameter.value
    if value is None or isinstance(value, (str, int, float, bool)):
        return str(value)
    return f"{parameter.name}{parameter.index}"


# --- messages


def exceeds_timeout(what: str, fixture: str, where: str, seconds: float) -> str:
    return (
        f"the {what} of the global fixture '{fixture}' ({where}) took longer than the "
        f"{seconds:g} s of fixture_worker_timeout.\n"
        f"The stacks of all threads of the fixture worker at that time are shown below. If it only "
        f"needs longer, raise the limit."
    )


def hangs(what: str, fixture: str, where: str, stacks: str) -> str:
    return (
        f"the {what} of the global fixture '{fixture}' ({where}) hangs: it took longer than "
        f"fixture_worker_timeout, and no exception reaches it, as in a call into C code.\n"
        f"Nothing else can be set up or finalized. Use a time-out of the library that it calls.\n"
        f"Stacks of the fixture worker:\n{stacks}"
    )

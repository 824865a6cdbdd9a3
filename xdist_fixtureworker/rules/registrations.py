"""Looks at each fixture that is registered, and loads what guards need; every process.

It is there in all runs, with or without guards and global fixtures: so nothing here happens per
test, and what only some suites need is imported for those.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from .._compat import Registration, can_filter_registrations, filter_registrations, is_fixture
from ..declared.guard_marks import MARKERS
from ..roles import GLOBAL, GUARD, PARALLEL_ONLY, SERIAL_ONLY, SKIPPED_BY

if TYPE_CHECKING:
    from .guard_plugin import GuardPlugin

_MARKS = "pytestmark"


class Registrations:
    """Knows which kinds of fixtures were registered in this process."""

    def __init__(self, config: pytest.Config) -> None:
        #: Whether a fixture was declared global; also where that cannot be told.
        self.has_global = not can_filter_registrations()
        self._config = config
        self._guard_plugin: GuardPlugin | None = None
        filter_registrations(config, self._is_there)
        for line in MARKERS:
            config.addinivalue_line("markers", line)

    def pytest_plugin_registered(self, plugin: object) -> None:
        for fixture in list(getattr(plugin, "__dict__", {}).values()):
            if is_fixture(fixture) and hasattr(fixture, _MARKS):
                self.guarding().refuse_too_early(fixture)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._guard_plugin is not None or _have_guards(session.items):
            self.guarding().note_tests(session)

    def _is_there(self, definition: Registration) -> bool:
        function = definition.function
        if hasattr(function, GLOBAL):
            self.has_global = True
            _refuse_instance_method(definition)
        if hasattr(function, GUARD) or hasattr(function, _MARKS):
            return self.guarding().is_there(definition)
        return True

    def skipped(self, reports: Iterable[pytest.TestReport]) -> str:
        """What to say of tests that guards have skipped; empty if they skipped none."""
        guards = [getattr(report, SKIPPED_BY) for report in reports if hasattr(report, SKIPPED_BY)]
        if not guards:
            return ""
        from .guard_plugin import skipped_by_guard

        return skipped_by_guard(len(guards), guards[0])

    def guarding(self) -> GuardPlugin:
        """The plugin that applies guards; registers it."""
        if self._guard_plugin is None:
            from .guard_plugin import GuardPlugin

            self._guard_plugin = GuardPlugin(self._config)
            manager = self._config.pluginmanager
            manager.register(self._guard_plugin, "xdist_fixtureworker_guarding")
        return self._guard_plugin


def _have_guards(items: Iterable[pytest.Item]) -> bool:
    """Whether a test, or what it stands in, is marked with a guard."""
    seen: set[object] = set()
    for item in items:
        node: Any = item
        while node is not None and node not in seen:
            if any(mark.name in (PARALLEL_ONLY, SERIAL_ONLY) for mark in node.own_markers):
                return True
            if node is not item:
                seen.add(node)
            node = node.parent
    return False


def _refuse_instance_method(definition: Registration) -> None:
    """:raises pytest.Collector.CollectError: if a global fixture is a method of a test class."""
    if definition.is_test_method:
        from ..declared.decorator import declaration_of, instance_method

        declaration = declaration_of(definition.function)
        if declaration is not None:
            text = instance_method(declaration.name, declaration.where)
            raise pytest.Collector.CollectError(text)

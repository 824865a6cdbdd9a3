"""Marks global and guarded fixtures in ``--fixtures``; runs in the controller or a serial run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .._compat import all_definitions
from ..declared.definitions import global_declaration
from ..declared.guards import failing_guard, guard_of
from ..declared.locations import unbound

_GLOBAL = "Global: set up once per test run, in the fixture worker, with -n and --fixture-worker."


class Listing:
    """Adds lines to the docstrings of such fixtures, in a process that only lists them."""

    def __init__(self, config: pytest.Config) -> None:
        self._failing = failing_guard(config)
        self._patch = pytest.MonkeyPatch()
        config.add_cleanup(self._patch.undo)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        described: dict[int, Any] = {}  # two definitions may share a function
        for definition in all_definitions(session):
            function = unbound(definition.func)
            notes = "\n".join(self._notes(definition, session.config))
            if notes and id(function) not in described:
                described[id(function)] = function
                documentation = f"{notes}\n{function.__doc__ or ''}".rstrip()
                self._patch.setattr(function, "__doc__", documentation)

    def _notes(self, definition: Any, config: pytest.Config) -> Iterator[str]:
        if global_declaration(definition, config) is not None:
            yield _GLOBAL
        guard = guard_of(definition.func)
        if guard == self._failing:
            yield f"Guard: {guard}, which does not hold: this definition is not there in this run."
        elif guard is not None:
            yield f"Guard: {guard}, which holds in this run."

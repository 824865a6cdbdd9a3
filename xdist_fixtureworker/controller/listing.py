"""Shows which fixtures are global, with ``--fixtures``; runs in the controller or a serial run."""

from __future__ import annotations

import pytest

from .._compat import all_definitions
from ..definitions import global_declaration

_NOTE = "Global: set up once per test run, in the fixture worker, with -n and --fixture-worker."


class Listing:
    """Puts a line before the docstrings of global fixtures, in a process that only lists them."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for definition in all_definitions(session):
            if global_declaration(definition, session.config) is not None:
                function = getattr(definition.func, "__func__", definition.func)
                documentation = function.__doc__ or ""
                if not documentation.startswith(_NOTE):
                    function.__doc__ = f"{_NOTE}\n{documentation}".rstrip()

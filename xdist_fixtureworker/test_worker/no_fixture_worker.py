"""The plugin of a test worker that runs global fixtures itself, without a fixture worker; only if
the suite has some."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from ..declared.definitions import global_declaration
from ..roles import RAN


class UnservedTestWorker:
    """Notes which global fixtures this test worker set up, for the controller's summary."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._ran: list[str] = config.workeroutput.setdefault(RAN, [])

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        is_global = global_declaration(fixturedef, self._config) is not None
        if is_global and fixturedef.argname not in self._ran:
            self._ran.append(fixturedef.argname)
        return (yield)

"""The plugin of a controller, or a serial run, for which no fixture worker was asked."""

from __future__ import annotations

from typing import Any

import pytest

from ..roles import RAN


class ControllerWithoutFixtureWorker:
    """Says in the summary which global fixtures ran once per test worker."""

    def __init__(self) -> None:
        self._ran: dict[str, None] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})  # a worker that crashed left none
        self._ran.update(dict.fromkeys(output.get(RAN, ())))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._ran:
            terminalreporter.write_line(
                f"global fixtures ran once per test worker: {', '.join(sorted(self._ran))} "
                f"(once per test run with --fixture-worker)"
            )

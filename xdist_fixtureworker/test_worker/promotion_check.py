"""Looks at the names that configuration makes global, once tests are collected; test worker."""

from __future__ import annotations

from typing import Any

import pytest

from ..roles import COLLECTS_EVERYTHING, MISUSE
from ..rules.promotable import examine


class TestWorkerPromotionCheck:
    """Tells the controller what is wrong, so that the run ends with one message, not one per test
    worker, each with a traceback."""

    __test__ = False

    def __init__(self, config: Any) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)  # before xdist tells the controller what was collected
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        everything = self._config.workerinput.get(COLLECTS_EVERYTHING, False)
        findings = examine(session, everything)
        self._config.workeroutput[MISUSE] = (findings.error, list(findings.notes))
        if findings.error:
            session.items.clear()  # nothing is to run

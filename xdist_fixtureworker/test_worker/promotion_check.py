"""Checks the names in ``global_fixtures``, once tests are collected; runs in a test worker."""

from __future__ import annotations

from typing import Any

import pytest

from ..roles import COLLECTS_EVERYTHING, MISUSE
from ..rules.promotable import examine


class TestWorkerPromotionCheck:
    """Leaves the message to the controller, so that there is one, and not one with a traceback from
    each test worker."""

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

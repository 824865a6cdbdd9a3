"""Checks which fixtures are global, once tests are collected; runs in a test worker."""

from __future__ import annotations

from typing import Any

import pytest

from ..declared.promotion import promotions
from ..roles import COLLECTS_EVERYTHING, MISUSE, Role, role_of
from ..rules.findings import Findings
from ..rules.refused import examine_global


class TestWorkerPromotionCheck:
    """Leaves the message to the controller, so that there is one, and not one with a traceback from
    each test worker."""

    __test__ = False

    def __init__(self, config: Any) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)  # before xdist tells the controller what was collected
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        findings = Findings()
        if promotions(self._config):
            from ..rules.promotable import examine

            everything = self._config.workerinput.get(COLLECTS_EVERYTHING, False)
            findings = examine(session, everything)
        findings += examine_global(session, role_of(self._config) is Role.TEST_WORKER)
        if findings != Findings():
            self._config.workeroutput[MISUSE] = (findings.error, list(findings.notes))
        if findings.error:
            session.items.clear()  # nothing is to run

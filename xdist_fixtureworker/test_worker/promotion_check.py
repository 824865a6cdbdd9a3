"""Checks which fixtures are global, once tests are collected; runs in a test worker."""

from __future__ import annotations

from typing import Any

import pytest

from ..declared.promotion import promotions
from ..roles import COLLECTS_EVERYTHING, MISUSE, Role, role_of
from ..rules.findings import Findings
from ..rules.refused import examine_global


def check(session: pytest.Session) -> None:
    """Leave the message to the controller, so that there is one, and not one with a traceback from
    each test worker."""
    config: Any = session.config
    findings = Findings()
    if promotions(config):
        from ..rules.promotable import examine

        findings = examine(session, config.workerinput.get(COLLECTS_EVERYTHING, False))
    findings += examine_global(session, role_of(config) is Role.TEST_WORKER)
    if findings != Findings():
        config.workeroutput[MISUSE] = (findings.error, list(findings.notes))
    if findings.error:
        session.items.clear()  # nothing is to run

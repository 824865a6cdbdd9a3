"""Runs the suites of these tests with the process of the test as controller, which is cheaper."""

from __future__ import annotations

import pytest


@pytest.fixture
def controls() -> bool:
    """The sets of tests that stop and kill processes start controllers as users do."""
    return True

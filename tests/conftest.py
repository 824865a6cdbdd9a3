"""For all tests: pytest's own ``pytester`` fixture, a suite to write and run, and the end of what is left."""

from __future__ import annotations

import os
import signal

import pytest

from .bytecode import write_bytecode
from .in_process import load_package
from .isolation import ONLY_OURS, forget_variables
from .suite import Suite

pytest_plugins = ["pytester", "tests.cleanup"]


def pytest_configure(config: pytest.Config) -> None:
    """Have the processes that tests start inherit nothing that changes what they do.

    A shell that runs the tests in the background, and nohup, ignore some signals, and what is
    ignored is inherited."""
    forget_variables()
    if "PYTHONDONTWRITEBYTECODE" in os.environ and not hasattr(config, "workerinput"):
        write_bytecode()
    load_package()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """pytest's own, without the other plugins that are installed."""
    for name, value in ONLY_OURS.items():
        monkeypatch.setenv(name, value)
    return pytester


@pytest.fixture
def controls() -> bool:
    """Whether the process of a test is the controller of the distributed runs of its suite."""
    return False


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, controls: bool) -> Suite:
    """An empty suite, which a test writes files into and runs."""
    for name in os.environ:
        if name.startswith("PYTEST_"):
            monkeypatch.delenv(name)  # of the run that this test belongs to
    for name, value in ONLY_OURS.items():
        monkeypatch.setenv(name, value)
    return Suite(pytester, controls=controls)

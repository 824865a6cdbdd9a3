"""Fixtures that run once per test run under pytest-xdist. Importable in every process."""

from __future__ import annotations

from importlib.metadata import version as _version

import pytest as _pytest

from . import protocol as _protocol
from .declare import global_fixture
from .errors import (
    CannotShareError,
    FixtureWorkerDiedError,
    FixtureWorkerError,
    RemoteTraceback,
    SetUpError,
)

__all__ = [
    "CannotShareError",
    "FixtureWorkerDiedError",
    "FixtureWorkerError",
    "RemoteTraceback",
    "SetUpError",
    "global_fixture",
    "is_fixture_worker",
]

__version__ = _version("pytest-xdist-fixtureworker")


def is_fixture_worker(config: _pytest.Config) -> bool:
    """Whether this process is the fixture worker, which runs global fixtures and no tests.

    Any process. False in test workers, in the controller and where tests are not distributed.
    """
    workerinput = getattr(config, "workerinput", {})
    return bool(workerinput.get(_protocol.HANDOVER, ("",))[0] == _protocol.FIXTURE_WORKER)

"""Fixtures that run once per test run under pytest-xdist. Importable in every process."""

from __future__ import annotations

import pytest as _pytest

from . import roles as _roles
from .attributes import attrs
from .declare import global_fixture
from .errors import (
    CannotShareError,
    FixtureWorkerDiedError,
    FixtureWorkerError,
    RemoteTraceback,
    SetUpError,
)
from .guards import parallel_only, serial_only

__all__ = [
    "CannotShareError",
    "FixtureWorkerDiedError",
    "FixtureWorkerError",
    "RemoteTraceback",
    "SetUpError",
    "attrs",
    "global_fixture",
    "is_fixture_worker",
    "parallel_only",
    "serial_only",
]


def is_fixture_worker(config: _pytest.Config) -> bool:
    """Whether this process is the fixture worker, which runs global fixtures and no tests.

    Any process. False in test workers, in the controller and where tests are not distributed.
    """
    workerinput = getattr(config, "workerinput", {})
    return bool(workerinput.get(_roles.HANDOVER, ("",))[0] == _roles.FIXTURE_WORKER)

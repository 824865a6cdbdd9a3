"""Fixtures that run once per test run under pytest-xdist. Importable in every process."""

from __future__ import annotations

import pytest as _pytest

from . import roles as _roles
from .declared.attributes import attrs
from .declared.decorator import global_fixture
from .declared.guard_marks import parallel_only, serial_only
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
    return _roles.role_of(config) is _roles.Role.FIXTURE_WORKER

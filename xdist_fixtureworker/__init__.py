"""Fixtures that run once per test run under pytest-xdist. Importable in every process.

What it offers is imported when it is used: most processes of most runs use none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .declared.attributes import attrs
    from .declared.decorator import global_fixture
    from .declared.guard_marks import parallel_only, serial_only
    from .errors import (
        CallError,
        CannotShareError,
        FixtureWorkerDiedError,
        FixtureWorkerError,
        RemoteTraceback,
        SetUpError,
    )
    from .roles import is_fixture_worker
    from .sharing.exclusive import exclusive
    from .sharing.pool import Pool
    from .sharing.state import Counter, Journal
else:
    _MODULES = {
        "Counter": "sharing.state",
        "Journal": "sharing.state",
        "Pool": "sharing.pool",
        "attrs": "declared.attributes",
        "exclusive": "sharing.exclusive",
        "global_fixture": "declared.decorator",
        "is_fixture_worker": "roles",
        "parallel_only": "declared.guard_marks",
        "serial_only": "declared.guard_marks",
    }

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f".{_MODULES.get(name, 'errors')}", __name__), name)
        globals()[name] = value
        return value


__all__ = [
    "CallError",
    "CannotShareError",
    "Counter",
    "FixtureWorkerDiedError",
    "FixtureWorkerError",
    "Journal",
    "Pool",
    "RemoteTraceback",
    "SetUpError",
    "attrs",
    "exclusive",
    "global_fixture",
    "is_fixture_worker",
    "parallel_only",
    "serial_only",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Forks the processes of workers, early in the controller, if that is wanted and can be done.

When: in the first hook that knows the options. Plugins are imported then, which is most of what a
worker's start takes; but there is no conftest yet, no captured output, no thread, and no coverage.

xdist and execnet see ordinary workers of ``popen``: :mod:`.pool` hands the forks out where execnet
would start an interpreter, and :mod:`.child` makes of a fork what that interpreter would be.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from ...settings import lane_id, warm_workers_import
from . import able, wanted

if TYPE_CHECKING:
    from .pool import Pool

PLUGIN = "xdist_fixtureworker_warm_start"

_OF_WORKERS = ("faulthandler", "pdb", "pickle")  # pytest imports them when it is configured
#: By name: nothing of that room runs in the controller.
_SERVED = (
    *("xdist_fixtureworker.test_worker.client", "xdist_fixtureworker.test_worker.promotion_check"),
)


class WarmStart:
    """Says in the header how workers start.

    :param reason: why all of them start as ever; None: they do not.
    :param failed: what could not be imported, and why.
    """

    def __init__(
        self, pool: Pool | None = None, reason: str | None = None, failed: list[str] | None = None
    ) -> None:
        self._pool = pool
        self._reason = reason
        self._failed = failed or []

    def pytest_report_header(self, config: pytest.Config) -> list[str]:
        reason = self._reason
        if not config.pluginmanager.hasplugin("dsession"):
            reason = not_distributed()
        elif self._pool is not None:
            reason = self._pool.reason_against()
        if self._pool is None or reason is not None:
            return [none(reason), *self._failed]
        return [forked(self._pool.size), *self._failed]


def prepare(config: pytest.Config) -> None:
    """Fork as many processes as workers will be wanted, or have the header say why not."""
    plan = wanted.plan(config)
    reason = plan.reason or (able.reason_against() if plan.workers else not_distributed())
    failed: list[str] = []
    pool = None
    if reason is None:
        failed = _import([*_modules(plan.fixture_workers), *warm_workers_import(config)])
        reason = able.reason_against()
    if reason is None:
        from .pool import Pool  # which needs what has just been found to be there

        pool = Pool([lane_id(config, number) for number in range(plan.fixture_workers)])
        config.add_cleanup(pool.close)
        pool.fork(plan.workers)
        pool.replace_starts()
    config.pluginmanager.register(WarmStart(pool, reason, failed), PLUGIN)


def explain(config: pytest.Config, program: bool) -> None:
    """Have the header say why :func:`prepare` was not called, if it was not."""
    if not config.pluginmanager.hasplugin(PLUGIN):
        reason = too_late() if program else no_program()
        config.pluginmanager.register(WarmStart(reason=reason), PLUGIN)


def _modules(fixture_workers: int) -> list[str]:
    return [*_OF_WORKERS, *(_SERVED if fixture_workers else ())]


def _import(names: list[str]) -> list[str]:
    """Import modules; those that cannot be are told, with the error."""
    failed = []
    for name in names:
        try:
            import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, pytest.skip() and all else that modules raise
            failed.append(cannot_import(name, error))
    return failed


# --- messages


def forked(count: int) -> str:
    if count == 1:
        return "warm workers: 1 process, forked in the place of a new interpreter"
    return f"warm workers: {count} processes, forked in the place of new interpreters"


def none(reason: str | None) -> str:
    return f"warm workers: none, because {reason}"


def not_distributed() -> str:
    return "tests are not distributed (-n)"


def no_program() -> str:
    return "pytest was not started by its command, but by other code in this process"


def too_late() -> str:
    return "this plugin was loaded too late (by a conftest, or pytest_plugins)"


def cannot_import(name: str, error: BaseException) -> str:
    return f"warm workers: cannot import {name}: {type(error).__name__}: {error}"

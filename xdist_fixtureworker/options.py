"""Adds the options, and registers what this process needs for its role; every process."""

from __future__ import annotations

import pytest

from . import settings
from ._compat import offer_marks
from .declared.guard_marks import install_marks
from .on_demand import (
    OnDemand,
    explain_start_of_workers,
    fork_workers,
    record_timeline,
    role_plugin,
)
from .roles import FIXTURE_WORKER_ID, GLOBAL_FIXTURES, Role, is_program, role_of
from .rules.registrations import Registrations


def add_options(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add options and ini settings, and prepare for what conftests import."""
    install_marks(_config(pluginmanager))
    offer_marks(_config(pluginmanager), _take_mark)
    group = parser.getgroup("fixture worker", "fixtures that run once per test run (with -n)")
    group.addoption(
        "--fixture-worker",
        dest="fixture_worker",
        action="store_true",
        default=None,
        help="Run global fixtures once per test run, in a process of their own beside the test "
        "workers. Has no effect where tests are not distributed (no -n)",
    )
    group.addoption(
        "--no-fixture-worker",
        dest="fixture_worker",
        action="store_false",
        help="Run global fixtures once per test worker, whatever the ini setting says",
    )
    parser.addini(
        "fixture_worker",
        type="bool",
        default=False,
        help="As if --fixture-worker were given whenever tests are distributed",
    )
    group.addoption(
        "--global-fixture",
        dest=GLOBAL_FIXTURES,
        action="append",
        metavar="NAME",
        help="Make a session fixture global, whoever defines it: 'NAME', or 'NAME: attrs(a, b)' "
        "to share these attributes of its value, or 'NAME: proxy' to share the object itself, or "
        "'NAME: env' to change in the test workers what it changes in os.environ, or "
        "'NAME: marks(a, b)' for the marks of its set-up. Can be given several times",
    )
    parser.addini(
        GLOBAL_FIXTURES,
        type="linelist",
        help="Session fixtures to make global, whoever defines them; on each line as for "
        "--global-fixture",
    )
    parser.addini(
        settings.COPIES,
        type="bool",
        default=False,
        help="Give tests copies and stand-ins of the values of global fixtures in runs without a "
        "fixture worker, too, so that a suite can be checked without -n",
    )
    group.addoption(
        "--fixture-worker-timeout",
        dest=settings.TIMEOUT,
        type=float,
        metavar="SECONDS",
        help="As the ini setting, which it overrules; 0: no limit",
    )
    parser.addini(
        settings.TIMEOUT,
        type="float",
        default=None,
        help="Seconds that the set-up, or the finalizer, of a global fixture may take in the "
        "fixture worker. Default: no limit",
    )
    parser.addini(
        settings.WORKER_ID,
        default=FIXTURE_WORKER_ID,
        help="The id of the fixture worker, where test workers have gw0 and so on: gw99, for code "
        "that computes with it",
    )
    group.addoption(
        "--fixture-worker-strays",
        dest=settings.STRAYS,
        choices=settings.TREATMENTS_OF_STRAYS,
        help="As the ini setting, which it overrules",
    )
    parser.addini(
        settings.MAPPED_FROM,
        default=settings.MAPPED_FROM_DEFAULT,
        help="The size from which on the value of a global fixture is not copied to each test "
        "worker, but mapped by all: '500 KB', or 'off'",
    )
    parser.addini(
        settings.STRAYS,
        default="report",
        help="What is done about processes that outlive the worker that started them: report them "
        "in the summary, kill them as well, or ignore them",
    )
    group.addoption(
        "--fixture-worker-timeline",
        dest=settings.TIMELINE,
        metavar="FILE",
        help="Write down what happened when in each process: tests, set-ups, finalizers, and who "
        "waited how long for what. FILE.html is a page, FILE.json is for Perfetto",
    )
    group.addoption(
        "--warm-workers",
        dest=settings.WARM_WORKERS,
        action="store_true",
        default=None,
        help="Fork the processes of workers from the controller, which has imported pytest and "
        "plugins, in the place of starting interpreters. Linux only. Has no effect where tests "
        "are not distributed (no -n)",
    )
    group.addoption(
        "--no-warm-workers",
        dest=settings.WARM_WORKERS,
        action="store_false",
        help="Start an interpreter for each worker, whatever the ini setting says",
    )
    parser.addini(
        settings.WARM_WORKERS,
        type="bool",
        default=False,
        help="As if --warm-workers were given whenever tests are distributed",
    )
    parser.addini(
        settings.WARM_WORKERS_IMPORT,
        type="args",
        default=[],
        help="Modules that the controller imports before it forks workers: those that take long "
        "to import, and that tests use",
    )


def before_conftests(early_config: pytest.Config) -> None:
    """Do what comes before the initial conftests: warm workers are forked."""
    # In a worker, which has the options of the controller too, no role is known yet.
    if settings.warm_workers(early_config) and is_program(early_config):
        fork_workers(early_config)


def configure(config: pytest.Config) -> None:
    """Register the plugins of this process.

    :raises pytest.UsageError: if an ini setting is wrong.
    """
    settings.timeout(config)  # refuses bad values, as do the next lines
    settings.worker_id(config)
    settings.treatment_of_strays(config)
    settings.mapped_from(config)
    manager, role = config.pluginmanager, role_of(config)
    registrations = Registrations(config)
    manager.register(registrations, "xdist_fixtureworker_registrations")
    if role is Role.FIXTURE_WORKER:
        registrations.guarding()  # its reports are what that role's plugin sees
    if (plugin := role_plugin(config, role)) is not None:
        manager.register(plugin, "xdist_fixtureworker_role")
    manager.register(OnDemand(config, role, registrations), "xdist_fixtureworker_on_demand")
    if role is Role.CONTROLLER and settings.timeline(config) is not None:
        record_timeline(config)
    if role is Role.CONTROLLER and settings.warm_workers(config):
        explain_start_of_workers(config)


def _config(manager: pytest.PytestPluginManager) -> pytest.Config:
    """Get the config in a hook that is not given it."""
    config = manager.get_plugin("pytestconfig")
    assert isinstance(config, pytest.Config)
    return config


def _take_mark(fixture: object, mark: pytest.Mark) -> bool:
    from .declared.decorator import take_mark

    return take_mark(fixture, mark)

"""Adds the options, and registers the plugin of this process's role; every process."""

from __future__ import annotations

import pytest

from . import settings
from ._compat import is_fixture, offer_marks
from .declared.decorator import instance_method, method_declaration, take_mark
from .declared.guard_marks import install_marks
from .declared.promotion import INI, OPTION, read_promotions
from .roles import FIXTURE_WORKER_ID, Role, handed_over, role_of
from .rules.guard_plugin import GuardPlugin


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    install_marks(_config(pluginmanager))
    offer_marks(_config(pluginmanager), take_mark)
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
        OPTION,
        dest=INI,
        action="append",
        metavar="NAME",
        help="Make a session fixture global, whoever defines it: 'NAME', or 'NAME: attrs(a, b)' "
        "to share these attributes of its value, or 'NAME: env' to change in the test workers what "
        "it changes in os.environ, or 'NAME: marks(a, b)' for the marks of its set-up. Can be "
        "given several times",
    )
    parser.addini(
        INI,
        type="linelist",
        help="Session fixtures to make global, whoever defines them; on each line as for "
        "--global-fixture",
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
    parser.addini(
        settings.STRAYS,
        default="report",
        help="What is done about processes that outlive the worker that started them: report them "
        "in the summary, kill them as well, or ignore them",
    )


def _wanted(config: pytest.Config) -> bool:
    option: bool | None = config.getoption("fixture_worker")
    return bool(config.getini("fixture_worker")) if option is None else option


def pytest_configure(config: pytest.Config) -> None:
    settings.timeout(config)  # refuses bad values, as do the next lines
    settings.worker_id(config)
    settings.treatment_of_strays(config)
    config.pluginmanager.register(GuardPlugin(config), "xdist_fixtureworker_guarding")
    role = role_of(config)
    read_promotions(config)
    if (check := _promotion_check(config, role)) is not None:
        config.pluginmanager.register(check, "xdist_fixtureworker_promotions")
    config.pluginmanager.register(_role_plugin(config, role), "xdist_fixtureworker_role")
    if role is Role.CONTROLLER:
        from .controller.earlier_runs import EarlierRuns

        config.pluginmanager.register(EarlierRuns(config), "xdist_fixtureworker_earlier_runs")
    if config.option.showfixtures or config.option.show_fixtures_per_test:
        from .controller.listing import Listing

        config.pluginmanager.register(Listing(config), "xdist_fixtureworker_listing")


def _config(manager: pytest.PytestPluginManager) -> pytest.Config:
    """Get the config in a hook that is not given it."""
    config = manager.get_plugin("pytestconfig")
    assert isinstance(config, pytest.Config)
    return config


def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> None:
    """Refuse global fixtures that are instance methods, as an error of their class's collection."""
    if isinstance(collector, pytest.Class) and is_fixture(obj):
        declaration = method_declaration(obj)
        if declaration is not None:
            raise collector.CollectError(instance_method(declaration.name, declaration.where))


def _promotion_check(config: pytest.Config, role: Role) -> object | None:
    """Make the plugin that checks which fixtures are global; none in the fixture worker."""
    match role:
        case Role.CONTROLLER:
            from .controller.promotion_check import PromotionCheck

            return PromotionCheck(config)
        case Role.TEST_WORKER | Role.UNSERVED_TEST_WORKER:
            from .test_worker.promotion_check import TestWorkerPromotionCheck

            return TestWorkerPromotionCheck(config)
        case Role.FIXTURE_WORKER:
            return None


def _role_plugin(config: pytest.Config, role: Role) -> object:
    """Make the plugin of this process. Imports the module of its role only."""
    match role:
        case Role.CONTROLLER if _wanted(config):
            from .controller.supervisor import Supervisor

            return Supervisor(config)
        case Role.CONTROLLER:
            from .controller.no_fixture_worker import ControllerWithoutFixtureWorker

            return ControllerWithoutFixtureWorker()
        case Role.FIXTURE_WORKER:
            from .fixture_worker.server import FixtureWorker

            return FixtureWorker(handed_over(config))
        case Role.TEST_WORKER:
            from .test_worker.client import TestWorker

            return TestWorker(config, handed_over(config))
        case Role.UNSERVED_TEST_WORKER:
            from .test_worker.no_fixture_worker import UnservedTestWorker

            return UnservedTestWorker(config)

"""The pytest plugin: options, and which role this process has; in every process."""

from __future__ import annotations

import pytest

from . import settings
from ._compat import is_fixture
from .declare import method_declaration
from .errors import instance_method
from .guarding import Guarding
from .guards import install
from .promotion import INI, OPTION, read_promotions
from .roles import FIXTURE_WORKER, HANDOVER


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    install(_config(pluginmanager))
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
        "to share these attributes of its value. Can be given several times",
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
        settings.STRAYS,
        default="report",
        help="What is done about processes that outlive the worker that started them: report them "
        "in the summary, kill them as well, or ignore them",
    )


def _wanted(config: pytest.Config) -> bool:
    option: bool | None = config.getoption("fixture_worker")
    return bool(config.getini("fixture_worker")) if option is None else option


def pytest_configure(config: pytest.Config) -> None:
    settings.timeout(config)  # both say what is wrong with them
    settings.treatment_of_strays(config)
    config.pluginmanager.register(Guarding(config), "xdist_fixtureworker_guarding")
    if read_promotions(config) and (promotions := _promotions(config)) is not None:
        config.pluginmanager.register(promotions, "xdist_fixtureworker_promotions")
    config.pluginmanager.register(_role(config), "xdist_fixtureworker_role")
    if not hasattr(config, "workerinput"):
        from .controller.leftovers import Leftovers

        config.pluginmanager.register(Leftovers(config), "xdist_fixtureworker_leftovers")
    if config.option.showfixtures or config.option.show_fixtures_per_test:
        from .controller.listing import Listing

        config.pluginmanager.register(Listing(config), "xdist_fixtureworker_listing")


def _config(manager: pytest.PytestPluginManager) -> pytest.Config:
    """What is being configured, while hooks are not given it yet."""
    config = manager.get_plugin("pytestconfig")
    assert isinstance(config, pytest.Config)
    return config


def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> None:
    """Refuse global fixtures that are instance methods, as an error of their class's collection."""
    if isinstance(collector, pytest.Class) and is_fixture(obj):
        declaration = method_declaration(obj)
        if declaration is not None:
            raise collector.CollectError(instance_method(declaration.name, declaration.where))


def _promotions(config: pytest.Config) -> object | None:
    """What checks the names that configuration makes global; nothing in the fixture worker."""
    workerinput = getattr(config, "workerinput", None)
    if workerinput is None:
        from .controller.promotions import Promotions

        return Promotions(config)
    if workerinput.get(HANDOVER, ("",))[0] == FIXTURE_WORKER:
        return None
    from .test_worker.promotions import TestWorkerPromotions

    return TestWorkerPromotions(config)


def _role(config: pytest.Config) -> object:
    """The plugin of this process. Its module is imported here, and no other role's."""
    workerinput = getattr(config, "workerinput", None)
    if workerinput is None:
        if _wanted(config):
            from .controller.supervisor import Supervisor

            return Supervisor(config)
        from .controller.bystander import Bystander

        return Bystander()
    if HANDOVER not in workerinput:
        from .test_worker.unserved import UnservedTestWorker

        return UnservedTestWorker(config)
    role, channel = workerinput[HANDOVER]
    if role == FIXTURE_WORKER:
        from .fixture_worker.server import FixtureWorker

        return FixtureWorker(channel)
    from .test_worker.client import TestWorker

    return TestWorker(config, channel)

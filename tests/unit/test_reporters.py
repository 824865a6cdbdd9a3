"""Which plugins keep a record of each test, and so are left out of the hooks for set-ups."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from types import ModuleType
from typing import Any

import pytest

from xdist_fixtureworker.fixture_worker.reporters import ItemHooks, keeps_records, record_keepers


class Wraps:
    """As pytest-timeout does: something around the test."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, Any]:
        return (yield)


class WrapsAsBefore:
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        yield


class Repeats:
    """As pytest-rerunfailures does: the protocol itself, and the reports."""

    def pytest_runtest_protocol(self) -> None: ...
    def pytest_runtest_makereport(self) -> None: ...


class Changes:
    """As pytest-html does: what is in the reports."""

    def pytest_runtest_makereport(self) -> None: ...
    def pytest_runtest_logreport(self) -> None: ...


class Follows(WrapsAsBefore):
    """As allure-pytest, pytest-json-report and pytest-reportportal do."""

    def pytest_runtest_makereport(self) -> None: ...
    def pytest_runtest_setup(self) -> None: ...


class Collects(Wraps):
    """As pytest-opentelemetry does."""

    def pytest_runtest_logreport(self) -> None: ...


class OfConftest(Follows):
    __module__ = "tests.conftest"


@pytest.fixture
def manager(pytester: pytest.Pytester) -> pytest.PytestPluginManager:
    return pytester.parseconfig().pluginmanager


@pytest.mark.parametrize(
    ("kind", "keeps"),
    [
        *[(Wraps, False), (WrapsAsBefore, False), (Repeats, False), (Changes, False)],
        *[(Follows, True), (Collects, True), (OfConftest, False)],
    ],
)
def test_kinds(manager: pytest.PytestPluginManager, kind: type, keeps: bool) -> None:
    plugin = kind()
    manager.register(plugin)
    assert keeps_records(manager, plugin) is keeps


def test_modules(manager: pytest.PytestPluginManager) -> None:
    """As pytest-reportportal is."""
    plugin, conftest = ModuleType("writes_reports"), ModuleType("conftest")
    conftest.__file__ = "/somewhere/conftest.py"
    for module in (plugin, conftest):
        vars(module).update(
            (name, getattr(Follows(), name)) for name in dir(Follows) if "pytest" in name
        )
        manager.register(module)
    assert keeps_records(manager, plugin)
    assert not keeps_records(manager, conftest)


def test_what_pytest_does_is_done(manager: pytest.PytestPluginManager) -> None:
    assert not any(keeps_records(manager, plugin) for plugin in manager.get_plugins())


def test_hooks_for_items(manager: pytest.PytestPluginManager) -> None:
    """Those that pytest would call for it, but for the plugins that keep records."""
    config: Any = manager.get_plugin("pytestconfig")
    plugins = left, _, other = Wraps(), Follows(), Repeats()
    for plugin in plugins:
        manager.register(plugin)
    of_item = ItemHooks(
        manager,
        type(
            "Hooks",
            (),
            {
                "pytest_runtest_makereport": manager.subset_hook_caller(
                    "pytest_runtest_makereport", [other]
                ),
                "pytest_runtest_protocol": config.hook.pytest_runtest_protocol,
            },
        ),
        record_keepers(manager),
    )

    def called(hook: Any) -> list[object]:
        return [each.plugin for each in hook.get_hookimpls() if each.plugin in plugins]

    assert called(of_item.pytest_runtest_protocol) == [other, left]
    assert called(of_item.pytest_runtest_makereport) == []

"""Leaves plugins that keep a record of each test out of the hooks for set-ups; fixture worker.

Set-ups and finalizers are items of pytest, so that plugins do for them what they do for a test. But
they are no tests: a plugin that writes down in each process what became of a test would count them.
The reports of tests have the errors of set-ups, and those of finalizers reach the controller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

_BEGINS = "pytest_runtest_protocol"
_ENDS = ("pytest_runtest_makereport", "pytest_runtest_logreport")


class ItemHooks:
    """The hooks of pytest, without those of the plugins that keep records of tests.

    :param hooks: those that pytest would call for an item.
    :param out: the plugins to leave out.
    """

    def __init__(
        self, manager: pytest.PytestPluginManager, hooks: Any, out: Sequence[object]
    ) -> None:
        self._manager = manager
        self._hooks = hooks
        self._out = out

    def __getattr__(self, name: str) -> Any:
        hook = getattr(self._hooks, name)
        if not self._out:
            return hook
        called = {id(each.plugin) for each in hook.get_hookimpls()}
        every = getattr(self._manager.hook, name).get_hookimpls()
        not_called = [each.plugin for each in every if id(each.plugin) not in called]
        return self._manager.subset_hook_caller(name, [*not_called, *self._out])


def record_keepers(manager: pytest.PytestPluginManager) -> list[object]:
    """All plugins for which :func:`keeps_records` holds."""
    every = getattr(manager.hook, _BEGINS).get_hookimpls()
    return [each.plugin for each in every if keeps_records(manager, each.plugin)]


def keeps_records(manager: pytest.PytestPluginManager, plugin: object) -> bool:
    """Whether a plugin follows each test from its beginning to its reports.

    It has a wrapper around all of the test, and sees the reports. One that limits or repeats tests,
    or that changes reports, has no need of both. What pytest and a ``conftest.py`` do is done for
    set-ups, too.
    """
    if _is_of_pytest_or_suite(plugin):
        return False
    wraps = any(
        each.plugin is plugin and (each.wrapper or each.hookwrapper)
        for each in getattr(manager.hook, _BEGINS).get_hookimpls()
    )
    return wraps and any(
        each.plugin is plugin
        for name in _ENDS
        for each in getattr(manager.hook, name).get_hookimpls()
    )


def _is_of_pytest_or_suite(plugin: Any) -> bool:
    module = str(getattr(plugin, "__module__", None) or getattr(plugin, "__name__", ""))
    if module.partition(".")[0] in {"_pytest", "xdist", "xdist_fixtureworker"}:
        return True
    file = str(getattr(plugin, "__file__", ""))
    return module.rpartition(".")[2] == "conftest" or file.endswith("conftest.py")

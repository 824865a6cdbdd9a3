"""The entry point: hands pytest's hooks on; every process.

pytest rewrites the assertions of all modules of a plugin's distribution, and keeps what it compiles
in files of its own. Where Python writes no bytecode (``PYTHONDONTWRITEBYTECODE``, as in many
container images), each process would compile this package again, which takes longer than all that
it does. So this module, which pytest loads, imports the others only once they are out of that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    _leave_as_installed(pluginmanager)
    from .options import add_options

    add_options(parser, pluginmanager)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    from .options import before_conftests

    before_conftests(early_config)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    from .options import configure

    configure(config)


def _leave_as_installed(manager: Any) -> None:
    """Have pytest import the rest of this package as Python does, from the installed bytecode.

    There is no public way; without, all goes on as for any plugin, only slower.
    """
    with contextlib.suppress(AttributeError, KeyError):
        manager.rewrite_hook._must_rewrite.remove(__package__)
        manager.rewrite_hook._marked_for_rewrite_cache.clear()

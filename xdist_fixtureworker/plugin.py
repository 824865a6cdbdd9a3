"""The entry point: hands pytest's hooks on; every process.

pytest rewrites the assertions of all modules of a plugin's distribution, and keeps what it compiles
in files of its own. Where Python writes no bytecode (``PYTHONDONTWRITEBYTECODE``, as in many
container images), each process would compile this package again, which takes longer than all that
it does; and pytest looks at the name of each module for longer than Python needs to find it. So
this module, which pytest loads, imports the others only once Python is asked first.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

_OURS = f"{__package__}."


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    sys.meta_path.insert(0, _AsInstalled())
    from .options import add_options

    add_options(parser, pluginmanager)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    from .options import before_conftests

    before_conftests(early_config)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    from .options import configure

    config.add_cleanup(_find_as_before)
    configure(config)


class _AsInstalled:
    """Finds the modules of this package as Python does, with the bytecode that is installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, path, target) if name.startswith(_OURS) else None


def _find_as_before() -> None:
    # The first one is that of this session, which may be within a test of another one. There is
    # none if something else has put sys.meta_path back.
    for finder in sys.meta_path:
        if isinstance(finder, _AsInstalled):
            sys.meta_path.remove(finder)
            break

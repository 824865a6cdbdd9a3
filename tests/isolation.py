"""Keeps out of the tests what would change the runs that they start.

The plugins that are installed to be tested with ours come with the extra ``test``, and pytest loads
what is installed; some change the order of tests, or all that a run prints. The run of these tests
itself is kept free of them in pyproject.toml. And there are variables by which pytest and Python decide
how much they print, how, and when.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest  # which the environment that builds a release does not have

#: With these variables, pytest loads xdist and this plugin, by the names of their entry points, and
#: no other plugin that is installed. More ``-p`` load more.
ONLY_OURS = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_ADDOPTS": "-p xdist -p xdist_fixtureworker",
}

#: With the first two, pytest repeats whole error messages in its short summary.
VARIABLES = (
    *("CI", "BUILD_NUMBER", "COLUMNS", "LINES"),
    *("PY_COLORS", "FORCE_COLOR", "NO_COLOR", "PYTHONUNBUFFERED"),
)


def forget_variables() -> None:
    """Have the runs that tests start print the same on a CI server as anywhere else."""
    for name in VARIABLES:
        os.environ.pop(name, None)


def as_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pytest load xdist and this plugin as it does by itself, by finding their entry points,
    which is later than what ``-p`` names; and again no other plugin."""
    ours = {"xdist", "xdist.looponfail", "xdist_fixtureworker"}
    others = {found.name for found in entry_points(group="pytest11")} - ours
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in sorted(others)))

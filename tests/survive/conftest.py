"""Runs these tests with workers that are started as ever, and with workers that are forked."""

from __future__ import annotations

import os
import sys

import pytest

#: Of the tests of the others, the warm ones are run by ``tox -e full`` only.
ALWAYS_BOTH = ("test_death",)
SAYS_ITSELF = "test_warm_start"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = metafunc.module.__name__.rpartition(".")[2]
    marks = metafunc.definition.iter_markers("parametrize")
    given = any("start" in mark.args[0] for mark in marks)
    if "suite" in metafunc.fixturenames and module != SAYS_ITSELF and not given:
        warm = pytest.param("warm", marks=() if module in ALWAYS_BOTH else pytest.mark.full)
        metafunc.parametrize("start", ["cold", warm], indirect=True)


@pytest.fixture(autouse=True)
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How workers are started in the runs of this test."""
    if getattr(request, "param", "cold") == "warm":
        if sys.platform != "linux":
            pytest.skip("only Linux has warm workers")
        request.getfixturevalue("suite")  # which sets the variable
        monkeypatch.setenv("PYTEST_ADDOPTS", f"{os.environ['PYTEST_ADDOPTS']} --warm-workers")

"""pytest-cov: what runs in the fixture worker is measured like what runs in test workers."""

from __future__ import annotations

import json
import os

import pytest
from coverage import CoverageData

from ..suite import DISTRIBUTED, ONE, Suite

LIBRARY = """
def set_up():
    return {
        "answer": 42,
    }

def tear_down():
    return None

def used_by_tests():
    return 1

def unused():
    return 2
"""
CONFTEST = """
import library

@global_fixture
def shared():
    value = library.set_up()
    yield value
    library.tear_down()
"""
TESTS = """
import library

@pytest.mark.parametrize("i", range(4))
def test_it(shared, i):
    assert shared == {"answer": 42}
    assert library.used_by_tests() == 1
"""


@pytest.fixture(params=["cold", "warm"])
def measured(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Suite:
    """A suite whose processes are measured by nobody but its own pytest-cov; its workers are
    started, or forked."""
    if request.param == "warm":
        monkeypatch.setenv("PYTEST_ADDOPTS", f"{os.environ['PYTEST_ADDOPTS']} --warm-workers")
    for name in os.environ:
        if name.startswith("COV"):
            monkeypatch.delenv(name)
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    (suite.path / "library.py").write_text(LIBRARY)
    return suite


@pytest.mark.parametrize(
    ("branch", "mode"),
    [((), DISTRIBUTED), ((), ()), (("--cov-branch",), ONE)],
    ids=["lines", "lines, serial", "branches"],
)
def test_lines_of_a_global_fixture(
    measured: Suite, branch: tuple[str, ...], mode: tuple[str, ...]
) -> None:
    result = measured.run(
        *(*mode, *branch, "-p", "pytest_cov", "--cov=.", "--cov-report=json", "--cov-report=term"),
        subprocess=True,
    )
    assert result.outcomes == {"passed": 4}
    assert result.code == 0
    assert not result.lines("(?i)warning|failed workers")
    files = json.loads((measured.path / "coverage.json").read_text())["files"]
    assert files["library.py"]["missing_lines"] == [LIBRARY.splitlines().index("    return 2") + 1]
    assert files["conftest.py"]["missing_lines"] == []
    assert files["test_it.py"]["missing_lines"] == []


def test_threshold(measured: Suite) -> None:
    """It is compared with all data, that of the fixture worker among them."""
    arguments = ("-p", "pytest_cov", "--cov=library", "--cov-report=term")
    result = measured.run(*ONE, *arguments, "--cov-fail-under=85")
    assert result.code == 0, result.output
    assert result.lines("Required test coverage of 85% reached")


def test_contexts(measured: Suite) -> None:
    """The lines of a set-up belong to the fixture, not to a test."""
    result = measured.run(
        *ONE, "-p", "pytest_cov", "--cov=library", "--cov-context=test", "--cov-report="
    )
    assert result.outcomes == {"passed": 4}
    data = CoverageData(str(measured.path / ".coverage"))
    data.read()
    contexts = data.contexts_by_lineno(str(measured.path / "library.py"))
    line = LIBRARY.splitlines().index("    return {") + 1
    assert contexts[line] == ["conftest.py::global fixture shared|setup"]

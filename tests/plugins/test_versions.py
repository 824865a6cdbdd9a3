"""Versions of pytest and xdist that are newer than those we know."""

from __future__ import annotations

import pytest

from ..suite import ONE, Result, Suite

SUITE = {
    "conftest.py": """
@global_fixture
def shared():
    note("up")
    yield 1
    note("down")
@global_fixture
@pytest.fixture(scope="session")
def second(shared): return 2
""",
    "test_it.py": "class TestIt:\n    def test_it(self, shared, second): assert (shared, second) == (1, 2)",
}
#: What stands for a newer version: it is loaded before our plugin.
LACKING = {
    "pytest": "import _pytest.runner\ndel _pytest.runner.collect_one_node",
    "pytest-xdist": "import xdist.workermanage\ndel xdist.workermanage.NodeManager.teardown_nodes",
    "execnet": "import execnet\ndel execnet.Gateway._rinfo",
}
NEWER = """
from xdist_fixtureworker.controller import versions
versions.NEWEST = {"pytest": (8, 0), "pytest-xdist": (3, 99), "execnet": (0, 1)}
"""


def _plugin(suite: Suite, text: str) -> None:
    suite.write(SUITE)
    (suite.path / "newer.py").write_text(text)


def _run(suite: Suite, *arguments: str) -> Result:
    """In a process of its own, as the plugin changes what is imported."""
    return suite.run("-p", "newer", *arguments, subprocess=True)


@pytest.mark.parametrize("lacking", LACKING)
def test_something_is_gone(suite: Suite, lacking: str) -> None:
    """One message says what, and what to do; nothing is started, and no test runs."""
    _plugin(suite, LACKING[lacking])
    result = _run(suite, *ONE)
    assert result.code == 4
    assert result.errors.startswith(f"ERROR: --fixture-worker cannot work with {lacking} ")
    assert "Traceback" not in result.output + result.errors
    assert result.noted() == []


@pytest.mark.parametrize("mode", [(), ("-n1",), ("-n0", "--fixture-worker")], ids=" ".join)
def test_something_is_gone_that_a_fixture_worker_needs(suite: Suite, mode: tuple[str, ...]) -> None:
    """Without one, nothing is said."""
    _plugin(suite, LACKING["pytest"])
    result = _run(suite, *mode)
    assert result.outcomes == {"passed": 1}
    assert result.noted() == ["up", "down"]
    assert "cannot work" not in result.output + result.errors


@pytest.mark.parametrize("mode", [(), ("-n1",)], ids=["serial", "distributed"])
def test_something_is_gone_that_guards_need(suite: Suite, mode: tuple[str, ...]) -> None:
    """It is said where there is a guard on a fixture, and nowhere else."""
    _plugin(
        suite,
        """
import _pytest.fixtures as fixtures
fixtures.FixtureManager.renamed = fixtures.FixtureManager._register_fixture
del fixtures.FixtureManager._register_fixture
fixtures.FixtureManager.__getattr__ = lambda self, name: (
    self.renamed if name == "_register_fixture" else object.__getattribute__(self, name)
)
""",
    )
    assert _run(suite, *mode).outcomes == {"passed": 1}
    suite.write({"conftest.py": "@pytest.mark.parallel_only\n" + SUITE["conftest.py"].strip()})
    result = _run(suite, *mode)
    assert result.code != 0
    assert "FixtureManager._register_fixture any more" in result.output + result.errors


def test_all_is_there(suite: Suite) -> None:
    """It just works; one line in the header says that nobody tried."""
    _plugin(suite, NEWER)
    result = _run(suite, *ONE)
    assert result.outcomes == {"passed": 1}
    assert result.noted() == ["up", "down"]
    lines = result.lines("not tested with")
    assert len(lines) == 1
    assert lines[0].startswith("fixture worker: not tested with pytest ")
    assert "xdist" not in lines[0]
    for mode in ((), ("-n1", "--no-fixture-worker")):
        assert not _run(suite, *mode).lines("not tested with")

"""Wrong usage is told in one place, with pytest's usual exit code, and nothing hangs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..suite import NEVER_HANG, ONE, ONE_MODES, Case, Suite, sampled

# xdist runs the tests that were collected all the same, and says nothing of a wrong path.
COLLECTION_ERROR = {ONE: 1, (): 2}
WRONG_PATH = {ONE: 5, (): 4}
MISUSES = {
    "@global_fixture\n@pytest.fixture\ndef it(): pass": "on the function-scoped fixture 'it' .*py:4",
    "@global_fixture\n@pytest.fixture(scope='module')\ndef it(): pass": "on the module-scoped",
    "@global_fixture\nclass It: pass": "on the class 'It' .*py:4",
    "@global_fixture(autous=True)\ndef it(): pass": "unknown argument 'autous'",
    "@global_fixture(scope='session')\ndef it(): pass": "takes no scope",
    "@global_fixture(share='prox')\ndef it(): pass": "share='prox'",
    "@global_fixture(share='proxy', recover=print)\ndef it(): pass": "shared by proxy",
}


@pytest.mark.parametrize(
    ("misuse", "mode"),
    sampled(lambda misuse, mode: not mode or misuse == next(iter(MISUSES)), MISUSES, [ONE, ()]),
)
def test_misuse_in_a_conftest(suite: Suite, misuse: str, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": misuse, "test_it.py": "def test_it(): pass"})
    result = suite.run(*mode)
    assert result.code == 4
    assert re.search("UsageError: (@|the )global.fixture", result.errors)
    assert re.search(MISUSES[misuse], result.errors)


@ONE_MODES
def test_without_xdist(
    suite: Suite, mode: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """xdist and execnet are really not there: the interpreter sees a copy of site-packages without."""
    site = tmp_path_factory.mktemp("site")
    for entry in sys.path:
        for path in Path(entry).iterdir() if entry.endswith("site-packages") else ():
            if not path.name.lower().startswith(("xdist", "execnet", "pytest_xdist-")):
                (site / path.name).symlink_to(path)
    package = Path(__file__).parents[2] / "xdist_fixtureworker"
    if not (site / package.name).exists():
        (site / package.name).symlink_to(package)
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it():\n    note('up')\n    yield 1\n    note('down')",
            "test_it.py": "def test_it(it):\n    assert 'xdist' not in sys.modules",
        }
    )
    option = ["--fixture-worker"] if mode else []
    done = subprocess.run(
        [sys.executable, "-S", "-m", "pytest", "-p", "xdist_fixtureworker.plugin", *option],
        cwd=suite.path,
        env={**os.environ, "PYTHONPATH": str(site), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=NEVER_HANG,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    assert (suite.path / "notes.jsonl").read_text().count('"up"') == 1
    assert ("fixture worker: none, because" in done.stdout) == bool(mode)


@ONE_MODES
def test_conftest_with_import_error(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": "import does_not_exist", "test_it.py": "def test_it(): pass"})
    result = suite.run(*mode)
    assert result.code == 4
    assert "ImportError while loading conftest" in result.errors


@ONE_MODES
def test_errors_of_collection(suite: Suite, mode: tuple[str, ...]) -> None:
    """Of wrong usage in a test module, an import error in a deep conftest, and a syntax error."""
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(): return 1",
            "test_misuse.py": next(iter(MISUSES)),
            "sub/conftest.py": "import does_not_exist",
            "sub/test_sub.py": "def test_it(it): pass",
            "test_syntax.py": "def",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run(*mode)
    assert result.code == COLLECTION_ERROR[mode]
    assert result.lines("ERROR collecting test_misuse.py")
    assert result.lines(
        "UsageError: @global_fixture on the function-scoped fixture 'it' .test_misuse.py:4"
    )
    assert result.lines("ERROR collecting sub")
    assert result.lines("ERROR collecting test_syntax.py")
    assert result.lines("SyntaxError")
    assert len(result.lines("ERROR collecting")) == 3


def test_what_is_not_there_in_the_fixture_worker(suite: Suite) -> None:
    module = """
if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker": eval("1 +")
@global_fixture
def it(): return 1
def test_it(it): pass
def test_other(): pass
"""
    conftest = """
if os.environ.get("PYTEST_XDIST_WORKER") != "fixtureworker":
    @global_fixture
    def it(): return 1
"""
    result = suite.run_cases(
        {
            "module": Case({"test_module.py": module}, {"passed": 1, "errors": 1}),
            "fixture": Case(
                {"conftest.py": conftest, "test_fixture.py": "def test_it(it): pass"}, {"errors": 1}
            ),
        },
        *ONE,
    )
    assert result.lines("SyntaxError: invalid syntax")
    assert result.lines("the global fixture 'it' .conftest.it. is there in a test worker but not")


@ONE_MODES
def test_empty_suite(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": "@global_fixture(autouse=True)\ndef it(): note('up')"})
    result = suite.run(*mode)
    assert result.code == 5
    assert result.noted() == []


@ONE_MODES
def test_wrong_path_and_wrong_option(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"test_it.py": "def test_it(): pass"})
    assert suite.run(*mode, "--no-such-option").code == 4
    assert suite.run(*mode, "no_such_file.py").code == WRONG_PATH[mode]


def test_hook_that_computes_with_the_id_of_each_worker(suite: Suite) -> None:
    """It runs in the controller; where it cannot be changed, the id can be."""
    suite.write(
        {
            "conftest.py": """
import xdist_fixtureworker
def pytest_configure_node(node): node.workerinput["port"] = 5000 + int(node.gateway.id[2:])
@pytest.fixture(scope="session")
def number(worker_id): return int(os.environ["PYTEST_XDIST_WORKER"].split("gw")[1])
@global_fixture
def port(pytestconfig, number):
    assert xdist_fixtureworker.is_fixture_worker(pytestconfig)
    note("up")
    return pytestconfig.workerinput["port"] + number
""",
            "test_it.py": """
@pytest.mark.parametrize("turn", range(3))
def test_it(port, number, turn):
    assert (port, number) == (5198, 1 if turn == 2 else 0)
    if turn == 1: os._exit(0)
""",
        }
    )
    result = suite.run(*ONE)
    assert result.code == 4
    assert "for the fixture worker, whose node.gateway.id" in result.errors
    assert "(conftest.py:6)" in result.errors
    assert not result.lines("INTERNALERROR")
    taken = suite.run(*ONE, "-o", "fixture_worker_id=gw0")
    assert (taken.code, taken.noted()) == (4, [])
    # Another worker comes to that id when the first one crashes.
    result = suite.run(*ONE, "-o", "fixture_worker_id=gw99")
    assert result.outcomes == {"passed": 2, "failed": 1}
    assert result.workers("up") == {"gw99"}
    assert result.noted() == ["up"]


def test_local_workers_of_another_python(suite: Suite) -> None:
    """Refused before it starts: xdist would replace the crashing worker for ever."""
    other = suite.path / "other-python"
    other.write_text("#!/bin/sh\necho 3.7\n")
    other.chmod(0o755)
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(): return 1",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run(
        "--dist=each", "--tx=popen", f"--tx=popen//python={other}", "--fixture-worker"
    )
    assert result.code == 4
    assert "test worker popen//python=" in result.errors
    assert "runs 3.7." in result.errors
    same = suite.run(
        "--dist=each", "--tx=popen", f"--tx=popen//python={sys.executable}", "--fixture-worker"
    )
    assert same.outcomes == {"passed": 2}


def test_remote_worker_of_another_python(suite: Suite) -> None:
    """What a worker on another host says of its version is known when it is up."""
    suite.write(
        {
            "conftest.py": """
@global_fixture
def it(): return 1
@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_testnodeready(node):
    if node.gateway.id == "gw0": node.workerinfo["version_info"] = (3, 7, 1, "final", 0)
""",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run(*ONE)
    assert result.code == 4
    assert "test worker gw0 runs 3.7." in result.errors

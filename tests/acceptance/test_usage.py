"""Wrong usage is told in one place, with pytest's usual exit code, and nothing hangs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..suite import DISTRIBUTED, MODES, NEVER_HANG, Suite

# xdist runs the tests that were collected all the same, and says nothing of a wrong path.
COLLECTION_ERROR = {DISTRIBUTED: 1, (): 2}
WRONG_PATH = {DISTRIBUTED: 5, (): 4}
MISUSES = {
    "@global_fixture\n@pytest.fixture\ndef it(): pass": "on the function-scoped fixture 'it' .*py:4",
    "@global_fixture\n@pytest.fixture(scope='module')\ndef it(): pass": "on the module-scoped",
    "@global_fixture\nclass It: pass": "on the class 'It' .*py:4",
    "@global_fixture(autous=True)\ndef it(): pass": "unknown argument 'autous'",
    "@global_fixture(scope='session')\ndef it(): pass": "takes no scope",
    "@global_fixture(share='proxy')\ndef it(): pass": "share='proxy'",
}


@MODES
@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_in_a_conftest(suite: Suite, misuse: str, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": misuse, "test_it.py": "def test_it(): pass"})
    result = suite.run(*mode)
    assert result.code == 4
    assert "UsageError: @global_fixture" in result.errors
    assert re.search(MISUSES[misuse], result.errors)


@MODES
def test_misuse_in_a_test_module(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"test_it.py": next(iter(MISUSES)), "test_other.py": "def test_it(): pass"})
    result = suite.run(*mode)
    assert result.code == COLLECTION_ERROR[mode]
    assert result.lines("ERROR collecting test_it.py")
    assert result.lines(
        "UsageError: @global_fixture on the function-scoped fixture 'it' .test_it.py:4"
    )


@MODES
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


@MODES
def test_conftest_with_import_error(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": "import does_not_exist", "test_it.py": "def test_it(): pass"})
    result = suite.run(*mode)
    assert result.code == 4
    assert "ImportError while loading conftest" in result.errors


@MODES
def test_deep_conftest_with_import_error(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(): return 1",
            "sub/conftest.py": "import does_not_exist",
            "sub/test_it.py": "def test_it(it): pass",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run(*mode)
    assert result.code == COLLECTION_ERROR[mode]
    assert result.lines("ERROR collecting sub")


@MODES
def test_module_with_syntax_error(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(): return 1",
            "test_a.py": "def",
            "test_b.py": "def test_it(it): pass",
        }
    )
    result = suite.run(*mode)
    assert result.code == COLLECTION_ERROR[mode]
    assert result.lines("SyntaxError")


def test_module_that_cannot_be_collected_in_the_fixture_worker(suite: Suite) -> None:
    suite.write(
        {
            "test_it.py": """
if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker": eval("1 +")
@global_fixture
def it(): return 1
def test_it(it): pass
def test_other(): pass
"""
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert result.lines("SyntaxError: invalid syntax")


def test_fixture_that_is_not_there_in_the_fixture_worker(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
if os.environ.get("PYTEST_XDIST_WORKER") != "fixtureworker":
    @global_fixture
    def it(): return 1
""",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 1}
    assert result.lines("the global fixture 'it' .conftest.it. is there in a test worker but not")


@MODES
def test_empty_suite(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": "@global_fixture(autouse=True)\ndef it(): note('up')"})
    result = suite.run(*mode)
    assert result.code == 5
    assert result.noted() == []


@MODES
def test_wrong_path_and_wrong_option(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"test_it.py": "def test_it(): pass"})
    assert suite.run(*mode, "--no-such-option").code == 4
    assert suite.run(*mode, "no_such_file.py").code == WRONG_PATH[mode]


FAILURES = {
    "raise pytest.UsageError('configured wrongly')": "UsageError: configured wrongly",
    "raise ImportError('not in this process')": "ImportError: not in this process",
    "int(os.environ['PYTEST_XDIST_WORKER'].replace('gw', ''))": "is_fixture_worker",
    "os._exit(7)": "exit status 7",
    "os.kill(os.getpid(), 9)": "signal 9",
    "pytest.exit('no more')": "could not start",
}


@pytest.mark.parametrize("where", ["conftest", "hook", "sessionstart"])
@pytest.mark.parametrize("failure", FAILURES)
def test_fixture_worker_that_cannot_start(suite: Suite, failure: str, where: str) -> None:
    guarded = f"if os.environ.get('PYTEST_XDIST_WORKER') == 'fixtureworker': {failure}"
    indented = {
        "conftest": f"\n{guarded}",
        "hook": f"\ndef pytest_configure():\n    {guarded}",
        "sessionstart": f"\ndef pytest_sessionstart():\n    {guarded}",
    }[where]
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(): return 1" + indented,
            "test_it.py": "@pytest.mark.parametrize('i', range(4))\ndef test_it(it, i): pass",
        }
    )
    result = suite.run_distributed()
    assert "the fixture worker could not start" in result.errors
    assert FAILURES[failure] in result.errors
    assert result.code == 4
    assert not result.lines("INTERNALERROR")


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
    if node.gateway.id == "gw1": node.workerinfo["version_info"] = (3, 7, 1, "final", 0)
""",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run_distributed()
    assert result.code == 4
    assert "test worker gw1 runs 3.7." in result.errors

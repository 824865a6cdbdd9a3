"""The suites that the benchmark runs: the same tests on four ways to share a session fixture."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

OURS = "xdist_fixtureworker"
PEER = "pytest-shared-session-scope"
WORKERS = 4
TESTS_PER_FILE = 100

_PLAIN = """\
import pytest

@pytest.fixture(scope="session")
def shared():
    return set_up()
"""

_GLOBAL = """\
from xdist_fixtureworker import global_fixture

@global_fixture
def shared():
    yield set_up()
    tear_down()
"""

_FILE_LOCK = """\
import json
import pytest
from filelock import FileLock

@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id):
    if worker_id == "master":
        return set_up()
    kept = tmp_path_factory.getbasetemp().parent / "shared.json"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_text(json.dumps(set_up()))
        return json.loads(kept.read_text())
"""

_PEER = """\
from pytest_shared_session_scope import SetupToken, shared_session_scope_json

@shared_session_scope_json()
def shared():
    kept = yield
    yield set_up() if kept is SetupToken.FIRST else kept
"""

_EMPTY = """\
def set_up():
    return {"url": "postgresql://localhost:5432/test"}

def tear_down():
    pass
"""

_SLOW = """\
import json
import os
import time
from pathlib import Path
import pytest

def set_up():
    time.sleep(2)
    return {"done": time.monotonic()}

def tear_down():
    pass

@pytest.fixture(scope="session")
def asked():
    return time.monotonic()

@pytest.fixture(scope="session")
def times(asked, shared):
    in_hand = time.monotonic()
    times = {"asked": asked, "done": shared["done"], "in_hand": in_hand}
    Path("times", f"{os.getpid()}.json").write_text(json.dumps(times))
"""

_COSTED = """\
import resource
from pathlib import Path

def set_up():
    return 1

def tear_down():
    used = resource.getrusage(resource.RUSAGE_SELF)
    Path("cpu_seconds").write_text(str(used.ru_utime + used.ru_stime))
"""


@dataclass(frozen=True)
class Variant:
    """One way to share a session fixture between test workers."""

    name: str
    fixture: str  #: source of the fixture ``shared``
    options: tuple[str, ...] = ()
    plugin: str | None = None  #: the plugin it needs; every other variant runs without that

    def arguments(self) -> list[str]:
        """The arguments of ``python -m`` for a run."""
        loaded = ["-pxdist", *([f"-p{self.plugin}"] if self.plugin else [])]
        return ["pytest", *loaded, f"-n{WORKERS}", "-q", "-pno:cacheprovider", *self.options]


PLAIN = Variant("plain xdist, session fixture", _PLAIN)
GLOBAL = Variant("global fixture, fixture worker", _GLOBAL, ("--fixture-worker",), OURS)
FILE_LOCK = Variant("file lock and JSON", _FILE_LOCK)


def sharing_variants() -> list[Variant]:
    """The ways to set up once for all test workers: those that can run here."""
    variants = [GLOBAL, FILE_LOCK]
    if find_spec("pytest_shared_session_scope") is not None:
        variants.append(Variant(PEER, _PEER, plugin=PEER))
    return variants


def write_empty(directory: Path, variant: Variant, tests: int) -> None:
    """A suite of tests that do nothing, each with the fixture."""
    _write(directory, _EMPTY + variant.fixture, "shared", tests)


def write_slow(directory: Path, variant: Variant) -> None:
    """A suite that notes, per test worker, when its first test has the value of a slow set-up."""
    # Two tests for each worker, which is what xdist hands out at the least: so every worker asks.
    _write(directory, _SLOW + variant.fixture, "times", 2 * WORKERS)
    (directory / "times").mkdir()


def write_costed(directory: Path, tests: int) -> None:
    """A suite whose global fixture notes at the very end the CPU seconds of its process."""
    _write(directory, _COSTED + GLOBAL.fixture, "shared", tests)


def _write(directory: Path, conftest: str, fixture: str, tests: int) -> None:
    directory.mkdir()
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "conftest.py").write_text(conftest)
    for start in range(0, tests, TESTS_PER_FILE):
        numbers = range(start, min(start + TESTS_PER_FILE, tests))
        functions = (f"def test_{number}({fixture}):\n    pass\n" for number in numbers)
        (directory / f"test_from_{start}.py").write_text("\n".join(functions))

"""The rivals: ways to run a suite in parallel and to set a session fixture up, once or per worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

_SESSION = """
import pytest
---
@pytest.fixture(scope="session")
def NAME():
    yield set_up()
    tear_down()
"""

_GLOBAL = """
from xdist_fixtureworker import global_fixture
---
@global_fixture
def NAME():
    yield set_up()
    tear_down()
"""

_EAGER = _GLOBAL.replace("@global_fixture", "@global_fixture(eager=True)")

_FILE_LOCK = """
import json
import pytest
from filelock import FileLock
---
@pytest.fixture(scope="session")
def NAME(tmp_path_factory, worker_id):
    if worker_id == "master":
        return set_up()
    kept = tmp_path_factory.getbasetemp().parent / "NAME.json"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_text(json.dumps(set_up()))
        return json.loads(kept.read_text())
"""

_FILE_LOCK_PICKLE = """
import pickle
import pytest
from filelock import FileLock
---
@pytest.fixture(scope="session")
def NAME(tmp_path_factory, worker_id):
    if worker_id == "master":
        return set_up()
    kept = tmp_path_factory.getbasetemp().parent / "NAME.pickle"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            with kept.open("wb") as file:
                pickle.dump(set_up(), file, pickle.HIGHEST_PROTOCOL)
        with kept.open("rb") as file:
            return pickle.load(file)
"""

_SHARED = """
from pytest_shared_session_scope import CleanupToken, SetupToken, shared_session_scope_json
---
@shared_session_scope_json()
def NAME():
    value = yield
    token = yield set_up() if value is SetupToken.FIRST else value
    if token is CleanupToken.LAST:
        tear_down()
"""

XDIST = ("-n{workers}",)


@dataclass(frozen=True)
class Rival:
    """A way to run the same suite as the others."""

    key: str  #: for the command line
    name: str
    environment: str  #: which one it is installed in
    requirements: tuple[str, ...]  #: of that environment; the rest is what they depend on
    options: tuple[str, ...] = XDIST
    fixture: str = _SESSION  #: its imports, a line of dashes, and the source of a fixture NAME
    shares: bool = True  #: one set-up is for all workers
    more_workers: int = 0
    only: str = ""  #: the one benchmark that it is for; default: all
    plugins: tuple[str, ...] = ("xdist",)  #: what to load where others are installed as well
    fixture_of_data: str = ""  #: the same for data that JSON does not take, where that is another

    def arguments(self, workers: int) -> list[str]:
        """Get the arguments of pytest."""
        return [option.format(workers=workers + self.more_workers) for option in self.options]

    def conftest(self, names: Sequence[str], *, of_data: bool = False) -> str:
        """Get the source of fixtures of these names; it has a set_up() and a tear_down() to call.

        :param of_data: whether their values are more than JSON takes
        """
        source = (of_data and self.fixture_of_data) or self.fixture
        imports, _, fixture = source.partition("---\n")
        return "\n\n".join([imports, *(fixture.replace("NAME", name) for name in names)])


OURS_PLUGIN = "xdist_fixtureworker"
OURS_PACKAGE = "pytest-xdist-fixtureworker"

_XDIST = ("plain", ("pytest-xdist",))
_OURS = ("ours", (OURS_PACKAGE,))
_LOADED = ("xdist", OURS_PLUGIN)

PLAIN = Rival("plain", "plain xdist", *_XDIST, shares=False)
INSTALLED = Rival("installed", "ours, installed only", *_OURS, shares=False, plugins=_LOADED)
OURS = Rival(
    "ours",
    "ours: --fixture-worker",
    *_OURS,
    (*XDIST, "--fixture-worker"),
    _GLOBAL,
    plugins=_LOADED,
)
WARM = Rival(
    "warm",
    "ours: both options",
    *_OURS,
    (*XDIST, "--fixture-worker", "--warm-workers"),
    _GLOBAL,
    plugins=_LOADED,
)


def _in_lanes(of: Rival, *, key: str, name: str, fixture: str = _GLOBAL) -> Rival:
    options = (*of.options, "--fixture-worker-lanes=4")
    return replace(of, key=key, name=name, options=options, fixture=fixture, only="lanes")


RIVALS = (
    PLAIN,
    Rival("plain5", "plain xdist, one worker more", *_XDIST, shares=False, more_workers=1),
    INSTALLED,
    Rival(
        "filelock",
        "file-lock recipe",
        "filelock",
        ("pytest-xdist", "filelock"),
        fixture=_FILE_LOCK,
        fixture_of_data=_FILE_LOCK_PICKLE,
    ),
    Rival(
        "shared",
        "pytest-shared-session-scope",
        "shared",
        ("pytest-shared-session-scope",),
        fixture=_SHARED,
        fixture_of_data=_SHARED.replace("_json", "_pickle"),
        plugins=("xdist", "pytest-shared-session-scope"),
    ),
    Rival(
        "parallex",
        "pytest-parallex",
        "parallex",
        ("pytest-parallex",),
        ("--parallel=fork", "--parallel-workers={workers}"),
        plugins=("parallex",),
    ),
    OURS,
    Rival(
        "warm-only",
        "ours: --warm-workers",
        *_OURS,
        (*XDIST, "--warm-workers"),
        shares=False,
        plugins=_LOADED,
    ),
    WARM,
    replace(OURS, key="eager", name="ours: eager", fixture=_EAGER, only="set-up"),
    replace(WARM, key="warm-eager", name="ours: both, eager", fixture=_EAGER, only="set-up"),
    _in_lanes(OURS, key="lanes", name="ours: 4 lanes"),
    _in_lanes(WARM, key="warm-lanes", name="ours: 4 lanes, warm"),
    _in_lanes(WARM, key="eager-lanes", name="ours: 4 lanes, warm, eager", fixture=_EAGER),
)


def rival(key: str) -> Rival:
    """Get one by its key."""
    return next(each for each in RIVALS if each.key == key)

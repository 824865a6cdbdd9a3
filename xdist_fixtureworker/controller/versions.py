"""Checks that pytest, xdist and execnet have what this plugin needs; runs in the controller.

There is no public way to run a fixture for tests of another process, so the plugin uses names that
a newer version may take away. It looks for them before anything is started: one message says which
are missing, in place of a traceback in the middle of a run. Without ``--fixture-worker`` hardly any
of them is needed.

``tests/unit/test_compat.py`` says what the package relies on for each.
"""

from __future__ import annotations

import importlib
import inspect
import queue
import re
import threading
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import pytest

NEWEST: Mapping[str, tuple[int, int]] = {
    "pytest": (9, 2),
    "pytest-xdist": (3, 8),
    "execnet": (2, 1),
}
"""The newest minor versions that the tests were run with."""

_OF_THREADS = {"_thread", "_queue", "queue"}

_MODULES: Mapping[str, str] = {"pytest": "pytest", "pytest-xdist": "xdist", "execnet": "execnet"}

NEEDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "pytest": {
        "_pytest._io.terminalwriter.TerminalWriter": ("_file", "width_of_current_line"),
        "_pytest.cacheprovider.Cache": ("_cachedir",),
        "_pytest.capture.CaptureManager": ("resume_global_capture", "suspend_global_capture"),
        "_pytest.fixtures.FixtureDef": (
            *("_finalizers", "argname", "argnames", "cache_key", "cached_result", "finish", "func"),
            *("node or baseid", "params", "scope"),
        ),
        "_pytest.fixtures.FixtureFunctionDefinition": ("_fixture_function_marker", "name"),
        "_pytest.fixtures.FixtureManager": (
            *("_get_all_fixture_defs or _arg2fixturedefs", "_getautousenames", "getfixturedefs"),
        ),
        "_pytest.fixtures.FixtureRequest": ("_iter_chain", "_pyfuncitem", "fixturename"),
        "_pytest.fixtures.FuncFixtureInfo": (
            *("name2fixturedefs", "names_closure", "prune_dependency_tree"),
        ),
        "_pytest.fixtures.SubRequest": ("param_index",),
        "_pytest.fixtures.TopRequest": ("_fillfixtures",),
        "pytest.Cache": ("_cachedir",),
        "pytest.Session": (
            *("_collect_path", "_fixturemanager", "_initialpaths", "_initialpaths_with_parents"),
            *("_setupstate", "items", "perform_collect"),
        ),
        "pytest.TerminalReporter": ("_tw",),
        "_pytest.junitxml.LogXML": ("add_global_property",),
        "_pytest.junitxml.xml_key": (),
        "_pytest.nodes.Node": ("listchain",),
        "_pytest.terminal.TerminalReporter": ("_tw",),
        "pytest.Function": ("_fixtureinfo", "_request", "_traceback_filter", "repr_failure"),
        "_pytest.runner.SetupState": ("stack", "teardown_exact"),
        "_pytest.runner.call_and_report": (),
        "_pytest.runner.collect_one_node": (),
        "_pytest.scope.Scope": ("Session",),
        "_pytest.skipping.evaluate_skip_marks": (),
    },
    "pytest-xdist": {
        "xdist.dsession.DSession": ("nodemanager", "queue", "shouldstop"),
        "xdist.workermanage.NodeManager": (
            *("group", "roots", "specs", "teardown_nodes", "testrunuid"),
        ),
        "xdist.workermanage.WorkerController": (
            *("gateway", "nodemanager", "putevent", "setup", "workerinput"),
        ),
    },
    "execnet": {
        "execnet.Gateway": ("_io", "_rinfo"),
        "execnet.Group": ("_cleanup_atexit",),
        "execnet.gateway": ("RInfo", "rinfo_source"),
    },
}
"""Per distribution: the objects that are needed, and the names that each must have."""


def check() -> None:
    """Check that all is there that a fixture worker needs.

    :raises pytest.UsageError: if something is missing, in a version newer than this plugin.
    """
    missing = {name: list(_missing(needed)) for name, needed in NEEDED.items()}
    for distribution, names in missing.items():
        if names:
            newest = _text(NEWEST[distribution])
            raise pytest.UsageError(
                version_unfit(distribution, _version(distribution), newest, names)
            )


def untested() -> list[str]:
    """The header's line on versions newer than those that were tested; empty: there are none."""
    newer = [
        f"{name} {_version(name)} (tested up to {_text(newest)})"
        for name, newest in NEWEST.items()
        if _minor(_version(name)) > newest
    ]
    return [f"fixture worker: not tested with {', '.join(newer)}"] if newer else []


def check_threads() -> None:
    """Check that threads are those of the system: what arrives here wakes one from another.

    :raises pytest.UsageError: if something has replaced them, as gevent's ``patch_all()`` does.
    """
    things: tuple[object, ...] = (threading.Lock(), queue.SimpleQueue())
    for thing in things:
        module = type(thing).__module__
        if module not in _OF_THREADS:
            raise pytest.UsageError(threads_are_replaced(module))


def _missing(needed: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for path, names in needed.items():
        try:
            module, _, name = path.rpartition(".")
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            yield path
            continue
        for alternatives in names:
            if not any(_has(found, name) for name in alternatives.split(" or ")):
                yield f"{path}.{alternatives}"


def _has(cls: Any, name: str) -> bool:
    """Whether a class has an attribute, or mentions it in its annotations or methods: those that
    instances are given are seen nowhere else."""
    return hasattr(cls, name) or any(
        name in inspect.get_annotations(base) or _is_in_methods(name, base)
        for base in inspect.getmro(cls)
    )


def _is_in_methods(name: str, cls: type) -> bool:
    return any(
        name in value.__code__.co_names
        for value in vars(cls).values()
        if isinstance(value, FunctionType)
    )


def _version(distribution: str) -> str:
    return str(importlib.import_module(_MODULES[distribution]).__version__)


def _minor(text: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _text(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))


# --- messages


def version_unfit(distribution: str, version: str, newest: str, missing: list[str]) -> str:
    return (
        f"--fixture-worker cannot work with {distribution} {version}, which lacks what it needs: "
        f"{', '.join(missing)}. The newest {distribution} that it was tested with is {newest}.\n"
        f"Upgrade pytest-xdist-fixtureworker, install '{distribution}=={newest}.*', or use "
        f"--no-fixture-worker: global fixtures then run once per test worker."
    )


def threads_are_replaced(module: str) -> str:
    return (
        f"--fixture-worker cannot work in a process whose threads are replaced: those of the "
        f"controller are of {module}, as after gevent.monkey.patch_all() in a conftest.py.\n"
        f'Replace them where tests run only, if "PYTEST_XDIST_WORKER" in os.environ, or use '
        f"--no-fixture-worker: global fixtures then run once per test worker."
    )

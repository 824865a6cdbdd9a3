"""Runs pytest on a suite in the process of the test, which is many times cheaper than a process of its own."""

from __future__ import annotations

import os
import pkgutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path

import pytest

import xdist_fixtureworker

_DISTRIBUTES = ("-n", "--numprocesses", "--dist", "--tx", "-d")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Python's own, with which a process starts; those of this run make errors of warnings.
_FILTERS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def load_package() -> None:
    """Import all modules of the package: what a run within a test imports is forgotten after it,
    and what is imported twice has two of each class."""
    for module in pkgutil.walk_packages(xdist_fixtureworker.__path__, "xdist_fixtureworker."):
        import_module(module.name)


def is_serial(arguments: tuple[str, ...]) -> bool:
    """Whether the command line asks for no other process."""
    return not any(
        argument.startswith(_DISTRIBUTES) and argument != "-n0" for argument in arguments
    )


def run_in_process(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in the current directory, as ``python -m pytest`` does, and leave no trace of it."""
    basetemp = f"--basetemp={pytester.path / 'basetemp'}"
    with ExitStack() as stack:
        for undone in (_imports, _environment, _directory, _signal_handlers, _warning_filters):
            stack.enter_context(undone())
        return pytester.runpytest_inprocess(basetemp, *arguments, no_reraise_ctrlc=True)


@contextmanager
def _imports() -> Iterator[None]:
    """Have the modules of the suite imported anew."""
    modules, path = sys.modules.copy(), sys.path.copy()
    writes_no_bytecode = sys.dont_write_bytecode
    for name in modules:
        if name.partition(".")[0] in ("tests", "conftest"):  # a suite may have a package "tests"
            del sys.modules[name]
    sys.path.insert(0, str(Path.cwd()))
    sys.dont_write_bytecode = True  # a file that is changed twice in a second is found by its date
    try:
        yield
    finally:
        sys.modules.clear()
        sys.modules.update(modules)
        sys.path[:] = path
        sys.dont_write_bytecode = writes_no_bytecode


@contextmanager
def _environment() -> Iterator[None]:
    before, directory = os.environ.copy(), tempfile.tempdir
    tempfile.tempdir = None  # is looked up anew: the suite may have another one
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        tempfile.tempdir = directory


@contextmanager
def _directory() -> Iterator[None]:
    before = Path.cwd()
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _signal_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _warning_filters() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.resetwarnings()
        for category in _FILTERS:
            warnings.simplefilter("ignore", category)
        yield

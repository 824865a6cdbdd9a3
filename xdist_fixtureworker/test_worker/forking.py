"""Fetches global fixtures before a test is run in a forked process; runs in a test worker.

A forked process has a copy of all values that were fetched, but not the thread that receives
answers. pytest-forked runs a test in one with ``--forked``, or the mark ``forked``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from .._compat import is_skipped_by_mark

Fetch = Callable[[pytest.Item], Callable[[], None]]


def pytest_forked_is_there(config: pytest.Config) -> bool:
    """Whether tests may be run in forked processes."""
    return config.getoption("forked", None) is not None


class FetchesBeforeFork:
    """The plugin that does so.

    :param fetch: fetches what a test names, directly or not; returns what to do after the test.
    """

    def __init__(self, config: pytest.Config, fetch: Fetch) -> None:
        self._all = bool(config.getoption("forked"))
        self._fetch = fetch

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest-forked forks
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        forks = self._all or item.get_closest_marker("forked") is not None
        if not forks or is_skipped_by_mark(item):
            return (yield)
        after = self._fetch(item)
        outcome = yield
        after()
        return outcome


# --- messages


def asked_in_fork(fixture: str, where: str) -> str:
    return (
        f"the global fixture '{fixture}' ({where}) is asked for in a forked process, which has no "
        f"connection to the fixture worker.\n"
        f"Ask for it before the fork: as an argument of the test, or of a fixture that the test "
        f"names. What was fetched before is there after it, too."
    )

"""Applies the guards: leaves fixture definitions out, and skips tests; every process that has any.

:mod:`.registrations` loads it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from typing import Any

import pytest

from .._compat import (
    Registration,
    fixture_function,
    fixture_name,
    skip_at_item,
    undefined_names,
    who_asked,
)
from ..declared.guards import failing_guard, guard_of, marked_below, marked_too_early
from ..declared.locations import location
from ..roles import SKIPPED_BY

_KEPT_OUT: pytest.StashKey[list[Registration]] = pytest.StashKey()
"""The definitions that a guard leaves out; in the config's stash."""

_MISSING: pytest.StashKey[Registration] = pytest.StashKey()
"""The left-out definition that a test needs; in the test's stash."""


def names_kept_out(config: pytest.Config) -> set[str]:
    """The names of the fixtures of which a guard leaves out a definition."""
    return {definition.name for definition in config.stash.get(_KEPT_OUT, [])}


class GuardPlugin:
    """Runs in all processes of a run. The same guard fails in each of them, so that all know the
    same definitions."""

    def __init__(self, config: pytest.Config) -> None:
        self._failing = failing_guard(config)
        self._kept_out = config.stash.setdefault(_KEPT_OUT, [])
        self._only_lists: bool = config.option.showfixtures

    def refuse_too_early(self, fixture: Any) -> None:
        """:raises pytest.UsageError: if the guard of a plugin's fixture has no effect."""
        guard = marked_too_early(fixture)
        if guard is not None:
            where = location(fixture_function(fixture))
            raise pytest.UsageError(guard_too_early(guard, fixture_name(fixture), where))

    def note_tests(self, session: pytest.Session) -> None:
        """Note which tests need a definition that is left out. Later, a test worker could not tell:
        global fixtures hide what they depend on."""
        for item in session.items if self._kept_out else ():
            missing = self._first_kept_out(undefined_names(item), item)
            if missing is not None:
                item.stash[_MISSING] = missing

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a test before anything is set up for it."""
        if item.get_closest_marker(self._failing):
            raise self._skip(guarded_test(self._failing), item)
        missing = item.stash.get(_MISSING, None)
        if missing is not None:
            raise self._skip_without(missing, item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        # Only once the test has failed: users may look a fixture up and do without it.
        error = _lookup_error(call)
        if error is not None:
            missing = self._first_kept_out([error.argname], who_asked(error))
            if missing is not None:
                skip = self._skip_without(missing, who_asked(error))
                skip.__traceback__ = error.__traceback__
                call.excinfo = pytest.ExceptionInfo.from_exception(skip)
        report = yield
        if call.excinfo is not None and hasattr(call.excinfo.value, SKIPPED_BY):
            setattr(report, SKIPPED_BY, self._failing)  # reports cross to the controller whole
        return report

    def is_there(self, definition: Registration) -> bool:
        """Whether this run has the definition.

        :raises pytest.UsageError: if its guard has no effect.
        """
        guard = guard_of(definition.function)
        below = marked_below(definition.function)
        if below is not None:
            where = location(definition.function)
            raise pytest.UsageError(guard_below_fixture(below, definition.name, where))
        if guard != self._failing or self._only_lists:
            return True
        self._kept_out.append(definition)
        return False

    def _first_kept_out(
        self, names: Iterable[str | None], item: pytest.Item
    ) -> Registration | None:
        """The first definition for one of ``names`` that is left out and visible to ``item``."""
        for name in names:
            for definition in reversed(self._kept_out):
                if definition.name == name and definition.can_be_seen_from(item):
                    return definition
        return None

    def _skip_without(self, missing: Registration, item: pytest.Item) -> BaseException:
        where = location(missing.function)
        return self._skip(guarded_fixture(missing.name, where, self._failing), item)

    def _skip(self, reason: str, item: pytest.Item) -> BaseException:
        skip = skip_at_item(reason, item)
        setattr(skip, SKIPPED_BY, self._failing)
        return skip


def _lookup_error(call: pytest.CallInfo[None]) -> pytest.FixtureLookupError | None:
    """The failed look-up of a fixture that ended a set-up or a test."""
    if call.excinfo is None or call.when == "teardown":
        return None
    error = call.excinfo.value
    doctest = sys.modules.get("doctest")
    if doctest is not None and isinstance(error, doctest.UnexpectedException):
        error = error.exc_info[1]
    return error if isinstance(error, pytest.FixtureLookupError) else None


# --- messages


def guard_below_fixture(guard: str, name: str, where: str) -> str:
    return (
        f"@pytest.mark.{guard} below @pytest.fixture, on '{name}' ({where}), has no effect: pytest "
        f"takes it for a mark of a test.\n"
        f"Put it above @pytest.fixture."
    )


def guard_too_early(guard: str, name: str, where: str) -> str:
    return (
        f"@pytest.mark.{guard} on the fixture '{name}' ({where}) has no effect: the module was "
        f"imported before pytest loaded xdist_fixtureworker.\n"
        f"Write 'from xdist_fixtureworker import {guard}' in it, and @{guard}."
    )


def guarded_fixture(name: str, where: str, guard: str) -> str:
    return f"needs the fixture '{name}' ({where}), which is {guard}: run pytest {way_to_run(guard)}"


def guarded_test(guard: str) -> str:
    return f"the test is {guard}: run pytest {way_to_run(guard)}"


def skipped_by_guard(count: int, guard: str) -> str:
    tests = "1 test was" if count == 1 else f"{count} tests were"
    return f"{tests} skipped by the guard {guard}.\nRun pytest {way_to_run(guard)}."


def way_to_run(guard: str) -> str:
    return "with -n, as in -n2" if guard == "parallel_only" else "without -n, or with -n0"

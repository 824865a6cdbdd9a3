"""Reads the guards of fixtures, and refuses what they cannot do; every process."""

from __future__ import annotations

from typing import Any

import pytest

from .._compat import can_filter_registrations, fixture_function, fixture_name, is_fixture
from ..roles import GUARD, PARALLEL_ONLY, SERIAL_ONLY, Role, role_of
from .locations import body_of, code_of, location, unbound


def guard_of(function: object) -> str | None:
    """The guard of a fixture's function, bound or not; None if it has none."""
    found = getattr(function, GUARD, None)
    return found if isinstance(found, str) else None


def marked_too_early(fixture: Any) -> str | None:
    """Find a guard above ``@pytest.fixture`` that was still an ordinary mark when it was applied.

    It has no effect. pytest refuses such marks, but only since version 9.
    """
    if is_fixture(fixture) and not marked_below(fixture_function(fixture)):
        return next(iter(_marks(fixture)), None)
    return None


def marked_below(function: Any) -> str | None:
    """Find a guard below ``@pytest.fixture``, where it has no effect.

    pytest refuses such marks, but only since version 9.
    """
    return next(iter(_marks(function)), None)


def take_marks(function: Any, name: str, where: str) -> None:
    """Turn a guard below ``@global_fixture`` into the guard of the fixture.

    :raises pytest.UsageError: if there are both guards.
    """
    __tracebackhide__ = True
    function = unbound(function)
    guards = _marks(function)
    if not guards:
        return
    function.pytestmark = [mark for mark in function.pytestmark if mark.name not in guards]
    if not function.pytestmark:
        del function.pytestmark
    for guard in guards:
        _guard(function, guard, name, where)


def is_parallel(config: pytest.Config) -> bool:
    """Whether the options ask for tests to be distributed.

    Call it after xdist's ``pytest_cmdline_main``, which puts all its options into these two.
    """
    if role_of(config) is not Role.CONTROLLER:
        return True
    distributes = config.getoption("dist", "no") != "no" and bool(config.getoption("tx", []))
    return distributes and not config.getoption("usepdb", False)


def failing_guard(config: pytest.Config) -> str:
    """The guard whose tests and fixtures this run leaves out."""
    return SERIAL_ONLY if is_parallel(config) else PARALLEL_ONLY


def guard_fixture(fixture: Any, guard: str) -> None:
    """Guard what ``@pytest.fixture`` returned.

    :raises pytest.UsageError: if it has the other guard, or would hide another guarded fixture.
    """
    __tracebackhide__ = True
    function = fixture_function(fixture)
    _guard(function, guard, fixture_name(fixture), location(function))


def _guard(function: Any, guard: str, name: str, where: str) -> None:
    __tracebackhide__ = True
    if not can_filter_registrations():
        raise pytest.UsageError(guards_unfit(guard, name, where, pytest.__version__))
    if guard_of(function) not in {None, guard}:
        raise pytest.UsageError(both_guards(name, where))
    lost = _lost_to(function)
    if lost is not None:
        raise pytest.UsageError(guarded_twice(name, location(lost), where))
    setattr(unbound(function), GUARD, guard)


def _lost_to(function: Any) -> Any:
    """The function of another guarded fixture that ``function`` is about to replace, because both
    have the same name in one module or class; None if there is none."""
    code = code_of(function)
    body = body_of(code)
    if code is None or body is None:
        return None
    bound = body.f_locals.get(code.co_name)
    fixture = unbound(bound)
    if not is_fixture(fixture) or guard_of(unbound(fixture_function(fixture))) is None:
        return None
    other = fixture_function(fixture)
    if code_of(other) is code or body_of(code_of(other)) is not body:
        return None
    has_another_name = sum(value is bound for value in body.f_locals.values()) > 1
    return None if has_another_name else other


def _marks(function: object) -> list[str]:
    marks = getattr(function, "pytestmark", None)
    if not isinstance(marks, list):
        return []
    return [
        mark.name for mark in marks if getattr(mark, "name", None) in (PARALLEL_ONLY, SERIAL_ONLY)
    ]


# --- messages


def both_guards(name: str, where: str) -> str:
    return (
        f"both guards, parallel_only and serial_only, on the fixture '{name}' ({where}): no run "
        f"has such a fixture.\n"
        f"Remove one of the two; two fixtures that differ in their guards need a function each."
    )


def guarded_twice(name: str, first: str, second: str) -> str:
    return (
        f"two guarded definitions of the fixture '{name}' have the same function name ({first} and "
        f"{second}): Python keeps only the second, so that no run has the first.\n"
        f'Give the functions different names, and both of them name="{name}".'
    )


def guards_unfit(guard: str, name: str, where: str, version: str) -> str:
    return (
        f"@{guard} on the fixture '{name}' ({where}) cannot be obeyed: pytest {version} has no "
        f"FixtureManager._register_fixture any more, by which definitions are kept out.\n"
        f"Install an earlier pytest, or a later pytest-xdist-fixtureworker."
    )

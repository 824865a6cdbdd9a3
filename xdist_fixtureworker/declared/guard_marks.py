"""Defines the marks ``parallel_only`` and ``serial_only``, and reads them; every process.

On a test, a class or a module they are marks like any other. pytest refuses marks on fixtures, so
``pytest.mark`` gets two objects of ours, which set an attribute of a fixture's function: pytest
keeps the function, whichever way the fixture is registered.
"""

from __future__ import annotations

from typing import Any

import pytest

from .._compat import can_filter_registrations, fixture_function, fixture_name, is_fixture, new_mark
from ..roles import Role, role_of
from .locations import body_of, code_of, line_of_user, location, unbound

PARALLEL_ONLY = "parallel_only"
SERIAL_ONLY = "serial_only"
_GUARDS = (PARALLEL_ONLY, SERIAL_ONLY)
_ATTRIBUTE = "_xdist_fixtureworker_guard"

MARKERS = (
    f"{PARALLEL_ONLY}: run this test, or have this fixture definition, only where tests are "
    f"distributed (-n). Provided by pytest-xdist-fixtureworker.",
    f"{SERIAL_ONLY}: run this test, or have this fixture definition, only where tests are not "
    f"distributed (no -n, -n0, --pdb). Provided by pytest-xdist-fixtureworker.",
)
"""The lines about them in ``pytest --markers``."""


class GuardMark(pytest.MarkDecorator):
    """A mark without arguments that can be applied to fixtures, too."""

    def __init__(self, name: str) -> None:
        super().__init__(new_mark(name), _ispytest=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if len(args) == 1 and not kwargs and is_fixture(args[0]):
            function = fixture_function(args[0])
            _guard(function, self.name, fixture_name(args[0]), location(function))
            return args[0]
        if len(args) == 1 and isinstance(args[0], (classmethod, staticmethod)):
            super().__call__(args[0].__func__)
            return args[0]
        return super().__call__(*args, **kwargs)

    def with_args(self, *args: object, **kwargs: object) -> pytest.MarkDecorator:
        """The mark itself.

        :raises pytest.UsageError: if there are arguments.
        """
        __tracebackhide__ = True
        if args or kwargs:
            raise pytest.UsageError(guard_arguments(self.name, line_of_user()))
        return self


parallel_only = GuardMark(PARALLEL_ONLY)
serial_only = GuardMark(SERIAL_ONLY)


def install_marks(config: pytest.Config) -> None:
    """Put both marks into ``pytest.mark``, and take them out when ``config`` is cleaned up.

    Call it before conftests are imported.
    """
    patch = pytest.MonkeyPatch()
    for mark in (parallel_only, serial_only):
        patch.setitem(vars(pytest.mark), mark.name, mark)
    config.add_cleanup(patch.undo)


def guard_of(function: object) -> str | None:
    """The guard of a fixture's function, bound or not; None if it has none."""
    found = getattr(function, _ATTRIBUTE, None)
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


def _guard(function: Any, guard: str, name: str, where: str) -> None:
    __tracebackhide__ = True
    if not can_filter_registrations():
        raise pytest.UsageError(guards_unfit(guard, name, where, pytest.__version__))
    if guard_of(function) not in {None, guard}:
        raise pytest.UsageError(both_guards(name, where))
    lost = _lost_to(function)
    if lost is not None:
        raise pytest.UsageError(guarded_twice(name, location(lost), where))
    setattr(unbound(function), _ATTRIBUTE, guard)


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
    return [mark.name for mark in marks if getattr(mark, "name", None) in _GUARDS]


# --- messages


def guard_arguments(guard: str, where: str) -> str:
    return (
        f"@pytest.mark.{guard} with arguments ({where}): a guard takes none.\n"
        f"Write @pytest.mark.{guard} alone."
    )


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

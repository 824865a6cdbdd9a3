"""Refuses to serve a test that has of its own what a global fixture depends on; test worker.

A global fixture is set up from where it is defined. Serially, pytest looks from the test: what
stands nearer to it there, a parameter or a narrower fixture, is used, or is a ScopeMismatch. The
value that was set up without it would be the wrong one. Only a session fixture without parameters
may be overridden nearer to some tests: serially, which one counts depends on who asks first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import pytest

from .. import errors
from .._compat import (
    definition_found,
    definition_in_force,
    is_needed_by,
    is_session_scoped,
    item_of,
)
from ..declared.decorator import Declaration
from ..declared.definitions import Definition, module_of
from ..declared.locations import location


class GlobalFixture(Protocol):
    """A global fixture as this module needs it."""

    definition: Definition
    declaration: Declaration
    closure: list[Definition]
    items: Sequence[pytest.Item]
    overridden: dict[str, bool]


def refuse_nearer(
    fixture: GlobalFixture, names: Iterable[str], request: pytest.FixtureRequest
) -> None:
    """Compare what a global fixture depends on with what the test that asks would give it.

    :param names: of what it depends on, but for its own.
    :param request: with which the global fixture is asked for.
    :raises FixtureWorkerError: if the test has something nearer.
    """
    __tracebackhide__ = True
    params = getattr(getattr(item_of(request), "callspec", None), "params", {})
    for name in names:
        found = definition_found(name, request)
        if found is None or any(found is each for each in fixture.closure):
            continue
        if name in params or not is_session_scoped(found) or _all_tests_have_others(fixture, name):
            message = nearer(
                fixture.declaration.name,
                fixture.declaration.where,
                name,
                _what(found, name, params),
            )
            raise errors.FixtureWorkerError(message)


def _all_tests_have_others(fixture: GlobalFixture, name: str) -> bool:
    """Whether no test that names the global fixture has the definition that it is set up with, so
    that serially another one counts, whoever asks first."""
    if name in fixture.overridden:
        return fixture.overridden[name]
    needing = [item for item in fixture.items if is_needed_by(fixture.definition, item)]
    has_ours = (
        any(definition_in_force(name, item) is each for each in fixture.closure) for item in needing
    )
    fixture.overridden[name] = bool(needing) and not any(has_ours)
    return fixture.overridden[name]


def _what(found: Definition, name: str, params: Any) -> str:
    if module_of(found).partition(".")[0] == "_pytest":
        return "parameters of its own (parametrize() without indirect)"
    which = f"is of scope '{found.scope}'"
    if name in params:
        which = "has parameters"
    elif is_session_scoped(found):
        which = "all tests have that name it"
    return f"an override ({location(found.func)}) that {which}"


# --- messages


def nearer(fixture: str, where: str, dependency: str, what: str) -> str:
    return (
        f"the global fixture '{fixture}' ({where}) depends on '{dependency}', for which this test "
        f"has {what}.\n"
        f"That does not reach it: a global fixture is set up once for all tests, from where it is "
        f"defined.\n"
        f"Parametrize '{dependency}' indirectly where '{fixture}' can see it, or override "
        f"'{fixture}' beside it."
    )

"""Refuses to serve a test that has of its own what a global fixture depends on; test worker.

A global fixture is set up from where it is defined. Serially, pytest looks from the test: what
stands nearer to it there, a parameter or a narrower fixture, is used, or is a ScopeMismatch. The
value that was set up without it would be the wrong one. Only a session fixture without parameters
may be overridden nearer to a test: serially, which one counts depends on who asks first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from .. import errors
from .._compat import definition_found, is_session_scoped, item_of
from ..declared.decorator import Declaration
from ..declared.definitions import Definition, module_of
from ..declared.locations import location


def refuse_nearer(
    declaration: Declaration,
    names: Collection[str],
    dependencies: Collection[Definition],
    request: pytest.FixtureRequest,
) -> None:
    """Compare what a global fixture depends on with what the test that asks would give it.

    :param names: of ``dependencies``, but for the global fixture's own.
    :param request: with which the global fixture is asked for.
    :raises FixtureWorkerError: if the test has something nearer.
    """
    __tracebackhide__ = True
    params = getattr(getattr(item_of(request), "callspec", None), "params", {})
    for name in names:
        found = definition_found(name, request)
        if found is None or any(found is each for each in dependencies):
            continue
        if name in params or not is_session_scoped(found):
            message = nearer(declaration.name, declaration.where, name, _what(found, name, params))
            raise errors.FixtureWorkerError(message)


def _what(found: Definition, name: str, params: Any) -> str:
    if module_of(found).partition(".")[0] == "_pytest":
        return "parameters of its own (parametrize() without indirect)"
    which = "has parameters" if name in params else f"is of scope '{found.scope}'"
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

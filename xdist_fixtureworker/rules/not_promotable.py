"""Lists fixtures of other projects that must not be made global; every process."""

from __future__ import annotations

from ..declared.definitions import Definition, module_of
from ..wire.frozen import Frozen


class Refusal(Frozen):
    """Why fixtures of a package cannot be global, and what to do instead."""

    package: str
    reason: str
    instead: str
    fixtures: tuple[str, ...] = ()  #: their names; empty: all fixtures of the package
    of_dependent: str = ""  #: what becomes of a global fixture that needs one; empty: nothing bad


_PYTEST = Refusal(
    "_pytest",
    "it is about the process that it is in",
    "A global fixture can depend on it, and each test worker has its own",
)
_REFUSALS = (
    _PYTEST,
    Refusal("xdist", _PYTEST.reason, _PYTEST.instead),
    Refusal(
        "pytest_django",
        "the thread that it starts works with the settings and the database connections of its "
        "own process, and the tests would be in another one",
        "Each test worker starts a server of its own, beside the database of its own that "
        "pytest-django gives it",
        ("live_server",),
        of_dependent="the server then works with the databases of the fixture worker, and not with "
        "those that tests see",
    ),
    Refusal(
        "pytest_django",
        "it works on the settings and the database connections of Django in its own process, and "
        "the tests, in another one, would use the databases that the settings name: not the test "
        "databases",
        "pytest-django gives each test worker a database of its own; make a global fixture of what "
        "costs time, such as the database server, and let the settings have its address",
        of_dependent="what it writes there goes into a database of the fixture worker, which no "
        "test sees",
    ),
    Refusal(
        "pytest_asyncio",
        "it is about the process that it is in, as event loops are",
        "Each test worker has its own. An async fixture can be global if its value is data, such "
        "as a URL",
    ),
    Refusal(
        "pytest_mock",
        "it patches its own process, where no tests run",
        "Each test worker has its own",
        of_dependent="what it patches is patched in the fixture worker, and not where tests run",
    ),
)


def refusal(definition: Definition) -> Refusal | None:
    """Why ``definition`` cannot be made global; None if it can."""
    package = module_of(definition).partition(".")[0]
    for candidate in _REFUSALS:
        if candidate.package == package and (
            not candidate.fixtures or definition.argname in candidate.fixtures
        ):
            return candidate
    return None


def refusal_of_request() -> Refusal:
    """Why ``request`` cannot be global, the one fixture without a definition."""
    return _PYTEST

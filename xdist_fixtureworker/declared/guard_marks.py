"""Defines the marks ``parallel_only`` and ``serial_only``; every process.

On a test, a class or a module they are marks like any other. pytest refuses marks on fixtures, so
``pytest.mark`` gets two objects of ours, which set an attribute of a fixture's function: pytest
keeps the function, whichever way the fixture is registered. :mod:`.guards` does, when one is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import pytest

from .._compat import is_fixture, new_mark
from ..roles import PARALLEL_ONLY, SERIAL_ONLY

if TYPE_CHECKING:
    from .signatures import Marked

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

    @overload  # type: ignore[override]  # it takes no arguments
    def __call__(self, fixture: Marked, /) -> Marked: ...

    @overload
    def __call__(self) -> pytest.MarkDecorator: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if len(args) == 1 and not kwargs and is_fixture(args[0]):
            from .guards import guard_fixture

            guard_fixture(args[0], self.name)
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
            from .locations import line_of_user

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


# --- messages


def guard_arguments(guard: str, where: str) -> str:
    return (
        f"@pytest.mark.{guard} with arguments ({where}): a guard takes none.\n"
        f"Write @pytest.mark.{guard} alone."
    )

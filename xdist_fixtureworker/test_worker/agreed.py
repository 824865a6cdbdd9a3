"""Tells which marks all tests have that need a global fixture; runs in a test worker.

In pytest, a session fixture is set up under the marks of the first test that needs it. Those that
all of them have hold whichever that is. All test workers collect the same tests, and so agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from .._compat import fixture_names, is_needed_by
from ..declared.definitions import Definition
from ..wire import pickles
from .asking import OF_TESTS

_MOST = 10_000
"""Parts of the arguments of a mark."""


class AgreedMarks:
    """The marks that the tests of a session agree in."""

    def __init__(self, items: Sequence[pytest.Item]) -> None:
        self._items = items
        self._by_name: dict[str, list[pytest.Item]] = {}  # of a fixture that they may need
        self._known: dict[int, list[pytest.Mark]] = {}

    def packed(self, definitions: Iterable[Definition]) -> bytes:
        """The marks by name of fixture, pickled for a request; empty where there are none."""
        found = {
            definition.argname: [(mark.name, mark.args, dict(mark.kwargs)) for mark in marks]
            for definition in definitions
            if (marks := self._of(definition))
        }
        return pickles.pack(found) if found else b""

    def _of(self, definition: Definition) -> list[pytest.Mark]:
        key = id(definition)  # pytest keeps it
        if key not in self._known:
            if not self._by_name:
                for item in self._items:
                    for name in fixture_names(item):
                        self._by_name.setdefault(name, []).append(item)
            items = self._by_name.get(definition.argname, ())
            self._known[key] = _common(item for item in items if is_needed_by(definition, item))
        return self._known[key]


def _common(items: Iterable[pytest.Item]) -> list[pytest.Mark]:
    """The marks that all items have, nearest first."""
    common: list[pytest.Mark] | None = None
    for item in items:
        marks = {str(mark): mark for mark in item.iter_markers() if _can_be_sent(mark)}
        common = [m for m in common if str(m) in marks] if common is not None else [*marks.values()]
        if not common:
            break
    return common or []


def _can_be_sent(mark: pytest.Mark) -> bool:
    return mark.name not in OF_TESTS and pickles.is_plain([*mark.args, dict(mark.kwargs)], _MOST)

"""Tells which eager global fixtures the tests will want; runs in a test worker.

The fixture worker, which collects no tests, cannot know those in test modules, and for which
parameters tests need one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pytest

from .._compat import is_needed_by, is_skipped_by_mark
from ..declared.definitions import ArgNames
from ..errors import CannotShareError
from ..wire.messages import Expected
from .agreed import AgreedMarks
from .naming import GlobalDefinition


def expected(
    eager: Iterable[GlobalDefinition],
    items: Sequence[pytest.Item],
    argnames: ArgNames,
    agreed: AgreedMarks,
) -> Iterator[Expected]:
    """Yield the instances that the tests need, in the order of the tests."""
    by_test = ((item, known) for item in items for known in eager)
    told: set[object] = set()
    for item, known in by_test:
        if not is_needed_by(known.definition, item) or is_skipped_by_mark(item):
            continue
        try:
            instance = known.instance(item, argnames)
        except CannotShareError:  # which the test is told
            continue
        if instance not in told:
            told.add(instance)
            marks = agreed.packed(known.closure)
            yield Expected(instance, known.declaration.where, marks)

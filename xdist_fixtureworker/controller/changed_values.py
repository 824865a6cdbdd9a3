"""Tells whose values were changed in one process only; runs in the controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ..roles import CHANGED_VALUES, FIXTURE_WORKER_ID, is_fixture_workers
from .summary import Note


class ChangedValues:
    """Collects what the workers noticed, and says it in the summary."""

    def __init__(self) -> None:
        self._workers: dict[str, set[str]] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})  # a worker that crashed left none
        for fixture in output.get(CHANGED_VALUES, ()):
            worker = FIXTURE_WORKER_ID if is_fixture_workers(node) else node.gateway.id
            self._workers.setdefault(fixture, set()).add(worker)

    def notes(self) -> Iterator[Note]:
        """For the summary."""
        return map(Note, changed_texts(self._workers))


def changed_texts(changed: Mapping[str, set[str]]) -> Iterator[str]:
    """What there is to say.

    :param changed: the workers in which a value was changed, by ``name (file:line)``.
    """
    for fixture, workers in sorted(changed.items()):
        test_workers = sorted(workers - {FIXTURE_WORKER_ID})
        if test_workers:
            yield changed_in_test_workers(fixture, ", ".join(test_workers))
        if FIXTURE_WORKER_ID in workers:
            yield changed_in_fixture_worker(fixture)


# --- messages


def changed_in_test_workers(fixture: str, workers: str) -> str:
    return (
        f"the value of the global fixture {fixture} was changed in test workers ({workers}), where "
        f"each has a copy: neither the fixture nor other workers see that.\n"
        f"Write what tests add to files or to a server, or collect it in a session fixture of each "
        f"test worker."
    )


def changed_in_fixture_worker(fixture: str) -> str:
    return (
        f"the value of the global fixture {fixture} was changed in the fixture worker after it was "
        f"sent: tests have it as it was.\n"
        f"Have the fixture that changes it return it, and tests use that one."
    )

"""Turns the outcome of a set-up into the answer that is sent; runs in the fixture worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from .. import errors
from ..declared.decorator import Declaration
from ..declared.definitions import Definition
from ..rules.worker_id import worker_id_hint
from ..wire import pickles
from ..wire.messages import Answer, Change, Failed, Inline, Output, Ready
from .sharing import share

Serialize = Callable[[pytest.TestReport], Mapping[str, Any]]


@dataclass
class Outcome:
    """What became of one instance of a global fixture. Kept, so that it runs once."""

    definition: Definition
    declaration: Declaration
    error: BaseException | None = None
    report: pytest.TestReport | None = None  #: of the failure
    environment: tuple[Change, ...] = ()  #: to be replayed, those of its dependencies included
    output: tuple[Output, ...] = ()  #: likewise
    packed: bytes | errors.CannotShareError | None = None  #: what is shared, once it was pickled
    answer: Answer | None = None

    @property
    def value(self) -> object:
        assert self.definition.cached_result is not None
        return self.definition.cached_result[0]

    def pack(self) -> bytes:
        """What is shared of the value, pickled; once.

        :raises CannotShareError: if it cannot be sent.
        """
        if self.packed is None:
            self.packed = share(self.declaration, self.value)
        if isinstance(self.packed, errors.CannotShareError):
            raise self.packed
        return self.packed


def answer_of(outcome: Outcome, id_: int, serialize: Serialize) -> Answer:
    """The answer to the first request for what ``outcome`` is the outcome of."""
    if outcome.error is not None:
        return failed(outcome.error, outcome.report, id_, serialize)
    try:
        return Ready(id_, Inline(outcome.pack()), outcome.environment, outcome.output)
    except errors.CannotShareError as error:
        return failed(error, None, id_, serialize)


def failed(
    error: BaseException, report: pytest.TestReport | None, id_: int, serialize: Serialize
) -> Failed:
    """The answer that ``error`` came up, and is shown as in ``report``."""
    traceback = report.longreprtext if report is not None else ""
    hint = worker_id_hint(traceback)
    if report is not None and hint:
        report.sections.append(("the fixture worker's id", hint.strip()))
    return Failed(
        id=id_,
        exception=pickles.pack_exception(error),
        text=pickles.describe(error),
        traceback=traceback,
        report=None if report is None else serialize(report),
    )

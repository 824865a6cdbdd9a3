"""Answers requests: sets up what they want, where that has not been done; fixture worker."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.nodes import Node

from .._compat import defining_node
from ..declared.definitions import Definition, global_declaration
from ..errors import CannotShareError, SetUpError, describe
from ..roles import FIXTURE_WORKER_ID
from ..rules.same_value import note_value
from ..rules.worker_id import worker_id_hint
from ..wire import pickles
from ..wire.frozen import replace
from ..wire.messages import (
    Answer,
    AsBefore,
    Change,
    Expected,
    Failed,
    Output,
    Ready,
    Request,
    Value,
)
from .foreign import Foreign
from .lookup import Found, Lookup
from .reports import set_up_broke
from .running import Runner
from .set_ups import Result, SetUpRecord, SetUps

if TYPE_CHECKING:
    from .other_lanes import OtherLanes

_ID = "PYTEST_XDIST_WORKER"
_NO_SET_UP = 0
"""The numbers of set-ups start at 1."""

Serialize = Callable[[pytest.TestReport], Mapping[str, Any]]


class Answerer:
    """Finds what a request wants, and has it set up once.

    :param serialize: turns a report into plain data.
    """

    def __init__(
        self,
        *,
        config: pytest.Config,
        set_ups: SetUps,
        lookup: Lookup,
        foreign: Foreign,
        runner: Runner,
        serialize: Serialize,
    ) -> None:
        self._config = config
        self._set_ups = set_ups
        self._lookup = lookup
        self._foreign = foreign
        self._runner = runner
        self._serialize = serialize
        self.other_lanes: OtherLanes | None = None
        self._untold: dict[int, tuple[SetUpRecord, Result]] = {}  # by definition

    def answer(self, request: Request) -> Answer | AsBefore:
        """Answer ``request``; sets up what has not been set up yet."""
        try:
            return self._answer(request)
        except pytest.Collector.CollectError as error:
            text = str(error)
            text += worker_id_hint(text, error, os.environ.get(_ID, FIXTURE_WORKER_ID))
        except KeyboardInterrupt as error:  # as of a set-up or an import that was interrupted
            instance = request.instance
            where = request.where or instance.module
            self._runner.tell_interrupted(_NO_SET_UP, instance.name, where, error)
            return failed(error, None, request.id, self._serialize)
        except BaseException as error:
            return self.broken(request, error)
        return failed(SetUpError(text), None, request.id, self._serialize)

    def prepare(self, expected: Expected) -> None:
        """Set up what tests will want, so far as that is possible: whoever asks for it is told what
        came of it."""
        try:
            found, _ = self._find(expected)
            record, result = self._ensure(found)
            self._runner.pack(record, result)
        except BaseException as error:
            name, where = expected.instance.name, expected.where
            self._runner.tell_interrupted(_NO_SET_UP, name, where, error)
            return
        if result.error is not None and not self._is_meant(result.error):
            self._untold[id(record.original)] = record, result

    def _is_meant(self, error: BaseException) -> bool:
        """Whether a set-up ended early for a reason that nobody has to be told."""
        meant = isinstance(
            error, (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)
        )
        return meant or self._foreign.was_interrupted(error)

    def untold_failures(self) -> Iterator[str]:
        """What to say of set-ups that failed, and that no test has asked for."""
        for record, result in self._untold.values():
            if result.error is not None:
                told = self._foreign.telling(
                    partial(describe, result.error), lambda error: type(error).__name__
                )
                yield failed_untold(record.name, record.where, told)

    def broken(self, request: Request, error: BaseException) -> Answer:
        """The answer where a hook of another plugin raised, or there is a bug of ours: others are
        to be served all the same, and finalizers wait for those who use the values."""
        told = self._foreign.telling(
            lambda: "".join(traceback.format_exception(error)), lambda _: type(error).__name__
        )
        text = set_up_broke(request.instance.name, told)
        return failed(SetUpError(text), None, request.id, self._serialize)

    def _answer(self, request: Request) -> Answer | AsBefore:
        found, closure = self._find(request)
        for needed in closure if self._untold else ():
            self._untold.pop(id(needed), None)
        record, result = self._ensure(found)
        if result.answered is not None:  # to an instance with equal parameters
            return AsBefore(request.id, result.answered)
        self._runner.pack(record, result)
        asked = self._lookup.asked(found.definition, found.node, self._set_ups.asked)
        answer: Answer
        if result.error is None and isinstance(result.packed, Value):
            value, names = result.packed, tuple(sorted(asked))
            answer = Ready(request.id, value, result.environment, result.output, names)
        else:
            answer = self._foreign.telling(
                partial(failed_as, result, request.id, self._serialize),
                partial(self.broken, request),
            )
        result.note_answer(request.id)
        return answer

    def _find(self, wanted: Request | Expected) -> tuple[Found, tuple[Definition, ...]]:
        """Find what is wanted; returns what it needs, too, and itself."""
        instance = wanted.instance
        with self._foreign.looking_up(instance.name, wanted.where or instance.module):
            found = self._lookup.find(instance)
            closure = (*self._lookup.dependencies(found.definition, found.node), found.definition)
            self._set_ups.agreed_marks.note(wanted.marks, closure)
        if self.other_lanes is not None:
            self.other_lanes.own(found.definition)
        return found, closure

    def _ensure(
        self, found: Found, active: frozenset[int] = frozenset()
    ) -> tuple[SetUpRecord, Result]:
        """Set up a global fixture and, before it, those it depends on, each from its own place.

        :param active: the definitions, by identity, that are waiting for this one.
        """
        clones = self._set_ups.clones
        definition, node = found.definition, found.node
        record = self._set_ups.of(clones.get(definition, node, found.parameters))
        if record.result is not None:
            return record, record.result
        environment, output = self._ensure_needed(record, found, active | {id(definition)})
        relevant = clones.relevant(definition, node, found.parameters)
        result = self._runner.run(record, replace(found, parameters=relevant))
        result.environment = (*environment, *result.environment)
        result.output = (*output, *result.output)
        if record.is_promoted:
            self._note_values(found)
        record.result = result
        if record.definition.cached_result is not None:
            record.hide_argnames()
        return record, result

    def _ensure_needed(
        self, record: SetUpRecord, found: Found, active: frozenset[int]
    ) -> tuple[tuple[Change, ...], tuple[Output, ...]]:
        """Set up the global fixtures that one needs; returns what they changed and printed."""
        environment: dict[Change, None] = {}
        output: dict[Output, None] = {}
        for needed in self._lookup.global_dependencies(found.definition, found.node):
            if id(needed) not in active:
                place = defining_node(needed, found.node)
                result = self._elsewhere(needed, place, record)
                if result is None:
                    other, result = self._ensure(Found(needed, place, found.parameters), active)
                    record.needs.append(other.number)
                environment.update(dict.fromkeys(result.environment))
                output.update(dict.fromkeys(result.output))
        return tuple(environment), tuple(output)

    def _elsewhere(self, needed: Definition, place: Node, record: SetUpRecord) -> Result | None:
        """What came of a set-up in another lane; None: it belongs here."""
        if self.other_lanes is None:
            return None
        answer = self.other_lanes.settle(needed, place, record)
        if answer is None:
            return None
        if isinstance(answer, Ready):
            return Result(environment=answer.environment, output=answer.output)
        return Result()

    def _note_values(self, found: Found) -> None:
        """Note the values of what a fixture needs that was not written to be global: they may
        depend on the process."""
        for needed in self._lookup.dependencies(found.definition, found.node):
            if global_declaration(needed, self._config) is None:
                note_value(self._config, needed)


def failed_as(result: Result, id_: int, serialize: Serialize) -> Failed:
    """The answer where there is no value to send."""
    if result.error is not None:
        return failed(result.error, result.report, id_, serialize)
    assert isinstance(result.packed, CannotShareError)
    return failed(result.packed, None, id_, serialize)


def failed(
    error: BaseException, report: pytest.TestReport | None, id_: int, serialize: Serialize
) -> Failed:
    """The answer that ``error`` came up, and is shown as in ``report``."""
    traceback = report.longreprtext if report is not None else ""
    hint = worker_id_hint(traceback, error, os.environ.get(_ID, FIXTURE_WORKER_ID))
    if report is not None and hint:
        report.sections.append(("the fixture worker's id", hint.strip()))
    return Failed(
        id=id_,
        exception=pickles.pack_exception(error),
        text=describe(error),
        traceback=traceback,
        report=None if report is None else serialize(report),
    )


# --- messages


def failed_untold(fixture: str, where: str, error: str) -> str:
    return (
        f"eager global fixture {fixture} ({where}) could not be set up, and no test asked for it: "
        f"{error}"
    )

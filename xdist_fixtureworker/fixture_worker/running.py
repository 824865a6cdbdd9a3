"""Sets global fixtures up with pytest's own machinery; fixture worker."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.fixtures import SubRequest
from _pytest.nodes import Node

from .. import errors
from .._compat import (
    defining_node,
    definition_in_force,
    forget_asked,
    note_asked,
)
from ..declared.attributes import Attributes, Computed, Proxied
from ..declared.definitions import Definition, instance_of, module_of
from ..declared.locations import place_in
from ..rules.changed_values import Values
from ..rules.not_promotable import refusal
from ..sharing.values import share
from ..wire.messages import (
    ExitRequested,
    Inline,
    Interrupted,
    Mapped,
    Output,
    Recovery,
    SettingUp,
    SetUp,
    Value,
    Variable,
)
from ..wire.pickles import is_plain
from .elsewhere import Elsewhere
from .environment import Environment, Replay
from .fixture_item import FixtureItem
from .foreign import Foreign
from .items import Items, named
from .large import LargeValues
from .live import LiveObjects
from .lookup import Found, Lookup
from .out_of_reach import parameter_out_of_reach
from .outbox import Outbox
from .reports import set_up_broke
from .set_ups import Result, SetUpRecord, SetUps

if TYPE_CHECKING:
    from .other_lanes import OtherLanes

_CAPTURED = r"Captured (?P<kind>stdout|stderr|log) setup"


class Runner:
    """Runs set-ups in the main thread.

    :param elsewhere: notices what set-ups change besides the environment.
    :param live: has the values that are shared by proxy.
    :param large: has those that are not sent through the controller.
    :param outbox: takes messages to the controller.
    """

    def __init__(
        self,
        *,
        set_ups: SetUps,
        lookup: Lookup,
        items: Items,
        foreign: Foreign,
        elsewhere: Elsewhere,
        live: LiveObjects,
        outbox: Outbox,
        large: LargeValues,
    ) -> None:
        self._set_ups = set_ups
        self._lookup = lookup
        self._items = items
        self._foreign = foreign
        self._outbox = outbox
        self._elsewhere = elsewhere
        self._live = live
        self._large = large
        self.environment = Environment(os.environ)
        self.notes: dict[str, None] = {}  #: about fixtures, for the summary
        self.other_lanes: OtherLanes | None = None
        self._told: BaseException | None = None
        self._values = Values()  # that were sent

    def run(self, record: SetUpRecord, found: Found) -> Result:
        """Set up a global fixture, on its own: no other is being set up."""
        changed: dict[str, str | None] = {}
        action = partial(self._set_up, found.node, changed)
        item = self._items.make(record.definition, found, action)
        self.environment.forget()
        error, failure = self._run_item(record, item)
        noted = self.environment.note(changed, _replayed(record, self._set_ups))
        set_up = next((done for done in item.reports if done.when == "setup"), None)
        output = () if set_up is None else tuple(_output(record, set_up))
        result = Result(error, failure, noted.changes, output)
        done = self._announced(record, result, found.node, noted.variables, set_up)
        self._outbox.hold(done)
        return result

    def _set_up(self, node: Node, changed: dict[str, str | None], item: FixtureItem) -> None:
        """Set up the fixture that ``item`` stands for, from where it is defined.

        :param changed: filled with what that changes in the environment.
        """
        __tracebackhide__ = True
        request, name = item.request(), item.definition.argname
        for autouse in self._lookup.autouse(node):
            if autouse.argname != name:
                request.getfixturevalue(autouse.argname)
        before = self.environment.before()
        try:
            request.getfixturevalue(name)
        finally:
            changed.update(self.environment.since(before))

    def _run_item(
        self, record: SetUpRecord, item: FixtureItem
    ) -> tuple[BaseException | None, pytest.TestReport | None]:
        """Run the item of a set-up; returns how it failed, and the report of it."""
        try:
            self._items.run(item, "setup", "set-up", record.where)
        except pytest.exit.Exception as error:
            returncode = None if error.returncode is None else int(error.returncode)
            self._outbox.send(ExitRequested(error.msg, returncode))
            return error, None
        except KeyboardInterrupt as error:
            self.tell_interrupted(record.number, record.name, record.where, error)
            return error, None
        except BaseException as error:  # of a hook
            told = set_up_broke(record.name, self._foreign.shown(error))
            self._items.note_hook_error(item, told, "setup")
        message = parameter_out_of_reach(item.error, item, record.where)
        if message and item.failure is not None:
            item.failure.longrepr = message
            return errors.SetUpError(message), item.failure
        if item.error is None and item.failure is not None:
            return errors.SetUpError(item.failure.longreprtext), item.failure
        return item.error, item.failure

    def _announced(
        self,
        record: SetUpRecord,
        result: Result,
        node: Node,
        changed: Sequence[Variable],
        report: pytest.TestReport | None,
    ) -> SetUp:
        """What tells the controller that the set-up of a global fixture ended.

        :param node: where it is defined.
        """
        declaration = record.declaration
        assert declaration is not None
        recovery = None
        # Attributes at once, too, as other global fixtures may change the object.
        if declaration.recover or isinstance(declaration.share, (Attributes, Computed)):
            self.pack(record, result)
        if declaration.recover is not None and isinstance(result.packed, Value):
            recovery = Recovery(instance_of(record.original, node), result.packed)
        return SetUp(
            id=record.number,
            fixture=record.name,
            where=record.where,
            report=None if report is None else self._items.for_durations(report),
            environment=tuple(v.name for v in changed) if declaration.env is None else (),
            recovery=recovery,
            failed=result.error is not None,
            needs=tuple(record.needs),
            **self._elsewhere.left_by(record, self._lookup, node),
        )

    def pack(self, record: SetUpRecord, result: Result) -> None:
        """Pickle what is shared, once, if there is a value. Whoever asks for it is told if that
        fails."""
        if result.error is not None or result.packed is not None:
            return
        assert record.declaration is not None
        with self._pickling(record):
            if isinstance(record.declaration.share, Proxied):
                result.packed = self._live.share(record)
                return
            module = module_of(record.original)
            result.packed = share(record.declaration, record.value, module, self._large)
        if record.declaration.share is None and isinstance(result.packed, Mapped):
            self._large.note_sent(record.definition, result.packed)
        elif record.declaration.share is None and isinstance(result.packed, Inline):
            self._values.note(repr(record), record.value)

    def changed_values(self) -> list[str]:
        """The fixtures whose values were changed after they were sent."""
        with contextlib.suppress(BaseException), self._foreign.limited("the look at values"):
            return self._values.changed()
        return []

    def _pickling(self, record: SetUpRecord) -> AbstractContextManager[None]:
        """Around the pickling of a value, which may run code of its classes, or take its time."""
        declaration = record.declaration
        if declaration is not None and declaration.share is None and is_plain(record.value):
            return nullcontext()
        return self._foreign.running(named("pickling", record.name, record.where))

    # --- what pytest does with any session fixture, as its hooks tell

    def setting_up(self, definition: Definition, request: SubRequest) -> None:
        """Note that pytest starts to set up a session fixture, global or not.

        :raises FixtureWorkerError: if it has been finalized.
        """
        record = self._set_ups.of(definition)
        if self._set_ups.is_finalized(record):
            raise errors.FixtureWorkerError(already_finalized(record.name, record.where))
        self._set_ups.begin(record)
        record.before = self.environment.before()
        note: Callable[[str], None] = self._set_ups.asked[id(record.original)].add
        if self.other_lanes is not None:
            note = partial(self.other_lanes.look, record, request)
        note_asked(request, note)
        self._outbox.send(SettingUp(record.number, record.name, record.where, record.is_global))

    def _look_for_refused(self, record: SetUpRecord, request: SubRequest) -> None:
        """Note that a global fixture asked by ``getfixturevalue()`` for what must not be global.

        Test workers look at arguments.
        """
        item: Any = request._pyfuncitem  # a FixtureItem
        for name in self._set_ups.asked[id(record.original)].difference(item.fixturenames):
            definition = definition_in_force(name, item)
            refused = None if definition is None else refusal(definition)
            if refused is not None and refused.of_dependent:
                from ..rules.refused import depends_on_refused

                asking = self._set_ups.of(item.definition)
                told = depends_on_refused(asking.name, asking.where, (name,), refused)
                self.notes[told] = None

    def was_set_up(
        self, definition: Definition, request: SubRequest, error: BaseException | None
    ) -> None:
        """Note that pytest has set it up, or tried to."""
        record = self._set_ups.of(definition)
        forget_asked(request)
        self._look_for_refused(record, request)
        if error is not None:
            self.tell_interrupted(record.number, record.name, record.where, error)
        record.request = request
        self._set_ups.end(record, error)
        if request._pyfuncitem.definition is not definition:  # type: ignore[attr-defined]  # a FixtureItem
            self._was_set_up_within_another(record, request, error)
        record.before = None
        if error is not None and definition.cached_result is None:
            # What pytest does for Exceptions only; without it, a fixture that raised SystemExit
            # would run again and its finalizers would not run.
            key = definition.cache_key(request)
            definition.cached_result = (None, key, (error, error.__traceback__))

    def tell_interrupted(self, number: int, fixture: str, where: str, error: BaseException) -> None:
        """Tell where it was if the run was interrupted: of the innermost set-up, which comes here
        first, or of what is run around it."""
        place = place_in(error) if self._foreign.was_interrupted(error) else None
        if place is not None and error is not self._told:
            self._told = error
            self._outbox.send(Interrupted(number, fixture, where, place))

    def _was_set_up_within_another(
        self, record: SetUpRecord, request: SubRequest, error: BaseException | None
    ) -> None:
        """Note the end of the set-up of a plain session fixture, or of a global one that another
        asked for by ``getfixturevalue()``."""
        if record.declaration is None:
            done = SetUp(record.number, record.name, record.where, None, (), None)
            self._outbox.send(done)
            return
        assert record.before is not None
        self._set_ups.of(request._pyfuncitem.definition).needs.append(record.number)  # type: ignore[attr-defined]  # a FixtureItem
        noted = self.environment.note_nested(record.before, _replayed(record, self._set_ups))
        result = Result(error, environment=noted.changes)
        if error is None:  # else who asks for it next gets the error, with a report
            record.result = result
        node = defining_node(record.original, request._pyfuncitem)
        self._outbox.send(self._announced(record, result, node, noted.variables, None))


def _replayed(record: SetUpRecord, set_ups: SetUps) -> Replay | None:
    """How changes to the environment are replayed; None if they are not. The number is the same for
    all instances of a parametrized fixture."""
    env = None if record.declaration is None else record.declaration.env
    if not env:
        return None
    return Replay(set_ups.of(record.original).number, env if isinstance(env, tuple) else None)


def _output(record: SetUpRecord, report: pytest.TestReport) -> Iterator[Output]:
    for title, text in report.sections:
        if match := re.fullmatch(_CAPTURED, title):
            yield Output(record.number, record.name, match["kind"], text)


# --- messages


def already_finalized(fixture: str, where: str) -> str:
    return (
        f"a finalizer asks for the fixture '{fixture}' ({where}), which is finalized already.\n"
        f"Let the fixture with that finalizer name '{fixture}' as an argument: then it goes first."
    )

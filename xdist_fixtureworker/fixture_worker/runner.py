"""Sets global fixtures up and finalizes them, with pytest's own machinery; fixture worker."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import os
import re
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.fixtures import SubRequest
from _pytest.nodes import Node
from _pytest.scope import Scope

from .. import errors
from .._compat import defining_node, set_final
from ..declared.decorator import Declaration
from ..declared.definitions import Definition, global_declaration, instance_of, module_of
from ..declared.locations import in_source, location
from ..processes.crash_file import LedgerFile
from ..rules.same_value import note_value
from ..wire import pickles
from ..wire.frozen import replace
from ..wire.messages import (
    Answer,
    Change,
    ExitRequested,
    Finalized,
    Finalizing,
    Hanging,
    Inline,
    Instance,
    Message,
    Output,
    Recover,
    Recovery,
    Request,
    SettingUp,
    SetUp,
    Variable,
)
from .answers import Outcome, answer_of, failed
from .clones import Clones, Value, Visible
from .items import CallSpec, FixtureItem, RestItem
from .ledger import Ledger, State
from .lookup import Found, Lookup
from .main_thread import MainThread
from .tree import Tree

_PYTEST_CURRENT_TEST = "PYTEST_CURRENT_TEST"
_SESSION = "the test session"
_CAPTURED = re.compile(r"Captured (?P<kind>stdout|stderr|log) setup")
_STACKS = "stacks of all threads"


class Runner:
    """Runs fixtures in the main thread of the fixture worker.

    :param main: that thread, which time-outs interrupt.
    :param timeout: seconds that a set-up or a finalizer may take; None: as long as it wants.
    :param send: sends a message to the controller; must not raise.
    """

    def __init__(
        self,
        session: pytest.Session,
        tree: Tree,
        main: MainThread,
        timeout: float | None,
        send: Callable[[Message], None],
    ) -> None:
        self.ledger_file: LedgerFile | None = None
        self._session = session
        self._main = main
        self._timeout = timeout
        self._send = send
        self._rest = RestItem.from_parent(session, name=_SESSION, nodeid=_SESSION)
        self._argnames_before: dict[int, tuple[str, ...]] = {}
        self._lookup = Lookup(tree, self._argnames)
        self._clones = Clones(self._argnames)
        self._outcomes: dict[int, Outcome] = {}
        self._active: set[int] = set()
        self._ledger: Ledger[int] = Ledger()
        self._ids: dict[int, int] = defaultdict(itertools.count(1).__next__)
        self._set_up: dict[int, tuple[Definition, SubRequest]] = {}
        self._environments: dict[int, tuple[dict[str, str], int]] = {}  # before the set-up
        self._nested: set[Variable] = set()  # changes by fixtures within a set-up
        self._changes: list[Change] = []  # the same, as far as they are replayed
        self._orders = itertools.count()  # of changes

    # --- set-up

    def answer(self, request: Request) -> Answer:
        """The answer to ``request``; sets up what has not been set up yet."""
        try:
            outcome = self._outcome(request.instance)
            if outcome.answer is None:
                self._pack(outcome)
                outcome.answer = answer_of(outcome, request.id, self._serialized)
        except pytest.Collector.CollectError as error:
            return failed(errors.SetUpError(str(error)), None, request.id, self._serialized)
        except BaseException:
            # Of a hook of another plugin, or a bug of ours: others are to be served all the same,
            # and finalizers wait for those who use the values.
            text = set_up_broke(request.instance.name, traceback.format_exc())
            return failed(errors.SetUpError(text), None, request.id, self._serialized)
        return replace(outcome.answer, id=request.id)

    def _pack(self, outcome: Outcome) -> None:
        """Pickle what is shared, if it can be. That runs the code of classes of the value."""
        if outcome.error is not None:
            return
        name, where = outcome.declaration.name, outcome.declaration.where
        id_ = self._ids[id(outcome.definition)]
        with (
            self._limited(id_, "pickling", name, where),
            self._main.set_up(),
            contextlib.suppress(errors.CannotShareError),  # whoever asks for it is told
        ):
            outcome.pack()

    def _outcome(self, instance: Instance) -> Outcome:
        found = self._lookup.find(instance)
        return self._ensure(found.definition, found.node, found.parameters)

    def _ensure(self, original: Definition, node: Node, parameters: Mapping[str, Value]) -> Outcome:
        """Set up a global fixture and, before it, those it depends on, each from its own place."""
        definition = self._clones.get(original, node, parameters)
        if id(definition) in self._outcomes:
            return self._outcomes[id(definition)]
        self._active.add(id(original))
        environment: dict[Change, None] = {}
        output: dict[Output, None] = {}
        for needed in self._lookup.global_dependencies(original, node):
            if id(needed) not in self._active:
                outcome = self._ensure(needed, defining_node(needed, node), parameters)
                environment.update(dict.fromkeys(outcome.environment))
                output.update(dict.fromkeys(outcome.output))
        relevant = self._clones.relevant(original, node, parameters)
        outcome = self._run(definition, Found(original, node, relevant))
        outcome.environment = (*environment, *outcome.environment)
        outcome.output = (*output, *outcome.output)
        if outcome.declaration.promoted:
            self._note_values(original, node)
        self._outcomes[id(definition)] = outcome
        self._active.discard(id(original))
        if definition.cached_result is not None:
            # pytest looks up the dependencies of a fixture even if it has its value, and would do
            # so from the place of whoever asks.
            self._argnames_before.setdefault(id(definition), definition.argnames)
            set_final(definition, "argnames", ())
        return outcome

    def _note_values(self, definition: Definition, node: Node) -> None:
        """What a fixture that was not written to be global needs may depend on the process."""
        for needed in self._lookup.dependencies(definition, node):
            if self._declaration(needed) is None:
                note_value(self._session.config, needed)

    def _run(self, definition: Definition, found: Found) -> Outcome:
        declaration = self._declaration(definition)
        assert declaration is not None
        changed: dict[str, str | None] = {}

        def set_up(item: FixtureItem) -> None:
            __tracebackhide__ = True
            request = item.request()
            for autouse in self._lookup.autouse(found.node):
                if autouse.argname != definition.argname:
                    request.getfixturevalue(autouse.argname)
            before = dict(os.environ)
            try:
                request.getfixturevalue(definition.argname)
            finally:
                changed.update(_difference(before, os.environ))

        self._nested.clear()
        self._changes.clear()
        item = self._item(definition, found, set_up)
        outcome = Outcome(definition, declaration)
        try:
            self._run_item(item, self._ids[id(definition)], "setup", "set-up", declaration.where)
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            outcome.error = error
            if isinstance(error, pytest.exit.Exception):
                returncode = None if error.returncode is None else int(error.returncode)
                self._send(ExitRequested(error.msg, returncode))
        else:
            outcome.report = item.failure
            outcome.error = item.error
            if outcome.report is not None:
                outcome.error = item.error or errors.SetUpError(outcome.report.longreprtext)
        own = tuple(v for v in _variables(changed) if v not in self._nested)
        if declaration.env:
            self._changes.append(self._change(definition, own))
        outcome.environment = tuple(self._changes)
        report = next((done for done in item.reports if done.when == "setup"), None)
        if report is not None:
            outcome.output = tuple(_output(self._ids[id(definition)], report))
        self._announce(outcome, found.node, own, report)
        return outcome

    def _change(self, definition: Definition, variables: tuple[Variable, ...]) -> Change:
        fixture = self._ids[id(self._clones.original(definition))]
        return Change(fixture, next(self._orders), variables)

    def _announce(
        self,
        outcome: Outcome,
        node: Node,
        changed: Sequence[Variable],
        report: pytest.TestReport | None,
    ) -> None:
        declaration = outcome.declaration
        recovery = None
        # Attributes at once, too, as other global fixtures may change the object.
        if declaration.recover or declaration.share:
            self._pack(outcome)
        if declaration.recover is not None and isinstance(outcome.packed, bytes):
            original = self._clones.original(outcome.definition)
            recovery = Recovery(instance_of(original, node), Inline(outcome.packed))
        self._send(
            SetUp(
                id=self._ids[id(outcome.definition)],
                fixture=declaration.name,
                where=declaration.where,
                report=None if report is None else self._serialized(report),
                environment=() if declaration.env else tuple(v.name for v in changed),
                recovery=recovery,
            )
        )

    # --- what pytest does with any session fixture, as its hooks tell

    def setting_up(self, definition: Definition) -> None:
        """pytest starts to set up a session fixture, global or not.

        :raises FixtureWorkerError: if it has been finalized.
        """
        name, where = self._name_and_place(definition)
        if self._ledger.state(id(definition)) in (State.FINALIZED, State.FINALIZER_FAILED):
            raise errors.FixtureWorkerError(already_finalized(name, where))
        self._ledger.move(id(definition), State.SETTING_UP)
        self._environments[id(definition)] = dict(os.environ), len(self._changes)
        id_ = self._ids[id(definition)]
        is_global = self._declaration(definition) is not None
        if self.ledger_file is not None and is_global:
            self.ledger_file.add(id_, name, where)
        self._send(SettingUp(id_, name, where, is_global))

    def was_set_up(
        self, definition: Definition, request: SubRequest, error: BaseException | None
    ) -> None:
        """pytest has set it up, or tried to."""
        self._set_up[id(definition)] = (definition, request)
        self._ledger.move(id(definition), State.READY if error is None else State.FAILED)
        before, changes = self._environments.pop(id(definition))
        if request._pyfuncitem.definition is not definition:  # type: ignore[attr-defined]  # a FixtureItem
            self._was_set_up_within_another(definition, request, before, changes, error)
        if error is not None and definition.cached_result is None:
            # What pytest does for Exceptions only; without it, a fixture that raised SystemExit
            # would run again and its finalizers would not run.
            key = definition.cache_key(request)
            definition.cached_result = (None, key, (error, error.__traceback__))

    def _was_set_up_within_another(
        self,
        definition: Definition,
        request: SubRequest,
        before: Mapping[str, str],
        changes: int,
        error: BaseException | None,
    ) -> None:
        """It is a plain session fixture, or one that another asked for by ``getfixturevalue()``.

        :param before: the environment when it began.
        :param changes: how many had been noted then.
        """
        declaration = self._declaration(definition)
        if declaration is None:
            name, where = self._name_and_place(definition)
            self._send(SetUp(self._ids[id(definition)], name, where, None, (), None))
            return
        variables = _variables(_difference(before, os.environ))
        own = tuple(variable for variable in variables if variable not in self._nested)
        self._nested.update(own)
        if declaration.env:
            self._changes.append(self._change(definition, own))
        environment = tuple(self._changes[changes:])
        outcome = Outcome(definition, declaration, error=error, environment=environment)
        if error is None:  # else who asks for it next gets the error, with a report
            self._outcomes[id(definition)] = outcome
        node = defining_node(self._clones.original(definition), request._pyfuncitem)
        self._announce(outcome, node, own, None)

    # --- finalizing

    def finalize(self) -> None:
        """Finalize all that is set up, one by one, last set up first."""
        while (key := self._ledger.next_to_finalize()) is not None:
            self._finalize(key)
        self._finalize_session()

    def _finalize_session(self) -> None:
        """Run what fixtures have added to the session itself, by ``request.node``."""
        id_, name, where = self._ids[id(self._rest)], _SESSION, "request.node"
        self._send(Finalizing(id_, name, where))
        finish = partial(self._session._setupstate.teardown_exact, None)
        with self._limited(id_, "finalizer", name, where):
            call = pytest.CallInfo.from_call(partial(self._as_finalizer, finish), "teardown")
        report = None
        if call.excinfo is not None:
            report = self._serialized(pytest.TestReport.from_item_and_call(self._rest, call))
        self._send(Finalized(id_, report))

    def _finalize(self, key: int) -> None:
        definition, request = self._set_up[key]
        self._ledger.move(key, State.FINALIZING)
        id_ = self._ids[key]
        name, where = self._name_and_place(definition)
        self._send(Finalizing(id_, name, where))
        finish = partial(self._as_finalizer, partial(definition.finish, request))
        original = self._clones.original(definition)
        found = replace(
            self._lookup.place(original, request._pyfuncitem),
            parameters=_parameters_of(request),
        )
        item = self._item(definition, found, lambda item: item.addfinalizer(finish))
        try:
            self._run_item(item, id_, "teardown", "finalizer", where)
        except BaseException as error:  # of a hook; the other finalizers are to run
            item.error = error
            self._session._setupstate.teardown_exact(self._rest)
        if definition.cached_result is not None:
            item.run_finalizer_alone(finish)
        failure = item.failure
        self._ledger.move(key, State.FINALIZER_FAILED if failure else State.FINALIZED)
        if self.ledger_file is not None:
            self.ledger_file.remove(id_)
        self._send(Finalized(id_, None if failure is None else self._serialized(failure)))

    def recover(self, message: Recover) -> None:
        """Undo a set-up of a fixture worker that died, with the function given as ``recover=``."""
        instance = message.recovery.instance
        self._send(Finalizing(message.id, instance.name, f"recover= of {instance.module}"))
        try:
            failure = self._recover(self._lookup.find(instance), message)
        except Exception:
            failure = pytest.TestReport(
                nodeid=f"recovery of global fixture {instance.name}",
                location=("", None, f"recovery of global fixture {instance.name}"),
                keywords={},
                outcome="failed",
                longrepr=traceback.format_exc(),
                when="teardown",
            )
        report = None if failure is None else self._serialized(failure)
        self._send(Finalized(message.id, report))

    def _recover(self, found: Found, message: Recover) -> pytest.TestReport | None:
        declaration = self._declaration(found.definition)
        if declaration is None or declaration.recover is None:
            raise errors.FixtureWorkerError(f"Internal error: nothing recovers {message.recovery}")
        recover = declaration.recover

        def undo() -> None:
            recover(pickles.unpack(message.recovery.value.data))

        item = self._item(
            found.definition,
            found,
            lambda item: item.addfinalizer(partial(self._as_finalizer, undo)),
            kind="recovery of global",
        )
        self._run_item(item, message.id, "teardown", "recovery", declaration.where)
        return item.failure

    def _as_finalizer(self, finalizer: Callable[[], object]) -> None:
        try:
            with self._main.finalizer():
                finalizer()
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            # The tests are over and the other finalizers must run: an error like any other.
            raise errors.FixtureWorkerError(f"the finalizer raised {error!r}") from error

    # --- items and reports

    def _item(
        self,
        definition: Definition,
        found: Found,
        action: Callable[[FixtureItem], object],
        kind: str = "",
    ) -> FixtureItem:
        """An item for ``definition``, which is what was found or a clone of it."""
        visible: Mapping[str, Sequence[Definition]] = Visible(
            definition, found.node, found.parameters, self._clones
        )
        kind = kind or ("global" if self._declaration(definition) else "session")
        parameters = found.parameters
        shown = "-".join(_shown(value) for value in parameters.values())
        label = f"{kind} fixture {definition.argname}" + (f"[{shown}]" if shown else "")
        item: FixtureItem = FixtureItem.from_parent(
            cast(pytest.Collector, found.node),  # what fixtures are defined at
            name=label,
            nodeid=f"{self._file(definition)}::{label}",
            definition=definition,
            names=self._lookup.names_needed(definition, found.node),
            visible=visible,
            callspec=CallSpec(
                params={name: value.value for name, value in parameters.items()},
                indices={name: value.index for name, value in parameters.items()},
                _arg2scope=dict.fromkeys(parameters, Scope.Session),
                id=shown,
            ),
            action=action,
        )
        return item

    def _file(self, definition: Definition) -> str:
        """The file that the fixture stands in, as in the ids of tests."""
        try:
            path = Path(inspect.getfile(in_source(definition.func)))
        except TypeError:  # it is built in
            return module_of(definition)
        root = self._session.config.rootpath
        return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()

    def _run_item(self, item: FixtureItem, id_: int, when: str, what: str, where: str) -> None:
        """Run an item within the time-out.

        :param when: the phase of pytest in which the code of the fixture runs.
        :param what: that phase in our words.
        """
        name = item.originalname

        def expired(stacks: str) -> str:
            item.add_report_section(when, _STACKS, stacks)
            return exceeds_timeout(what, name, where, self._timeout or 0.0)

        with self._limited(id_, what, name, where, expired):
            self._session.config.hook.pytest_runtest_protocol(item=item, nextitem=self._rest)

    def _limited(
        self,
        id_: int,
        what: str,
        name: str,
        where: str,
        expired: Callable[[str], str] | None = None,
    ) -> AbstractContextManager[None]:
        """What runs within it has the time that ``fixture_worker_timeout`` gives it."""

        def timed_out(stacks: str) -> str:
            return f"{exceeds_timeout(what, name, where, self._timeout or 0.0)}\n{stacks}"

        def hanging(stacks: str) -> None:
            self._send(Hanging(id_, hangs(what, name, where, stacks)))

        return self._main.limited(self._timeout, expired or timed_out, hanging)

    def _declaration(self, definition: Definition) -> Declaration | None:
        return global_declaration(definition, self._session.config)

    def _name_and_place(self, definition: Definition) -> tuple[str, str]:
        """The name of any session fixture, and ``file:line``."""
        declaration = self._declaration(definition)
        if declaration is not None:
            return declaration.name, declaration.where
        return definition.argname, location(definition.func)

    def _argnames(self, definition: Definition) -> tuple[str, ...]:
        return self._argnames_before.get(id(definition), definition.argnames)

    def _serialized(self, report: pytest.TestReport) -> dict[str, Any]:
        config = self._session.config
        data: dict[str, Any] = config.hook.pytest_report_to_serializable(
            config=config, report=report
        )
        return data


def _output(id_: int, report: pytest.TestReport) -> Iterator[Output]:
    for title, text in report.sections:
        if match := _CAPTURED.fullmatch(title):
            yield Output(id_, match["kind"], text)


def _parameters_of(request: SubRequest) -> dict[str, Value]:
    if not hasattr(request, "param"):
        return {}
    name = request.fixturename or ""
    return {name: Value(name, request.param_index, request.param)}


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    names = (before.keys() | after.keys()) - {_PYTEST_CURRENT_TEST}
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def _variables(changed: Mapping[str, str | None]) -> list[Variable]:
    return [Variable(name, value) for name, value in sorted(changed.items())]


def _shown(parameter: Value) -> str:
    """As in the ids that pytest makes."""
    value = parameter.value
    if value is None or isinstance(value, (str, int, float, bool)):
        return str(value)
    return f"{parameter.name}{parameter.index}"


# --- messages


def set_up_broke(fixture: str, traceback: str) -> str:
    return (
        f"the global fixture '{fixture}' could not be set up, because an exception came up around "
        f"it in the fixture worker, in a hook for instance:\n{traceback}"
    )


def already_finalized(fixture: str, where: str) -> str:
    return (
        f"a finalizer asks for the fixture '{fixture}' ({where}), which is finalized already.\n"
        f"Let the fixture with that finalizer name '{fixture}' as an argument: then it goes first."
    )


def exceeds_timeout(what: str, fixture: str, where: str, seconds: float) -> str:
    return (
        f"the {what} of the global fixture '{fixture}' ({where}) took longer than the "
        f"{seconds:g} s of fixture_worker_timeout.\n"
        f"The stacks of all threads of the fixture worker at that time are shown below. If it only "
        f"needs longer, raise the limit."
    )


def hangs(what: str, fixture: str, where: str, stacks: str) -> str:
    return (
        f"the {what} of the global fixture '{fixture}' ({where}) hangs: it took longer than "
        f"fixture_worker_timeout, and no exception reaches it, as in a call into C code.\n"
        f"Nothing else can be set up or finalized. Use a time-out of the library that it calls.\n"
        f"Stacks of the fixture worker:\n{stacks}"
    )

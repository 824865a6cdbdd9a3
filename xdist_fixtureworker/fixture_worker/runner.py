"""Sets global fixtures up and finalizes them, with pytest's own machinery; fixture worker."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.fixtures import SubRequest
from _pytest.nodes import Node
from _pytest.scope import Scope

from .. import errors, values
from .._compat import (
    autouse_names,
    defining_node,
    is_session_scoped,
    parameter_values,
    set_final,
    visible_definitions,
)
from ..declare import Declaration, location, underlying
from ..definitions import Definition, dependencies, global_declaration
from ..plain_values import note_value
from ..protocol import (
    Answer,
    ExitRequested,
    Failed,
    Finalized,
    Instance,
    Message,
    Param,
    Ready,
    Request,
    SetUp,
    Variable,
)
from .clones import Clones, Value, Values, Visible
from .items import CallSpec, FixtureItem, RestItem
from .ledger import Ledger, State
from .sharing import share
from .tree import Tree

_PYTEST_CURRENT_TEST = "PYTEST_CURRENT_TEST"
_ANYIO_BACKEND = "anyio_backend"


@dataclass
class Outcome:
    """What became of one instance of a global fixture. Kept, so that it runs once."""

    definition: Definition
    error: BaseException | None = None
    report: pytest.TestReport | None = None  #: of the failure
    environment: tuple[Variable, ...] = ()  #: to be replayed, those of its dependencies included
    answer: Answer | None = None


class Runner:
    """Runs fixtures in the main thread of the fixture worker.

    :param send: sends a message to the controller; must not raise.
    """

    def __init__(
        self, session: pytest.Session, tree: Tree, send: Callable[[Message], None]
    ) -> None:
        self._session = session
        self._tree = tree
        self._send = send
        self._rest = RestItem.from_parent(session, name="rest")
        self._values = Values()
        self._argnames_before: dict[int, tuple[str, ...]] = {}
        self._clones = Clones(self._argnames)
        self._outcomes: dict[int, Outcome] = {}
        self._active: set[int] = set()
        self._ledger: Ledger[int] = Ledger()
        self._set_up: dict[int, tuple[Definition, SubRequest]] = {}
        self._environments: dict[int, dict[str, str]] = {}  # before the set-up
        self._shared: dict[int, bytes | errors.CannotShareError] = {}  # and not sent yet
        self._nested: dict[Variable, Declaration] = {}  # changes by fixtures within a set-up

    # --- set-up

    def answer(self, request: Request) -> Answer:
        """The answer to ``request``; sets up what has not been set up yet."""
        try:
            outcome = self._outcome(request.instance)
            if outcome.answer is None:
                outcome.answer = self._first_answer(outcome, request.id)
        except pytest.Collector.CollectError as error:
            return self._failed(errors.SetUpError(str(error)), None, request.id)
        except Exception:
            # Of a hook of another plugin, or a bug of ours: others are to be served all the same.
            text = errors.set_up_broke(request.instance.name, traceback.format_exc())
            return self._failed(errors.SetUpError(text), None, request.id)
        return replace(outcome.answer, id=request.id)

    def _outcome(self, instance: Instance) -> Outcome:
        node = self._tree.find(instance.place)
        definition = self._find(instance, node)
        return self._ensure(definition, node, self._parameters(instance, definition, node))

    def _find(self, instance: Instance, node: Node) -> Definition:
        twins = [
            definition
            for definition in visible_definitions(instance.name, node)
            if self._declaration(definition) is not None
            and definition.func.__module__ == instance.module
            and definition.func.__qualname__ == instance.qualname
        ]
        if instance.occurrence >= len(twins):
            raise pytest.Collector.CollectError(
                f"the global fixture '{instance.name}' ({instance.module}.{instance.qualname}) is "
                f"there in a test worker but not in the fixture worker.\n"
                f"Is it defined under a condition that depends on the process?"
            )
        return twins[instance.occurrence]

    def _parameters(
        self, instance: Instance, definition: Definition, node: Node
    ) -> dict[str, Value]:
        parameters = {}
        needed = [*dependencies(definition, node, self._argnames), definition]
        for param in instance.params:
            if param.value is not None:
                value = self._unpack(param)
            else:
                own = [d for d in needed if d.argname == param.name and d.params is not None]
                value = parameter_values(own[-1])[param.index]
            parameters[param.name] = self._values.get(param.name, param.index, value)
        return parameters

    def _unpack(self, param: Param) -> object:
        assert param.value is not None
        try:
            return values.unpack(param.value)
        except (ImportError, AttributeError):
            # Its class stands in the test module, which is imported only where it is needed.
            self._tree.find(param.module)
            return values.unpack(param.value)

    def _ensure(self, original: Definition, node: Node, parameters: Mapping[str, Value]) -> Outcome:
        """Set up a global fixture and, before it, those it depends on, each from its own place."""
        definition = self._clones.get(original, node, parameters)
        if id(definition) in self._outcomes:
            return self._outcomes[id(definition)]
        self._active.add(id(original))
        environment: dict[Variable, None] = {}
        for needed in self._global_dependencies(original, node):
            if id(needed) not in self._active:
                outcome = self._ensure(needed, defining_node(needed, node), parameters)
                environment.update(dict.fromkeys(outcome.environment))
        relevant = self._clones.relevant(original, node, parameters)
        outcome = self._run(definition, node, relevant)
        outcome.environment = (*environment, *outcome.environment)
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
        declaration = self._declaration(definition)
        if declaration is not None and declaration.promoted:
            for needed in dependencies(definition, node, self._argnames):
                if self._declaration(needed) is None:
                    note_value(self._session.config, needed)

    def _global_dependencies(self, definition: Definition, node: Node) -> Iterator[Definition]:
        for first in (*self._autouse(node), definition):
            for needed in dependencies(first, node, self._argnames):
                if self._declaration(needed) is not None:
                    yield needed
            if first is not definition and self._declaration(first) is not None:
                yield first

    def _autouse(self, node: Node) -> list[Definition]:
        """The session-scoped autouse fixtures that come first, as in any pytest process. Not
        those with parameters: which one is in force, only a test could tell."""
        found = (self._session_fixture(name, node) for name in autouse_names(node))
        return [definition for definition in found if definition is not None]

    def _backend(self, needs: Sequence[Definition], node: Node) -> Iterator[Definition]:
        """anyio's plugin runs an async fixture only for tests that use the fixture
        ``anyio_backend``: those that are marked do, so that fixtures seldom name it."""
        if any(_is_async(needed) for needed in needs):
            backend = self._session_fixture(_ANYIO_BACKEND, node)
            if backend is not None:
                yield backend

    def _session_fixture(self, name: str, node: Node) -> Definition | None:
        """The session fixture of that name, unless it depends on a parameter."""
        chain = visible_definitions(name, node)
        if not chain or not is_session_scoped(chain[-1]):
            return None
        closure = (chain[-1], *dependencies(chain[-1], node, self._argnames))
        return chain[-1] if all(needed.params is None for needed in closure) else None

    def _run(self, definition: Definition, node: Node, parameters: Mapping[str, Value]) -> Outcome:
        declaration = self._declaration(definition)
        assert declaration is not None
        changed: dict[str, str | None] = {}

        def set_up(item: FixtureItem) -> None:
            __tracebackhide__ = True
            request = item.request()
            for autouse in self._autouse(node):
                if autouse.argname != definition.argname:
                    request.getfixturevalue(autouse.argname)
            before = dict(os.environ)
            try:
                request.getfixturevalue(definition.argname)
            finally:
                changed.update(_difference(before, os.environ))

        self._nested.clear()
        item = self._item(definition, node, parameters, set_up)
        outcome = Outcome(definition)
        try:
            self._session.config.hook.pytest_runtest_protocol(item=item, nextitem=self._rest)
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
        nested = self._nested
        own = [variable for variable in _variables(changed) if variable not in nested]
        replayed = [variable for variable, owner in nested.items() if owner.env]
        outcome.environment = (*replayed, *(own if declaration.env else ()))
        self._announce(declaration, item, () if declaration.env else tuple(v.name for v in own))
        return outcome

    def _item(
        self,
        definition: Definition,
        node: Node,
        parameters: Mapping[str, Value],
        action: Callable[[FixtureItem], object],
    ) -> FixtureItem:
        visible: Mapping[str, Sequence[Definition]] = Visible(
            definition, node, parameters, self._clones
        )
        needs = [*self._autouse(node), *dependencies(definition, node, self._argnames), definition]
        needs.extend(self._backend(needs, node))
        kind = "global" if self._declaration(definition) else "session"
        shown = "-".join(_shown(value) for value in parameters.values())
        label = f"{kind} fixture {definition.argname}" + (f"[{shown}]" if shown else "")
        item: FixtureItem = FixtureItem.from_parent(
            cast(pytest.Collector, node),  # what fixtures are defined at
            name=label,
            nodeid=f"{self._file(definition)}::{label}",
            definition=definition,
            names=list(dict.fromkeys(needed.argname for needed in needs)),
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
        path = Path(inspect.getfile(underlying(definition.func)))
        root = self._session.config.rootpath
        return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()

    def _announce(
        self, declaration: Declaration, item: FixtureItem, environment: tuple[str, ...]
    ) -> None:
        report = next((done for done in item.reports if done.when == "setup"), None)
        self._send(
            SetUp(
                fixture=declaration.name,
                where=declaration.where,
                report=None if report is None else self._serialized(report),
                environment=tuple(sorted(environment)),
            )
        )

    def _first_answer(self, outcome: Outcome, id_: int) -> Answer:
        if outcome.error is not None:
            return self._failed(outcome.error, outcome.report, id_)
        definition = outcome.definition
        if id(definition) not in self._shared:
            self._share(definition)
        shared = self._shared.pop(id(definition))  # the answer has it from here on
        if isinstance(shared, bytes):
            return Ready(id_, shared, outcome.environment)
        return self._failed(shared, None, id_)

    def _share(self, definition: Definition) -> None:
        declaration = self._declaration(definition)
        assert declaration is not None
        assert definition.cached_result is not None
        self._shared[id(definition)] = share(declaration, definition.cached_result[0])

    def _failed(self, error: BaseException, report: pytest.TestReport | None, id_: int) -> Failed:
        traceback = report.longreprtext if report is not None else ""
        hint = errors.worker_id_hint(traceback)
        if report is not None and hint:
            report.sections.append(("the fixture worker's id", hint.strip()))
        return Failed(
            id=id_,
            exception=values.pack_exception(error),
            text=values.describe(error),
            traceback=traceback,
            report=None if report is None else self._serialized(report),
        )

    # --- what pytest does with any session fixture, as its hooks tell

    def setting_up(self, definition: Definition) -> None:
        """pytest starts to set up a session fixture, global or not."""
        self._ledger.move(id(definition), State.SETTING_UP)
        self._environments[id(definition)] = dict(os.environ)

    def was_set_up(
        self, definition: Definition, request: SubRequest, error: BaseException | None
    ) -> None:
        """pytest has set it up, or tried to."""
        self._set_up[id(definition)] = (definition, request)
        self._ledger.move(id(definition), State.READY if error is None else State.FAILED)
        before = self._environments.pop(id(definition))
        declaration = self._declaration(definition)
        if declaration is not None and request._pyfuncitem.definition is not definition:  # type: ignore[attr-defined]  # a FixtureItem
            self._was_set_up_within_another(definition, declaration, before, error)
        if error is None and declaration is not None and declaration.share is not None:
            self._share(definition)  # at once: other global fixtures may change the object
        if error is not None and definition.cached_result is None:
            # What pytest does for Exceptions only; without it, a fixture that raised SystemExit
            # would run again and its finalizers would not run.
            key = definition.cache_key(request)
            definition.cached_result = (None, key, (error, error.__traceback__))

    def _was_set_up_within_another(
        self,
        definition: Definition,
        declaration: Declaration,
        before: Mapping[str, str],
        error: BaseException | None,
    ) -> None:
        """A global fixture asked for this one with ``getfixturevalue()``."""
        variables = _variables(_difference(before, os.environ))
        own = tuple(variable for variable in variables if variable not in self._nested)
        self._nested.update(dict.fromkeys(own, declaration))
        if error is None:  # else who asks for it next gets the error, with a report
            environment = own if declaration.env else ()
            self._outcomes[id(definition)] = Outcome(definition, environment=environment)
            names = () if declaration.env else tuple(variable.name for variable in own)
            self._send(SetUp(declaration.name, declaration.where, None, names))

    # --- finalizing

    def finalize(self) -> None:
        """Finalize all that is set up, one by one, last set up first."""
        while (key := self._ledger.next_to_finalize()) is not None:
            self._finalize(key)

    def _finalize(self, key: int) -> None:
        definition, request = self._set_up[key]
        self._ledger.move(key, State.FINALIZING)

        finish = partial(_finish, definition, request)

        def register(item: FixtureItem) -> None:
            item.addfinalizer(finish)

        original = self._clones.original(definition)
        node = defining_node(original, request._pyfuncitem)
        item = self._item(definition, node, self._parameters_of(request), register)
        try:
            self._session.config.hook.pytest_runtest_protocol(item=item, nextitem=self._rest)
        except BaseException as error:  # of a hook; the other finalizers are to run
            item.error = error
            self._session._setupstate.teardown_exact(self._rest)
        if definition.cached_result is not None:
            item.run_finalizer_alone(finish)
        failure = item.failure
        self._ledger.move(key, State.FINALIZER_FAILED if failure else State.FINALIZED)
        declaration = self._declaration(definition)
        self._send(
            Finalized(
                fixture=declaration.name if declaration else definition.argname,
                where=declaration.where if declaration else location(definition.func),
                report=None if failure is None else self._serialized(failure),
            )
        )

    @staticmethod
    def _parameters_of(request: SubRequest) -> dict[str, Value]:
        if not hasattr(request, "param"):
            return {}
        name = request.fixturename or ""
        return {name: Value(name, request.param_index, request.param)}

    def _declaration(self, definition: Definition) -> Declaration | None:
        return global_declaration(definition, self._session.config)

    # --- reports

    def _argnames(self, definition: Definition) -> tuple[str, ...]:
        return self._argnames_before.get(id(definition), definition.argnames)

    def _serialized(self, report: pytest.TestReport) -> dict[str, Any]:
        config = self._session.config
        data: dict[str, Any] = config.hook.pytest_report_to_serializable(
            config=config, report=report
        )
        return data


def _is_async(definition: Definition) -> bool:
    function = definition.func
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _finish(definition: Definition, request: SubRequest) -> None:
    try:
        definition.finish(request)
    except (KeyboardInterrupt, pytest.exit.Exception) as error:
        # The tests are over and the other finalizers must run: an error like any other.
        raise errors.FixtureWorkerError(f"the finalizer raised {error!r}") from error


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

"""Replaces the functions of global fixtures by ones that fetch the value; runs in a test worker.

Once collection has finished, each definition of a global fixture gets

- a function that fetches the value from the fixture worker and asks for ``request`` only, so that
  its dependencies are not set up here, not even by ``getfixturevalue()``;
- the :class:`~xdist_fixtureworker.wire.messages.Instance` as its cache key, so that parameters of
  its dependencies, which pytest does not see any more, still tell instances apart.

pytest does the rest as for any session fixture: caching, errors, ``--setup-plan``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .. import errors
from .._compat import (
    all_definitions,
    defining_node,
    definition_in_force,
    fixture_info,
    forget_finalizers,
    item_of,
    leave_out,
    needed_names,
    set_final,
)
from ..declared.decorator import Declaration
from ..declared.definitions import (
    ArgNames,
    Definition,
    dependencies,
    global_declaration,
    instance_of,
    module_of,
    own_parameters,
    place_of,
)
from ..rules.same_value import comparable
from ..wire import pickles
from ..wire.frozen import Frozen, replace
from ..wire.messages import Change, Instance, Output, Param
from .nearer import refuse_nearer

Fetch = Callable[[Declaration, Instance, pytest.Item], "Fetched"]


class Fetched(Frozen):
    """The value of a global fixture, or the exception for each test that needs it."""

    value: object = None
    error: BaseException | None = None
    report: pytest.TestReport | None = None  #: of the set-up that failed, from the fixture worker
    failure: str = ""  #: in one line
    environment: tuple[Change, ...] = ()  #: to be replayed
    output: tuple[Output, ...] = ()  #: to be shown


class GlobalDefinition:
    """A definition of a global fixture as it was, which names the instance that a test needs."""

    def __init__(self, definition: Definition, declaration: Declaration) -> None:
        self.definition = definition
        self.declaration = declaration
        self.argnames = definition.argnames
        self.function = definition.func
        self._closure: list[Definition] = []
        self._closure_names: set[str] = set()
        self._dependencies: set[str] = set()  # their names
        self._without_params: Instance | None = None
        self._errors: list[BaseException] = []

    def requested(self, request: pytest.FixtureRequest, argnames: ArgNames) -> Instance:
        """Name the instance that is asked for. May be called several times per test.

        :raises FixtureWorkerError: if it depends on what the test has of its own.
        """
        __tracebackhide__ = True
        instance = self.instance(item_of(request), argnames)
        refuse_nearer(self.declaration, self._dependencies, self._closure, request)
        return instance

    def instance(self, item: pytest.Item, argnames: ArgNames) -> Instance:
        """Name the instance for the parameters of a test."""
        if self._without_params is None:
            self._without_params = self._describe(item, argnames)
        callspec = getattr(item, "callspec", None)
        if callspec is None or self._closure_names.isdisjoint(callspec.params):
            return self._without_params
        return replace(self._without_params, params=tuple(self._params(item, callspec)))

    def fails_with(self, error: BaseException) -> None:
        """Note an exception that the fixture worker sent for one of the instances."""
        if not self.is_answer(error):
            self._errors.append(error)

    def is_answer(self, error: BaseException) -> bool:
        """Whether the fixture worker sent this exception; else it was raised here."""
        return any(error is each for each in self._errors)

    def _describe(self, item: pytest.Item, argnames: ArgNames) -> Instance:
        node = defining_node(self.definition, item)
        self._closure = [*dependencies(self.definition, node, argnames), self.definition]
        self._closure_names = {definition.argname for definition in self._closure}
        self._dependencies = self._closure_names - {self.definition.argname}
        return instance_of(self.definition, node)

    def _params(self, item: Any, callspec: Any) -> list[Param]:
        module = place_of(item.getparent(pytest.Module))
        params: list[Param] = []
        for name in sorted(self._closure_names & callspec.params.keys()):
            index, value = callspec.indices[name], callspec.params[name]
            own = own_parameters(name, self._closure)
            if index < len(own) and own[index] is value:
                params.append(Param(name, index, None, (), comparable(value)))
            elif self._is_for(definition_in_force(name, item), name):
                params.append(Param(name, index, self._pack(name, value, item), module, ""))
        return params

    def _is_for(self, in_force: Definition | None, name: str) -> bool:
        """Whether an indirect parameter of ``name`` reaches this global fixture.

        It does not if the test has another fixture of that name ``in_force``.
        """
        return name == self.definition.argname or any(
            definition is in_force for definition in self._closure
        )

    def _pack(self, name: str, value: object, item: Any) -> bytes:
        near = [module_of(definition) for definition in reversed(self._closure)]
        if (module := item.getparent(pytest.Module)) is not None:
            near.append(module.obj.__name__)
        try:
            return pickles.pack(value, dict.fromkeys(near))
        except Exception as error:
            raise errors.CannotShareError(
                cannot_pickle_parameter(
                    self.declaration.name, self.declaration.where, name, pickles.describe(error)
                )
            ) from None


class GlobalDefinitions:
    """All definitions of global fixtures in this process."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[int, GlobalDefinition] = {}
        self._needed_elsewhere: dict[int, set[str]] = {}

    def take_over(self, session: pytest.Session) -> None:
        """Replace the functions, and note which fixtures of the tests are not needed any more.

        The lists of the tests stay as they are: hooks read them.
        """
        for definition in all_definitions(session):
            declaration = global_declaration(definition, session.config)
            if declaration is not None:
                self._known[id(definition)] = GlobalDefinition(definition, declaration)
        if not self._known:
            return
        # Parametrized tests share one.
        infos = {id(info): info for item in session.items if (info := fixture_info(item))}
        needed_before = {key: needed_names(info) for key, info in infos.items()}
        for known in self._known.values():
            self._replace(known)
        for key, info in infos.items():
            # Only what has gone now: hooks may have added names that no definition needs.
            if gone := needed_before[key] - needed_names(info):
                self._needed_elsewhere[key] = gone

    def leave_out_dependencies(self, item: pytest.Item) -> None:
        """Keep pytest from setting up for a test what only global fixtures need."""
        if gone := self._needed_elsewhere.get(id(fixture_info(item))):
            leave_out(gone, item)

    def needed_by(self, item: pytest.Item) -> Iterator[GlobalDefinition]:
        """The global fixtures that a test names as arguments, or that fixtures which are set up
        for it here name."""
        info = fixture_info(item)
        elsewhere = self._needed_elsewhere.get(id(info), ())
        found: dict[int, Definition] = {}
        for name in getattr(item, "fixturenames", ()):
            first = definition_in_force(name, item)
            if first is not None and name not in elsewhere:
                needed = dependencies(first, item, lambda each: each.argnames)
                found.update({id(each): each for each in (*needed, first)})
        return (self._known[key] for key in found if key in self._known)

    def instance(self, known: GlobalDefinition, item: pytest.Item) -> Instance:
        """Name the instance of a global fixture for the parameters of a test."""
        return known.instance(item, self._argnames)

    def forget_unanswered(self, definition: Definition) -> None:
        """Have it fetched again if an exception was raised here, and not by its set-up.

        Such as by a time-out of the test that waited, which pytest would keep as the fixture's; or
        because a parameter cannot be sent, after which pytest could not run the fixture again.
        """
        known = self._known.get(id(definition))
        if known is None:
            return
        kept = definition.cached_result
        if kept is not None and kept[2] is not None and not known.is_answer(kept[2][0]):
            definition.cached_result = kept = None
        if kept is None:
            forget_finalizers(definition)

    def _argnames(self, definition: Definition) -> tuple[str, ...]:
        known = self._known.get(id(definition))
        return known.argnames if known else definition.argnames

    def _replace(self, known: GlobalDefinition) -> None:
        def cache_key(request: pytest.FixtureRequest) -> Instance:
            __tracebackhide__ = True
            return known.requested(request, self._argnames)

        @functools.wraps(known.function)
        def fetch(request: pytest.FixtureRequest) -> object:
            __tracebackhide__ = True
            instance = cache_key(request)
            fetched = self._fetch(known.declaration, instance, item_of(request))
            if fetched.error is not None:
                known.fails_with(fetched.error)
                # pytest itself keeps Exceptions only, and cannot run it again after any other.
                error = (fetched.error, fetched.error.__traceback__)
                known.definition.cached_result = (None, instance, error)
                raise fetched.error
            return fetched.value

        # Callable objects have none, and the fixture worker names them without.
        fetch.__qualname__ = getattr(known.function, "__qualname__", "")
        set_final(known.definition, "argnames", ("request",))
        set_final(known.definition, "func", fetch)
        set_final(known.definition, "cache_key", cache_key)


# --- messages


def cannot_pickle_parameter(fixture: str, where: str, parameter: str, cause: str) -> str:
    return (
        f"the indirect parameter of '{parameter}' that the global fixture '{fixture}' ({where}) "
        f"depends on cannot be sent to the fixture worker ({cause}).\n"
        f"Parametrize with plain data, or put the parameters into the definition of "
        f"'{parameter}' (params=...): those are not sent."
    )

"""Names the instance of a global fixture that a test needs; runs in a test worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from .. import errors
from .._compat import defining_node, definition_in_force, item_of, visible_definitions
from ..declared.decorator import Declaration
from ..declared.definitions import (
    ArgNames,
    Definition,
    dependencies,
    instance_of,
    module_of,
    own_parameters,
    place_of,
)
from ..rules.same_value import comparable
from ..wire import pickles
from ..wire.frozen import replace
from ..wire.messages import Instance, Param
from ..wire.named import Everywhere
from .nearer import refuse_nearer


class GlobalDefinition:
    """A definition of a global fixture as it was, which names the instance that a test needs."""

    def __init__(self, definition: Definition, declaration: Declaration) -> None:
        self.definition = definition
        self.declaration = declaration
        self.argnames = definition.argnames
        self.function = definition.func
        self.closure: list[Definition] = []  #: what it depends on, and itself
        self.everywhere: Everywhere | None = None
        self.items: Sequence[pytest.Item] = ()  #: all tests
        self.overridden: dict[str, bool] = {}  #: by name, for all tests
        self._node: Any = None  # where it is defined
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
        refuse_nearer(self, self._dependencies, request)
        return instance

    def also_depends_on(self, names: Iterable[str]) -> bool:
        """Note names that its set-up asked for by ``getfixturevalue()``; returns whether there are
        new ones."""
        new = set(names) - self._dependencies - {self.definition.argname}
        for name in new:
            self.closure += visible_definitions(name, self._node)[-1:]
        self._dependencies |= new
        return bool(new)

    def identity(self, item: pytest.Item, argnames: ArgNames) -> Instance:
        """Name all instances, without parameters.

        :param item: a test that needs one.
        """
        if self._without_params is None:
            self._without_params = self._describe(item, argnames)
        return self._without_params

    def instance(self, item: pytest.Item, argnames: ArgNames) -> Instance:
        """Name the instance for the parameters of a test."""
        identity = self.identity(item, argnames)
        callspec = getattr(item, "callspec", None)
        if callspec is None or self._closure_names.isdisjoint(callspec.params):
            return identity
        return replace(identity, params=tuple(self._params(item, callspec)))

    def fails_with(self, error: BaseException) -> None:
        """Note an exception that the fixture worker sent for one of the instances."""
        if not self.is_answer(error):
            self._errors.append(error)

    def is_answer(self, error: BaseException) -> bool:
        """Whether the fixture worker sent this exception; else it was raised here."""
        return any(error is each for each in self._errors)

    def _describe(self, item: pytest.Item, argnames: ArgNames) -> Instance:
        node = defining_node(self.definition, item)
        self._node = node
        self.closure = [*dependencies(self.definition, node, argnames), self.definition]
        self._closure_names = {definition.argname for definition in self.closure}
        self._dependencies = self._closure_names - {self.definition.argname}
        return instance_of(self.definition, node)

    def _params(self, item: Any, callspec: Any) -> list[Param]:
        module = place_of(item.getparent(pytest.Module))
        params: list[Param] = []
        for name in sorted(self._closure_names & callspec.params.keys()):
            index, value = callspec.indices[name], callspec.params[name]
            own = own_parameters(name, self.closure)
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
            definition is in_force for definition in self.closure
        )

    def _pack(self, name: str, value: object, item: Any) -> bytes:
        near = [module_of(definition) for definition in reversed(self.closure)]
        if (module := item.getparent(pytest.Module)) is not None:
            near.append(module.obj.__name__)
        try:
            return pickles.pack(value, dict.fromkeys(near), self.everywhere)
        except Exception as error:
            raise errors.CannotShareError(
                cannot_pickle_parameter(
                    self.declaration.name, self.declaration.where, name, errors.describe(error)
                )
            ) from None


# --- messages


def cannot_pickle_parameter(fixture: str, where: str, parameter: str, cause: str) -> str:
    return (
        f"the indirect parameter of '{parameter}' that the global fixture '{fixture}' ({where}) "
        f"depends on cannot be sent to the fixture worker ({cause}).\n"
        f"Parametrize with plain data, or put the parameters into the definition of "
        f"'{parameter}' (params=...): those are not sent."
    )

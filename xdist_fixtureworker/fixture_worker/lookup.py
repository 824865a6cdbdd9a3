"""Finds the definition that an instance names, and what it depends on; fixture worker."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest
from _pytest.nodes import Node

from .._compat import autouse_names, defining_node, is_session_scoped, visible_definitions
from ..declared.definitions import (
    ArgNames,
    Definition,
    definition_of,
    dependencies,
    global_declaration,
    own_parameters,
)
from ..rules.same_value import comparable
from ..wire import pickles
from ..wire.frozen import Frozen
from ..wire.messages import Instance, Param
from .clones import ParameterValue, ParameterValues
from .tree import Tree

_ANYIO_BACKEND = "anyio_backend"


class Found(Frozen):
    """A global fixture in this process, with the parameters of one instance."""

    definition: Definition
    node: Node  #: where it is defined, and names are looked up from
    parameters: Mapping[str, ParameterValue]


class Lookup:
    """Looks up definitions and what they depend on; sets nothing up.

    :param argnames: tells the names that a definition asks for.
    """

    def __init__(self, tree: Tree, argnames: ArgNames) -> None:
        self._tree = tree
        self._argnames = argnames
        self._values = ParameterValues()

    def find(self, instance: Instance) -> Found:
        """Find what ``instance`` names; collects the nodes on the way to it.

        :raises pytest.Collector.CollectError: if it is not there in this process, or has other
            parameters.
        """
        node = self._tree.find(instance.place)
        definition = definition_of(instance, node)
        if definition is None:
            raise pytest.Collector.CollectError(
                f"the global fixture '{instance.name}' ({instance.module}.{instance.qualname}) is "
                f"there in a test worker but not in the fixture worker.\n"
                f"Is it defined under a condition that depends on the process?"
            )
        return Found(definition, node, self._parameters(instance, definition, node))

    def _parameters(
        self, instance: Instance, definition: Definition, node: Node
    ) -> dict[str, ParameterValue]:
        parameters = {}
        closure = [*self.dependencies(definition, node), definition]
        for param in instance.params:
            value = _own(param, closure, node) if param.value is None else self._unpack(param)
            parameters[param.name] = self._values.get(param.name, param.index, value)
        return parameters

    def _unpack(self, param: Param) -> object:
        assert param.value is not None
        try:
            return pickles.unpack_if_there(param.value)
        except (ImportError, AttributeError):
            # It, or its class, stands in the test module, which is imported only when needed.
            self._tree.find(param.module)
            return pickles.unpack(param.value)

    def dependencies(self, definition: Definition, node: Node) -> Iterator[Definition]:
        """The definitions that ``definition`` needs, in the order of set-up."""
        return dependencies(definition, node, self._argnames)

    def global_dependencies(self, definition: Definition, node: Node) -> Iterator[Definition]:
        """The global fixtures that come before ``definition``, autouse ones included."""
        for first in (*self.autouse(node), definition):
            for needed in self.dependencies(first, node):
                if global_declaration(needed, node.config) is not None:
                    yield needed
            if first is not definition and global_declaration(first, node.config) is not None:
                yield first

    def asked(
        self, definition: Definition, node: Node, asked: Mapping[int, Iterable[str]]
    ) -> set[str]:
        """The names of what ``definition`` reaches only by ``getfixturevalue()``.

        :param asked: the names that definitions have asked for, by identity.
        """
        closure = {id(each): each for each in (*self.dependencies(definition, node), definition)}
        known = {each.argname for each in closure.values()}
        new, reached = list(closure.values()), set[str]()
        while new:
            names = set(asked.get(id(new.pop()), ())) - known - reached
            for name in names:
                for each in visible_definitions(name, node)[-1:]:
                    for needed in (*self.dependencies(each, node), each):
                        reached |= {needed.argname} - known
                        new += [needed] if id(needed) not in closure else []
                        closure[id(needed)] = needed
        return reached

    def autouse(self, node: Node) -> list[Definition]:
        """The session-scoped autouse fixtures that come first, as in any pytest process. Not
        those with parameters: which one is in force, only a test could tell."""
        found = (self.session_fixture(name, node) for name in autouse_names(node))
        return [definition for definition in found if definition is not None]

    def session_fixture(self, name: str, node: Node) -> Definition | None:
        """The session fixture of that name, unless it depends on a parameter."""
        chain = visible_definitions(name, node)
        if not chain or not is_session_scoped(chain[-1]):
            return None
        closure = (chain[-1], *self.dependencies(chain[-1], node))
        return chain[-1] if all(needed.params is None for needed in closure) else None

    def names_needed(self, definition: Definition, node: Node) -> list[str]:
        """The names of what comes before ``definition``, and its own."""
        needs = [*self.autouse(node), *self.dependencies(definition, node), definition]
        needs = [*needs, *self._backend(needs, node)]
        return list(dict.fromkeys(needed.argname for needed in needs))

    def _backend(self, needs: Sequence[Definition], node: Node) -> Iterator[Definition]:
        """anyio's plugin runs an async fixture only for tests that use the fixture
        ``anyio_backend``: those that are marked do, so that fixtures seldom name it."""
        if any(_is_async(needed) for needed in needs):
            backend = self.session_fixture(_ANYIO_BACKEND, node)
            if backend is not None:
                yield backend

    def place(self, definition: Definition, seen_from: Node) -> Found:
        """``definition`` itself, without parameters, at the node where it is defined."""
        return Found(definition, defining_node(definition, seen_from), {})


def _own(param: Param, closure: Sequence[Definition], node: Node) -> object:
    """The parameter that stands in a definition, if it is the one that the test has.

    :param closure: of a global fixture, which comes last.
    """
    own = own_parameters(param.name, closure)
    found = comparable(own[param.index]) if param.index < len(own) else None
    if found == param.text:
        return own[param.index]
    declaration = global_declaration(closure[-1], node.config)
    assert declaration is not None  # it is named by an instance
    raise pytest.Collector.CollectError(
        other_parameter(
            declaration.name, declaration.where, param.name, param.index, param.text, found
        )
    )


def _is_async(definition: Definition) -> bool:
    function = definition.func
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


# --- messages


def other_parameter(  # noqa: PLR0917  # all of one kind
    fixture: str, where: str, parameter: str, index: int, ours: str, theirs: str | None
) -> str:
    nothing = "no plain data"
    found = "missing" if theirs is None else theirs or nothing
    return (
        f"the global fixture '{fixture}' ({where}) needs params[{index}] of '{parameter}', which "
        f"is {ours or nothing} in the test worker and {found} in the fixture worker.\n"
        f"Probably these params are a set, whose order differs between processes, or are computed "
        f"in each process. Sort them, or write a list of what is the same in every process."
    )

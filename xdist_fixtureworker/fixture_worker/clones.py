"""Lets instances of a fixture with different parameters live side by side; fixture worker.

pytest keeps one value per definition, and tears it down to make the next. So every definition
that depends on a parameter gets a copy per combination of the parameters it depends on.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from _pytest.nodes import Node

from .._compat import defining_node, set_final, visible_definitions
from ..declared.definitions import ArgNames, Definition, dependencies, global_declaration
from ..wire.frozen import Frozen


class ParameterValue(Frozen):
    """A parameter's value. Equal values, as pytest compares them, share one object."""

    name: str
    index: int
    value: Any


class ParameterValues:
    """Keeps all parameter values that were asked for, each once."""

    def __init__(self) -> None:
        self._known: dict[str, list[ParameterValue]] = {}

    def get(self, name: str, index: int, value: object) -> ParameterValue:
        known = self._known.setdefault(name, [])
        for candidate in known:
            if _equal(candidate.value, value):
                return candidate
        known.append(ParameterValue(name, index, value))
        return known[-1]


def _equal(one: object, other: object) -> bool:
    if one is other:
        return True
    try:
        return type(one) is type(other) and bool(one == other)
    except Exception:  # as for numpy arrays: pytest then compares by identity
        return False


class Clones:
    """Makes the copies of definitions that depend on parameters, and keeps them.

    :param argnames: tells the names that a definition asks for.
    """

    def __init__(self, argnames: ArgNames) -> None:
        self._argnames = argnames
        self._clones: dict[tuple[int, tuple[int, ...]], Definition] = {}
        self._originals: dict[int, Definition] = {}

    def original(self, definition: Definition) -> Definition:
        """The definition that ``definition`` was copied from; itself if it is no copy."""
        return self._originals.get(id(definition), definition)

    def get(
        self, definition: Definition, node: Node, params: Mapping[str, ParameterValue]
    ) -> Definition:
        """The copy of ``definition`` for ``params``, or itself where it depends on none of them.

        :param node: where names are looked up from.
        """
        if not params:
            return definition
        if global_declaration(definition, node.config) is not None:
            node = defining_node(definition, node)
        relevant = self.relevant(definition, node, params)
        if not relevant:
            return definition
        key = (id(definition), tuple(id(value) for value in relevant.values()))
        if key not in self._clones:
            clone = copy.copy(definition)
            clone.cached_result = None
            set_final(clone, "_finalizers", [])
            set_final(clone, "argnames", self._argnames(definition))
            self._clones[key] = clone
            self._originals[id(clone)] = definition
        return self._clones[key]

    def relevant(
        self, definition: Definition, node: Node, params: Mapping[str, ParameterValue]
    ) -> dict[str, ParameterValue]:
        """Those of ``params`` that ``definition`` or something it depends on takes."""
        names = {needed.argname for needed in dependencies(definition, node, self._argnames)} | {
            definition.argname
        }
        return {name: params[name] for name in sorted(params) if name in names}


class VisibleDefinitions(Mapping[str, Sequence[Definition]]):
    """The definitions that an item sees: copies where they depend on the item's parameters.

    Looked up when they are asked for, so ``getfixturevalue()`` sees the same as an argument.

    :param definition: the one in force for its name, whatever overrides it at ``node``.
    """

    def __init__(
        self,
        definition: Definition,
        node: Node,
        params: Mapping[str, ParameterValue],
        clones: Clones,
    ) -> None:
        self._definition = definition
        self._node = node
        self._params = params
        self._clones = clones

    def __getitem__(self, name: str) -> Sequence[Definition]:
        chain = list(visible_definitions(name, self._node))
        if not chain:
            raise KeyError(name)
        if name == self._definition.argname:
            original = self._clones.original(self._definition)
            while chain[-1] is not original:
                chain.pop()
        return [self._clones.get(definition, self._node, self._params) for definition in chain]

    def copy(self) -> VisibleDefinitions:
        """Before pytest 9.1, a request copies the mapping to add to it what it looked up."""
        return self

    def __setitem__(self, name: str, chain: Sequence[Definition]) -> None:
        """Before pytest 9.1, with an empty ``chain``: what is seen is found by ``__getitem__``."""

    def __iter__(self) -> Iterator[str]:
        return iter(())  # not enumerable: names are looked up, and none is known beforehand

    def __len__(self) -> int:
        return 0

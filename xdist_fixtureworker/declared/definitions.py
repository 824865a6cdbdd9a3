"""Tells which fixtures are global, what they depend on, and their names; every process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from .._compat import (
    is_session_scoped,
    is_test_method,
    parameter_values,
    visible_definitions,
)
from ..wire.frozen import replace
from ..wire.messages import Instance, Step
from .decorator import Declaration, declaration_of
from .locations import location
from .promotion import promotion_of

if TYPE_CHECKING:
    from .._compat import Node

Definition: TypeAlias = pytest.FixtureDef[Any]
ArgNames: TypeAlias = Callable[[Definition], Sequence[str]]


def global_declaration(definition: Definition, config: pytest.Config) -> Declaration | None:
    """The declaration of a global fixture, by decorator or configuration; None for others.

    The scope counts, too: the same function may be a narrower fixture under another name.
    """
    if not is_session_scoped(definition):
        return None
    declared = declaration_of(definition.func)
    promotion = promotion_of(definition.argname, config)
    if promotion is None or not is_promotable(definition):
        return declared
    if declared is not None:
        env = declared.env if promotion.env is None else promotion.env
        marks = (*declared.marks, *promotion.marks)
        share, eager = promotion.share or declared.share, promotion.eager or declared.eager
        lane = promotion.lane or declared.lane
        return replace(declared, share=share, env=env, marks=marks, eager=eager, lane=lane)
    where = location(definition.func)
    return Declaration(
        definition.argname,
        where,
        env=promotion.env,
        share=promotion.share,
        promoted=True,
        marks=promotion.marks,
        eager=promotion.eager,
        lane=promotion.lane,
    )


def is_promotable(definition: Definition) -> bool:
    """Whether configuration can make ``definition`` global: a session fixture that outlives its
    tests, and none that pytest itself makes for ``parametrize()``."""
    return (
        is_session_scoped(definition)
        and not is_test_method(definition)
        and module_of(definition).partition(".")[0] != "_pytest"
    )


def module_of(definition: Definition) -> str:
    """The name of the module that defines the fixture's function."""
    return getattr(definition.func, "__module__", None) or ""


def dependencies(definition: Definition, node: Node, argnames: ArgNames) -> Iterator[Definition]:
    """Yield all definitions that ``definition`` depends on, each once, in the order of set-up.

    A fixture that asks for its own name gets the definition that it overrides, as in pytest.

    :param node: where names are looked up from.
    :param argnames: returns the names that a definition asks for.
    """
    seen: set[int] = set()

    def visit(parent: Definition, active: tuple[str, ...]) -> Iterator[Definition]:
        for name in argnames(parent):
            chain = visible_definitions(name, node)
            depth = 1 + active.count(name)
            if depth > len(chain):
                continue  # not there, or overrides nothing: pytest says so at the set-up
            child = chain[-depth]
            if id(child) not in seen:
                seen.add(id(child))
                yield from visit(child, (*active, name))
                yield child

    outer = visible_definitions(definition.argname, node)
    above = len(outer) - 1 - _position(definition, outer)
    yield from visit(definition, (definition.argname,) * (1 + above))


def own_parameters(name: str, closure: Iterable[Definition]) -> Sequence[object]:
    """The ``params`` with which ``name`` is defined; empty where there are none.

    An override without params that asks for its own name has those of what it overrides.

    :param closure: dependencies before those that depend on them.
    """
    own = [each for each in closure if each.argname == name and each.params is not None]
    return parameter_values(own[-1]) if own else ()


def _position(definition: Definition, chain: Sequence[Definition]) -> int:
    for position, candidate in enumerate(chain):
        if candidate is definition:
            return position
    return len(chain) - 1


def instance_of(definition: Definition, node: Node) -> Instance:
    """Name a global fixture so that other processes can find it; without parameters.

    :param node: where it is defined.
    """
    module, qualname = _names(definition)
    twins = _twins(definition.argname, (module, qualname), node)
    return Instance(
        place=place_of(node),
        name=definition.argname,
        module=module,
        qualname=qualname,
        occurrence=next(index for index, twin in enumerate(twins) if twin is definition),
        params=(),
    )


def definition_of(instance: Instance, node: Node) -> Definition | None:
    """Find what :func:`instance_of` named, in this process; None if it is not there."""
    twins = _twins(instance.name, (instance.module, instance.qualname), node)
    return twins[instance.occurrence] if instance.occurrence < len(twins) else None


def _twins(name: str, names: tuple[str, str], node: Node) -> list[Definition]:
    """The global fixtures visible from ``node`` that these names do not tell apart, in order."""
    return [
        definition
        for definition in visible_definitions(name, node)
        if global_declaration(definition, node.config) is not None and _names(definition) == names
    ]


def _names(definition: Definition) -> tuple[str, str]:
    function = definition.func
    return getattr(function, "__module__", ""), getattr(function, "__qualname__", "")


def place_of(node: Node | None) -> tuple[Step, ...]:
    """The way from the session to ``node``; empty where there is none."""
    return tuple(_step(parent) for parent in node.listchain()[1:]) if node is not None else ()


def _step(node: Node) -> Step:
    path = Path(os.path.relpath(node.path, node.config.rootpath)).as_posix()
    return Step(path, node.name, type(node).__name__)

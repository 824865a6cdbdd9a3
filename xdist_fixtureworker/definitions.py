"""Which definitions a fixture depends on; used by test workers and the fixture worker alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from ._compat import is_session_scoped, visible_definitions
from .declare import Declaration, declaration_of

if TYPE_CHECKING:
    from _pytest.nodes import Node

Definition: TypeAlias = pytest.FixtureDef[Any]
ArgNames: TypeAlias = Callable[[Definition], Sequence[str]]


def global_declaration(definition: Definition) -> Declaration | None:
    """How ``definition`` was declared global; None if it was not.

    The scope is asked too, as the same function may be a narrower fixture under another name.
    """
    return declaration_of(definition.func) if is_session_scoped(definition) else None


def dependencies(definition: Definition, node: Node, argnames: ArgNames) -> Iterator[Definition]:
    """The definitions that ``definition`` needs when names are looked up from ``node``.

    Each once, dependencies before those that depend on them: the order of their set-up. A fixture
    that asks for its own name gets the definition that it overrides, as in pytest.

    :param argnames: tells the names that a definition asks for.
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


def _position(definition: Definition, chain: Sequence[Definition]) -> int:
    for position, candidate in enumerate(chain):
        if candidate is definition:
            return position
    return len(chain) - 1

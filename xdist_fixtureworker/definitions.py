"""Which definitions a fixture depends on; used by test workers and the fixture worker alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from ._compat import is_session_scoped, is_test_method, visible_definitions
from .declare import Declaration, declaration_of, location
from .promotion import promotions

if TYPE_CHECKING:
    from _pytest.nodes import Node

Definition: TypeAlias = pytest.FixtureDef[Any]
ArgNames: TypeAlias = Callable[[Definition], Sequence[str]]


def global_declaration(definition: Definition, config: pytest.Config) -> Declaration | None:
    """How ``definition`` was declared global, or is by configuration; None if it is not global.

    The scope is asked too, as the same function may be a narrower fixture under another name.
    """
    if not is_session_scoped(definition):
        return None
    declared = declaration_of(definition.func)
    promotion = promotions(config).get(definition.argname)
    if promotion is None or not is_promotable(definition):
        return declared
    if declared is not None:
        return replace(declared, share=promotion.share or declared.share)
    where = location(definition.func)
    return Declaration(definition.argname, where, env=False, share=promotion.share, promoted=True)


def is_promotable(definition: Definition) -> bool:
    """Whether configuration can make it global: a session fixture that outlives its tests, and not
    what pytest makes of the arguments of ``parametrize()``."""
    return (
        is_session_scoped(definition)
        and not is_test_method(definition)
        and module_of(definition).partition(".")[0] != "_pytest"
    )


def module_of(definition: Definition) -> str:
    """The module that the fixture's function stands in."""
    return getattr(definition.func, "__module__", None) or ""


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

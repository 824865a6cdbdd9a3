"""Checks global fixtures against those that must not be global; every process that collects tests.

What configuration names is refused by :mod:`.promotable`; here, what is declared by a decorator.
Fixtures that depend on one that is refused are told, whichever way they were made global.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from .._compat import all_definitions, defining_node, fixture_info, is_session_scoped
from ..declared.attributes import Proxied
from ..declared.decorator import Declaration, declaration_of, proxy_with_recover
from ..declared.definitions import Definition, dependencies, global_declaration
from .findings import Findings
from .not_promotable import Refusal, refusal

if TYPE_CHECKING:
    from .._compat import Node


def examine_global(session: pytest.Session, is_served: bool) -> Findings:
    """Look at all global fixtures, once the tests have been collected.

    :param is_served: whether they run in a fixture worker.
    """
    definitions = list(all_definitions(session))
    config = session.config
    is_global = {
        id(definition): declaration
        for definition in definitions
        if (declaration := global_declaration(definition, config)) is not None
    }
    if session.testsfailed or not is_global:
        return Findings()
    known = [one for one in definitions if id(one) in is_global]
    notes: Iterable[str] = ()
    if is_served and any(_harms(one) for one in definitions):
        notes = dict.fromkeys(
            note
            for one in known
            for note in _notes(one, is_global[id(one)], _seen_from(one, session), is_global)
        )
    found = [*_errors(known, definitions), *_unrecoverable(is_global.values())]
    return Findings("\n".join(found), tuple(notes))


def _errors(known: Iterable[Definition], definitions: Sequence[Definition]) -> Iterator[str]:
    """What is wrong with names that are declared, as with those that configuration names."""
    refused: dict[str, Refusal] = {}
    for definition in definitions:
        # A narrower one is only called the same.
        reason = refusal(definition) if is_session_scoped(definition) else None
        if reason is not None:
            refused.setdefault(definition.argname, reason)
    for definition in known:
        declaration = declaration_of(definition.func)
        if declaration is not None and definition.argname in refused:
            reason = refused[definition.argname]
            yield declared_refused(declaration.name, declaration.where, reason)


def _unrecoverable(declarations: Iterable[Declaration]) -> Iterator[str]:
    """What configuration shares by proxy, so that ``recover=`` would have no value."""
    for each in declarations:
        if each.recover is not None and isinstance(each.share, Proxied):
            yield proxy_with_recover(each.name, each.where)


def _notes(
    definition: Definition, declaration: Declaration, node: Node, is_global: Container[int]
) -> Iterator[str]:
    """What becomes of a global fixture because of what it depends on."""

    def argnames(one: Definition) -> Sequence[str]:
        # What other global ones depend on is told of them.
        return () if id(one) in is_global and one is not definition else one.argnames

    closure = [*dependencies(definition, node, argnames), definition]
    found: dict[Refusal, list[str]] = {}
    for asking in reversed(closure):
        if refusal(asking) is not None:
            continue  # the fixtures of a package need each other
        for needed in (one for name in argnames(asking) for one in closure if one.argname == name):
            refused = refusal(needed)
            if refused is not None and refused.of_dependent:
                through = "" if asking is definition else f" (through {asking.argname})"
                found.setdefault(refused, []).append(f"{needed.argname}{through}")
    for refused, names in found.items():
        yield depends_on_refused(declaration.name, declaration.where, tuple(names), refused)


def _harms(definition: Definition) -> bool:
    refused = refusal(definition)
    return refused is not None and bool(refused.of_dependent)


def _seen_from(definition: Definition, session: pytest.Session) -> Node:
    """Where it is defined, as well as pytest can tell."""
    for item in session.items:
        info = fixture_info(item)
        if info is not None and definition in info.name2fixturedefs.get(definition.argname, ()):
            return defining_node(definition, item)
    return defining_node(definition, session)


# --- messages


def declared_refused(name: str, where: str, refused: Refusal) -> str:
    return (
        f"@global_fixture: the fixture '{name}' ({where}) cannot be global, as it is one of "
        f"{refused.package.strip('_')}, or takes its place: {refused.reason}.\n"
        f'Write @pytest.fixture(scope="session"), or give it another name if it is another thing. '
        f"{refused.instead}."
    )


def depends_on_refused(name: str, where: str, needed: tuple[str, ...], refused: Refusal) -> str:
    return (
        f"global fixture {name} ({where}) depends on {', '.join(needed)} of {refused.package}: "
        f"{refused.of_dependent}.\n"
        f"If tests need it, make {name} an ordinary session fixture, which each test worker sets "
        f"up."
    )

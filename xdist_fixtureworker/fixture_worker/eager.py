"""Finds the fixtures that are set up before a test asks for them; fixture worker.

It collects no tests, so it knows those of plugins, and of the conftest files that pytest loads at
its start. Test workers tell the others, and for which parameters, when they have collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from _pytest.nodes import Node

from .._compat import (
    all_definitions,
    defining_node,
    fixture_function,
    fixture_name,
    is_fixture,
    visible_definitions,
)
from ..declared.definitions import (
    Definition,
    global_declaration,
    instance_of,
)
from ..declared.locations import code_of
from ..declared.promotion import Promotion, promotion_of
from ..roles import EAGER, GLOBAL
from ..wire.messages import Expected, Groups
from .lookup import Lookup
from .tree import Tree

Found = tuple[Definition, Node]
"""A definition, and where it stands."""


def find_eager(session: pytest.Session, tree: Tree, lookup: Lookup) -> list[Found]:
    """Find those that are known, in the order in which each module defines them.

    Not those that are overridden in the root directory, and not those that depend on a parameter:
    for which ones tests need it, nobody knows yet.
    """
    found: dict[int, Found] = {}
    for directory in _places(session, tree, _is_written_eager):
        for name in _names(session):
            definition = lookup.session_fixture(name, directory)
            if definition is not None and _is_eager(definition, session.config):
                found[id(definition)] = definition, defining_node(definition, directory)
    return sorted(found.values(), key=_order(found.values()))


def expected(definition: Definition, node: Node) -> Expected:
    """Say that a fixture is to be set up."""
    declaration = global_declaration(definition, node.config)
    assert declaration is not None
    return Expected(instance_of(definition, node), declaration.where)


def grouped(session: pytest.Session, tree: Tree, lookup: Lookup) -> Groups:
    """Tell which global fixtures belong together, so far as they are known: eager ones that another
    fixture depends on are to be where that one will be."""
    from ..declared.groups import Member, groups

    def members() -> Iterator[Member]:
        for definition, node in _known(session, tree):
            declaration = global_declaration(definition, node.config)
            needed = [
                instance_of(each, defining_node(each, node))
                for each in lookup.dependencies(definition, node)
                if global_declaration(each, node.config) is not None
            ]
            lane = "" if declaration is None else declaration.lane
            yield instance_of(definition, node), lane, needed

    return Groups(groups(members()))


def _order(
    found: Iterable[Found],
) -> Callable[[Found], tuple[int, int]]:
    """What to sort by: files as they were found, and within each the lines."""
    files: dict[str, int] = {}

    def place(each: Found) -> tuple[int, int]:
        code = code_of(each[0].func)
        file, line = (code.co_filename, code.co_firstlineno) if code else ("", 0)
        return files.setdefault(file, len(files)), line

    for each in found:
        place(each)
    return place


def _known(session: pytest.Session, tree: Tree) -> list[Found]:
    """All global fixtures."""
    found: dict[int, Found] = {}
    definitions = [
        each for each in all_definitions(session) if global_declaration(each, session.config)
    ]
    for directory in _places(session, tree, _is_written_global):
        for definition in definitions:
            visible = visible_definitions(definition.argname, directory)
            if any(each is definition for each in visible):
                found[id(definition)] = definition, defining_node(definition, directory)
    return list(found.values())


def _names(session: pytest.Session) -> list[str]:
    definitions = (each for each in all_definitions(session) if _is_eager(each, session.config))
    return list(dict.fromkeys(definition.argname for definition in definitions))


def _is_eager(definition: Definition, config: pytest.Config) -> bool:
    declaration = global_declaration(definition, config)
    return declaration is not None and declaration.eager


def _places(
    session: pytest.Session, tree: Tree, wanted: Callable[[object, Promotion | None], bool]
) -> list[Node]:
    """The root directory, and those whose conftest files have such fixtures: pytest may register
    these only when the directory is collected.

    :param wanted: tells it of a fixture's function and of what configuration says of it.
    """
    directories = {tree.root: None}
    for plugin in session.config.pluginmanager.get_plugins():
        file = Path(getattr(plugin, "__file__", None) or "")
        if file.name == "conftest.py" and _has(plugin, session.config, wanted):
            directories[file.parent] = None
    found = map(tree.find_directory, directories)
    return [node for node in found if node is not None] or [session]


def _has(
    conftest: object, config: pytest.Config, wanted: Callable[[object, Promotion | None], bool]
) -> bool:
    return any(
        wanted(fixture_function(fixture), promotion_of(fixture_name(fixture), config))
        for fixture in vars(conftest).values()
        if is_fixture(fixture)
    )


def _is_written_eager(function: object, promotion: Promotion | None) -> bool:
    return hasattr(function, EAGER) or (promotion is not None and promotion.eager)


def _is_written_global(function: object, promotion: Promotion | None) -> bool:
    return hasattr(function, GLOBAL) or promotion is not None

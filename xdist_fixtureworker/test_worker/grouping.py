"""Tells which global fixtures belong together; test worker, where there may be several lanes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from .._compat import visible_definitions
from ..declared.definitions import ArgNames
from ..declared.groups import Member, groups
from ..wire.messages import Groups, Instance
from .naming import GlobalDefinition


def grouped(
    known: Mapping[int, GlobalDefinition], items: Sequence[pytest.Item], argnames: ArgNames
) -> Groups:
    """Group those that tests can ask for."""
    return Groups(groups(_members(known, items, argnames)))


def _members(
    known: Mapping[int, GlobalDefinition], items: Sequence[pytest.Item], argnames: ArgNames
) -> Iterator[Member]:
    # Tests of one class or module see the same.
    seeing = {item.parent: item for item in items}.values()
    identities: dict[int, Instance] = {}
    for key, each in known.items():
        item = next((item for item in seeing if _is_visible(each, item)), None)
        if item is not None:
            identities[key] = each.identity(item, argnames)
    for key, identity in identities.items():
        needed = [id(definition) for definition in known[key].closure if id(definition) != key]
        yield (
            identity,
            known[key].declaration.lane,
            [identities[each] for each in needed if each in identities],
        )


def _is_visible(known: GlobalDefinition, item: pytest.Item) -> bool:
    definition = known.definition
    return any(each is definition for each in visible_definitions(definition.argname, item))

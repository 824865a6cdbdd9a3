"""Finds which global fixtures belong together, where there may be several fixture workers; pure.

Those that depend on each other, by their arguments, do; and those with the same name of a lane.
Used by the processes that know definitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..wire.messages import Group, Instance

Member = tuple[Instance, str, Sequence[Instance]]
"""A global fixture without parameters, the name of its lane, and the global ones that it needs."""


def groups(members: Iterable[Member]) -> tuple[Group, ...]:
    """Join what belongs together, in the order in which it comes up."""
    of: dict[object, dict[Instance, None]] = {}
    for fixture, lane, needed in members:
        keys: list[object] = [fixture, *needed, *([lane] if lane else [])]
        joined: dict[Instance, None] = {}
        for key in keys:
            joined.update(of.get(key, {}))
        joined.update(dict.fromkeys((fixture, *needed)))
        lanes = [key for key in of if isinstance(key, str) and of[key].keys() & joined.keys()]
        for key in (*keys, *joined, *lanes):
            of[key] = joined
    distinct = {id(joined): joined for joined in of.values()}
    return tuple(Group(tuple(joined)) for joined in distinct.values())

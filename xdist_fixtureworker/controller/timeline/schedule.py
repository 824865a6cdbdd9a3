"""In which order a fixture worker did its set-ups, and in which it could have; controller. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from .spans import FixtureLane, Key, SetUp, Span


class Schedule:
    """The set-ups of one fixture worker.

    Those within another one, and what they need, count as a part of that.
    """

    def __init__(self, lane: FixtureLane) -> None:
        self.up = lane.stop if lane.up is None else lane.up
        self.ends = {each.key: each.stop for each in lane.set_ups}
        self._outer = sorted(lane.outer, key=lambda each: each.start)
        self._starts = [each.start for each in self._outer]
        self._stops = [each.stop for each in self._outer]
        self._around = _outermost(lane.set_ups)
        self._needs = self._direct_needs(lane)
        self._groups = _groups(self._needs)
        self._chains: dict[Key, frozenset[Key]] = {}

    def during(self, span: Span) -> Sequence[SetUp]:
        """The set-ups that went on at some time in it."""
        first = bisect_right(self._stops, span.start)
        return self._outer[first : bisect_left(self._starts, span.stop)]

    def are_related(self, one: Key, other: Key) -> bool:
        """Whether one needs the other, or something that the other needs."""
        return self._groups[self._around[one]] == self._groups[self._around[other]]

    def chain(self, key: Key) -> frozenset[Key]:
        """What a set-up needs, and itself."""
        outer = self._around[key]
        if outer not in self._chains:
            found, waiting = {outer}, [outer]
            while waiting:
                new = self._needs[waiting.pop()] - found
                found |= new
                waiting += new
            self._chains[outer] = frozenset(found)
        return self._chains[outer]

    def ends_if_all_eager(self) -> dict[Key, float]:
        """When each would end if all followed each other from the start."""
        return self._ends_after((self.up, each) for each in self._outer)

    def ends_if_eager(self, keys: Iterable[Key]) -> dict[Key, float]:
        """When each would end if some came first, with what they need. That holds up others."""
        chains = (self.chain(key) for key in keys if key in self._around)
        first = {key for chain in chains for key in chain}
        eager = [(self.up, each) for each in self._outer if each.key in first]
        others = [(each.start, each) for each in self._outer if each.key not in first]
        return self._ends_after(eager + others)

    def _ends_after(self, order: Iterable[tuple[float, SetUp]]) -> dict[Key, float]:
        """When each would end if they came in this order, none before its time."""
        ends: dict[Key, float] = {}
        now = self.up
        for earliest, set_up in order:
            now = max(now, earliest) + set_up.seconds
            ends[set_up.key] = now
        return {key: ends[self._around[key]] for key in self.ends}

    def _direct_needs(self, lane: FixtureLane) -> dict[Key, set[Key]]:
        needs: dict[Key, set[Key]] = {each.key: set() for each in self._outer}
        for set_up in lane.set_ups:
            around = self._around[set_up.key]
            needed = {self._around[key] for key in set_up.needs if key in self._around}
            needs[around] |= needed - {around}
        plain: set[Key] = set()  # session fixtures, which are set up for the global one after them
        for set_up in self._outer:
            if set_up.is_global:
                needs[set_up.key] |= plain
                plain = set()
            else:
                plain.add(set_up.key)
        return needs


def _outermost(set_ups: Iterable[SetUp]) -> dict[Key, Key]:
    """Per set-up, the one that it happened in: itself, for most.

    :param set_ups: in the order in which they began.
    """
    around: dict[Key, Key] = {}
    outer: Key | None = None
    for set_up in set_ups:
        if set_up.depth == 0 or outer is None:
            outer = set_up.key
        around[set_up.key] = outer
    return around


def _groups(needs: Mapping[Key, Iterable[Key]]) -> dict[Key, Key]:
    """Per set-up, one that stands for all that are connected with it."""
    parents = {key: key for key in needs}

    def root(key: Key) -> Key:
        while parents[key] != key:
            parents[key] = key = parents[parents[key]]
        return key

    for key, needed in needs.items():
        for each in needed:
            parents[root(key)] = root(each)
    return {key: root(key) for key in needs}

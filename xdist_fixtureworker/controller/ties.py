"""What ties several fixture workers to each other; runs in the controller, where there are several.

Pure. Fixture workers are called lanes here, and have numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..wire.frozen import Frozen, replace
from ..wire.messages import Groups, Instance, Needed


class Placement:
    """Which lane global fixtures belong to: those that depend on each other, to one."""

    def __init__(self) -> None:
        self._groups: dict[Instance, Sequence[Instance]] = {}
        self._lanes: dict[Instance, int] = {}  # by instance without parameters

    def note(self, message: Groups) -> None:
        """Note which belong together; what is known already stays as it is."""
        for group in message.groups:
            for fixture in group.fixtures:
                self._groups.setdefault(fixture, group.fixtures)

    def lane_of(self, instance: Instance) -> int | None:
        """The lane of a fixture, or of one that belongs to it; None: it has none yet."""
        group = self._group(instance)
        return next((self._lanes[each] for each in group if each in self._lanes), None)

    def bind(self, instance: Instance, lane: int) -> None:
        """Have a fixture, and those that belong to it and have no lane, belong to a lane."""
        for each in self._group(instance):
            self._lanes.setdefault(each, lane)

    def _group(self, instance: Instance) -> Sequence[Instance]:
        fixture = replace(instance, params=())
        return (fixture, *self._groups.get(fixture, ()))


class Wait(Frozen):
    """A lane waits for another one."""

    lane: int  #: that it waits for
    needed: Needed


class Waits:
    """Which lane waits for which: each for one at most, as it sets one fixture up at a time."""

    def __init__(self) -> None:
        self._waits: dict[int, Wait] = {}

    def begin(self, lane: int, wait: Wait) -> None:
        """Note that a lane waits."""
        self._waits[lane] = wait

    def end(self, lane: int) -> Wait | None:
        """Note that it does not any more; returns what it waited for."""
        return self._waits.pop(lane, None)

    def has(self, lane: int) -> bool:
        """Whether a lane waits."""
        return lane in self._waits

    def circle(self, lane: int) -> list[Needed]:
        """What lanes wait for that wait for each other, beginning with this one; else nothing."""
        found: list[Needed] = []
        each = lane
        while (wait := self._waits.get(each)) is not None and len(found) <= len(self._waits):
            found.append(wait.needed)
            each = wait.lane
            if each == lane:
                return found
        return []


Mark = tuple[int, int]
"""A lane, and a moment: its last set-up that has ended by then; 0: none has."""


class Holds:
    """Which set-ups must not be finalized yet, as set-ups in other lanes depend on them.

    When a lane gets a value, whatever ends in it later may depend on whatever has ended before in
    the other one. Each lane finalizes in the opposite order in which its set-ups ended. So one mark
    stands for all that ended before, and lanes cannot wait for each other: what ended last of all
    is held by nothing.
    """

    def __init__(self) -> None:
        self._users: dict[Mark, set[Mark]] = {}

    def hold(self, held: Mark, user: Mark) -> None:
        """Note that what ends later in the lane of ``user`` may depend on what has ended."""
        self._users.setdefault(held, set()).add(user)

    def held_in(self, lane: int) -> tuple[int, ...]:
        """The set-ups of a lane that are held."""
        return tuple(set_up for its, set_up in self._users if its == lane)

    def let_go(self, lane: int, last: int | None = None) -> list[Mark]:
        """Note the last set-up of a lane that is not finalized; returns what is not held any more.

        :param last: None: nothing is done in that lane any more.
        """
        freed: list[Mark] = []
        for held, users in list(self._users.items()):
            users -= {user for user in users if user[0] == lane and last in (None, user[1])}
            if not users:
                del self._users[held]
                freed.append(held)
        return freed

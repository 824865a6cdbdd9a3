"""Knows when to say what is being waited for; runs in the controller.

Pure: the clock is the caller's.
"""

from __future__ import annotations

import math

FIRST = 2.0
"""Seconds until the first notice of something."""

SLICE = 1.0
"""Seconds after which the caller has to look whether the fixture worker is stopped."""


class SlowNotice:
    """When to say what goes on in the fixture worker.

    :param interval: seconds between two notices of the same.
    :param limit: seconds after which the fixture worker must have said something, even if what
        goes on hangs.
    """

    def __init__(self, interval: float, limit: float = math.inf) -> None:
        self._interval = interval
        self._limit = limit
        self._activity: str | None = None
        self._since = 0.0
        self._forgiven = 0.0
        self._looked = 0.0
        self._next = math.inf
        self._given_up = False

    def update(self, activity: str | None, now: float, limit: float | None = None) -> bool:
        """Note what goes on from now on; None: nothing.

        :param limit: for that activity; default: as before.
        :returns: whether that ends something of which there was a notice.
        """
        if activity == self._activity:
            return False
        self._limit = self._limit if limit is None else limit
        was_shown = self._activity is not None and self._next > self._since + FIRST
        self._activity, self._since, self._given_up = activity, now, False
        self._forgiven, self._looked = 0.0, now
        self._next = math.inf if activity is None else now + FIRST
        return was_shown

    def seconds_left(self, now: float) -> float | None:
        """Seconds until there is something to do; None: for ever."""
        until = self._next
        if self._activity is not None and not self._given_up:
            until = min(until, self._since + self._forgiven + self._limit)
        return None if until == math.inf else max(0.0, until - now)

    def look(self, now: float, stopped: bool) -> None:
        """Note how the time passed since the last look: some does not count towards the limit.

        :param stopped: whether the fixture worker was stopped. Where more than two slices have
            passed, the caller was.
        """
        passed, self._looked = now - self._looked, now
        if self._activity is not None:
            self._forgiven += passed if stopped else max(0.0, passed - 2 * SLICE)

    def gives_up(self, now: float) -> bool:
        """Whether the limit is over; true once for each activity."""
        if (
            self._activity is None
            or self._given_up
            or now < self._since + self._forgiven + self._limit
        ):
            return False
        self._given_up = True
        return True

    def line(self, now: float) -> str | None:
        """The notice to show now, if it is time."""
        if self._activity is None or now < self._next:
            return None
        self._next = now + self._interval
        return f"fixture worker: waiting for {self._activity} for {now - self._since:.0f} s"

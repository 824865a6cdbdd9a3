"""Whom a round kills, how, and when: it follows from the seed and the round's number alone."""

from __future__ import annotations

import random
from dataclasses import dataclass

from project import FIXTURES, TESTS

VICTIMS = ("controller", "test worker", "fixture worker", "all", "group")
"""``all``: each process of the run for itself; ``group``: those that a terminal's Ctrl-C reaches."""
EXIT = "os._exit"
STOP = "SIGSTOP"  #: and SIGCONT a while later
DEADLY = ("SIGKILL", "SIGTERM", EXIT)
"""What ends a worker; the controller makes an orderly end of SIGTERM and SIGINT."""
HOW = (*DEADLY, "SIGINT", STOP)
LONGEST_DELAY = 0.4  # seconds
LONGEST_STOP = 2.0  # seconds


@dataclass(frozen=True)
class Kill:
    """One attack on one kind of victim."""

    victim: str
    which: int  #: of several test workers
    how: str
    event: str  #: a kind of note; the moment is when it has been written ...
    count: int  #: ... that often, counted from the attack before,
    delay: float  #: and so many seconds later
    stopped: float  #: seconds between SIGSTOP and SIGCONT; 0.0 with all else

    def __str__(self) -> str:
        stopped = f" for {self.stopped:.2f} s" if self.how == STOP else ""
        which = f" {self.which}" if self.victim == "test worker" else ""
        return (
            f"{self.how}{stopped} to {self.victim}{which}, {self.delay:.3f} s after "
            f"'{self.event}' {self.count}"
        )


@dataclass(frozen=True)
class Plan:
    """What one round does."""

    seed: int
    round: int
    kills: tuple[Kill, ...]

    def __str__(self) -> str:
        return f"seed {self.seed}, round {self.round}: " + "; then ".join(map(str, self.kills))


def plan(seed: int, number: int) -> Plan:
    """The plan of the round of that number; the same one on every machine."""
    chance = random.Random(f"soak {seed} {number}")
    first = _kill(chance, chance.choice(_FIRST_EVENTS))
    if chance.random() < 0.55:
        return Plan(seed, number, (first,))
    later = ("any", 1) if chance.random() < 0.5 else chance.choice(_LATE_EVENTS)
    return Plan(seed, number, (first, _kill(chance, later)))


def _kill(chance: random.Random, event: tuple[str, int]) -> Kill:
    victim = chance.choices(VICTIMS, weights=(5, 4, 5, 2, 2))[0]
    how = chance.choices(HOW, weights=(4, 2, 2, 2, 2))[0]
    what, most = event
    return Kill(
        victim=victim,
        which=chance.randrange(4),
        how=how,
        event=what,
        count=chance.randint(1, most),
        delay=0.0 if chance.random() < 0.3 else round(chance.uniform(0.0, LONGEST_DELAY), 3),
        stopped=round(chance.uniform(0.1, LONGEST_STOP), 3) if how == STOP else 0.0,
    )


def _events(*what: str) -> list[tuple[str, int]]:
    return [(f"{fixture} {happens}", 1) for fixture in FIXTURES for happens in what]


_LATE_EVENTS = [*_events("finalizing", "finalized"), ("undoing", 1), ("test", 5)]
_FIRST_EVENTS = [
    ("up", 6),
    *_events("setting up", "set up", "finalizing", "finalized"),
    *[("test", TESTS * 4 // 5)] * 4,
    *[("any", 2 * TESTS)] * 2,
]

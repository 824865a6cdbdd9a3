"""What must hold after a round, whoever was killed. Pure: judges what was written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from plans import DEADLY
from project import EXIT_CODE, FIXTURES, TESTS

FIXTURE_WORKER = "fixtureworker"


@dataclass(frozen=True)
class Note:
    """What a process of the suite wrote down."""

    what: str
    pid: int
    created: float
    worker: str  #: "" in the controller
    time: float
    more: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivered:
    """A signal that reached a process."""

    how: str
    pid: int
    time: float


@dataclass(frozen=True)
class Left:
    """A process that was there when nobody was left who could have ended it."""

    pid: int
    command: str
    fixture: str = ""  #: whose server it is; "" if it is none


@dataclass(frozen=True)
class Facts:
    """What there was to see of a round."""

    notes: tuple[Note, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    exit_code: int | None = 0  #: of the controller; None if it had to be killed by us
    output: str = ""
    next_code: int = 0
    next_output: str = ""  #: of the next run of the project
    left: tuple[Left, ...] = ()
    ledger: tuple[str, ...] = ()  #: the files in the ledger's directory, after the next run
    controller_ended: float = 0.0
    all_ended: float = 0.0
    lanes: int = 1  #: how many fixture workers there may have been

    @property
    def controller_was_killed(self) -> bool:
        return self.exit_code is None or self.exit_code < 0 or self.exit_code == EXIT_CODE

    @property
    def named(self) -> set[str]:
        """The fixtures that the run itself named as left unfinalized."""
        return set(re.findall(_NAMED, self.output.partition("were left unfinalized:")[2]))

    @property
    def told_as_undone(self) -> set[str]:
        """The fixtures that the run itself said to be undone by ``recover=``."""
        told = self.output.partition("were undone by recover=:")[2]
        return set(re.findall(_NAMED, told.partition("were left unfinalized:")[0]))

    @property
    def named_later(self) -> set[str]:
        """The fixtures that the next run named."""
        return set(re.findall(_NAMED_LATER, self.next_output))

    def all(self, *what: str) -> list[Note]:
        return [note for note in self.notes if note.what in what]

    @property
    def killed(self) -> set[int]:
        """The pids of the workers that were killed."""
        return {one.pid for one in self.delivered if one.how in DEADLY}

    def could_not_tell(self, what: str) -> bool:
        """Whether the fixture worker was killed directly after it had noted that: nobody can
        make sure that what is done is told as well."""
        return any(
            note.what == what
            and note.pid in self.killed
            and [other for other in self.notes if other.pid == note.pid][-1] is note
            for note in self.notes
        )


_NAMED_LATER = r"(?m)^  the global fixture (\w+) \(conftest\.py:\d+\) unfinalized, set up at "
_NAMED = r"(?m)^  (\w+) \(conftest\.py:\d+\)(?:, while it was being set up)?$"


def outcome(name: str, facts: Facts) -> str:
    """What became of a fixture."""
    what = []
    if facts.all(f"{name} finalized"):
        what.append("finalized")
    if name == "database" and facts.all("undone"):
        what.append("undone")
    if name in facts.named:
        what.append("named")
    if name in facts.named_later:
        what.append("named by the next run")
    if what or facts.all(f"{name} setting up"):
        return " and ".join(what) or "lost"
    return "not set up"


def check(facts: Facts) -> list[str]:
    """The violations; none if all is as it must be."""
    return [*_end(facts), *_order(facts), *(v for name in FIXTURES for v in _life(name, facts))]


def _end(facts: Facts) -> Iterator[str]:
    if facts.exit_code is None:
        yield "the controller hung"
    named = facts.named | facts.named_later
    for left in facts.left:
        if left.fixture not in named:
            yield f"a process was left: {left}"
    if facts.ledger:
        yield f"the ledger is not empty: {', '.join(facts.ledger)}"
    if facts.next_code != 0:
        yield f"the next run failed with exit code {facts.next_code}"
    if "Internal error" in facts.output or "INTERNALERROR" in facts.output:
        yield "an internal error"
    if facts.exit_code == 0 and facts.named | facts.told_as_undone:
        yield "exit code 0, though not all was finalized"
    if not any(one.how in (*DEADLY, "SIGINT") for one in facts.delivered):
        passed = re.search(rf"(?m)^=+ {TESTS + 1} passed in ", facts.output)
        if facts.exit_code != 0 or not passed:
            yield "nobody was killed, and yet not all tests passed"


def _order(facts: Facts) -> Iterator[str]:
    ends = [f"{name} finalizing" for name in FIXTURES] + ["undoing"]
    for note in facts.all(*ends):
        if note.more["testing"]:
            yield f"'{note.what}' before the test workers {note.more['testing']} were down"
        if not note.more.get("alive", True):
            yield f"'{note.what}' when its server was gone"
    what = [note.what for note in facts.notes]
    first_end = min((what.index(end) for end in ends if end in what), default=len(what))
    if "test" in what[first_end:]:
        yield "a test after the first finalizer"
    set_up = [note.what.split()[0] for note in facts.notes if note.what.endswith(" setting up")]
    finalized = [note.what.split()[0] for note in facts.notes if note.what.endswith(" finalizing")]
    # Several fixture workers keep that order by way of the controller.
    in_order = facts.lanes == 1 or not facts.controller_was_killed
    if in_order and finalized != [name for name in reversed(set_up) if name in finalized]:
        yield f"set up in the order {set_up}, finalized in the order {finalized}"
    for name in FIXTURES:
        servers = {note.more["server"] for note in facts.all(f"{name} set up")}
        for note in facts.all("test"):
            values = note.more["servers"]
            assert isinstance(values, dict)
            if name in values and values[name] not in servers:
                yield f"a test got {values[name]} as the value of {name}"


def _life(name: str, facts: Facts) -> Iterator[str]:
    """What concerns one fixture, from its set-up to its end."""
    times = {
        what: len(facts.all(f"{name} {what}" if what != "undoing" else what))
        for what in ("setting up", "finalizing", "finalized", "undoing")
    }
    for what, number in times.items():
        if number > 1:
            yield f"{name}: '{what}' {number} times"
    if not times["setting up"]:
        return
    finalized = bool(times["finalized"])
    undone = name == "database" and bool(facts.all("undone"))
    named, later = name in facts.named, name in facts.named_later
    if not (finalized or undone or named or later):
        yield f"{name}: neither finalized nor undone nor named"
    if finalized and (undone or named or later) and not facts.could_not_tell(f"{name} finalized"):
        yield f"{name}: {outcome(name, facts)}"
    if undone and named and not facts.could_not_tell("undone"):
        yield f"{name}: {outcome(name, facts)}"
    if not facts.controller_was_killed:
        if later:
            yield f"{name}: named by the next run, though the run itself could have"
        if undone and not (name in facts.told_as_undone or facts.could_not_tell("undone")):
            yield f"{name}: undone, and not told"

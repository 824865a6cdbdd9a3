"""What the checks of global fixtures find; every process that collects tests."""

from __future__ import annotations

from ..wire.frozen import Frozen


class Findings(Frozen):
    """What is wrong: an error, and notes about what may be wrong."""

    error: str = ""  #: empty: nothing is wrong
    notes: tuple[str, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        errors = filter(None, (self.error, other.error))
        return Findings("\n".join(errors), (*self.notes, *other.notes))

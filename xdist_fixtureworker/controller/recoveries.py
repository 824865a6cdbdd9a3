"""Keeps what ``recover=`` functions need if the fixture worker dies; pure, in the controller."""

from __future__ import annotations

from typing import TypeAlias

from ..wire.frozen import replace
from ..wire.messages import AsBefore, Failed, Ready, Recovery, Value

AnyAnswer: TypeAlias = Ready | Failed | AsBefore


class Recoveries:
    """What ``recover=`` functions need to undo set-ups, should the fixture worker die."""

    def __init__(self) -> None:
        self._recoveries: dict[int, Recovery] = {}
        self._values: dict[Value, Value] = {}

    def add(self, id_: int, recovery: Recovery) -> None:
        """Keep it until the set-up of that id is finalized."""
        value = self._values.setdefault(recovery.value, recovery.value)
        self._recoveries[id_] = replace(recovery, value=value)

    def discard(self, id_: int) -> None:
        recovery = self._recoveries.pop(id_, None)
        if recovery is not None:
            self._values.pop(recovery.value, None)

    def get(self, id_: int) -> Recovery | None:
        return self._recoveries.get(id_)

    def one_copy(self, answer: AnyAnswer) -> AnyAnswer:
        """The same answer, with the value that is kept here, if an equal one is."""
        if not self._values or not isinstance(answer, Ready):
            return answer  # without hashing, which takes its time for a large value
        return replace(answer, value=self._values.get(answer.value, answer.value))

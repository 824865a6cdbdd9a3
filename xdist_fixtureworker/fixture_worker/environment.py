"""Notices what set-ups change in the environment variables; fixture worker.

Pure: it reads the mapping that it is given, which is ``os.environ``.

A change belongs to the innermost global fixture in whose set-up it was made. What a plain session
fixture changes belongs to the global one that needs it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, MutableMapping
from typing import Any

from .._compat import kept_by
from ..wire.frozen import Frozen
from ..wire.messages import Change, Variable

_SET_BY_PYTEST = "PYTEST_CURRENT_TEST"

Difference = Mapping[str, str | None]
"""The new values of the variables that differ; None: removed."""


class Before(Frozen):
    """The state when a set-up began."""

    variables: Mapping[Any, Any]  #: as the environment keeps them
    noted: int  #: how many changes had been noted


class Replay(Frozen):
    """How the changes of a fixture are replayed in the test workers."""

    fixture: int  #: its number there
    names: tuple[str, ...] | None = None  #: of the variables; None: all that it changed


class Noted(Frozen):
    """What one set-up changed."""

    variables: tuple[Variable, ...]  #: itself
    changes: tuple[Change, ...]  #: to be replayed, those of the set-ups within it included


class Environment:
    """The changes within one set-up that was asked for, and the set-ups within it.

    :param variables: the environment.
    """

    def __init__(self, variables: MutableMapping[str, str]) -> None:
        self._variables = variables
        self._kept = kept_by(variables)
        self._nested: set[Variable] = set()  # changed by set-ups within the one asked for
        self._changes: list[Change] = []  # to be replayed
        self._orders = itertools.count()  # goes on: changes of all set-ups are compared

    def forget(self) -> None:
        """Forget what was noted: a set-up that is asked for begins."""
        self._nested.clear()
        self._changes.clear()

    def before(self) -> Before:
        """The present state, to be compared with later."""
        return Before(dict(self._kept), len(self._changes))

    def since(self, before: Before) -> Difference:
        """How the variables differ from what they were."""
        old, new = before.variables, self._kept
        changed = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
        names = {os.fsdecode(key) for key in changed} - {_SET_BY_PYTEST}
        return {name: self._variables.get(name) for name in names}

    def note(self, changed: Difference, replay: Replay | None) -> Noted:
        """Note what the set-up that was asked for changed.

        :param replay: how that is replayed; None: it is not.
        """
        variables = self._own(changed)
        self._replay(variables, replay)
        return Noted(variables, tuple(self._changes))

    def note_nested(self, before: Before, replay: Replay | None) -> Noted:
        """Likewise for a set-up within that one, which ends now."""
        variables = self._own(self.since(before))
        self._nested.update(variables)
        self._replay(variables, replay)
        return Noted(variables, tuple(self._changes[before.noted :]))

    def take_over(self, change: Change) -> None:
        """Make changes that were made in another process, and have them replayed: they are no
        set-up's of this one."""
        for variable in change.variables:
            if variable.value is None:
                self._variables.pop(variable.name, None)
            else:
                self._variables[variable.name] = variable.value
        self._nested.update(change.variables)
        self._changes.append(change)

    def _own(self, changed: Difference) -> tuple[Variable, ...]:
        variables = (Variable(name, value) for name, value in sorted(changed.items()))
        return tuple(variable for variable in variables if variable not in self._nested)

    def _replay(self, variables: tuple[Variable, ...], replay: Replay | None) -> None:
        if replay is not None:
            names = replay.names
            wanted = tuple(each for each in variables if names is None or each.name in names)
            self._changes.append(Change(replay.fixture, next(self._orders), wanted))

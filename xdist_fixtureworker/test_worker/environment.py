"""Replays what global fixtures changed in ``os.environ``; runs in a test worker."""

from __future__ import annotations

import os
import threading

from ..wire.messages import Change


class Environment:
    """Replays in this process what global fixtures with ``env=True`` changed in ``os.environ``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # values may arrive in several threads at once
        self._in_force: dict[int, Change] = {}
        self._before: dict[str, str | None] = {}
        self._replayed: dict[str, str | None] = {}

    def apply(self, changes: tuple[Change, ...]) -> None:
        """Make these changes, and take earlier ones of the same fixtures back.

        A variable that was set to the same value before is left alone: a test may have changed it.
        """
        if not changes:
            return
        with self._lock:
            self._in_force.update({change.fixture: change for change in changes})
            wanted = self._wanted()
            for name, value in wanted.items():
                if name not in self._replayed:
                    self._before[name] = os.environ.get(name)
                elif self._replayed[name] == value:
                    continue
                _set(name, value)
            for name in self._replayed.keys() - wanted.keys():
                _set(name, self._before.pop(name))
            self._replayed = wanted

    def _wanted(self) -> dict[str, str | None]:
        """The variables after all changes in force."""
        return {
            variable.name: variable.value
            for change in sorted(self._in_force.values(), key=lambda change: change.order)
            for variable in change.variables
        }

    def restore(self) -> None:
        """Take all changes back."""
        with self._lock:
            for name, value in self._before.items():
                _set(name, value)
            self._before.clear()
            self._replayed.clear()
            self._in_force.clear()


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value

"""Writes the one section of the terminal summary in which all notes stand; runs in the controller,
or in the only process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from ..wire.frozen import Frozen

_TITLE = "fixture worker"
_INDENT = "  "


class Note(Frozen):
    """One thing to say."""

    text: str  #: what happened, in one line; what to do, in the next ones
    is_error: bool = False

    @property
    def colour(self) -> str:
        """As pytest has it: red for errors, yellow for what deserves attention."""
        return "red" if self.is_error else "yellow" if "\n" in self.text else ""


Source = Callable[[], Iterable[Note]]
"""Asked for its notes when the summary is written."""


class Summary:
    """One per run."""

    def __init__(self) -> None:
        self._sources: list[Source] = []

    def add(self, source: Source, *, first: bool = False) -> None:
        """Have this source asked, after those that were added before or before all of them."""
        self._sources.insert(0 if first else len(self._sources), source)

    def write(self, terminal: Any) -> None:
        """Write the section, if there is something to say."""
        notes = [note for source in self._sources for note in source()]
        if not notes:
            return
        colours = {note.colour for note in notes}
        colour = next((each for each in ("red", "yellow") if each in colours), "")
        terminal.ensure_newline()
        terminal.section(_TITLE, **_markup(colour), bold=False)
        for number, note in enumerate(notes):
            if number and note.colour:
                terminal.write_line("")
            first, *more = note.text.splitlines()
            terminal.write_line(first, **_markup(note.colour))
            for line in more:  # of an error, as it is
                terminal.write_line(line if note.is_error else f"{_INDENT}{line}")


def summary_of(config: pytest.Config) -> Summary:
    """The summary of this run."""
    return config.stash.setdefault(_SUMMARY, Summary())


def _markup(colour: str) -> dict[str, bool]:
    return {colour: True} if colour else {}


_SUMMARY = pytest.StashKey[Summary]()

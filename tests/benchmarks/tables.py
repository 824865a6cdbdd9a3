"""Tables, as plain text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table whose first column is text; the others are figures."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """Get it for a terminal."""
        columns = zip(self.header, *self.rows, strict=True)
        widths = [max(map(len, column)) for column in columns]
        lines = [
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (self.header, ["-" * width for width in widths], *self.rows)
        ]
        return "\n".join([self.title, "", *lines, *self.notes, ""])

    def markdown(self) -> str:
        """Get it for a page, without the title."""
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        rows = [f"| {' | '.join(row)} |" for row in (self.header, rule, *self.rows)]
        return "\n".join([*rows, *(f"\n{note}" for note in self.notes)])

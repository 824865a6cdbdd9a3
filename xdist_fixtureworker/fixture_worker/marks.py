"""Gives set-ups their marks, and notes which marks hooks ask for; fixture worker.

In pytest, a session fixture is set up within the first test that needs it, and so with its marks.
Here that would depend on which test asked first: a set-up has marks of its own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, MutableMapping
from typing import Any

import pytest

from ..declared.decorator import Declaration
from ..roles import MARKS_ASKED


class AskedKeywords(MutableMapping[str, Any]):
    """The keywords of an item, which note the names that are looked up, as marks are there, too."""

    def __init__(self, keywords: MutableMapping[str, Any], asked: set[str]) -> None:
        self._keywords = keywords
        self._asked = asked

    def __getitem__(self, name: str) -> Any:
        self._asked.add(name)
        return self._keywords[name]

    def __contains__(self, name: object) -> bool:
        self._asked.add(str(name))
        return name in self._keywords

    def __setitem__(self, name: str, value: Any) -> None:
        self._keywords[name] = value

    def __delitem__(self, name: str) -> None:
        del self._keywords[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keywords)

    def __len__(self) -> int:
        return len(self._keywords)


class MarkedItem(pytest.Item):
    """An item with the marks of a declaration. It notes the names of those that hooks ask for."""

    def __init__(self, **kwargs: Any) -> None:
        self.marks_asked: set[str] = set()
        super().__init__(**kwargs)
        self.declaration: Declaration | None = None
        self.keywords = AskedKeywords(self.keywords, self.marks_asked)

    def take_marks(self, declaration: Declaration | None) -> None:
        self.declaration = declaration
        if declaration is not None:
            self.own_markers.extend(declaration.marks)
            self.keywords.update((mark.name, mark) for mark in declaration.marks)

    def iter_markers_with_node(self, name: str | None = None) -> Iterator[tuple[Any, pytest.Mark]]:
        if name is not None:
            self.marks_asked.add(name)
        return super().iter_markers_with_node(name)


class Marks:
    """A plugin that adds to the report of a set-up which marks were asked for, for the tests."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if isinstance(item, MarkedItem) and item.declaration is not None and report.failed:
            has = [str(mark) for mark in item.iter_markers()]
            asked = sorted(item.marks_asked)
            data = {"fixture": item.declaration.name, "where": item.declaration.where}
            setattr(report, MARKS_ASKED, {**data, "asked": asked, "has": has})
        return report

"""Gives set-ups their marks, and notes which marks hooks ask for; fixture worker.

In pytest, a session fixture is set up within the first test that needs it, and so with its marks.
Here that would depend on which test asked first: a set-up has marks of its own, and those that all
tests have which need the fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, MutableMapping, Sequence
from typing import Any

import pytest

from .._compat import new_mark
from ..declared.decorator import Declaration
from ..declared.definitions import Definition
from ..roles import ANY_MARK, MARKS_ASKED
from ..wire import pickles


class AgreedMarks:
    """The marks in which all tests agree that need a fixture, as requests bring them."""

    def __init__(self) -> None:
        self._known: dict[int, Sequence[pytest.Mark]] = {}

    def note(self, packed: bytes, definitions: Iterable[Definition]) -> None:
        """Note those of one request.

        :param definitions: the fixture that is wanted, and what it depends on.
        """
        by_name: Any = pickles.unpack(packed) if packed else {}
        for definition in definitions:
            marks = by_name.get(definition.argname, ())
            self._known[id(definition)] = [new_mark(n, *args, **more) for n, args, more in marks]

    def of(self, definition: Definition) -> Sequence[pytest.Mark]:
        """Those of a definition as it stands in the suite, nearest to the test first."""
        return self._known.get(id(definition), ())


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
        self._asked.add(ANY_MARK)
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

    def take_marks(
        self, declaration: Declaration | None, agreed: Sequence[pytest.Mark] = ()
    ) -> None:
        """Have the marks of a declaration, before those in which tests agree."""
        self.declaration = declaration
        own = () if declaration is None else declaration.marks
        has = {str(mark) for mark in own}
        has.update(str(mark) for _, mark in super().iter_markers_with_node())
        self.own_markers.extend([*own, *(mark for mark in agreed if str(mark) not in has)])
        self.keywords.update((mark.name, mark) for mark in reversed(self.own_markers))

    def iter_markers_with_node(self, name: str | None = None) -> Iterator[tuple[Any, pytest.Mark]]:
        self.marks_asked.add(ANY_MARK if name is None else name)
        return super().iter_markers_with_node(name)


class Marks:
    """A plugin that adds to the report of a set-up which marks were asked for, for the tests."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        # Whoever makes a report looks at all keywords.
        asked = sorted(item.marks_asked) if isinstance(item, MarkedItem) else []
        report = yield
        if isinstance(item, MarkedItem) and item.declaration is not None and report.failed:
            has = [str(mark) for mark in item.iter_markers()]
            data = {"fixture": item.declaration.name, "where": item.declaration.where}
            setattr(report, MARKS_ASKED, {**data, "asked": asked, "has": has})
        return report

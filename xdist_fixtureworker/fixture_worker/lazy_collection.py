"""Collects the suite in the fixture worker, when a global fixture looks at its tests.

``request.session.items`` has all tests in any pytest process. The fixture worker does not need
them, so it collects only when the attribute is first read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from .._compat import parse_conftest_again

if TYPE_CHECKING:
    from .tree import Tree


class LazySession(pytest.Session):  # type: ignore[misc]  # final; nothing public does this
    """The class that the fixture worker's session is given, in place of pytest's."""

    @property
    def items(self) -> list[pytest.Item]:
        if "_lazy_items" not in self.__dict__:
            self._lazy_items: list[pytest.Item] = []
            for directory in self._lazy_tree.directories:
                parse_conftest_again(self, directory.path)
            self.perform_collect()
        return self._lazy_items

    @items.setter
    def items(self, items: list[pytest.Item]) -> None:
        self._lazy_items = items

    _lazy_tree: Tree


def collect_when_read(session: pytest.Session, tree: Tree) -> None:
    """Have ``session.items`` collect the suite when it is first read."""
    del session.items
    lazy = cast(Any, session)
    lazy.__class__ = LazySession
    lazy._lazy_tree = tree

"""Finds the node at which a fixture is defined, without collecting the suite; fixture worker.

Walks from the session down to that node and keeps every node it passes: since pytest 9.1 a
fixture is visible below the node *object* that it was registered with, so the same place must
always be the same object. No module is imported that does not lie on the way.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from _pytest.nodes import Node
from _pytest.runner import collect_one_node

from .._compat import parse_conftest_again
from ..wire.messages import Step


def _alone(_: str) -> AbstractContextManager[None]:
    return contextlib.nullcontext()


class Tree:
    """The part of the collection tree that the global fixtures of this run are defined in.

    :param importing: what a module is imported in; given its path.
    """

    def __init__(
        self,
        session: pytest.Session,
        importing: Callable[[str], AbstractContextManager[None]] = _alone,
    ) -> None:
        self._session = session
        self._roots: dict[Path, Any] = {}
        self._children: dict[Node, list[Node]] = {}
        self._broken: dict[Node, str] = {}
        self._importing = importing

    def find(self, place: tuple[Step, ...]) -> Node:
        """The node at ``place``.

        :raises pytest.Collector.CollectError: if it cannot be collected here, as when its module
            has a syntax error, or is not there in this process.
        """
        node: Node = self._session
        root = self._session.config.rootpath
        # Not resolve(), which would follow symbolic links; pytest's nodes do not.
        paths = [Path(os.path.normpath(root / step.path)) for step in place]
        # As for paths on the command line: files are found whatever their names.
        self._session._initialpaths |= frozenset(paths)
        self._session._initialpaths_with_parents |= frozenset(paths)
        for step, path in zip(place, paths, strict=True):
            node = self._child(node, step, path)
        if node is not self._session:
            self._open(node)
        return node

    @property
    def root(self) -> Path:
        """The uppermost directory whose conftest file counts."""
        return Path(str(self._session.config.known_args_namespace.confcutdir))

    def find_directory(self, directory: Path) -> Node | None:
        """The node of a directory, whose conftest file is known then; None if tests are not
        collected there."""
        if not directory.is_relative_to(self.root):
            return None
        node: Node | None = self._session
        between = directory.relative_to(self.root).parts
        for depth in range(len(between) + 1):
            path = self.root.joinpath(*between[:depth])
            assert node is not None
            children = [child for child in self._open(node, path) if child.path == path]
            node = next((each for each in children if isinstance(each, pytest.Directory)), None)
            if node is None:
                return None
        assert node is not None
        self._open(node)
        return node

    @property
    def directories(self) -> list[Node]:
        """The directories and packages that were collected so far."""
        return [node for node in self._children if isinstance(node, pytest.Directory)]

    def _child(self, node: Node, step: Step, path: Path) -> Node:
        def wanted(child: Node) -> bool:
            return child.path == path and (child.name, type(child).__name__) == (
                step.name,
                step.kind,
            )

        for child in self._open(node, path):
            if wanted(child):
                return child
        if isinstance(node, pytest.Directory):
            # A file named on the command line only: not among what the directory has by itself.
            for child in node.collect():
                if wanted(child):
                    self._children[node].append(child)
                    return child
        raise pytest.Collector.CollectError(
            f"{step.kind} '{step.name}' of {step.path} was collected in a test worker but is not "
            f"there in the fixture worker.\nIs it defined under a condition that depends on the "
            f"process?"
        )

    def _open(self, node: Node, path: Path | None = None) -> list[Node]:
        if isinstance(node, pytest.Session):
            assert path is not None
            return list(self._session._collect_path(path, self._roots))
        if node not in self._children:
            assert isinstance(node, pytest.Collector)
            if isinstance(node, pytest.Directory):
                parse_conftest_again(self._session, node.path)  # if the suite was collected before
            self._children[node] = self._collect(node)
        return self._children[node]

    def _collect(self, node: pytest.Collector) -> list[Node]:
        """The children of a node, which is tried once: it may have taken all the time there is."""
        if node not in self._broken:
            with contextlib.ExitStack() as stack:
                if isinstance(node, pytest.Module):
                    stack.enter_context(self._importing(node.nodeid))
                report = collect_one_node(node)
            if report.passed:
                return list(report.result)
            self._broken[node] = str(report.longrepr)
        raise pytest.Collector.CollectError(self._broken[node])

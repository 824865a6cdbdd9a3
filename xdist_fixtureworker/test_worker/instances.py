"""Puts a fetch in the place of every global fixture's function; runs in a test worker.

Once collection has finished, each global definition of this process

- gets a function that fetches the value from the fixture worker, and asks for nothing but
  ``request``: so its dependencies are not set up here, also where the test gets at it through
  ``getfixturevalue()``;
- gets the :class:`~xdist_fixtureworker.protocol.Instance` as its cache key: so a parameter of a
  dependency, which pytest no longer sees, still tells instances apart.

pytest then does the rest as for any session fixture: caching, errors, ``--setup-plan``.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _pytest.fixtures import FixtureRequest
from _pytest.nodes import Node

from .. import errors, values
from .._compat import (
    all_definitions,
    defining_node,
    parameter_values,
    set_final,
    visible_definitions,
)
from ..declare import Declaration, declaration_of
from ..definitions import Definition, dependencies
from ..protocol import Instance, Param, Step

Fetch = Callable[[Declaration, Instance], object]


class GlobalDefinition:
    """One global fixture definition of this process, and how to name its instances."""

    def __init__(self, definition: Definition, declaration: Declaration) -> None:
        self.definition = definition
        self.declaration = declaration
        self.argnames = definition.argnames
        self.function = definition.func
        self._closure: list[Definition] = []
        self._closure_names: set[str] = set()
        self._without_params: Instance | None = None

    def instance(self, request: FixtureRequest, argnames: Argnames) -> Instance:
        """The instance that the test behind ``request`` needs. Called once or more per test."""
        item = request._pyfuncitem
        if self._without_params is None:
            self._without_params = self._describe(item, argnames)
        callspec = getattr(item, "callspec", None)
        if callspec is None or self._closure_names.isdisjoint(callspec.params):
            return self._without_params
        return dataclasses.replace(self._without_params, params=tuple(self._params(item, callspec)))

    def _describe(self, item: pytest.Item, argnames: Argnames) -> Instance:
        node = defining_node(self.definition, item)
        self._closure = [*dependencies(self.definition, node, argnames), self.definition]
        self._closure_names = {definition.argname for definition in self._closure}
        return Instance(
            place=tuple(_step(parent) for parent in node.listchain()[1:]),
            name=self.definition.argname,
            module=getattr(self.function, "__module__", ""),
            qualname=getattr(self.function, "__qualname__", ""),
            occurrence=self._occurrence(node),
            params=(),
        )

    def _occurrence(self, node: Node) -> int:
        mine = (self.function.__module__, self.function.__qualname__)
        twins = [
            twin
            for twin in visible_definitions(self.definition.argname, node)
            if (twin.func.__module__, twin.func.__qualname__) == mine
        ]
        return next(index for index, twin in enumerate(twins) if twin is self.definition)

    def _params(self, item: Any, callspec: Any) -> list[Param]:
        in_force = item._fixtureinfo.name2fixturedefs
        params: dict[str, Param] = {}
        for definition in self._closure:
            name = definition.argname
            if name not in callspec.params:
                continue
            index, value = callspec.indices[name], callspec.params[name]
            own = parameter_values(definition)
            stands_there = index < len(own) and own[index] is value
            if stands_there:
                params[name] = Param(name, index, None)
            elif definition is self.definition or in_force.get(name, (None,))[-1] is definition:
                params[name] = Param(name, index, self._pack(name, value))
        return [params[name] for name in sorted(params)]

    def _pack(self, name: str, value: object) -> bytes:
        try:
            return values.pack(value)
        except Exception as error:
            raise errors.CannotShareError(
                errors.cannot_pickle_parameter(
                    self.declaration.name, self.declaration.where, name, values.describe(error)
                )
            ) from None


Argnames = Callable[[Definition], "tuple[str, ...]"]


class GlobalDefinitions:
    """All global fixture definitions of this process."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[int, GlobalDefinition] = {}

    def take_over(self, session: pytest.Session) -> None:
        """Replace what all global definitions do, and what the collected tests think they need."""
        for definition in all_definitions(session):
            declaration = declaration_of(definition.func)
            if declaration is not None:
                self._known[id(definition)] = GlobalDefinition(definition, declaration)
        for known in self._known.values():
            self._replace(known)
        if self._known:
            for item in session.items:
                info = getattr(item, "_fixtureinfo", None)  # items of other plugins may have none
                if info is not None:
                    info.prune_dependency_tree()

    def _argnames(self, definition: Definition) -> tuple[str, ...]:
        known = self._known.get(id(definition))
        return known.argnames if known else definition.argnames

    def _replace(self, known: GlobalDefinition) -> None:
        def cache_key(request: FixtureRequest) -> Instance:
            return known.instance(request, self._argnames)

        @functools.wraps(known.function)
        def fetch(request: FixtureRequest) -> object:
            __tracebackhide__ = True
            instance = cache_key(request)
            try:
                return self._fetch(known.declaration, instance)
            except BaseException as error:
                # pytest keeps Exceptions only, and cannot ask again after any other.
                known.definition.cached_result = (None, instance, (error, error.__traceback__))
                raise

        set_final(known.definition, "argnames", ("request",))
        set_final(known.definition, "func", fetch)
        set_final(known.definition, "cache_key", cache_key)


def _step(node: Node) -> Step:
    path = Path(os.path.relpath(node.path, node.config.rootpath)).as_posix()
    return Step(path, node.name, type(node).__name__)

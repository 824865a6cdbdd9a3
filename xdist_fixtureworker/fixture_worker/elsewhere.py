"""Notices what set-ups leave elsewhere than in their values: attributes and keys; fixture worker.

Serially, tests find what a session fixture has put into the config, into a class or into a
dictionary. What a global fixture puts there is in a process without tests. Noticed is what is cheap
to notice: names and identities, before and after, in the few places that are the usual ones, and in
those that the code of the fixture names.
"""

from __future__ import annotations

import builtins
import contextlib
import dis
import inspect
import operator
import os
import sys
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.nodes import Node

from .._compat import is_session_scoped
from ..declared.definitions import Definition, global_declaration
from ..declared.locations import underlying
from ..rules.changed_values import attributes_of
from ..wire.frozen import Frozen
from .lookup import Lookup
from .set_ups import SetUpRecord

_SHOWN = 10  # names of what one set-up changed
_STORING = {"STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL"}
_STORING_CODES = {dis.opmap[name] for name in _STORING}
_STORING_BY_NAME = {"setattr", "delattr", "__setattr__", "__dict__", "vars", "globals", "setitem"}
#: What pytest itself changes of the session, as when a set-up collects the suite.
_OF_PYTEST = {"items", "testscollected", "testsfailed", "shouldstop", "shouldfail"}


class Place(Frozen):
    """Something that has names or keys."""

    read: Callable[[], Mapping[Any, object]]
    show: Callable[[Any], str]  #: how the user would write a name or a key
    wanted: Callable[[Any], bool]  #: which ones count


class Elsewhere:
    """A plugin that compares these places before and after the function of each session fixture."""

    def __init__(self) -> None:
        self._changed: dict[int, tuple[str, ...]] = {}
        self._nested: list[set[str]] = []  # for each set-up that goes on: told of one within it
        self._shared: dict[int, object] = {}  # values of global fixtures

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: Any, request: Any
    ) -> Generator[None, object, object]:
        __tracebackhide__ = True
        if not is_session_scoped(fixturedef):
            return (yield)
        before = self._before(fixturedef, request)
        self._nested.append(set())
        value: object = None
        try:
            value = yield
            return value
        finally:
            nested = self._nested.pop()
            changed = dict.fromkeys(name for place, old in before for name in _shown(place, old))
            own = tuple(name for name in changed if name not in nested)
            if len(own) > _SHOWN:
                own = (*own[:_SHOWN], f"{len(own) - _SHOWN} more")
            self._changed[id(fixturedef.func)] = own
            if global_declaration(fixturedef, request.config) is not None:
                self.note_shared(value)
                nested.update(own)
            if self._nested:
                self._nested[-1].update(nested)

    def note_shared(self, value: object) -> None:
        """Note the value of a global fixture: what set-ups change in it is told by others."""
        self._shared[id(value)] = value

    def forget_shared(self, value: object) -> None:
        self._shared.pop(id(value), None)

    def _before(
        self, definition: Definition, request: Any
    ) -> list[tuple[Place, dict[Any, object]]]:
        with contextlib.suppress(
            Exception
        ):  # of what is only looked at; pytest comes to it as well
            return [(place, dict(place.read())) for place in self._places(definition, request)]
        return []

    def left_by(self, record: SetUpRecord, lookup: Lookup, node: Node) -> dict[str, Any]:
        """The fields of :class:`~xdist_fixtureworker.wire.messages.SetUp` about a global fixture.

        What the plain session fixtures have changed that it needs counts as well: test workers set
        them up only where tests use them, or, if they are autouse ones, always.

        :param node: where it is defined.
        """
        definition, declaration = record.original, record.declaration
        autouse = [id(one.func) for one in lookup.autouse(node)]
        plain = [
            one
            for one in lookup.dependencies(definition, node)
            if id(one.func) not in autouse and global_declaration(one, node.config) is None
        ]
        fixtures = (*plain, definition)
        changed = [name for one in fixtures for name in self._changed.pop(id(one.func), ())]
        if declaration is None or declaration.env is False:
            return {}  # told that no test needs it
        is_silent = id(definition.func) in autouse and declaration.env is None
        cached = record.definition.cached_result
        return {
            "elsewhere": tuple(dict.fromkeys(changed)),
            "is_replayed": bool(declaration.env),
            "is_silent": is_silent and cached is not None and cached[0] is None is cached[2],
        }

    def _places(self, definition: Definition, request: Any) -> Iterator[Place]:
        config, session = request.config, request.session
        function = underlying(definition.func)
        variables = getattr(function, "__globals__", {})
        for label, thing in (
            ("config", config),
            ("config.option", config.option),
            ("pytest", pytest),
        ):
            yield _attributes(thing, label, lambda _: True)
        yield _attributes(session, "session", _is_of_user)
        yield _attributes(builtins, "builtins", lambda _: True)
        yield Place(lambda: {"": _directory()}, lambda _: "the current directory", lambda _: True)
        yield _stash(config.stash, "config.stash", variables)
        yield _stash(session.stash, "session.stash", variables)
        owner = getattr(definition.func, "__self__", None)
        if isinstance(owner, type):
            yield _attributes(owner, owner.__name__, _is_of_user)
        code = Code(getattr(function, "__code__", None), variables)
        known = {id(config), id(session), id(pytest), id(owner)}
        for name in definition.argnames:
            value = None if name == "request" else request.getfixturevalue(name)
            if id(value) not in known and id(value) not in self._shared:
                yield from _of_value(value, name, code.stored)
        yield from _of_module(variables, code, known)


class Code:
    """What the code of a fixture names, and that of functions beside it that it calls.

    :param variables: of their module.
    """

    def __init__(self, code: object, variables: Mapping[str, object]) -> None:
        self.named: set[str] = set()
        self.stored: set[str] = set()  #: attributes and variables of the module that it sets
        waiting: list[object] = [code]
        seen: set[CodeType] = set()
        while waiting:
            code = waiting.pop()
            if not isinstance(code, CodeType) or code in seen:
                continue
            seen.add(code)
            self._add(code)
            waiting += code.co_consts
            for name in code.co_names:
                function = variables.get(name)
                if isinstance(function, FunctionType) and function.__globals__ is variables:
                    waiting.append(function.__code__)

    def _add(self, code: CodeType) -> None:
        self.named.update(code.co_names)
        if not _STORING_CODES.isdisjoint(code.co_code[::2]):  # to look closer takes longer
            self.stored.update(
                instruction.argval
                for instruction in dis.get_instructions(code)
                if instruction.opname in _STORING
            )
        if not _STORING_BY_NAME.isdisjoint(code.co_names):
            self.stored.update(const for const in code.co_consts if isinstance(const, str))


def _of_value(value: Any, label: str, stored: set[str]) -> Iterator[Place]:
    """The place that a value is: a container, or the attributes that the code sets."""
    if issubclass(type(value), dict):
        yield Place(lambda: dict.copy(value), lambda key: f"{label}[{key!r:.50}]", lambda _: True)
    elif issubclass(type(value), list):
        yield Place(lambda: dict(enumerate(list.copy(value))), lambda _: label, lambda _: True)
    elif issubclass(type(value), set):
        yield Place(lambda: dict(enumerate(set.copy(value))), lambda _: label, lambda _: True)
    else:
        attributes = attributes_of(value)
        # Django's settings, for one, are a stand-in for those.
        value = attributes.get("_wrapped", value)
        if stored and attributes_of(value):
            yield Place(
                lambda: attributes_of(value), lambda name: f"{label}.{name}", stored.__contains__
            )


def _of_module(variables: dict[str, Any], code: Code, known: set[int]) -> Iterator[Place]:
    """The names of its module that the code of a fixture sets, and what those that it reads are."""
    module = str(variables.get("__name__", "")).rpartition(".")[2]
    if code.stored:
        yield Place(lambda: variables, lambda name: f"{module}.{name}", code.stored.__contains__)
    for name in sorted(code.named & variables.keys()):
        value = variables[name]
        if id(value) not in known and not name.startswith("__") and not _is_of_others(value):
            label = name if isinstance(value, (ModuleType, type)) else f"{module}.{name}"
            yield from _of_value(value, label, code.stored)


def _directory() -> str:
    try:
        return sys.intern(os.getcwd())  # noqa: PTH109  # a path takes longer
    except OSError:  # it is gone
        return ""


def _is_of_others(value: object) -> bool:
    """Whether it is a module or a class of Python or pytest, or a function."""
    if isinstance(value, (ModuleType, type)):
        name = value.__name__ if isinstance(value, ModuleType) else value.__module__
        top = name.partition(".")[0]
        return top in sys.stdlib_module_names or top == "_pytest"
    return inspect.isroutine(value)


def _attributes(thing: Any, label: str, wanted: Callable[[str], bool]) -> Place:
    return Place(lambda: vars(thing), lambda name: f"{label}.{name}", wanted)


def _stash(stash: pytest.Stash, label: str, variables: Mapping[str, object]) -> Place:
    def show(key: object) -> str:
        names = [name for name, value in variables.items() if value is key]
        return f"{label}[{names[0] if names else '...'}]"

    # There is no public way to go through one, and the run does not depend on it.
    return Place(lambda: stash._storage if hasattr(stash, "_storage") else {}, show, lambda _: True)


def _is_of_user(name: str) -> bool:
    return not name.startswith("_") and name not in _OF_PYTEST


def _shown(place: Place, before: Mapping[Any, object]) -> list[str]:
    """What has changed, as the user would write it; what cannot be looked at is left out."""
    try:
        return [place.show(name) for name in _changed(place, before)]
    except Exception:  # of a key's own methods, or a thread is changing it
        return []


def _are_identical(before: Collection[object], after: Collection[object]) -> bool:
    return len(before) == len(after) and all(map(operator.is_, before, after))


def _changed(place: Place, before: Mapping[Any, object]) -> Iterator[Any]:
    """The names that are new, gone, or stand for another object. Modules are imported anywhere."""
    after = place.read()
    if _are_identical(before.values(), after.values()) and _are_identical(before, after):
        return
    nothing = object()
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, nothing), after.get(name, nothing)
        if old is not new and not isinstance(new, ModuleType) and place.wanted(name):
            yield name

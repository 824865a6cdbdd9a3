"""Replaces the functions of global fixtures by ones that fetch the value; runs in a test worker.

Once collection has finished, each definition of a global fixture gets

- a function that fetches the value from the fixture worker and asks for nothing, so that its
  dependencies are not set up here, not even by ``getfixturevalue()``; nor for ``request``, which
  pytest would make for each test;
- the :class:`~xdist_fixtureworker.wire.messages.Instance` as its cache key, so that parameters of
  its dependencies, which pytest does not see any more, still tell instances apart.

pytest does the rest as for any session fixture: caching, errors, ``--setup-plan``.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from .._compat import (
    all_definitions,
    definition_in_force,
    fixture_info,
    forget_finalizers,
    item_of,
    leave_out,
    needed_names,
    set_final,
    shape,
)
from ..declared.definitions import Definition, dependencies, global_declaration
from ..wire.frozen import Frozen
from ..wire.messages import Change, Expected, Groups, Instance, Output
from ..wire.named import Everywhere
from .agreed import AgreedMarks
from .naming import GlobalDefinition

_REQUEST = "request"

Fetch = Callable[[GlobalDefinition, Instance, pytest.Item], "Fetched"]


class Fetched(Frozen):
    """The value of a global fixture, or the exception for each test that needs it."""

    value: object = None
    error: BaseException | None = None
    report: pytest.TestReport | None = None  #: of the set-up that failed, from the fixture worker
    failure: str = ""  #: in one line
    environment: tuple[Change, ...] = ()  #: to be replayed
    output: tuple[Output, ...] = ()  #: to be shown
    asked: tuple[str, ...] = ()  #: names that its set-up asked for


class GlobalDefinitions:
    """All definitions of global fixtures in this process."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[int, GlobalDefinition] = {}
        self._needed_elsewhere: dict[int, set[str]] = {}

    def take_over(self, session: pytest.Session) -> None:
        """Replace the functions, and note which fixtures of the tests are not needed any more.

        The lists of the tests stay as they are: hooks read them.
        """
        for definition in all_definitions(session):
            declaration = global_declaration(definition, session.config)
            if declaration is not None:
                self._known[id(definition)] = GlobalDefinition(definition, declaration)
        alike = self._alike(session)
        needed_before = {key: needed_names(infos[0]) for key, infos in alike.items()}
        everywhere = Everywhere()
        for known in self._known.values():
            known.items, known.everywhere = session.items, everywhere
            self._replace(known)
        for key, infos in alike.items():
            # Only what has gone now: hooks may have added names that no definition needs.
            if gone := needed_before[key] - needed_names(infos[0]) - {_REQUEST}:
                self._needed_elsewhere.update(dict.fromkeys(map(id, infos), gone))

    def _alike(self, session: pytest.Session) -> Mapping[Hashable, Sequence[Any]]:
        """What pytest knows of the tests that need global fixtures which depend on others, by the
        definitions that they need: few of them differ in most suites."""
        names = {
            known.definition.argname
            for known in self._known.values()
            if not {_REQUEST}.issuperset(known.argnames)
        }
        if not names:
            return {}
        found = (fixture_info(item) for item in session.items)
        # Parametrized tests share one.
        infos = {
            id(info): info for info in found if info and not names.isdisjoint(info.names_closure)
        }
        alike: dict[Hashable, list[Any]] = {}
        for info in infos.values():
            alike.setdefault(shape(info), []).append(info)
        return alike

    @property
    def leaves_out(self) -> bool:
        """Whether some tests name what only global fixtures need."""
        return bool(self._needed_elsewhere)

    def leave_out_dependencies(self, item: pytest.Item) -> None:
        """Keep pytest from setting up for a test what only global fixtures need."""
        if gone := self._needed_elsewhere.get(id(fixture_info(item))):
            leave_out(gone, item)

    def needed_by(self, item: pytest.Item) -> Iterator[GlobalDefinition]:
        """The global fixtures that a test names as arguments, or that fixtures which are set up
        for it here name."""
        info = fixture_info(item)
        elsewhere = self._needed_elsewhere.get(id(info), ())
        found: dict[int, Definition] = {}
        for name in getattr(item, "fixturenames", ()):
            first = definition_in_force(name, item)
            if first is not None and name not in elsewhere:
                needed = dependencies(first, item, lambda each: each.argnames)
                found.update({id(each): each for each in (*needed, first)})
        return (self._known[key] for key in found if key in self._known)

    def expected(self, items: Sequence[pytest.Item], agreed: AgreedMarks) -> Iterable[Expected]:
        """Tell which fixtures are to be set up before a test asks for them."""
        eager = [known for known in self._known.values() if known.declaration.eager]
        if not eager:
            return ()
        from .eager import expected

        return expected(eager, items, self._argnames, agreed)

    def grouped(self, items: Sequence[pytest.Item]) -> Groups:
        """Tell which fixtures belong together."""
        from .grouping import grouped

        return grouped(self._known, items, self._argnames)

    def instance(self, known: GlobalDefinition, item: pytest.Item) -> Instance:
        """Name the instance of a global fixture for the parameters of a test."""
        return known.instance(item, self._argnames)

    def forget_unanswered(self, definition: Definition) -> None:
        """Have it fetched again if an exception was raised here, and not by its set-up.

        Such as by a time-out of the test that waited, which pytest would keep as the fixture's; or
        because a parameter cannot be sent, after which pytest could not run the fixture again.
        """
        known = self._known.get(id(definition))
        if known is None:
            return
        kept = definition.cached_result
        if kept is not None and kept[2] is not None and not known.is_answer(kept[2][0]):
            definition.cached_result = kept = None
        if kept is None:
            forget_finalizers(definition)

    def _argnames(self, definition: Definition) -> tuple[str, ...]:
        known = self._known.get(id(definition))
        return known.argnames if known else definition.argnames

    def _replace(self, known: GlobalDefinition) -> None:
        asked = threading.local()

        def cache_key(request: pytest.FixtureRequest) -> Instance:
            __tracebackhide__ = True
            instance = known.requested(request, self._argnames)
            asked.last = request, instance
            return instance

        @functools.wraps(known.function)
        def fetch() -> object:
            __tracebackhide__ = True
            # pytest asks for the key right before it calls this.
            request, instance = asked.last
            fetched = self._fetch(known, instance, item_of(request))
            if fetched.error is not None:
                known.fails_with(fetched.error)
                # pytest itself keeps Exceptions only, and cannot run it again after any other.
                error = (fetched.error, fetched.error.__traceback__)
                known.definition.cached_result = (None, instance, error)
                raise fetched.error
            if known.also_depends_on(fetched.asked):
                known.requested(request, self._argnames)
            return fetched.value

        # Callable objects have none, and the fixture worker names them without.
        fetch.__qualname__ = getattr(known.function, "__qualname__", "")
        set_final(known.definition, "argnames", ())
        set_final(known.definition, "func", fetch)
        set_final(known.definition, "cache_key", cache_key)

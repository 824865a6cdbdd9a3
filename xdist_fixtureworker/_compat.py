"""Reads and changes what pytest keeps of fixtures, in all versions that we support; every process.

pytest has no public way to do so. Its private names, those that begin with an underscore or are
imported from ``_pytest``, stand here and

- in ``fixture_worker/``, which runs fixtures outside of tests: requests, nodes, scopes, the
  session's collection and its ``SetupState``.

xdist and execnet have no public way to start one more worker, and to learn the process of one. What
is private to them stands in ``controller/``, whose ``versions`` also names, as texts, what it looks
for. Where another thread is, which time-outs show, is private to Python: ``sharing/`` looks at it,
too.

Attributes without an underscore of :class:`pytest.FixtureDef`, which pytest does not document
either, are read wherever one is handled: ``argname``, ``func``, ``scope``, ``params``,
``cached_result``.

``tests/unit/test_compat.py`` has a test of each private name, which fails when pytest changes it,
and one that fails when a private name stands anywhere else.

Nothing private is needed to load this module, so that without a fixture worker the plugin loads
with whatever a newer pytest has renamed; with one, ``controller.versions`` looks for the names
first.

Versions differ in these: since pytest 9.1 a definition knows the node it was found at
(``FixtureDef.node``), before, only that node's id (``FixtureDef.baseid``), and conftest files wait
for the node of their directory (``_pending_conftests``); ``_get_all_fixture_defs`` has taken the
place of ``_arg2fixturedefs``; the arguments of ``_register_fixture`` change.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from .wire.frozen import Frozen

if TYPE_CHECKING:
    from _pytest import nodes
    from _pytest.fixtures import FixtureDef, FixtureFunctionDefinition, FuncFixtureInfo

    Node: TypeAlias = nodes.Node
    Fixture: TypeAlias = FixtureFunctionDefinition


def is_fixture(fixture: object) -> bool:
    """Whether ``fixture`` is what ``@pytest.fixture`` returns."""
    return isinstance(fixture, _FIXTURE)


def fixture_name(fixture: FixtureFunctionDefinition) -> str:
    """The name by which tests ask for it."""
    return fixture.name


def fixture_function(fixture: FixtureFunctionDefinition) -> Any:
    """The function that ``@pytest.fixture`` was applied to."""
    return fixture.__wrapped__  # type: ignore[attr-defined]  # as functools.wraps() leaves it


def fixture_scope(fixture: FixtureFunctionDefinition) -> Any:
    """The ``scope=`` that ``@pytest.fixture`` was given: a name, or a function that decides."""
    return fixture._fixture_function_marker.scope


def all_definitions(session: pytest.Session) -> Iterator[FixtureDef[Any]]:
    """All fixture definitions that pytest knows in this process."""
    manager: Any = session._fixturemanager
    if hasattr(manager, "_get_all_fixture_defs"):
        yield from manager._get_all_fixture_defs()
    else:
        for definitions in manager._arg2fixturedefs.values():
            yield from definitions


def visible_definitions(name: str, node: Node) -> Sequence[FixtureDef[Any]]:
    """The definitions of ``name`` visible from ``node``, overridden ones first."""
    return node.session._fixturemanager.getfixturedefs(name, node) or ()


def autouse_names(node: Node) -> Iterator[str]:
    """The names of the autouse fixtures for tests at ``node``."""
    return node.session._fixturemanager._getautousenames(node)


def defining_node(definition: FixtureDef[Any], seen_from: Node) -> Node:
    """Find the node where ``definition``, which is visible from ``seen_from``, is defined."""
    node: Node | None = getattr(definition, "node", None)
    if node is not None:
        return node
    chain = seen_from.listchain()
    if not definition.baseid:  # of a plugin, or of something out of the rootdir
        for candidate in chain:
            if _is_defined_at(definition, candidate):
                return candidate
    for candidate in chain:
        if candidate.nodeid == definition.baseid:
            return candidate
    return seen_from.session


def _is_defined_at(definition: FixtureDef[Any], node: Node) -> bool:
    """Whether ``node``, a module or the directory of a conftest, is out of the rootdir and has it.

    Before pytest 9.1, the ids of both may be empty, as that of the session is.
    """
    if node.path.is_relative_to(node.config.rootpath):
        return False
    holder: object = None
    if isinstance(node, pytest.Module):
        holder = node.obj
    elif isinstance(node, pytest.Directory):
        holder = node.config.pluginmanager.get_plugin(str(node.path / "conftest.py"))
    fixtures = [value for value in vars(holder).values() if is_fixture(value)] if holder else []
    function = inspect.unwrap(definition.func)  # which a test worker has replaced
    return any(inspect.unwrap(fixture_function(fixture)) is function for fixture in fixtures)


def parse_conftest_again(session: pytest.Session, directory: Path) -> None:
    """Have pytest register the fixtures of a conftest again, for the next node of its directory.

    Since pytest 9.1 they belong to a node object, and are registered when the first node of the
    directory is collected. They would not be visible from a second one, which another collection
    makes.
    """
    manager = session._fixturemanager
    pending = getattr(manager, "_pending_conftests", None)
    if pending is None:
        return
    registered = [getattr(definition, "node", None) for definition in all_definitions(session)]
    if any(isinstance(node, pytest.Directory) and node.path == directory for node in registered):
        pending[directory] = session.config.pluginmanager.get_plugin(str(directory / "conftest.py"))


def cache_directory(config: pytest.Config) -> Path | None:
    """The directory of pytest's cache, which need not be there; None with ``no:cacheprovider``."""
    cache = getattr(config, "cache", None)
    return None if cache is None else cache._cachedir


def kept_by(environment: Mapping[str, str]) -> Mapping[Any, Any]:
    """The dict beneath ``os.environ``, which encodes and decodes all variables when it is read; the
    mapping itself if it has none."""
    kept: Mapping[Any, Any] = getattr(environment, "_data", environment)
    return kept


def terminal_column(terminal: Any) -> int:
    """How many characters pytest's terminal reporter has written on the present line."""
    return int(terminal._tw.width_of_current_line)


def terminal_file(terminal: Any) -> Any:
    """Where pytest's terminal reporter writes."""
    return terminal._tw._file


def add_suite_property(config: pytest.Config, name: str, value: object) -> None:
    """Have ``--junitxml`` say it of the whole run, as ``record_testsuite_property`` does."""
    from _pytest.junitxml import xml_key

    xml = config.stash.get(xml_key, None)
    if xml is not None:
        xml.add_global_property(name, str(value))


def silence_terminal(terminal: Any) -> None:
    """Have what pytest's terminal reporter shows go nowhere."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # until the process ends
    terminal._tw._file = nowhere


def is_session_scoped(definition: FixtureDef[Any]) -> bool:
    return definition.scope == "session"


def is_test_method(definition: FixtureDef[Any]) -> bool:
    """Whether it is an instance method of a test class, not of a plugin."""
    return _is_instance_method(definition.func) and "::" in definition.baseid


def _is_instance_method(function: object) -> bool:
    bound_to = getattr(function, "__self__", None)
    return not (bound_to is None or isinstance(bound_to, type))


def parameter_values(definition: FixtureDef[Any]) -> Sequence[object]:
    """The values of ``params=`` of a fixture; empty if it has none."""
    return [
        param.values[0] if isinstance(param, _PARAM) else param for param in definition.params or ()
    ]


def set_final(definition: FixtureDef[Any], name: str, value: object) -> None:
    """Set an attribute that pytest declares ``Final``."""
    setattr(definition, name, value)


def forget_finalizers(definition: FixtureDef[Any]) -> None:
    """Drop what is to run when ``definition`` is finalized, as before its set-up."""
    definition._finalizers.clear()


# --- what a test needs


def item_of(request: pytest.FixtureRequest) -> pytest.Item:
    """The test that a fixture, or a fixture that depends on it, is wanted for."""
    item: pytest.Item = request._pyfuncitem
    return item


def fixture_info(item: pytest.Item) -> FuncFixtureInfo | None:
    """What pytest found out about the fixtures of ``item``; None for some items of plugins."""
    return getattr(item, "_fixtureinfo", None)


def definition_in_force(name: str, item: pytest.Item) -> FixtureDef[Any] | None:
    """The definition of ``name`` that ``item`` gets."""
    info = fixture_info(item)
    found = info.name2fixturedefs.get(name, ()) if info is not None else ()
    return found[-1] if found else None


def note_asked(request: pytest.FixtureRequest, note: Callable[[str], object]) -> None:
    """Have the names noted that a fixture asks for by its ``request``."""
    get = request.getfixturevalue

    def getfixturevalue(argname: str) -> Any:
        __tracebackhide__ = True
        note(argname)
        return get(argname)

    request.getfixturevalue = getfixturevalue  # type: ignore[method-assign]


def forget_asked(request: pytest.FixtureRequest) -> None:
    """Undo :func:`note_asked`: warnings of pytest point at who calls its own method."""
    vars(request).pop("getfixturevalue", None)


def fixture_names(item: pytest.Item) -> Collection[str]:
    """The names of all fixtures that are found for ``item``."""
    info = fixture_info(item)
    return info.name2fixturedefs if info is not None else ()


def is_needed_by(definition: FixtureDef[Any], item: pytest.Item) -> bool:
    """Whether ``item``, or a fixture that it needs, names ``definition`` as an argument."""
    info = fixture_info(item)
    found = info.name2fixturedefs.get(definition.argname, ()) if info is not None else ()
    return any(each is definition for each in found)


def definition_found(name: str, request: pytest.FixtureRequest) -> FixtureDef[Any] | None:
    """The definition that a fixture gets for ``name`` when it is set up with ``request``."""
    item = item_of(request)
    info = fixture_info(item)
    found = None if info is None else info.name2fixturedefs.get(name)
    if found is None:
        found = visible_definitions(name, item)
    depth = 1 + sum(each.fixturename == name for each in request._iter_chain())
    return found[-depth] if depth <= len(found) else None


def leave_out(names: Collection[str], item: pytest.Item) -> None:
    """Have pytest set up the fixtures of ``item`` before its test, but for those with ``names``.

    Whoever asks for one of those gets it. Call it in each phase "setup", which has a request of its
    own if a plugin repeats the test.
    """
    request = getattr(item, "_request", None)
    if request:
        request._fillfixtures = functools.partial(_fill_fixtures, names, item, request)


def _fill_fixtures(names: Collection[str], item: Any, request: pytest.FixtureRequest) -> None:
    """Do what pytest's own method does."""
    __tracebackhide__ = True
    for name in item.fixturenames:
        if name not in item.funcargs and name not in names:
            item.funcargs[name] = request.getfixturevalue(name)


def is_skipped_by_mark(item: pytest.Item) -> bool:
    """Whether a mark skips the test, or is wrong, which pytest says when the test is set up."""
    from _pytest.skipping import evaluate_skip_marks

    try:
        return evaluate_skip_marks(item) is not None
    except (pytest.fail.Exception, Exception):
        return True


def shape(info: FuncFixtureInfo) -> Hashable:
    """What :func:`needed_names` depends on: equal for tests that need the same definitions."""
    definitions = info.name2fixturedefs.items()
    return (
        info.initialnames,
        tuple(info.names_closure),
        tuple((name, tuple(map(id, chain))) for name, chain in definitions),
    )


def needed_names(info: FuncFixtureInfo) -> set[str]:
    """The names of the fixtures that a test needs, as their definitions are now."""
    pruned = dataclasses.replace(info, names_closure=list(info.names_closure))
    pruned.prune_dependency_tree()
    return set(pruned.names_closure)


# --- definitions to leave out, and the tests that need them


class Registration(Frozen):
    """A fixture definition that pytest is about to register."""

    name: str
    function: Any
    place: Node | str  #: where it is defined: a node, or before pytest 9.1 the id of one

    @property
    def is_test_method(self) -> bool:
        """Whether it is an instance method of a test class, not of a plugin."""
        place = self.place if isinstance(self.place, str) else self.place.nodeid
        return _is_instance_method(self.function) and "::" in place

    def can_be_seen_from(self, node: Node) -> bool:
        return any(
            parent is self.place or parent.nodeid == self.place for parent in node.listchain()
        )


def can_filter_registrations() -> bool:
    """Whether :func:`filter_registrations` works with this version of pytest."""
    try:
        from _pytest.fixtures import FixtureManager
    except ImportError:
        return False
    return hasattr(FixtureManager, "_register_fixture")


def filter_registrations(config: pytest.Config, wanted: Callable[[Registration], bool]) -> None:
    """Let pytest register only the fixture definitions that are ``wanted``, until ``config`` is
    cleaned up. Call it before the session starts and registers the fixtures of plugins."""
    if not can_filter_registrations():
        return  # guards on fixtures are refused when they are applied
    from _pytest.fixtures import FixtureManager

    register = FixtureManager._register_fixture

    def register_wanted(manager: FixtureManager, *, name: str, func: Any, **more: Any) -> None:
        node, nodeid = more.get("node"), more.get("nodeid")
        place: Any = nodeid if isinstance(nodeid, str) else ""
        if hasattr(node, "listchain"):
            place = node
        # pytester runs other sessions in this process.
        if manager.config is not config or wanted(Registration(name, func, place)):
            register(manager, name=name, func=func, **more)

    patch = pytest.MonkeyPatch()
    patch.setattr(FixtureManager, "_register_fixture", register_wanted)
    config.add_cleanup(patch.undo)


def undefined_names(item: pytest.Item) -> Iterator[str]:
    """The names that ``item`` asks for and that are neither fixtures nor parameters."""
    info = fixture_info(item)
    if info is not None:
        parameters = getattr(getattr(item, "callspec", None), "params", ())
        for name in info.names_closure:
            if name not in info.name2fixturedefs and name not in parameters:
                yield name


def who_asked(error: pytest.FixtureLookupError) -> pytest.Item:
    """The test that looked up a fixture that does not exist."""
    return item_of(error.request)


def new_mark(name: str, *args: Any, **kwargs: Any) -> pytest.Mark:
    """A mark with these arguments, registered or not."""
    return pytest.Mark(name, args, kwargs, _ispytest=True)


def offer_marks(config: pytest.Config, take: Callable[[Any, pytest.Mark], bool]) -> None:
    """Offer each mark that is put on a fixture to ``take``, until ``config`` is cleaned up; what it
    does not take, pytest refuses, or warns about."""
    from _pytest.mark import structures

    store: Any = getattr(structures, "store_mark", None)
    if store is None:
        return  # pytest refuses all of them

    def store_unless_taken(obj: Any, mark: pytest.Mark, **more: int) -> None:
        __tracebackhide__ = True
        if not (is_fixture(obj) and take(obj, mark)):
            # The place of a warning, before pytest 9: one call further up.
            store(obj, mark, **{name: level + 1 for name, level in more.items()})

    patch = pytest.MonkeyPatch()
    patch.setattr(structures, "store_mark", store_unless_taken)
    config.add_cleanup(patch.undo)


def skip_at_item(reason: str, item: pytest.Item) -> BaseException:
    """Make the exception of ``pytest.skip(reason)``, to be reported at the place of ``item``."""
    has_line = item.reportinfo()[1] is not None  # pytest insists on it
    error: BaseException = pytest.skip.Exception(reason, _use_item_location=has_line)
    return error


@contextlib.contextmanager
def captured(config: pytest.Config) -> Iterator[None]:
    """Capture output, as while a test runs; the next report gets it."""
    manager = config.pluginmanager.get_plugin("capturemanager")
    if manager is None:
        yield
        return
    manager.resume_global_capture()
    try:
        yield
    finally:
        manager.suspend_global_capture()


_FIXTURE: type[Any] = type(pytest.fixture(lambda: None))
_PARAM: type[Any] = type(pytest.param())

"""What pytest's fixture definitions look like inside, in the versions we support; any process.

pytest has no public way to read a fixture definition, so the private names are used here and
nowhere else but in the modules that run fixtures (``fixture_worker``). Each has a test in
``tests/unit/test_compat.py`` that fails when pytest changes it.

None of them is needed to load this module, so that without a fixture worker the plugin loads with
whatever a newer pytest has renamed; with one, ``controller.versions`` looks for them first.

The one difference between versions: since pytest 9.1 a definition knows the node it was found at
(``FixtureDef.node``); before, only that node's id (``FixtureDef.baseid``).
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .wire.frozen import Frozen

if TYPE_CHECKING:
    from _pytest.fixtures import FixtureDef, FixtureFunctionDefinition
    from _pytest.nodes import Node


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
    """The definitions of ``name`` that can be seen from ``node``; the one in force is the last."""
    return node.session._fixturemanager.getfixturedefs(name, node) or ()


def autouse_names(node: Node) -> Iterator[str]:
    """The names of the autouse fixtures that are active at ``node``."""
    return node.session._fixturemanager._getautousenames(node)


def defining_node(definition: FixtureDef[Any], seen_from: Node) -> Node:
    """The node that ``definition`` was found at; it can be seen from the node ``seen_from``."""
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
    """Whether it stands in ``node``, a module or the directory of a conftest, out of the rootdir.

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
    """Have the fixtures of ``directory``'s conftest.py registered for the next node that stands
    for that directory as well.

    Since pytest 9.1 they belong to a node object, and are registered when the first node for the
    directory is collected. From a second one, which another collection makes, they could not be
    seen.
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


def terminal_column(terminal: Any) -> int:
    """How many characters pytest's terminal reporter has written on the present line."""
    return int(terminal._tw.width_of_current_line)


def is_session_scoped(definition: FixtureDef[Any]) -> bool:
    return definition.scope == "session"


def is_test_method(definition: FixtureDef[Any]) -> bool:
    """Whether it is an instance method of a test class, and so not of a plugin's object."""
    bound_to = getattr(definition.func, "__self__", None)
    return not (bound_to is None or isinstance(bound_to, type)) and "::" in definition.baseid


def parameter_values(definition: FixtureDef[Any]) -> Sequence[object]:
    """The values of ``params=`` in a fixture's definition; empty where it has none."""
    return [
        param.values[0] if isinstance(param, _PARAM) else param for param in definition.params or ()
    ]


def set_final(definition: FixtureDef[Any], name: str, value: object) -> None:
    """Set an attribute that pytest declares ``Final``."""
    setattr(definition, name, value)


# --- definitions that are kept out, and the tests that miss them


class Registration(Frozen):
    """A fixture definition that is about to be known to pytest."""

    name: str
    function: Any
    place: Node | str  #: where it is found: a node; before pytest 9.1, and in old ways, its id

    def can_be_seen_from(self, node: Node) -> bool:
        return any(
            parent is self.place or parent.nodeid == self.place for parent in node.listchain()
        )


def can_filter_registrations() -> bool:
    """Whether this version of pytest has what :func:`filter_registrations` takes hold of."""
    try:
        from _pytest.fixtures import FixtureManager
    except ImportError:
        return False
    return hasattr(FixtureManager, "_register_fixture")


def filter_registrations(config: pytest.Config, wanted: Callable[[Registration], bool]) -> None:
    """Let pytest know those fixture definitions only that are ``wanted``, until ``config`` is done
    with. Call it before the session starts, which is when plugins' fixtures are registered."""
    if not can_filter_registrations():
        return  # guards on fixtures are refused where they stand
    from _pytest.fixtures import FixtureManager

    register = FixtureManager._register_fixture

    def register_wanted(manager: FixtureManager, *, name: str, func: Any, **more: Any) -> None:
        node, nodeid = more.get("node"), more.get("nodeid")
        place: Any = nodeid if isinstance(nodeid, str) else ""
        if hasattr(node, "listchain"):
            place = node
        # Of another session in this process, as pytester makes them, we know nothing.
        if manager.config is not config or wanted(Registration(name, func, place)):
            register(manager, name=name, func=func, **more)

    patch = pytest.MonkeyPatch()
    patch.setattr(FixtureManager, "_register_fixture", register_wanted)
    config.add_cleanup(patch.undo)


def undefined_names(item: pytest.Item) -> Iterator[str]:
    """The names of fixtures that ``item`` asks for and that nothing defines or parametrizes."""
    info = getattr(item, "_fixtureinfo", None)
    if info is not None:
        parameters = getattr(getattr(item, "callspec", None), "params", ())
        for name in info.names_closure:
            if name not in info.name2fixturedefs and name not in parameters:
                yield name


def who_asked(error: pytest.FixtureLookupError) -> pytest.Item:
    """The test for which a fixture was looked up in vain."""
    item: pytest.Item = error.request._pyfuncitem
    return item


def new_mark(name: str) -> pytest.Mark:
    """A mark without arguments."""
    return pytest.Mark(name, (), {}, _ispytest=True)


def skip_at_item(reason: str, item: pytest.Item) -> BaseException:
    """What ``pytest.skip(reason)`` raises, to be reported where ``item`` stands."""
    has_line = item.reportinfo()[1] is not None  # pytest insists on it
    error: BaseException = pytest.skip.Exception(reason, _use_item_location=has_line)
    return error


@contextlib.contextmanager
def captured(config: pytest.Config) -> Iterator[None]:
    """Capture what is printed, as while a test runs; it goes to the next report that is made."""
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

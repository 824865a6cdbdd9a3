"""What we rely on in the private parts of pytest, pytest-xdist and execnet.

Each test says one thing that the package takes for granted, with real objects of theirs, in words
that fit all versions we support. When one fails, they changed it: the package has to follow.
"""

from __future__ import annotations

import ast
import copy
import inspect
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import execnet
import pytest
from _pytest.fixtures import (
    FixtureDef,
    FixtureFunctionDefinition,
    FixtureManager,
    FixtureRequest,
    FuncFixtureInfo,
    SubRequest,
    TopRequest,
)
from _pytest.nodes import Node
from _pytest.runner import call_and_report, collect_one_node
from execnet.gateway import RInfo, rinfo_source
from xdist.dsession import DSession
from xdist.workermanage import NodeManager

import xdist_fixtureworker
from xdist_fixtureworker import _compat
from xdist_fixtureworker._compat import (
    Registration,
    add_suite_property,
    all_definitions,
    autouse_names,
    cache_directory,
    captured,
    defining_node,
    filter_registrations,
    fixture_function,
    fixture_name,
    fixture_scope,
    is_fixture,
    is_session_scoped,
    is_skipped_by_mark,
    is_test_method,
    kept_by,
    leave_out,
    needed_names,
    new_mark,
    parameter_values,
    parse_conftest_again,
    set_final,
    skip_at_item,
    terminal_column,
    terminal_file,
    undefined_names,
    visible_definitions,
    who_asked,
)
from xdist_fixtureworker.controller import versions
from xdist_fixtureworker.controller.process import Manager
from xdist_fixtureworker.declared.decorator import declaration_of
from xdist_fixtureworker.fixture_worker.fixture_item import CallSpec
from xdist_fixtureworker.fixture_worker.lazy_collection import collect_when_read
from xdist_fixtureworker.fixture_worker.tree import Tree
from xdist_fixtureworker.wire.messages import Step

from ..suite import NEVER_HANG

#: All private names that the package uses, each with a test below.
PRIVATE = {
    "FixtureDef",
    "FixtureFunctionDefinition",
    "FixtureManager",
    "FuncFixtureInfo",
    "Node",
    "Scope",
    "SubRequest",
    "TopRequest",
    "_arg2fixturedefs",
    "_cachedir",
    "_cache_rinfo",
    "_cleanup_atexit",
    "_collect_path",
    "_current_frames",
    "_data",
    "_file",
    "_fillfixtures",
    "_finalizers",
    "_fixture_function_marker",
    "_fixtureinfo",
    "_fixturemanager",
    "_get_all_fixture_defs",
    "_getautousenames",
    "_initialpaths",
    "_initialpaths_with_parents",
    "_io",
    "_iter_chain",
    "_pending_conftests",
    "_pyfuncitem",
    "_register_fixture",
    "_request",
    "_rinfo",
    "_run_exitfuncs",
    "_setupstate",
    "_shutdown",
    "_storage",
    "_traceback_filter",
    "_tw",
    "call_and_report",
    "collect_one_node",
    "create_io",
    "evaluate_skip_marks",
    "outfile",
    "xml_key",
}

#: Those of them that are private to xdist, execnet or Python.
OF_OTHERS = {
    *("_cleanup_atexit", "_current_frames", "_io", "_rinfo", "_run_exitfuncs", "_shutdown"),
    *("_cache_rinfo", "create_io", "outfile"),
}

ROOT = Path(xdist_fixtureworker.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


def private_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("_pytest"):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            public = ast.unparse(node.value) == "pytest" and not node.attr.startswith("_")
            documented = ast.unparse(node) == "os._exit"
            if ast.unparse(node.value) != "self" and not public and not documented:
                yield node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "getattr",
            "hasattr",
            "set_final",
        }:
            yield from (str(a.value) for a in node.args[1:2] if isinstance(a, ast.Constant))


def private_names_of(path: Path) -> set[str]:
    """The private names of pytest, xdist and execnet that a module uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        name
        for name in private_names(tree)
        if name in PRIVATE or (name.startswith("_") and not name.startswith(("__", "_lazy_")))
    }


def test_every_private_name_that_is_used_is_listed() -> None:
    assert set().union(*map(private_names_of, MODULES)) == PRIVATE


def test_private_names_stand_where_compat_says() -> None:
    """Its docstring names the folders, and what is private to which project stands in them."""
    pytests = PRIVATE - OF_OTHERS
    rooms = {"_compat": pytests, "fixture_worker": pytests | {"_current_frames"}}
    rooms["controller"] = OF_OTHERS | {"_tw"}
    rooms["sharing"] = {"_current_frames"}
    named = set(re.findall(r"``(\w+)/``", _compat.__doc__ or ""))
    assert named == rooms.keys() - {"_compat"}
    elsewhere = {
        f"{path}: {name}"
        for path in MODULES
        for name in private_names_of(path)
        if name not in rooms.get(path.relative_to(ROOT).with_suffix("").parts[0], ())
    }
    assert elsewhere == set()


def needed(distribution: str) -> set[str]:
    """The names that are looked for before a fixture worker is started."""
    return {
        name
        for path, names in versions.NEEDED[distribution].items()
        for alternatives in (path.rpartition(".")[2], *names)
        for name in alternatives.split(" or ")
    }


def test_every_private_name_is_looked_for_before_a_fixture_worker_is_started() -> None:
    optional = {
        "_cache_rinfo",  # without, a gateway asks itself
        "_current_frames",  # of Python
        "_data",  # likewise; only speed needs it
        "_pending_conftests",  # not before pytest 9.1
        "_register_fixture",  # only guards need it
        "_run_exitfuncs",  # of Python
        "_shutdown",  # of Python
        "_storage",  # only a note needs it
        "create_io",  # only warm workers need it, which look for it themselves
        "outfile",  # of what is at the other end of a gateway, which is no class of its own
    }
    found = set.union(*(needed(distribution) for distribution in versions.NEEDED))
    assert PRIVATE - found == optional


def test_all_that_is_looked_for_is_there() -> None:
    versions.check()


def test_every_name_of_xdist_that_is_used_is_looked_for() -> None:
    """Those of its objects: the hooks, and what it hands them, are documented."""
    owners = {
        "dsession",
        "manager",
        "node",
        "node.nodemanager",
        "process.node",
        "self._dsession",
        "self._dsession.nodemanager",
        "self.node",
    }
    found = {"NodeManager", "WorkerController", "DSession", "putevent"}  # imported, or inherited
    for module in ("process", "run", "display", "other_hosts"):
        path = Path(xdist_fixtureworker.__file__).with_name("controller") / f"{module}.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in owners:
                found.add(node.attr)
    assert found == needed("pytest-xdist")


# --- what an inner run of pytest shows


def collected(pytester: pytest.Pytester) -> list[Any]:
    """The items of the suite in pytester's directory, not run."""
    items, _ = pytester.inline_genitems()
    assert items
    return items


def run(pytester: pytest.Pytester, plugin: object, *arguments: str) -> None:
    """Run the suite in pytester's directory in this process, with ``plugin``."""
    result = pytester.inline_run(*arguments, plugins=[plugin])
    internal = [call for call in result.calls if call._name == "pytest_internalerror"]
    assert internal == []


def write(pytester: pytest.Pytester, **files: str) -> None:
    """Write files; ``__`` in a name is a folder."""
    for name, content in files.items():
        path = pytester.path.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def definition(name: str, node: Node) -> Any:
    return visible_definitions(name, node)[-1]


# --- what @pytest.fixture returns


def test_what_a_stash_holds() -> None:
    key, stash = pytest.StashKey[int](), pytest.Stash()
    stash[key] = 7
    assert stash._storage == {key: 7}


def test_the_fixture_decorator() -> None:
    def tables() -> None: ...

    def decide(fixture_name: str, config: pytest.Config) -> Literal["session"]:
        return "session"

    fixture = pytest.fixture(scope="module")(tables)
    assert is_fixture(fixture)
    assert isinstance(fixture, FixtureFunctionDefinition)
    assert fixture_function(fixture) is tables
    assert fixture_scope(fixture) == "module"
    assert fixture_name(fixture) == "tables"
    assert fixture_name(pytest.fixture(name="database")(tables)) == "database"
    assert not is_fixture(tables)
    assert not is_fixture(pytest.fixture(scope="session"))
    assert fixture_scope(pytest.fixture(scope=decide)(tables)) is decide


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
def test_the_fixture_decorator_on_class_methods(kind: Any) -> None:
    def tables(*args: object) -> None: ...

    method = kind(tables)
    fixture = pytest.fixture(scope="session")(method)
    assert fixture_function(fixture) is method
    assert fixture_function(fixture).__func__ is tables
    assert fixture_name(fixture) == "tables"


# --- definitions

SUITE = """
    import pytest

    FIRST, SECOND = object(), object()

    @pytest.fixture(scope="session", params=[FIRST, pytest.param(SECOND, id="second")])
    def size(request):
        return request.param

    @pytest.fixture(scope="session")
    def tables(size, tmp_path_factory):
        return "value"

    @pytest.fixture(autouse=True)
    def for_every_test():
        pass

    def test_it(tables):
        pass

    @pytest.mark.parametrize("size", ["given"], indirect=True)
    def test_indirect(tables):
        pass
"""


def test_a_definition(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    item = collected(pytester)[0]
    tables = definition("tables", item)
    assert isinstance(tables, FixtureDef)
    assert tables.argname == "tables"
    assert tables.argnames == ("size", "tmp_path_factory")
    assert tables.func is item.module.tables.__wrapped__
    assert tables.func.__qualname__ == "tables"
    assert tables.scope == "session"
    assert is_session_scoped(tables)
    assert not is_session_scoped(definition("for_every_test", item))
    assert tables.params is None
    assert tables.cached_result is None
    assert tables._finalizers == []
    assert isinstance(tables.baseid, str)


def test_parameters_of_a_definition(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    first, second, indirect = collected(pytester)
    size = definition("size", first)
    assert list(parameter_values(size)) == [first.module.FIRST, first.module.SECOND]
    assert isinstance(size.params[1], type(pytest.param()))
    assert list(parameter_values(definition("tables", first))) == []
    # An item has the very objects of the definition, at their index ...
    for index, item in enumerate((first, second)):
        assert item.callspec.params["size"] is parameter_values(size)[index]
        assert item.callspec.indices["size"] == index
    # ... or those of its own parametrization.
    assert indirect.callspec.params == {"size": "given"}
    assert indirect.callspec.indices == {"size": 0}


def test_a_definition_can_be_copied(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    tables = definition("tables", collected(pytester)[0])
    clone = copy.copy(tables)
    clone.cached_result = ("value", None, None)
    set_final(clone, "argnames", ())
    set_final(clone, "_finalizers", [print])
    assert (tables.argnames, tables.cached_result, tables._finalizers) == (
        ("size", "tmp_path_factory"),
        None,
        [],
    )
    assert clone.func is tables.func


PLACES = {
    "conftest": """
import pytest

@pytest.fixture
def at_root(): ...

@pytest.fixture
def overridden(): ...
""",
    "sub__conftest": """
import pytest

@pytest.fixture(autouse=True)
def in_sub(): ...

@pytest.fixture
def overridden(): ...
""",
    "sub__test_it": """
import pytest

@pytest.fixture
def in_module(): ...

class TestIt:
    @pytest.fixture
    def in_class(self): ...

    @pytest.fixture
    def overridden(self): ...

    def test_in_class(self): ...

def test_in_module(): ...
""",
    "sub__test_other": """
import pytest

@pytest.fixture
def in_other_module(): ...

def test_other(): ...
""",
}


def test_visible_definitions(pytester: pytest.Pytester) -> None:
    write(pytester, **PLACES)
    in_class, in_module, other = collected(pytester)

    def seen(name: str, item: Any) -> int:
        return len(visible_definitions(name, item))

    assert [seen("overridden", item) for item in (in_class, in_module, other)] == [3, 2, 2]
    assert [seen("in_module", item) for item in (in_class, in_module, other)] == [1, 1, 0]
    assert [seen("in_class", item) for item in (in_class, in_module, other)] == [1, 0, 0]
    assert seen("no_such_fixture", in_class) == 0
    # Furthest first, and the same objects from everywhere.
    chain = visible_definitions("overridden", in_class)
    assert list(chain[:2]) == list(visible_definitions("overridden", in_module))
    assert "TestIt" in chain[-1].func.__qualname__
    assert [d.func.__module__ for d in chain[:2]] == ["conftest"] * 2
    assert Path(chain[1].func.__code__.co_filename).parent.name == "sub"
    # A collector sees what the items below it see of its fixtures.
    assert visible_definitions("in_module", in_module.parent) == visible_definitions(
        "in_module", in_module
    )


def test_all_definitions(pytester: pytest.Pytester) -> None:
    write(pytester, **PLACES)
    found = list(all_definitions(collected(pytester)[0].session))
    names = [found_definition.argname for found_definition in found]
    assert len({id(found_definition) for found_definition in found}) == len(found)
    assert names.count("overridden") == 3
    assert names.count("tmp_path_factory") == 1
    assert {"at_root", "in_sub", "in_module", "in_class", "in_other_module"} <= set(names)


def test_defining_node(pytester: pytest.Pytester) -> None:
    write(pytester, **PLACES)
    item = collected(pytester)[0]

    def where(name: str) -> Node:
        return defining_node(definition(name, item), item)

    chain = item.listchain()
    assert where("in_class") is item.getparent(pytest.Class)
    assert where("in_module") is item.getparent(pytest.Module)
    assert where("in_sub") is item.getparent(pytest.Directory)
    assert where("in_sub").path == pytester.path / "sub"
    # The session or the root directory, by version: both are above all items.
    assert where("at_root") in chain[:2]
    assert where("tmp_path_factory") is item.session
    overridden = visible_definitions("overridden", item)
    assert [defining_node(d, item) for d in overridden] == [
        where("at_root"),
        where("in_sub"),
        where("in_class"),
    ]


@pytest.mark.parametrize("named", [".", "sub/test_it.py"])
def test_defining_node_out_of_the_root_directory(pytester: pytest.Pytester, named: str) -> None:
    """Directories beside it have fixtures, too; those of plugins are of the session there as well."""
    write(pytester, **PLACES)
    (pytester.path / "sub" / "__init__.py").touch()
    (pytester.path / "root").mkdir()
    items, _ = pytester.inline_genitems("--rootdir=root", named)
    item: Any = items[0]
    assert item.config.rootpath == pytester.path / "root"

    def where(name: str) -> Node:
        return defining_node(definition(name, item), item)

    assert where("in_module") is item.getparent(pytest.Module)
    if named == ".":  # else it is loaded beforehand, and some versions have it of the session
        assert where("in_sub") is item.getparent(pytest.Directory)
    assert where("tmp_path_factory") is item.session


def test_from_its_defining_node_a_definition_is_the_one_in_force(
    pytester: pytest.Pytester,
) -> None:
    write(pytester, **PLACES)
    item = collected(pytester)[0]
    for overridden in visible_definitions("overridden", item):
        node = defining_node(overridden, item)
        assert visible_definitions("overridden", node)[-1] is overridden


def test_autouse_names(pytester: pytest.Pytester) -> None:
    write(pytester, **PLACES)
    item = collected(pytester)[0]
    assert "in_sub" in autouse_names(item)
    assert "in_sub" in autouse_names(defining_node(definition("in_sub", item), item))
    assert "in_sub" not in autouse_names(item.session)
    assert "at_root" not in autouse_names(item)


def test_functions_of_definitions_in_classes(pytester: pytest.Pytester) -> None:
    """A class method is bound to its class, and still tells whether it is global."""
    pytester.makepyfile(
        """
        from xdist_fixtureworker import global_fixture

        class TestIt:
            @global_fixture
            @classmethod
            def by_class(cls):
                return cls

            @global_fixture
            @staticmethod
            def static():
                return "value"

            def test_it(self, by_class, static): ...
        """
    )
    (item,) = collected(pytester)
    for name in ("by_class", "static"):
        declaration = declaration_of(definition(name, item).func)
        assert declaration is not None
        assert declaration.name == name
        assert defining_node(definition(name, item), item) is item.getparent(pytest.Class)
    assert definition("by_class", item).argnames == ()
    assert definition("by_class", item).func.__func__.__name__ == "by_class"
    assert definition("by_class", item).func() is item.cls


def test_items_without_fixtures_have_none_of_it(pytester: pytest.Pytester) -> None:
    """Items of other plugins need not have what ``_fixtureinfo`` names."""
    pytester.makepyfile("def test_it(): ...")
    (item,) = collected(pytester)
    assert isinstance(item._fixtureinfo, FuncFixtureInfo)
    assert not hasattr(item, "callspec")
    assert not hasattr(pytest.Item, "_fixtureinfo")


# --- taking over a definition, as a test worker does

DEPENDENT = """
    import pytest

    @pytest.fixture(scope="session", params=["a", "b"])
    def kind(request):
        return request.param

    @pytest.fixture(scope="session")
    def tables(kind):
        return "set up here"

    def test_argument(tables): ...

    def test_later(kind, request): ...
"""


class TakesOver:
    """Replaces what ``tables`` does and asks for, once collection has finished."""

    def __init__(self) -> None:
        self.set_up: list[tuple[str, object]] = []
        self.values: list[tuple[str, Any]] = []
        self.keys: list[object] = []
        self.gone: dict[str, set[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        keys: list[tuple[str, object]] = []

        def cache_key(request: FixtureRequest) -> object:
            item: Any = request._pyfuncitem
            keys.append(("key", item.callspec.params["kind"]))
            return keys[-1]

        def fetch() -> object:
            return ("fetched", *keys[-1])  # it is asked for right before

        items: list[Any] = list(session.items)
        before = {item.name: needed_names(item._fixtureinfo) for item in items}
        for found in all_definitions(session):
            if found.argname == "tables":
                set_final(found, "argnames", ())
                set_final(found, "func", fetch)
                set_final(found, "cache_key", cache_key)
        for item in items:
            self.gone[item.name] = before[item.name] - needed_names(item._fixtureinfo)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Function) -> None:
        leave_out(self.gone[item.name], item)
        assert "kind" in item.fixturenames

    def pytest_fixture_setup(self, fixturedef: FixtureDef[Any], request: SubRequest) -> None:
        self.set_up.append((fixturedef.argname, getattr(request, "param", None)))

    def pytest_runtest_call(self, item: pytest.Function) -> None:
        tables = item._request.getfixturevalue("tables")
        self.values.append((item.name, tables))
        cached = definition("tables", item).cached_result
        self.keys.append(cached[1])


def test_a_definition_can_be_taken_over(pytester: pytest.Pytester) -> None:
    """Its dependencies are not set up, its key tells instances apart, also when it is looked up
    while the test runs."""
    pytester.makepyfile(DEPENDENT)
    plugin = TakesOver()
    run(pytester, plugin)
    assert sorted(plugin.values) == [
        ("test_argument[a]", ("fetched", "key", "a")),
        ("test_argument[b]", ("fetched", "key", "b")),
        ("test_later[a]", ("fetched", "key", "a")),
        ("test_later[b]", ("fetched", "key", "b")),
    ]
    assert set(plugin.keys) == {("key", "a"), ("key", "b")}
    assert plugin.gone == {
        "test_argument[a]": {"kind", "request"},  # which it asks for
        "test_argument[b]": {"kind", "request"},
        "test_later[a]": set(),  # asks for it itself
        "test_later[b]": set(),
    }


def test_a_dependency_that_is_left_out_is_not_set_up(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(DEPENDENT)
    plugin = TakesOver()
    run(pytester, plugin, "-k", "test_argument")
    names = [name for name, _ in plugin.set_up]
    assert "tables" in names
    assert "kind" not in names


# --- what pytest keeps of a set-up

OUTCOMES = """
    import pytest

    done = []

    @pytest.fixture(scope="session")
    def passes():
        yield "value"
        done.append("passes")

    @pytest.fixture(scope="session", params=["first", "param"])
    def fails(request):
        request.addfinalizer(lambda: done.append("fails"))
        raise ValueError(request.param)

    @pytest.fixture(scope="session")
    def skips():
        pytest.skip("not here")

    @pytest.fixture(scope="session")
    def exits(request):
        request.addfinalizer(lambda: done.append("exits"))
        raise SystemExit(3)

    def test_passes(passes): ...
    def test_fails(fails): ...
    def test_skips(skips): ...
    def test_exits(exits): ...
"""


class Keeps:
    """Notes what is left of each set-up, and finishes it by hand."""

    def __init__(self) -> None:
        self.requests: dict[str, Any] = {}
        self.cached: dict[str, Any] = {}
        self.key: dict[str, object] = {}
        self.finished: dict[str, list[list[str]]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: FixtureDef[Any], request: SubRequest
    ) -> Generator[None, object, object]:
        self.requests[fixturedef.argname] = request
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> None:
        name = item.originalname.removeprefix("test_")
        if name in self.cached:
            return
        found, request = definition(name, item), self.requests[name]
        self.cached[name] = found.cached_result
        self.key[name] = found.cache_key(request)
        done = item.module.done
        found.finish(request)
        self.finished[name] = [list(done)]
        assert found.cached_result is None
        if self.cached[name] is None:
            # as for what pytest does not keep: only then does it finish
            found.cached_result = (None, None, (SystemExit(), None))
            found.finish(request)
            self.finished[name].append(list(done))
        done.clear()


@pytest.fixture
def kept(pytester: pytest.Pytester) -> Keeps:
    pytester.makepyfile(OUTCOMES)
    plugin = Keeps()
    run(pytester, plugin)
    assert plugin.cached.keys() == {"passes", "fails", "skips", "exits"}
    return plugin


def test_a_value_is_kept_with_its_key(kept: Keeps) -> None:
    assert kept.cached["passes"] == ("value", kept.key["passes"], None)
    assert kept.key["passes"] is None


def test_an_exception_is_kept_with_its_traceback(kept: Keeps) -> None:
    value, key, (error, traceback) = kept.cached["fails"]
    assert (value, key, kept.key["fails"]) == (None, "first", "first")
    assert (type(error), error.args) == (ValueError, ("first",))
    assert traceback is not None


def test_an_outcome_is_kept_as_well(kept: Keeps) -> None:
    value, _, (error, _) = kept.cached["skips"]
    assert value is None
    assert isinstance(error, pytest.skip.Exception)


def test_what_is_no_exception_is_not_kept_but_can_be_kept_by_hand(kept: Keeps) -> None:
    """As ``Runner.was_set_up`` does: in some versions it would not be finalized otherwise."""
    assert kept.cached["exits"] is None
    assert kept.finished["exits"][-1] == ["exits"]


def test_finishing_runs_the_finalizers(kept: Keeps) -> None:
    assert kept.finished["passes"] == [["passes"]]
    assert kept.finished["fails"] == [["fails"]]
    assert kept.finished["skips"] == [[]]


def test_a_request(kept: Keeps) -> None:
    for name, request in kept.requests.items():
        assert isinstance(request, SubRequest)
        assert request.fixturename == name
        assert request._pyfuncitem.originalname == f"test_{name}"
    assert not hasattr(kept.requests["passes"], "param")
    assert kept.requests["passes"].param_index == 0
    assert kept.requests["fails"].param == "param"  # the last one
    assert kept.requests["fails"].param_index == 1


# --- items of ours, as the fixture worker makes them


class Lookups(Mapping[str, Sequence[FixtureDef[Any]]]):
    """A mapping that is looked into when a fixture is wanted, and that cannot be listed."""

    def __init__(self, known: Mapping[str, Sequence[FixtureDef[Any]]]) -> None:
        self.known = known
        self.names: list[str] = []

    def __getitem__(self, name: str) -> Sequence[FixtureDef[Any]]:
        self.names.append(name)
        return self.known[name]

    def copy(self) -> Lookups:
        return self

    def __setitem__(self, name: str, chain: Sequence[FixtureDef[Any]]) -> None: ...

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Standin(pytest.Item):
    """An item that stands for a fixture, made as ``FixtureItem`` is."""

    nofuncargs = False
    instance = None
    _traceback_filter = pytest.Function._traceback_filter
    repr_failure = pytest.Function.repr_failure  # type: ignore[assignment]  # as in pytest itself

    def __init__(self, *, wanted: str, visible: Lookups, callspec: object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wanted = wanted
        self.value: object = None
        self.originalname = wanted
        self.obj = self._obj = visible.known[wanted][-1].func
        self.funcargs: dict[str, object] = {}
        self.fixturenames: list[str] = []
        self._fixtureinfo = FuncFixtureInfo((), (), self.fixturenames, visible)  # type: ignore[arg-type]  # a Mapping does
        self._request = TopRequest(self, _ispytest=True)  # type: ignore[arg-type]  # as for DoctestItem
        if callspec is not None:
            self.callspec = callspec

    def setup(self) -> None:
        self.value = self._request.getfixturevalue(self.wanted)

    def runtest(self) -> None: ...


class Rest(pytest.Item):
    def runtest(self) -> None: ...


class RunsStandins:
    """Sets ``wanted`` up through an item of its own, with the definitions that a test sees."""

    def __init__(self, wanted: str, callspec: object = None) -> None:
        self.wanted = wanted
        self.callspec = callspec
        self.reports: list[pytest.TestReport] = []
        self.logged: list[pytest.TestReport] = []
        self.error: BaseException | None = None
        self.stacks: list[list[str]] = []
        self.done: list[list[str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.logged.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        test: Any = session.items[0]
        known = {**test._fixtureinfo.name2fixturedefs}
        known.setdefault(self.wanted, visible_definitions(self.wanted, test))
        self.lookups = Lookups(known)
        self.item = Standin.from_parent(
            session,
            name="stand-in",
            wanted=self.wanted,
            visible=self.lookups,
            callspec=self.callspec,
        )
        self.session = session
        rest = Rest.from_parent(session, name="rest")

        def note() -> None:
            self.stacks.append([type(node).__name__ for node in session._setupstate.stack])
            self.done.append(list(test.module.done))

        try:
            self.reports.append(call_and_report(self.item, "setup", log=False))
        except BaseException as error:
            self.error = error
        note()
        self.reports.append(call_and_report(self.item, "teardown", log=False, nextitem=rest))
        note()
        session._setupstate.teardown_exact(rest)
        note()
        session._setupstate.teardown_exact(None)
        note()
        return True


ONE_FIXTURE = """
    import pytest

    done = []

    @pytest.fixture(scope="session")
    def dependency():
        yield "dependency"
        done.append("dependency")

    @pytest.fixture(scope="session")
    def tables(dependency, request):
        yield (dependency, request.node.name, getattr(request, "param", None))
        done.append("tables")

    @pytest.fixture(scope="session")
    def fails(dependency):
        raise ValueError("no tables")

    def test_it(tables): ...
    def test_fails(fails): ...
"""


def test_an_item_of_ours_sets_a_fixture_up_and_the_session_stays(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(ONE_FIXTURE)
    plugin = RunsStandins("tables")
    run(pytester, plugin)
    assert [(report.when, report.outcome) for report in plugin.reports] == [
        ("setup", "passed"),
        ("teardown", "passed"),
    ]
    assert all(isinstance(report, pytest.TestReport) for report in plugin.reports)
    assert plugin.logged == []
    assert plugin.item.value == ("dependency", plugin.session.name, None)
    assert plugin.stacks == [["Session", "Standin"], ["Session"], ["Session"], []]
    assert plugin.done == [[], [], [], ["tables", "dependency"]]


def test_a_request_looks_definitions_up_in_a_mapping_when_it_wants_them(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(ONE_FIXTURE)
    plugin = RunsStandins("tables")
    run(pytester, plugin)
    assert set(plugin.lookups.names) == {"tables", "dependency"}
    assert plugin.lookups.names[0] == "tables"


def test_what_a_request_reads_of_a_callspec(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(ONE_FIXTURE)
    callspec = CallSpec({"tables": "big"}, {"tables": 7}, "big")
    plugin = RunsStandins("tables", callspec)
    run(pytester, plugin)
    assert plugin.item.value == ("dependency", plugin.session.name, "big")
    cached = definition("tables", plugin.session.items[0]).cached_result
    assert cached is None  # finished with the session


def test_a_failure_is_shown_as_that_of_a_test(pytester: pytest.Pytester) -> None:
    """From the fixture on, without pytest's own frames."""
    pytester.makepyfile(ONE_FIXTURE.replace("def test_it(tables): ...", ""))
    plugin = RunsStandins("fails")
    run(pytester, plugin)
    report = plugin.reports[0]
    assert (report.when, report.outcome) == ("setup", "failed")
    assert report.longreprtext.splitlines()[-1].endswith(": ValueError")
    assert 'raise ValueError("no tables")' in report.longreprtext
    assert "_pytest" not in report.longreprtext
    assert "getfixturevalue" not in report.longreprtext
    # A set-up that failed is torn down like any other.
    assert plugin.reports[1].outcome == "passed"
    assert plugin.stacks[1] == ["Session"]
    assert plugin.done[-1] == ["dependency"]


@pytest.mark.parametrize("raised", ['pytest.exit("enough", 3)', "raise KeyboardInterrupt"])
def test_what_ends_the_session_passes_through_call_and_report(
    pytester: pytest.Pytester, raised: str
) -> None:
    """And leaves the item on the stack, to be torn down by hand."""
    pytester.makepyfile(
        f"""
        import pytest

        done = []

        @pytest.fixture(scope="session")
        def ends():
            {raised}

        def test_it(ends): ...
        """
    )
    plugin = RunsStandins("ends")
    run(pytester, plugin)
    assert isinstance(plugin.error, (pytest.exit.Exception, KeyboardInterrupt))
    if isinstance(plugin.error, pytest.exit.Exception):
        assert (plugin.error.msg, plugin.error.returncode) == ("enough", 3)
    assert [(report.when, report.outcome) for report in plugin.reports] == [("teardown", "passed")]
    assert plugin.stacks[:2] == [["Session", "Standin"], ["Session"]]


# --- finding places without collecting the suite


class Walks:
    """Has the fixture worker's part of the collection done by ``walk``."""

    def __init__(self, walk: Callable[[pytest.Session], None]) -> None:
        self._walk = walk
        self.called = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        self._walk(session)
        self.called = True
        return True


def walked(pytester: pytest.Pytester, walk: Callable[[pytest.Session], None]) -> None:
    plugin = Walks(walk)
    run(pytester, plugin)
    assert plugin.called


def test_collecting_one_path(pytester: pytest.Pytester) -> None:
    write(pytester, **PLACES)
    seen: list[Any] = []

    def walk(session: pytest.Session) -> None:
        cache: dict[Path, Any] = {}
        (root,) = session._collect_path(pytester.path, cache)
        assert session._collect_path(pytester.path, cache)[0] is root
        assert root.parent is session
        seen.append(collect_one_node(root))

    walked(pytester, walk)
    (report,) = seen
    assert report.passed
    assert [(type(node).__name__, node.name) for node in report.result] == [("Dir", "sub")]


def test_a_path_that_was_named_is_collected_whatever_its_name(pytester: pytest.Pytester) -> None:
    write(pytester, odd_name="def test_it(): ...", test_it="def test_it(): ...")
    path = pytester.path / "odd_name.py"
    seen: list[list[str]] = []

    def walk(session: pytest.Session) -> None:
        def names() -> list[str]:
            (root,) = session._collect_path(pytester.path, {})
            return [node.name for node in collect_one_node(root).result]

        seen.append(names())
        session._initialpaths |= frozenset([path])
        session._initialpaths_with_parents |= frozenset([path])
        seen.append(names())

    walked(pytester, walk)
    assert seen == [["test_it.py"], ["odd_name.py", "test_it.py"]]


def test_a_module_that_cannot_be_imported(pytester: pytest.Pytester) -> None:
    write(pytester, test_it="raise RuntimeError('no')")
    seen: list[Any] = []

    def walk(session: pytest.Session) -> None:
        (root,) = session._collect_path(pytester.path, {})
        (module,) = collect_one_node(root).result
        assert isinstance(module, pytest.Module)
        seen.append(collect_one_node(module))

    walked(pytester, walk)
    (report,) = seen
    assert not report.passed
    assert "RuntimeError: no" in str(report.longrepr)


def test_fixtures_are_known_once_their_place_is_collected(pytester: pytest.Pytester) -> None:
    write(pytester, **PLACES)
    seen: list[Any] = []

    def walk(session: pytest.Session) -> None:
        root = Step(".", session._collect_path(pytester.path, {})[0].name, "Dir")
        sub = Step("sub", "sub", "Dir")
        module = Step("sub/test_it.py", "test_it.py", "Module")
        tree = Tree(session)
        for place, name in (
            ((), "tmp_path_factory"),
            ((root,), "at_root"),
            ((root, sub), "in_sub"),
            ((root, sub, module), "in_module"),
            ((root, sub, module, Step("sub/test_it.py", "TestIt", "Class")), "in_class"),
        ):
            node = tree.find(place)
            assert tree.find(place) is node
            found = definition(name, node)
            seen.append(name)
            assert defining_node(found, node) in (node, session)
        assert "test_other" not in sys.modules

    walked(pytester, walk)
    assert seen == ["tmp_path_factory", "at_root", "in_sub", "in_module", "in_class"]


# --- collecting a second time


class CollectsAgain:
    """Collects once more when the tests are to run."""

    def __init__(self) -> None:
        self.first: list[Any] = []
        self.second: list[Any] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.first = list(session.items)
        directories = {item.getparent(pytest.Directory): None for item in self.first}
        roots = {directory.parent: None for directory in directories}
        for directory in (*roots, *directories):
            parse_conftest_again(session, directory.path)
        session.perform_collect()
        self.second = list(session.items)
        return True


def test_a_second_collection_sees_the_fixtures_of_conftests_again(
    pytester: pytest.Pytester,
) -> None:
    write(pytester, **PLACES)
    plugin = CollectsAgain()
    run(pytester, plugin)
    assert [item.nodeid for item in plugin.second] == [item.nodeid for item in plugin.first]
    assert all(item not in plugin.first for item in plugin.second)
    for item in plugin.second:
        for name in ("at_root", "in_sub"):
            found = definition(name, item)
            assert defining_node(found, item) in item.listchain()
        assert "in_sub" in autouse_names(item)


def test_a_conftest_is_registered_under_its_path(pytester: pytest.Pytester) -> None:
    write(pytester, **PLACES)
    item = collected(pytester)[0]
    conftest = str(pytester.path / "sub" / "conftest.py")
    plugin: Any = item.config.pluginmanager.get_plugin(conftest)
    assert plugin.__file__ == conftest


def test_conftests_that_wait_for_their_directory(pytester: pytest.Pytester) -> None:
    """Since pytest 9.1; before, a fixture is visible by the id of its node, which stays the same."""
    write(pytester, **PLACES)
    item = collected(pytester)[0]
    manager = item.session._fixturemanager
    sub = item.getparent(pytest.Directory)
    parse_conftest_again(item.session, sub.path)
    conftest = item.config.pluginmanager.get_plugin(str(sub.path / "conftest.py"))
    by_identity = tuple(map(int, pytest.__version__.split(".")[:2])) >= (9, 1)
    assert getattr(manager, "_pending_conftests", None) == (
        {sub.path: conftest} if by_identity else None
    )


def test_the_session_collects_when_its_items_are_read(pytester: pytest.Pytester) -> None:
    """Its items can be taken from it, its class be replaced, and a later collection sets them;
    conftests that were walked through before are parsed again."""
    write(pytester, **PLACES)
    seen: list[Any] = []

    def walk(session: pytest.Session) -> None:
        root = Step(".", session._collect_path(pytester.path, {})[0].name, "Dir")
        tree = Tree(session)
        tree.find((root, Step("sub", "sub", "Dir")))
        collect_when_read(session, tree)
        assert isinstance(session, pytest.Session)
        assert "test_other" not in sys.modules
        seen.extend(session.items)
        assert session.items is session.items

    walked(pytester, walk)
    assert [item.name for item in seen] == ["test_in_class", "test_in_module", "test_other"]
    for item in seen:
        assert "in_sub" in autouse_names(item)
        assert defining_node(definition("in_sub", item), item) in item.listchain()


# --- definitions that are kept out, and the tests that miss them


class KeepsOut:
    """Keeps the definitions of some names out, and has the items that were collected all the same."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.kept_out: list[Registration] = []
        self.items: list[Any] = []
        self.reports: dict[str, pytest.TestReport] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        filter_registrations(config, self.wanted)

    def wanted(self, registration: Registration) -> bool:
        if registration.name in self.names:
            self.kept_out.append(registration)
        return registration.name not in self.names

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items
        self.left = {found.argname for found in all_definitions(session)}

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None and call.when != "teardown":
            self.on_failure(item, call, call.excinfo.value)

    def on_failure(
        self, item: pytest.Item, call: pytest.CallInfo[None], error: BaseException
    ) -> None: ...

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "setup":
            self.reports[report.nodeid.rpartition("::")[2]] = report


def test_definitions_can_be_kept_out(pytester: pytest.Pytester) -> None:
    """Those of plugins that are there before the session, and those that are found later."""
    write(pytester, **PLACES)
    plugin = KeepsOut("overridden", "in_sub", "in_class", "tmp_path_factory")
    register = FixtureManager._register_fixture
    run(pytester, plugin, "--collect-only")
    assert plugin.left.isdisjoint(plugin.names)
    assert {"at_root", "in_module", "in_other_module", "tmp_path"} <= plugin.left
    assert all("in_sub" not in autouse_names(item) for item in plugin.items)
    assert all(not visible_definitions("overridden", item) for item in plugin.items)
    assert FixtureManager._register_fixture is register

    def seen(registration: Registration) -> list[bool]:
        return [registration.can_be_seen_from(item) for item in plugin.items]

    by_name: dict[str, list[Registration]] = {}
    for registration in plugin.kept_out:
        by_name.setdefault(registration.name, []).append(registration)
    assert [seen(registration) for registration in by_name["overridden"]] == [
        [True, True, True],
        [True, True, True],
        [True, False, False],
    ]
    assert [seen(registration) for registration in by_name["in_class"]] == [[True, False, False]]
    assert [seen(registration) for registration in by_name["tmp_path_factory"]] == [[True] * 3]
    at_root, in_sub, in_class = by_name["overridden"]
    assert at_root.function.__module__ == "conftest"
    assert "TestIt" in in_class.function.__qualname__
    assert in_sub.can_be_seen_from(plugin.items[0].getparent(pytest.Directory))
    assert not in_sub.can_be_seen_from(plugin.items[0].session)


def test_definitions_of_other_sessions_are_left_alone(pytester: pytest.Pytester) -> None:
    write(pytester, **PLACES)

    class RunsAnother(KeepsOut):
        def pytest_sessionfinish(self) -> None:
            self.inner = KeepsOut("in_module")
            run(pytester, self.inner, "--collect-only")

    plugin = RunsAnother("in_class")
    run(pytester, plugin, "--collect-only")
    assert "in_class" not in plugin.left
    assert "in_module" in plugin.left
    assert "in_class" in plugin.inner.left
    assert "in_module" not in plugin.inner.left


class ItemOfAnother(pytest.Item):
    """An item as another plugin may have it: without a line, and without fixtures."""

    def runtest(self) -> None: ...


def test_names_that_nothing_defines(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def needs_it(request, no_such_fixture): ...

        @pytest.mark.usefixtures("nor_this")
        def test_it(needs_it): ...

        @pytest.mark.parametrize("no_such_fixture", [1])
        def test_given(no_such_fixture): ...

        @pytest.mark.parametrize("no_such_fixture", [1], indirect=True)
        def test_given_indirectly(no_such_fixture): ...
        """
    )
    names = [set(undefined_names(item)) - {"request"} for item in collected(pytester)]
    assert names == [{"no_such_fixture", "nor_this"}, set(), set()]
    item = ItemOfAnother.from_parent(collected(pytester)[0].parent, name="it")
    assert list(undefined_names(item)) == []


LOOK_UPS = """
    import pytest

    @pytest.fixture
    def needs_it(no_such_fixture): ...

    @pytest.fixture
    def overridden(overridden): ...

    @pytest.fixture
    def refuses(request): request.raiseerror("no reason")

    def test_argument(no_such_fixture): ...
    def test_of_a_fixture(needs_it): ...
    def test_chain(overridden): ...
    def test_asks(request): request.getfixturevalue("no_such_fixture")
    def test_refuses(refuses): ...
"""


def test_who_looked_a_fixture_up_in_vain(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LOOK_UPS)
    seen: dict[str, str | None] = {}

    class Watches(KeepsOut):
        def on_failure(
            self, item: pytest.Item, call: pytest.CallInfo[None], error: BaseException
        ) -> None:
            assert isinstance(error, pytest.FixtureLookupError)
            assert who_asked(error) is item
            seen[item.name] = error.argname

    run(pytester, Watches())
    assert seen == {
        "test_argument": "no_such_fixture",
        "test_of_a_fixture": "no_such_fixture",
        "test_chain": "overridden",
        "test_asks": "no_such_fixture",
        "test_refuses": None,
    }


def test_skipped_by_mark(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        def test_runs(): ...
        @pytest.mark.skip
        def test_skipped(): ...
        @pytest.mark.skipif(False, reason="")
        def test_condition(): ...
        @pytest.mark.skipif("nonsense", reason="")
        def test_wrong(): ...
        """
    )
    skipped = {item.name: is_skipped_by_mark(item) for item in collected(pytester)}
    assert skipped == {
        "test_runs": False,
        "test_skipped": True,
        "test_condition": False,
        "test_wrong": True,
    }


def test_an_error_can_be_made_a_skip(pytester: pytest.Pytester) -> None:
    """Reported where the test stands, as pytest does for its own marks."""
    pytester.makepyfile(LOOK_UPS)

    class Skips(KeepsOut):
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> None:
            if call.excinfo is not None and call.when == "setup":
                skip = skip_at_item("without it", item)
                skip.__traceback__ = call.excinfo.value.__traceback__
                call.excinfo = pytest.ExceptionInfo.from_exception(skip)

    plugin = Skips()
    run(pytester, plugin)
    report = plugin.reports["test_argument"]
    assert report.outcome == "skipped"
    assert isinstance(report.longrepr, tuple)
    line = 1 + next(n for n, text in enumerate(LOOK_UPS.splitlines()) if "test_argument" in text)
    path, found, reason = report.longrepr
    assert Path(path).name == report.nodeid.partition("::")[0]
    assert (found, reason) == (line - 1, "Skipped: without it")  # makepyfile strips the first


def test_an_item_without_a_line_is_skipped_where_the_skip_is_raised(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_it(): ...")
    (item,) = collected(pytester)
    without_line = ItemOfAnother.from_parent(item.parent, name="it")
    assert isinstance(skip_at_item("why", item), pytest.skip.Exception)
    assert skip_at_item("why", item)._use_item_location is True  # type: ignore[attr-defined]
    assert skip_at_item("why", without_line)._use_item_location is False  # type: ignore[attr-defined]


def test_reports_cross_to_the_controller_with_what_was_added(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport():
            report = yield
            report.compat = "written in a test worker"
            return report
        """
    )
    pytester.makepyfile("def test_it(): ...")

    class Reads:
        def pytest_runtest_logreport(self, report: Any) -> None:
            assert report.compat == "written in a test worker"

        def pytest_terminal_summary(self, terminalreporter: Any) -> None:
            (report,) = terminalreporter.stats["passed"]
            assert report.compat == "written in a test worker"

    result = pytester.runpytest_inprocess("-n1", "-p", "no:cacheprovider", plugins=[Reads()])
    assert result.ret == pytest.ExitCode.OK


def test_a_mark_of_ours(pytester: pytest.Pytester) -> None:
    mark = new_mark("compat")
    assert isinstance(mark, pytest.Mark)
    assert (mark.name, mark.args, mark.kwargs) == ("compat", (), {})
    decorator = pytest.MarkDecorator(mark, _ispytest=True)

    @decorator
    def test_it() -> None: ...

    assert test_it.pytestmark == [mark]  # type: ignore[attr-defined]  # set by the decorator


# --- plugins of pytest


def test_the_plugins_that_remember_failed_tests(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfigure("--stepwise")
    for name in ("lfplugin", "stepwiseplugin"):
        plugin = config.pluginmanager.get_plugin(name)
        assert callable(getattr(plugin, "pytest_runtest_logreport", None)), name


def test_the_plugins_that_remember_are_told_by_their_hook_only(pytester: pytest.Pytester) -> None:
    """A failure that is logged without them fails the run and is not in ``--last-failed``."""
    pytester.makepyfile("def test_it(): ...")

    class Logs:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None: ...

        @pytest.hookimpl(wrapper=True)
        def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
            result = yield
            manager = session.config.pluginmanager
            hook = manager.subset_hook_caller(
                "pytest_runtest_logreport", [manager.get_plugin("lfplugin")]
            )
            report = pytest.TestReport("ours", ("", None, "ours"), {}, "failed", "no", "teardown")
            hook(report=report)
            return result

    result = pytester.runpytest_inprocess(plugins=[Logs()])
    result.assert_outcomes(passed=1, errors=1)
    assert not (pytester.path / ".pytest_cache/v/cache/lastfailed").exists()


def test_durations_are_shown_of_all_reports_in_the_terminals_statistics(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_it(): ...")

    class Adds:
        @pytest.hookimpl(tryfirst=True)
        def pytest_sessionfinish(self, session: pytest.Session) -> None:
            report = pytest.TestReport(
                "ours", ("", None, "ours"), {}, "passed", None, "setup", duration=12.5
            )
            terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
            terminal.stats.setdefault("", []).append(report)

    result = pytester.runpytest_inprocess("--durations=1", plugins=[Adds()])
    result.stdout.fnmatch_lines(["12.50s setup*ours"])
    result.assert_outcomes(passed=1)


def test_a_property_of_the_suite(pytester: pytest.Pytester) -> None:
    class Adds:
        def pytest_runtestloop(self, session: pytest.Session) -> None:
            add_suite_property(session.config, "ours", "0.5")

    pytester.makepyfile("def test_it(): ...")
    pytester.runpytest_inprocess("--junitxml=it.xml", plugins=[Adds()]).assert_outcomes(passed=1)
    suite = ElementTree.parse(pytester.path / "it.xml").find(".//testsuite/properties/property")
    assert suite is not None
    assert suite.attrib == {"name": "ours", "value": "0.5"}
    add_suite_property(pytester.parseconfig(), "ours", "0.5")  # there is no such report


def test_where_the_cache_is(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfigure("-o", "cache_dir=a/b")
    assert cache_directory(config) == pytester.path / "a/b"
    assert Path(config.cache.mkdir("it")).parents[1] == pytester.path / "a/b"
    without = pytester.parseconfigure("-p", "no:cacheprovider")
    assert cache_directory(without) is None


def test_the_column_of_the_terminal(pytester: pytest.Pytester) -> None:
    """The reporter's own ``ensure_newline`` does not know of the dots in a run of xdist."""
    columns: list[int] = []

    class Looks:
        def pytest_sessionfinish(self, session: pytest.Session) -> None:
            terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
            terminal.write("\n")
            columns.append(terminal_column(terminal))
            terminal.write("dots")
            columns.append(terminal_column(terminal))
            assert terminal.config.get_terminal_writer() is terminal._tw
            assert not terminal.isatty
            terminal_file(terminal).write("past it")
            columns.append(terminal_column(terminal))

    pytester.makepyfile("def test_it(): ...")
    result = pytester.runpytest_inprocess(plugins=[Looks()])
    assert result.ret == 0
    assert columns == [0, 4, 4]
    result.stdout.fnmatch_lines(["*dotspast it*"])


def test_warnings_can_be_recorded_late(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfigure()
    assert config.hook.pytest_warning_recorded.is_historic()


# --- pytest-xdist


def test_xdist_has_a_session_plugin_where_tests_are_distributed(
    pytester: pytest.Pytester,
) -> None:
    config = pytester.parseconfigure("--tx=2*popen", "--dist=load")
    dsession = config.pluginmanager.get_plugin("dsession")
    assert isinstance(dsession, DSession)
    assert dsession.nodemanager is None


def test_xdist_has_none_where_they_are_not(pytester: pytest.Pytester) -> None:
    assert not pytester.parseconfigure().pluginmanager.hasplugin("dsession")


def test_what_is_read_of_xdists_node_manager(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfigure("--tx=2*popen", "--dist=load", "--testrunuid=our-run")
    original = NodeManager(config)
    ours = Manager(original)
    assert [spec.popen for spec in ours.specs] == [True, True]
    assert ours.testrunuid == "our-run"
    assert list(ours.roots) == []
    # It can be called several times, before and after there are workers.
    original.teardown_nodes()
    original.teardown_nodes()


class WatchesXdist:
    """What xdist shows of one test worker; stops the run as soon as it is up."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        self.dsession: Any = None

    def pytest_configure_node(self, node: Any) -> None:
        self.dsession = node.config.pluginmanager.get_plugin("dsession")
        self.seen["id"] = node.gateway.id
        self.seen["input"] = dict(node.workerinput)
        self.channel = node.gateway.newchannel()
        node.workerinput["compat"] = ("a role", self.channel)

    def pytest_testnodeready(self, node: Any) -> None:
        self.seen["version"] = tuple(node.workerinfo["version_info"][:2])
        self.seen["manager"] = type(self.dsession.nodemanager)
        self.seen["stopped"] = self.dsession.shouldstop
        self.dsession.shouldstop = "stopped by us"

    def pytest_testnodedown(self, node: Any) -> None:
        self.seen["output"] = node.workeroutput["compat"]
        self.seen["received"] = self.channel.receive(timeout=NEVER_HANG)


def test_one_test_worker_of_xdist(pytester: pytest.Pytester) -> None:
    """A channel in its input arrives alive, its output comes back, and a run can be stopped."""
    pytester.makeconftest(
        """
        def pytest_configure(config):
            if hasattr(config, "workerinput"):
                role, channel = config.workerinput["compat"]
                channel.send(role + " received")
                config.workeroutput["compat"] = "written in pytest_configure"
        """
    )
    pytester.makepyfile("def test_it(): ...")
    plugin = WatchesXdist()
    result = pytester.runpytest_inprocess("-n1", "-p", "no:cacheprovider", plugins=[plugin])
    worker_input = plugin.seen.pop("input")
    assert plugin.seen == {
        "id": "gw0",
        "version": sys.version_info[:2],
        "manager": NodeManager,
        "stopped": False,
        "output": "written in pytest_configure",
        "received": "a role received",
    }
    assert worker_input["workerid"] == "gw0"
    assert worker_input["workercount"] == 1
    assert "compat" not in worker_input
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*stopped by us*"])


def test_xdists_loop_calls_what_was_put_into_its_queue(pytester: pytest.Pytester) -> None:
    """In the main thread, which is the only one that may write to the terminal."""
    told: list[str] = []

    class Tells:
        def pytest_testnodeready(self, node: Any) -> None:
            dsession: Any = node.config.pluginmanager.get_plugin("dsession")
            dsession.worker_compat_tells = lambda: told.append(threading.current_thread().name)
            dsession.queue.put(("compat_tells", {}))

    pytester.makepyfile("def test_it(): ...")
    result = pytester.runpytest_inprocess("-n1", plugins=[Tells()])
    assert result.ret == 0
    assert told == [threading.main_thread().name]


# --- execnet


def test_the_process_id_of_a_gateway() -> None:
    """It is asked for once: later, the process's main thread is busy."""
    group = execnet.Group(execmodel="main_thread_only")
    try:
        gateway = group.makegateway("popen//id=compat//execmodel=main_thread_only")
        information = gateway._rinfo()
        channel = gateway.remote_exec("import os; channel.send(os.getpid()); channel.receive()")
        assert channel.receive(timeout=NEVER_HANG) == information.pid != os.getpid()
        assert gateway._rinfo() is information
        channel.send(None)
    finally:
        group.terminate(5)


def test_the_process_id_of_a_gateway_can_be_told() -> None:
    group = execnet.Group()
    try:
        gateway: Any = group.makegateway("popen//id=compat")
        source = f"{inspect.getsource(rinfo_source)}\nrinfo_source(channel)"
        told = RInfo(gateway.remote_exec(source).receive(timeout=NEVER_HANG))
        assert vars(told) == vars(gateway._rinfo())
        assert gateway._cache_rinfo is gateway._rinfo()
        gateway._cache_rinfo = told
        assert gateway._rinfo() is told
    finally:
        group.terminate(5)


def test_what_is_sent_to_the_process_of_a_gateway_goes_into_a_pipe() -> None:
    group = execnet.Group()
    try:
        gateway: Any = group.makegateway("popen//id=compat")
        assert stat.S_ISFIFO(os.fstat(gateway._io.outfile.fileno()).st_mode)
    finally:
        group.terminate(5)


def test_the_process_of_a_gateway_can_be_waited_for() -> None:
    """A group that has no time for it leaves that to us."""
    group = execnet.Group()
    gateway: Any = group.makegateway("popen//id=compat")
    pid = gateway._rinfo().pid
    channel = gateway.remote_exec("import signal; channel.send(None); signal.pause()")
    channel.receive(timeout=NEVER_HANG)
    group.terminate(0)
    assert gateway._io.wait() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("unregistered", [True, False])
def test_a_group_of_gateways_is_killed_at_exit_unless_we_see_to_it(unregistered: bool) -> None:
    program = f"""
import atexit, execnet

class Group(execnet.Group):
    def _cleanup_atexit(self):
        print("cleaned up")
        super()._cleanup_atexit()

group = Group()
if {unregistered}:
    atexit.unregister(group._cleanup_atexit)
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=NEVER_HANG,
    )
    assert result.stdout == ("" if unregistered else "cleaned up\n")


METHODS = """
import pytest
class Plugin:
    @pytest.fixture(scope="session")
    def of_plugin(self): ...
class TestIt:
    @pytest.fixture(scope="session")
    def of_instance(self): ...
    @pytest.fixture(scope="session")
    @classmethod
    def of_class(cls): ...
    @pytest.fixture(scope="session")
    @staticmethod
    def of_nothing(): ...
    def test_it(self, of_plugin, of_instance, of_class, of_nothing, of_module): ...
@pytest.fixture(scope="session")
def of_module(): ...
def pytest_configure(config):
    config.pluginmanager.register(Plugin())
"""


def test_instance_methods_of_test_classes(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(METHODS.replace("class TestIt", "class NoTest"))
    pytester.makepyfile(METHODS)
    (item,) = collected(pytester)
    found = {
        name: is_test_method(definition(name, item))
        for name in ("of_plugin", "of_instance", "of_class", "of_nothing", "of_module")
    }
    assert found == {
        "of_plugin": False,
        "of_instance": True,
        "of_class": False,
        "of_nothing": False,
        "of_module": False,
    }


def test_capturing_between_reports(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): ...")

    class Plugin:
        sections: tuple[object, ...] = ()

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: pytest.Session) -> None:
            with captured(session.config):
                os.write(1, b"captured")

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            self.sections += tuple(report.sections)

    plugin = Plugin()
    run(pytester, plugin, "--capture=fd")
    assert ("Captured stdout setup", "captured") in plugin.sections


def test_capturing_where_nothing_is_captured(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig("-p", "no:capture")
    with captured(config):
        pass


def test_os_environ_keeps_its_variables_in_a_dict() -> None:
    kept = kept_by(os.environ)
    assert type(kept) is dict
    assert {os.fsdecode(name): os.fsdecode(value) for name, value in kept.items()} == os.environ
    assert kept_by(plain := {"A": "a"}) is plain


# --- what a fork of the controller needs to be a worker


class Made(Exception):
    """Raised in the place of making something."""


def test_execnet_makes_the_connection_of_a_popen_by_create_io(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is looked up in its module each time, and told the spec and the model of execution."""

    def create_io(spec: Any, execmodel: Any) -> None:
        raise Made(spec.popen, execmodel.backend)

    monkeypatch.setattr("execnet.gateway_io.create_io", create_io)
    group = execnet.Group(execmodel="main_thread_only")
    with pytest.raises(Made) as error:
        group.makegateway("popen//id=gw0")
    assert error.value.args == (True, "main_thread_only")


def test_what_execnet_has_an_interpreter_execute() -> None:
    from execnet import gateway_io

    from xdist_fixtureworker.controller.warm_start.child import _BOOTSTRAP

    command = gateway_io.popen_args(execnet.XSpec("popen"))
    assert command == [sys.executable, "-u", "-c", _BOOTSTRAP.decode()]


def test_what_a_spec_of_execnet_says() -> None:
    spec = execnet.XSpec("popen")
    for name in ("python", "chdir", "via", "dont_write_bytecode"):
        assert getattr(spec, name) is None
    assert spec.popen


def test_what_execnet_needs_of_a_connection() -> None:
    """Nothing but what ours has."""
    from execnet import gateway_base

    from xdist_fixtureworker.controller.warm_start.process import Connection

    needed = {name for name in vars(gateway_base.IO) if not name.startswith("_")}
    assert needed == {"close_read", "close_write", "kill", "read", "wait", "write"}
    assert gateway_base.IO.__annotations__.keys() == {"execmodel"}
    assert all(hasattr(Connection, name) for name in needed)


def test_the_hook_that_rewrites_assertions_is_of_pytest() -> None:
    """By that, a fork finds that of the controller."""
    pytests = [
        type(finder).__name__
        for finder in sys.meta_path
        if type(finder).__module__.startswith("_pytest.")
    ]
    assert set(pytests) == {"AssertionRewritingHook"}


def test_an_interpreter_waits_for_threads_and_calls_what_is_registered() -> None:
    """That can be done before its end, and is not done twice."""
    program = """
import atexit, threading
atexit.register(print, "atexit")
threading.Thread(target=lambda: (threading.main_thread().join(), print("thread"))).start()
threading._shutdown()
atexit._run_exitfuncs()
print("end")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["thread", "atexit", "end"]

"""``@global_fixture`` in all its forms, and what it says about the wrong ones."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xdist_fixtureworker import attrs, global_fixture
from xdist_fixtureworker._compat import fixture_function, fixture_scope, is_fixture
from xdist_fixtureworker.declared import decorator
from xdist_fixtureworker.declared.attributes import Attributes, Computed, Proxied
from xdist_fixtureworker.declared.decorator import Declaration, declaration_of
from xdist_fixtureworker.declared.locations import location, unbound

HERE = Path(__file__).parent
KNOWN = "share, writable, env, eager, lane, recover, params, autouse, ids, name"


@pytest.fixture(autouse=True)
def in_this_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places are told relative to the working directory."""
    monkeypatch.chdir(HERE)


def place(function: Callable[..., object]) -> str:
    return f"test_decorator.py:{function.__code__.co_firstlineno}"


def declared(fixture: Any) -> Declaration:
    declaration = declaration_of(fixture_function(fixture))
    assert declaration is not None
    return declaration


def marker(fixture: Any) -> Any:
    return fixture._fixture_function_marker


# --- the forms


def test_bare() -> None:
    def tables() -> str:
        return "value"

    fixture = global_fixture(tables)
    assert is_fixture(fixture)
    assert fixture_scope(fixture) == "session"
    assert fixture_function(fixture) is tables
    assert declared(fixture) == Declaration("tables", place(tables), env=None)
    assert (marker(fixture).autouse, marker(fixture).params, marker(fixture).name) == (
        False,
        None,
        None,
    )


def test_called_without_arguments() -> None:
    def tables() -> str:
        return "value"

    fixture = global_fixture()(tables)
    assert is_fixture(fixture)
    assert declared(fixture) == Declaration("tables", place(tables), env=None)


def test_with_arguments() -> None:
    def tables() -> Iterator[str]:
        yield "value"

    fixture = global_fixture(
        share="copy",
        env=True,
        eager=True,
        lane="network",
        params=[1, 2],
        autouse=True,
        ids=["one", "two"],
        name="database",
    )(tables)
    assert fixture_scope(fixture) == "session"
    assert declared(fixture) == Declaration(
        "database", place(tables), env=True, eager=True, lane="network"
    )
    assert marker(fixture).params == (1, 2)
    assert tuple(marker(fixture).ids) == ("one", "two")
    assert marker(fixture).autouse is True
    assert marker(fixture).name == "database"


def test_attributes() -> None:
    def server() -> object:
        return object()

    fixture = global_fixture(share=attrs("url", "config.port"))(server)
    shared = Attributes(("url", "config.port"))
    assert declared(fixture) == Declaration("server", place(server), env=None, share=shared)


def test_a_function_of_the_value() -> None:
    def server() -> object:
        return object()

    fixture = global_fixture(share=repr)(server)
    assert declared(fixture) == Declaration("server", place(server), share=Computed(repr))


@pytest.mark.parametrize("env", [True, False])
def test_on_top_of_a_pytest_fixture(env: bool) -> None:
    def tables() -> str:
        return "value"

    below = pytest.fixture(scope="session", autouse=True)(tables)
    fixture = global_fixture(env=env)(below)
    assert fixture is below
    assert marker(fixture).autouse is True
    assert declared(fixture) == Declaration("tables", place(tables), env=env)


def test_bare_on_top_of_a_pytest_fixture_with_a_name() -> None:
    def shared_tables() -> str:
        return "value"

    below = pytest.fixture(scope="session", name="tables")(shared_tables)
    assert global_fixture(below) is below
    assert declared(below) == Declaration("tables", place(shared_tables), env=None)


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
@pytest.mark.parametrize("form", ["bare", "with arguments"])
def test_class_methods_and_static_methods(kind: Any, form: str) -> None:
    def tables(*args: object) -> tuple[object, ...]:
        return args

    decorate = global_fixture if form == "bare" else global_fixture(env=True)
    fixture = decorate(kind(tables))
    assert is_fixture(fixture)
    assert fixture_scope(fixture) == "session"
    expected = Declaration("tables", place(tables), env=True if form != "bare" else None)
    assert declaration_of(tables) == expected
    # As pytest gets at it: through the class, and bound.
    holder = type("TestIt", (), {"method": kind(tables)})
    assert declaration_of(holder.method) == expected  # type: ignore[attr-defined]  # made above
    assert declaration_of(holder().method) == expected


def test_the_function_stays_what_it_was() -> None:
    """It can be used as a plain session fixture elsewhere, through another function."""

    def tables() -> str:
        return "value"

    global_fixture(tables)

    def other() -> str:
        return tables()

    assert declaration_of(other) is None
    assert declaration_of(tables) is not None
    assert tables() == "value"


# --- finding a declaration


def test_what_is_not_global() -> None:
    def plain() -> str:
        return "value"

    pytest.fixture(scope="session")(plain)
    for other in (plain, functools.partial(plain), len, None, "text", Path.cwd, object()):
        assert declaration_of(other) is None


def test_an_attribute_of_that_name_from_elsewhere() -> None:
    class Anything:
        """As a mock: has any attribute."""

        def __getattr__(self, name: str) -> str:
            return name

    assert declaration_of(Anything()) is None


def test_bound_methods() -> None:
    class Plugin:
        def tables(self) -> str:
            return "value"

    global_fixture(Plugin.tables)
    declaration = declaration_of(Plugin().tables)
    assert declaration == Declaration("tables", place(Plugin.tables), env=None)


# --- places


def test_location_below_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    line = test_bare.__code__.co_firstlineno
    assert location(test_bare) == f"test_decorator.py:{line}"
    monkeypatch.chdir(HERE.parent)
    assert location(test_bare) == f"{os.path.join('unit', 'test_decorator.py')}:{line}"


def test_location_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert location(test_bare) == f"{__file__}:{test_bare.__code__.co_firstlineno}"


def test_location_when_the_working_directory_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert location(test_bare) == f"{__file__}:{test_bare.__code__.co_firstlineno}"


def test_location_of_a_class() -> None:
    class Local:
        pass

    assert location(Local) == (
        f"test_decorator.py:{test_location_of_a_class.__code__.co_firstlineno + 1}"
    )


def test_location_of_a_decorated_function() -> None:
    def inner() -> None: ...

    @functools.wraps(inner)
    def outer() -> None: ...

    assert location(outer) == place(inner)
    as_class_method: Any = classmethod(outer)  # type: ignore[arg-type]  # never called
    assert location(as_class_method) == place(inner)


def test_location_of_an_object_that_can_be_called() -> None:
    class Local:
        def __call__(self) -> None: ...

    assert location(Local()) == location(Local)
    assert location(functools.wraps(place)(Local())) == place(place)
    assert location(functools.partial(place)) == place(place)


def test_location_that_is_unknown() -> None:
    assert location(len) == "builtins:?"
    assert location(functools.partial(len)) == "functools:?"
    assert location(os.getcwd) == f"{os.getcwd.__module__}:?"
    assert location(object()) == "?:?"


# --- usage errors


def function_fixture() -> str:
    return "value"


WHERE = place(function_fixture)


def on(fixture: Any, **arguments: Any) -> Callable[[], object]:
    return lambda: (global_fixture(**arguments) if arguments else global_fixture)(fixture)


def scoped(scope: Any, **arguments: Any) -> Any:
    return pytest.fixture(scope=scope, **arguments)(function_fixture)


@pytest.fixture
def undeclared() -> Iterator[None]:
    """Some tests declare the function of this module: forget it."""
    yield
    vars(function_fixture).clear()


@pytest.mark.parametrize("scope", ["function", "class", "module", "package"])
def test_narrower_scope(scope: str) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        global_fixture(scoped(scope))
    assert str(excinfo.value) == (
        f"@global_fixture on the {scope}-scoped fixture 'function_fixture' ({WHERE}): a global "
        f"fixture lives as long as the test run.\n"
        f'Write @pytest.fixture(scope="session") below it, or @global_fixture alone.'
    )
    assert declaration_of(function_fixture) is None


def test_dynamic_scope() -> None:
    def scope(fixture_name: str, config: pytest.Config) -> str:
        return "session"

    with pytest.raises(pytest.UsageError) as excinfo:
        global_fixture(env=True)(scoped(scope))
    assert str(excinfo.value) == (
        f"@global_fixture on the fixture 'function_fixture' ({WHERE}), whose scope a function "
        f"decides: a global fixture lives as long as the test run.\n"
        f'Write scope="session" instead of the function.'
    )


@pytest.mark.parametrize("arguments", [{}, {"env": True}])
def test_on_a_class(arguments: dict[str, Any]) -> None:
    class Local:
        pass

    line = test_on_a_class.__code__.co_firstlineno + 2  # below its decorator
    with pytest.raises(pytest.UsageError) as excinfo:
        on(Local, **arguments)()
    assert str(excinfo.value) == (
        f"@global_fixture on the class 'Local' (test_decorator.py:{line}): only functions can be "
        f"fixtures.\nDecorate a function that returns an instance of the class."
    )


@pytest.mark.parametrize("what", ["tables", 3, ("a", "b"), "session"])
def test_neither_function_nor_fixture(what: object) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        global_fixture(what)  # type: ignore[call-overload]  # that is the point
    assert str(excinfo.value) == (
        f"@global_fixture got {what!r}, which is neither a function nor a pytest fixture.\n"
        f"Options go in by name: @global_fixture(autouse=True)."
    )


def test_no_function_below() -> None:
    with pytest.raises(pytest.UsageError, match=r"^@global_fixture got None, which is neither "):
        global_fixture(env=True)(None)  # type: ignore[arg-type]  # that is the point


def test_unknown_argument() -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        global_fixture(sharing="copy")  # type: ignore[call-overload]  # that is the point
    assert str(excinfo.value) == (
        f"@global_fixture got an unknown argument 'sharing'.\nIt takes: {KNOWN}."
    )


def test_scope_argument() -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        global_fixture(scope="session")  # type: ignore[call-overload]  # that is the point
    assert str(excinfo.value) == (
        "@global_fixture takes no scope: a global fixture lives as long as the test run, and as a "
        "session fixture where tests are not distributed.\nLeave scope out."
    )


def test_recover() -> None:
    def tables() -> None: ...

    assert declared(global_fixture(recover=print)(tables)).recover is print


@pytest.mark.parametrize("below", [function_fixture, scoped("session")], ids=["alone", "on-top"])
def test_recover_that_cannot_be_called(below: Any) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        on(below, recover=3)()
    assert str(excinfo.value) == decorator.recover_not_callable("function_fixture", WHERE, 3)


@pytest.mark.parametrize("share", ["Proxy", "Copy", None, 1, ["copy"]])
@pytest.mark.parametrize("below", [function_fixture, scoped("session")], ids=["alone", "on-top"])
def test_unknown_share(share: object, below: Any) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        on(below, share=share)()
    assert str(excinfo.value) == decorator.unknown_share("function_fixture", WHERE, share)
    assert declaration_of(function_fixture) is None


@pytest.mark.parametrize("lane", ["", " ", 1, ["network"]])
def test_a_lane_without_a_name(lane: object) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        on(function_fixture, lane=lane)()
    assert str(excinfo.value) == decorator.wrong_lane("function_fixture", WHERE, lane)


@pytest.mark.parametrize(
    ("writable", "names"), [((), ()), (["mode", "level"], ("mode", "level")), ("mode", ("mode",))]
)
def test_proxy(writable: Any, names: tuple[str, ...]) -> None:
    def pool() -> None: ...

    fixture = global_fixture(share="proxy", writable=writable)(pool)
    assert declared(fixture).share == Proxied(names)


@pytest.mark.parametrize(
    "arguments",
    [
        {"writable": ("mode",)},
        {"writable": ("mode",), "share": attrs("url")},
        {"writable": ("mode.a",), "share": "proxy"},
        {"writable": (1,), "share": "proxy"},
    ],
    ids=str,
)
def test_writable_that_means_nothing(arguments: Any) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        on(function_fixture, **arguments)()
    writable = arguments["writable"]
    assert str(excinfo.value) == decorator.wrong_writable("function_fixture", WHERE, writable)


def test_proxy_with_recover() -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        on(function_fixture, share="proxy", recover=print)()
    assert str(excinfo.value) == decorator.proxy_with_recover("function_fixture", WHERE)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"params": [1]}, "params"),
        ({"autouse": True}, "autouse"),
        ({"ids": ["a"]}, "ids"),
        ({"name": "n"}, "name"),
        ({"name": "n", "env": True, "autouse": True}, "autouse, name"),
    ],
)
def test_arguments_of_the_fixture_below(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        on(scoped("session"), **arguments)()
    assert str(excinfo.value) == (
        f"@global_fixture({named}) on top of @pytest.fixture, on 'function_fixture' ({WHERE}): "
        f"these arguments belong to the fixture.\n"
        f"Give them to @pytest.fixture, or use @global_fixture alone."
    )


@pytest.mark.usefixtures("undeclared")
@pytest.mark.parametrize("first", [{}, {"env": True}])
@pytest.mark.parametrize("second", [{}, {"env": True}, {"autouse": True}])
def test_twice(first: dict[str, Any], second: dict[str, Any]) -> None:
    fixture: Any = on(function_fixture, **first)()
    with pytest.raises(pytest.UsageError) as excinfo:
        on(fixture, **second)()
    assert str(excinfo.value) == (
        f"@global_fixture twice on 'function_fixture' ({WHERE}).\nRemove one of the two."
    )


def test_pytest_fixture_on_top_is_pytests_own_error() -> None:
    def tables() -> str:
        return "value"

    with pytest.raises(ValueError, match="more than once"):
        pytest.fixture(global_fixture(tables))


# --- marks


@pytest.mark.parametrize("kind", [classmethod, staticmethod, lambda function: function])
def test_marks_above_and_below_are_taken(kind: Any) -> None:
    @pytest.mark.skipif(True, reason="b")
    @pytest.mark.skip
    @global_fixture
    @kind
    @pytest.mark.xfail
    def tables(*args: object) -> None: ...

    declaration = declaration_of(unbound(fixture_function(tables)))
    assert declaration is not None
    taken = [(mark.name, mark.args, mark.kwargs) for mark in declaration.marks]
    assert taken == [("xfail", (), {}), ("skip", (), {}), ("skipif", (True,), {"reason": "b"})]


@pytest.mark.parametrize("name", ["usefixtures", "parametrize"])
@pytest.mark.parametrize("below", [True, False])
def test_marks_about_tests_are_refused(name: str, below: bool) -> None:
    def tables() -> None: ...

    mark: Any = getattr(pytest.mark, name)("a", [1])
    with pytest.raises(pytest.UsageError, match=f"mark.{name} on the global fixture 'tables' "):
        global_fixture(mark(tables)) if below else mark(global_fixture(tables))


def test_marks_on_other_fixtures_are_left_to_pytest() -> None:
    @pytest.fixture
    def fixture() -> None: ...

    with pytest.raises((pytest.fail.Exception, Warning), match=r"[Mm]arks .* to fixtures"):
        pytest.mark.skip(fixture)

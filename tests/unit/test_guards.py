"""The marks ``parallel_only`` and ``serial_only``: what they do to fixtures and tests, and when they hold."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from xdist.plugin import pytest_cmdline_main

from xdist_fixtureworker import global_fixture, parallel_only, serial_only
from xdist_fixtureworker._compat import fixture_function, is_fixture
from xdist_fixtureworker.declared import guard_marks, guards
from xdist_fixtureworker.declared.decorator import declaration_of
from xdist_fixtureworker.declared.guards import (
    failing_guard,
    guard_of,
    is_parallel,
    marked_below,
    marked_too_early,
)

HERE = Path(__file__).parent
BOTH = pytest.mark.parametrize("mark", [parallel_only, serial_only], ids=lambda mark: mark.name)


@pytest.fixture(autouse=True)
def in_this_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places are told relative to the working directory."""
    monkeypatch.chdir(HERE)


def place(function: Callable[..., object]) -> str:
    return f"test_guards.py:{function.__code__.co_firstlineno}"


def marks(function: object) -> list[str]:
    return [mark.name for mark in getattr(function, "pytestmark", [])]


# --- on tests: marks like any other


@BOTH
def test_on_a_test(mark: Any) -> None:
    @mark
    def test_it() -> None: ...

    @mark()
    @pytest.mark.skip
    def test_with_parentheses() -> None: ...

    assert marks(test_it) == [mark.name]
    assert marks(test_with_parentheses) == ["skip", mark.name]
    assert guard_of(test_it) is None


@BOTH
def test_on_a_class(mark: Any) -> None:
    @mark
    class TestIt: ...

    assert marks(TestIt) == [mark.name]


@BOTH
def test_it_is_a_mark_decorator(mark: Any) -> None:
    assert isinstance(mark, pytest.MarkDecorator)
    assert (mark.mark.name, mark.mark.args, mark.mark.kwargs) == (mark.name, (), {})
    assert mark.with_args() is mark
    assert pytest.param(1, marks=mark).marks == (mark,)


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
@BOTH
def test_on_a_method_of_a_class(mark: Any, kind: Any) -> None:
    def method() -> None: ...

    wrapped = kind(method)
    assert mark(wrapped) is wrapped
    assert marks(method) == [mark.name]


@pytest.mark.parametrize(
    ("arguments", "keywords"), [(("slow",), {}), ((), {"reason": "slow"}), ((lambda: None,), {})]
)
@BOTH
def test_arguments(mark: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    line = test_arguments.__code__.co_firstlineno
    for use in (mark, mark.with_args):
        with pytest.raises(pytest.UsageError) as raised:
            use(*arguments, **keywords)
        here = raised.traceback[0].lineno + 1
        assert here > line
        assert str(raised.value) == guard_marks.guard_arguments(mark.name, f"test_guards.py:{here}")


# --- on fixtures


@BOTH
def test_above_a_fixture(mark: Any) -> None:
    def tables() -> None: ...

    fixture = pytest.fixture(scope="module")(tables)
    assert mark(fixture) is fixture
    assert guard_of(tables) == mark.name
    assert not marks(tables)
    assert not marks(fixture)


@BOTH
def test_above_and_below_a_global_fixture(mark: Any) -> None:
    @mark
    @global_fixture
    def above() -> None: ...

    @global_fixture
    @mark
    def below() -> None: ...

    @global_fixture
    @mark
    @pytest.fixture(scope="session")
    def between() -> None: ...

    for fixture in (above, below, between):
        assert is_fixture(fixture)
        assert guard_of(fixture_function(fixture)) == mark.name
        assert not marks(fixture_function(fixture))


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
@BOTH
def test_fixtures_that_are_methods_of_a_class(mark: Any, kind: Any) -> None:
    def tables(*args: object) -> None: ...

    def database(*args: object) -> None: ...

    def broker(*args: object) -> None: ...

    class TestIt:
        above = mark(global_fixture(kind(tables)))
        below = global_fixture(mark(kind(database)))
        inside = global_fixture(kind(mark(broker)))

    for name in ("above", "below", "inside"):
        assert guard_of(getattr(TestIt(), name)._get_wrapped_function()) == mark.name


def test_other_marks_below_a_global_fixture_are_those_of_its_set_up() -> None:
    @parallel_only
    @pytest.mark.skip
    def tables() -> None: ...

    declaration = declaration_of(fixture_function(global_fixture(tables)))
    assert declaration is not None
    assert [mark.name for mark in declaration.marks] == ["skip"]
    assert (marks(tables), guard_of(tables)) == ([], "parallel_only")


def test_the_same_guard_twice() -> None:
    @parallel_only
    @global_fixture
    @parallel_only
    def tables() -> None: ...

    assert guard_of(fixture_function(tables)) == "parallel_only"


def test_both_guards() -> None:
    def above() -> None: ...

    def around() -> None: ...

    def below() -> None: ...

    ways: dict[Callable[..., Any], Callable[[Any], Any]] = {
        above: lambda function: parallel_only(serial_only(pytest.fixture(function))),
        around: lambda function: serial_only(global_fixture(parallel_only(function))),
        below: lambda function: global_fixture(serial_only(parallel_only(function))),
    }
    for function, decorate in ways.items():
        with pytest.raises(pytest.UsageError) as raised:
            decorate(function)
        assert str(raised.value) == guards.both_guards(function.__name__, place(function))


PLACES = {
    "above a fixture": "@pytest.mark.{guard}\n@pytest.fixture",
    "above a global fixture": "@pytest.mark.{guard}\n@global_fixture",
    "below a global fixture": "@global_fixture\n@pytest.mark.{guard}",
    "between the two": "@global_fixture\n@pytest.mark.{guard}\n@pytest.fixture(scope='session')",
}


@pytest.mark.parametrize("second", PLACES)
@pytest.mark.parametrize("first", PLACES)
def test_the_same_function_name(
    first: str, second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python keeps only the second definition."""
    monkeypatch.chdir(tmp_path)
    definitions = [
        f"{PLACES[place].format(guard=guard)}\ndef database(): return '{guard}'\n"
        for place, guard in ((first, "parallel_only"), (second, "serial_only"))
    ]
    Path("fixtures.py").write_text("".join(definitions))
    with pytest.raises(pytest.UsageError) as raised:
        runpy.run_path("fixtures.py", {"pytest": pytest, "global_fixture": global_fixture})
    line = definitions[0].count("\n") + 1
    assert str(raised.value) == guards.guarded_twice(
        "database", "fixtures.py:1", f"fixtures.py:{line}"
    )


def test_functions_without_a_guard() -> None:
    def tables() -> None: ...

    assert guard_of(tables) is None
    assert guard_of(len) is None
    assert guard_of(Mock()) is None


def test_marked_below() -> None:
    @serial_only
    def tables() -> None: ...

    @pytest.mark.skip
    def skipped() -> None: ...

    assert marked_below(tables) == "serial_only"
    assert marked_below(skipped) is None
    assert marked_below(len) is None
    assert marked_below(Mock()) is None


def test_marked_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since pytest 9, the mark of pytest's refuses the fixture; before, it only stays on it."""

    def tables() -> None: ...

    early = pytest.fixture(tables)
    assert marked_too_early(early) is None
    monkeypatch.setattr(early, "pytestmark", [serial_only.mark], raising=False)
    assert marked_too_early(early) == "serial_only"
    assert marked_too_early(tables) is None
    assert marked_too_early(Mock()) is None


# --- when they hold

ASKED_FOR = {
    "": False,
    "-n2": True,
    "-n1": True,
    "-n0": False,
    "-nauto": True,
    "-nlogical": True,
    "-n2 --dist=loadfile": True,
    "-n2 --dist=no": True,
    "-n2 --collect-only": True,
    "-n2 --fixture-worker": True,
    "-n2 --no-fixture-worker": True,
    "-n0 --dist=load --tx=popen": False,
    "--fixture-worker": False,
    "--dist=load --tx=popen": True,
    "--dist=each --tx=2*popen": True,
    "--tx=popen": False,
    "--dist=load": False,
    "-d --tx=popen": True,
    "-d": False,
    "--pdb": False,
    "--pdb -nauto": False,
    "--pdb -n2 --collect-only": False,
}


@pytest.mark.parametrize("options", ASKED_FOR)
def test_parallel_is_what_was_asked_for(options: str, pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig(*options.split())
    pytest_cmdline_main(config)
    assert is_parallel(config) == ASKED_FOR[options]
    assert failing_guard(config) == ("serial_only" if ASKED_FOR[options] else "parallel_only")


def test_without_xdist_it_is_not_parallel(pytester: pytest.Pytester) -> None:
    assert not is_parallel(pytester.parseconfig("-p", "no:xdist"))


def test_in_a_worker_it_is_parallel(pytester: pytest.Pytester) -> None:
    config: Any = pytester.parseconfig()
    assert not is_parallel(config)
    config.workerinput = {}
    assert is_parallel(config)

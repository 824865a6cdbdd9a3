"""``parallel_only`` and ``serial_only``: a definition whose guard does not hold is not there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import NamedTuple

import pytest

from ..isolation import as_found
from ..suite import DISTRIBUTED, NEVER_HANG, ONE, Case, Result, Suite, read_notes, sampled


class Mode(NamedTuple):
    options: tuple[str, ...]
    parallel: bool

    def __str__(self) -> str:
        return " ".join(self.options)

    @property
    def failing(self) -> str:
        """The guard that does not hold."""
        return "serial_only" if self.parallel else "parallel_only"

    @property
    def holding(self) -> str:
        return "parallel_only" if self.parallel else "serial_only"

    @property
    def way_to_run(self) -> str:
        """The one in which the failing guard holds."""
        return "without -n, or with -n0" if self.parallel else "with -n, as in -n2"


GUARDS = ("parallel_only", "serial_only")
SERVED = Mode(DISTRIBUTED, parallel=True)
SERVED_ONE = Mode(ONE, parallel=True)
UNSERVED = Mode(("-n1", "--no-fixture-worker"), parallel=True)
SERIAL = Mode(("--fixture-worker",), parallel=False)


def modes(*among: Mode, full: tuple[Mode, ...] = ()) -> pytest.MarkDecorator:
    """These, and some that "tox -e full" runs too."""
    return pytest.mark.parametrize("mode", sampled(lambda mode: mode not in full, [*among, *full]))


MODES = modes(SERVED, UNSERVED, SERIAL)
SERVED_MODES = modes(SERVED_ONE, SERIAL)  # where global fixtures are there, or are not
UNSERVED_MODES = modes(UNSERVED, SERIAL)  # where it does not matter whether there are any
ARGUMENT = "def test_it(database): note(database)"


def write_and_run(suite: Suite, mode: Mode, files: dict[str, str]) -> Result:
    suite.write(files)
    return suite.run(*mode.options)


def assert_skipped(result: Result, mode: Mode, count: int) -> None:
    """That so many tests were skipped, and the one note that counts them."""
    assert result.outcomes["skipped"] == count
    tests = "1 test was" if count == 1 else f"{count} tests were"
    assert result.lines("by the guard") == [f"{tests} skipped by the guard {mode.failing}."]
    assert f"{mode.failing}.\n  Run pytest {mode.way_to_run}.\n" in result.output


# --- the definition that is there

FORMS = {
    "above_a_fixture": """
@pytest.mark.{guard}
@pytest.fixture(scope="session", name="{name}")
def {name}_{guard}(): return "{guard}"
""",
    "above_a_global_fixture": """
@pytest.mark.{guard}
@global_fixture(name="{name}")
def {name}_{guard}(): return "{guard}"
""",
    "below_a_global_fixture": """
@global_fixture(name="{name}")
@pytest.mark.{guard}
def {name}_{guard}(): return "{guard}"
""",
    "between_the_two": """
@global_fixture
@pytest.mark.{guard}
@pytest.fixture(scope="session", name="{name}")
def {name}_{guard}(): return "{guard}"
""",
    "with_parentheses": """
@pytest.mark.{guard}()
@global_fixture(name="{name}")
def {name}_{guard}(): return "{guard}"
""",
    "with_yield": """
@pytest.mark.{guard}
@global_fixture(name="{name}")
def {name}_{guard}():
    yield "{guard}"
    note("finalized {guard}")
""",
}
BOTH = "".join(FORMS["above_a_fixture"].format(guard=guard, name="database") for guard in GUARDS)
"""Two definitions of ``database``, whose values are their guards."""


def two_definitions_of_one_name(mode: Mode) -> Case:
    definitions = (
        form.format(guard=guard, name=name) for name, form in FORMS.items() for guard in GUARDS
    )
    tests = "".join(
        f"""
def test_{name}(request, {name}): assert {name} == "{mode.holding}"
def test_{name}_later(request): assert request.getfixturevalue("{name}") == "{mode.holding}"
"""
        for name in FORMS
    )
    return Case(
        {"conftest.py": "".join(definitions), "test_two.py": tests}, {"passed": 2 * len(FORMS)}
    )


def in_modules_and_classes(mode: Mode) -> Case:
    """Instance methods, class methods, and the module below them."""

    def tests(value: str) -> str:
        return f"""
    def test_it(self, database): assert database == "{value}"
    def test_later(self, request): assert request.getfixturevalue("database") == "{value}"
"""

    module = f"""
@pytest.fixture
def database(): return "of the module"

class TestInstance:
    @pytest.mark.parallel_only
    @pytest.fixture(name="database")
    def parallel(self): return "parallel_only"
    @pytest.mark.serial_only
    @pytest.fixture(name="database")
    def serial(self): return "serial_only"
    {tests(mode.holding)}

class TestClass:
    @pytest.mark.parallel_only
    @global_fixture(name="database")
    @classmethod
    def parallel(cls): return "parallel_only"
    @global_fixture(name="database")
    @pytest.mark.serial_only
    @classmethod
    def serial(cls): return "serial_only"
    {tests(mode.holding)}

class TestFallsThrough:
    @pytest.mark.{mode.failing}
    @pytest.fixture
    def database(self): return "never"
    {tests("of the module")}
"""
    return Case({"test_module.py": module}, {"passed": 6})


def autouse_fixtures(mode: Mode) -> Case:
    conftest = ""
    for guard in GUARDS:
        conftest += f"""
@pytest.mark.{guard}
@pytest.fixture(autouse=True)
def plain_{guard}(): note("autouse plain {guard}")
@pytest.mark.{guard}
@global_fixture(autouse=True)
def global_{guard}(): note("autouse global {guard}")
"""
    return Case({"conftest.py": conftest, "test_auto.py": "def test_it(): pass"}, {"passed": 1})


PARAMETERS = """
@pytest.mark.parallel_only
@global_fixture(name="database", params=["one", "two", "three"])
def parallel(request): return request.param

@pytest.mark.serial_only
@pytest.fixture(name="database", params=["four", "five"])
def serial(request): return request.param
"""
VALUES = {"parallel_only": ["one", "two", "three"], "serial_only": ["four", "five"]}


def parameters(mode: Mode) -> Case:
    test = "def test_it(database): note(f'parameter {database}')"
    files = {"conftest.py": PARAMETERS, "test_parameters.py": test}
    return Case(files, {"passed": len(VALUES[mode.holding])})


def parameters_of_a_definition_that_is_not_there(mode: Mode) -> Case:
    """They parametrize nothing: the tests are there once, and skipped."""
    conftest = f"""
@pytest.mark.{mode.failing}
@global_fixture(params=[1, 2, 3])
def database(request): return request.param
@pytest.fixture
def connection(database): pass
"""
    tests = "def test_a(database): pass\ndef test_b(connection): pass"
    return Case({"conftest.py": conftest, "test_no_parameters.py": tests}, {"skipped": 2})


def one_place_one_name_one_function_name(mode: Mode) -> Case:
    """Definitions that only their place among the visible ones tells apart."""
    conftest = """
def make(guard, value):
    @guard
    @global_fixture(name="database")
    def fixture(): return value
    return fixture
def make_override(guard, value):
    @guard
    @global_fixture(name="database")
    def fixture(database): return f"{value} on {database}"
    return fixture
def no_guard(fixture): return fixture
a = make(pytest.mark.serial_only, "serial a")
b = make(pytest.mark.parallel_only, "parallel b")
c = make(pytest.mark.serial_only, "serial c")
d = make_override(no_guard, "d")
e = make_override(pytest.mark.parallel_only, "parallel e")
"""
    value = "parallel e on d on parallel b" if mode.parallel else "d on serial c"
    test = f"def test_it(database): assert database == '{value}'"
    return Case({"conftest.py": conftest, "test_place.py": test}, {"passed": 1})


@MODES
def test_the_definition_that_is_there(suite: Suite, mode: Mode) -> None:
    cases = {
        "two": two_definitions_of_one_name(mode),
        "module": in_modules_and_classes(mode),
        "auto": autouse_fixtures(mode),
        "parameters": parameters(mode),
        "no_parameters": parameters_of_a_definition_that_is_not_there(mode),
        "place": one_place_one_name_one_function_name(mode),
    }
    result = suite.run_cases(cases, *mode.options)
    assert_skipped(result, mode, 2)
    finalized = [what for what in result.noted() if what.startswith("finalized")]
    assert set(finalized) == {f"finalized {mode.holding}"}
    # In the fixture worker, no narrower autouse fixture runs.
    autouse = sorted(what for what in result.noted() if what.startswith("autouse"))
    assert autouse == [f"autouse global {mode.holding}", f"autouse plain {mode.holding}"]
    values = sorted(what for what in result.noted() if what.startswith("parameter"))
    assert values == sorted(f"parameter {value}" for value in VALUES[mode.holding])


@UNSERVED_MODES
def test_collect_only_lists_what_runs(suite: Suite, mode: Mode) -> None:
    suite.write({"conftest.py": PARAMETERS, "test_it.py": ARGUMENT + "\ndef test_b(): pass"})
    listed = suite.run(*mode.options, "--collect-only", "-q")
    assert listed.code == 0
    expected = [f"test_it.py::test_it[{value}]" for value in VALUES[mode.holding]]
    assert listed.lines("::") == [*expected, "test_it.py::test_b"]
    shown = suite.run(*mode.options, "-v", "-p", "no:cacheprovider").lines("PASSED")
    ran = sorted(re.findall(r"test_it.py::\S+", "\n".join(shown)))
    assert ran == sorted(listed.lines("::"))


@modes(SERVED_ONE, SERIAL, full=(UNSERVED,))
def test_look_ups_fall_through(suite: Suite, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """To an outer conftest.py, and to a plugin; also that of a definition which overrides."""
    as_found(monkeypatch)
    never = f"""
@pytest.mark.{mode.failing}
@global_fixture
def database(): return "never"
"""

    def tests(value: str) -> str:
        return f"""
def test_it(database): assert database == "{value}"
def test_later(request): assert request.getfixturevalue("database") == "{value}"
"""

    result = write_and_run(
        suite,
        mode,
        {
            "plugin.py": "@global_fixture\ndef database(): return 'of the plugin'",
            "pytest.ini": "[pytest]\npythonpath = .\naddopts = -p plugin\n",
            "conftest.py": never,
            "test_a.py": tests("of the plugin"),
            "outer/conftest.py": "@global_fixture\ndef database(database): return database + ', outer'",
            "outer/inner/conftest.py": never,
            "outer/inner/test_b.py": never + tests("of the plugin, outer"),
            "outer/other/conftest.py": "@pytest.fixture\ndef database(database): return database + ', other'",
            "outer/other/test_c.py": never + tests("of the plugin, outer, other"),
        },
    )
    assert result.outcomes == {"passed": 6}
    assert not result.lines("by the guard")


# --- where none is left

NONE_LEFT = """
@pytest.mark.{failing}
@global_fixture
def database(): note("never")

@pytest.mark.{failing}
@pytest.fixture
def cursor(): note("never")

@pytest.fixture
def function_scoped(database): note("never")

@pytest.fixture(scope="session")
def session_scoped(request):
    return request.getfixturevalue("database")

@pytest.fixture
def dynamic(request):
    return request.getfixturevalue("cursor")

@global_fixture
def on_top(database): note("never")

@global_fixture
def dynamic_on_top(request):
    return request.getfixturevalue("database")

@pytest.fixture
def itself(itself): note("never")
"""
NEEDING = {
    "def test_it(database): pass": "database",
    "def test_it(cursor): pass": "cursor",
    "@pytest.mark.usefixtures('database')\ndef test_it(): pass": "database",
    "@pytest.mark.usefixtures('database')\nclass TestIt:\n    def test_it(self): pass": "database",
    "pytestmark = pytest.mark.usefixtures('cursor')\ndef test_it(): pass": "cursor",
    "def test_it(function_scoped): pass": "database",
    "def test_it(session_scoped): pass": "database",
    "def test_it(dynamic): pass": "cursor",
    "def test_it(on_top): pass": "database",
    "def test_it(dynamic_on_top): pass": "database",
    "def test_it(request): request.getfixturevalue('database')": "database",
    "def test_it(request): request.getfixturevalue('on_top')": "database",
    "def test_it(request): request.getfixturevalue('dynamic')": "cursor",
    "@pytest.mark.xfail(strict=True)\ndef test_it(database): pass": "database",
    "@pytest.mark.parametrize('database', [1], indirect=True)\ndef test_it(database): pass": "database",
    "import unittest\n@pytest.mark.usefixtures('cursor')\nclass TestIt(unittest.TestCase):\n    def test_it(self): pass": "cursor",
}


def needing_it(mode: Mode) -> Case:
    files = {f"test_needing_{number}.py": test for number, test in enumerate(NEEDING)}
    files["conftest.py"] = NONE_LEFT.format(failing=mode.failing)
    return Case(files, {"skipped": len(NEEDING)})


def nothing_is_set_up_for_it(mode: Mode) -> Case:
    """Where the arguments show that it will be skipped."""
    conftest = f"""
@pytest.mark.{mode.failing}
@global_fixture
def database(): note("never")
@pytest.fixture
def function_scoped(database): note("never")
@pytest.fixture(autouse=True)
def for_each_test(): note("never")
@global_fixture
def costly(): note("never")
@global_fixture
def both(costly, database): note("never")
"""
    tests = """
def test_a(costly, database): pass
@pytest.mark.usefixtures("costly")
def test_b(function_scoped): pass
def test_c(both): pass
"""
    return Case({"conftest.py": conftest, "test_nothing.py": tests}, {"skipped": 3})


def override_of_what_is_not_there(mode: Mode) -> Case:
    files = {
        "conftest.py": f"@pytest.mark.{mode.failing}\n@pytest.fixture\ndef database(): note('never')",
        "sub/conftest.py": "@pytest.fixture\ndef database(database): note('never')",
        "sub/test_overridden.py": "def test_it(database): pass",
        "test_override.py": "def test_it(request): request.getfixturevalue('database')",
    }
    return Case(files, {"skipped": 2})


def who_looks_it_up_and_does_without_it_passes(mode: Mode) -> Case:
    conftest = """
@pytest.fixture
def either(request):
    try: return request.getfixturevalue("database")
    except pytest.FixtureLookupError: return "neither"
@global_fixture
def global_either(request):
    try: return request.getfixturevalue("database")
    except pytest.FixtureLookupError: return "global neither"
"""
    tests = """
def test_it(either, global_either): assert (either, global_either) == ("neither", "global neither")
def test_body(request):
    with pytest.raises(pytest.FixtureLookupError): request.getfixturevalue("cursor")
"""
    return Case(
        {"conftest.py": NONE_LEFT.format(failing=mode.failing) + conftest, "test_who.py": tests},
        {"passed": 2},
    )


def guarded_test(mode: Mode) -> Case:
    """For it, nothing is set up, either."""
    files = {
        "conftest.py": "@global_fixture(autouse=True)\ndef own(): note('never')",
        "test_guarded.py": f"pytestmark = pytest.mark.{mode.failing}\n"
        "def setup_module(): note('never')\ndef test_it(): pass",
    }
    return Case(files, {"skipped": 1})


@MODES
def test_a_test_that_needs_it_is_skipped(suite: Suite, mode: Mode) -> None:
    cases = {
        "needing": needing_it(mode),
        "nothing": nothing_is_set_up_for_it(mode),
        "override": override_of_what_is_not_there(mode),
        "who": who_looks_it_up_and_does_without_it_passes(mode),
        "guarded": guarded_test(mode),
    }
    result = suite.run_cases(cases, *mode.options)
    assert result.code == 0
    assert_skipped(result, mode, len(NEEDING) + 6)
    assert "never" not in result.noted()
    conftest = "needing/conftest.py"
    line = {name: suite_line(suite, conftest, f"def {name}(") for name in ("database", "cursor")}
    for number, fixture in enumerate(NEEDING.values()):
        reason = (
            f"needs the fixture '{fixture}' ({conftest}:{line[fixture]}), which is "
            f"{mode.failing}: run pytest {mode.way_to_run}"
        )
        (shown,) = result.lines(rf"^SKIPPED \[1\] needing/test_needing_{number}.py:\d+: ")
        assert shown.partition(": ")[2] == reason


def suite_line(suite: Suite, file: str, text: str) -> int:
    """The number of the line where the definition that has ``text`` starts, with its decorators."""
    lines = (suite.path / file).read_text().splitlines()
    number = next(number for number, line in enumerate(lines) if text in line)
    while lines[number - 1].startswith("@"):
        number -= 1
    return number + 1


@UNSERVED_MODES
def test_doctests(suite: Suite, mode: Mode) -> None:
    text = "\n\ndef example():\n    '''\n    >>> getfixture('database')\n    1\n    '''\n"
    suite.write(
        {
            "conftest.py": f"@pytest.mark.{mode.failing}\n@pytest.fixture\ndef database(): return 1",
            "examples.py": text,
            "test_it.py": "def test_it(): pass",
        }
    )
    result = suite.run(*mode.options, "--doctest-modules", "examples.py", "test_it.py")
    assert_skipped(result, mode, 1)
    assert result.outcomes == {"passed": 1, "skipped": 1}


@modes(SERVED_ONE, SERIAL, full=(UNSERVED,))
def test_other_fixtures_that_are_not_there_stay_errors(suite: Suite, mode: Mode) -> None:
    """Among them one of that name, guarded, that cannot be seen from the test; and a look-up while
    finalizing is an error, too."""
    guarded = f"@pytest.mark.{mode.failing}\n@pytest.fixture\ndef database(): return 1\n"
    late = (
        "\n@pytest.fixture\ndef late(request):\n    yield\n    request.getfixturevalue('database')"
    )
    result = suite.run_cases(
        {
            "one": Case(
                {"conftest.py": guarded, "test_one.py": "def test_it(database): pass"},
                {"skipped": 1},
            ),
            "two": Case({"test_two.py": "def test_it(database): pass"}, {"errors": 1}),
            "three": Case(
                {"test_three.py": guarded + "def test_it(no_such_fixture): pass"}, {"errors": 1}
            ),
            "four": Case(
                {
                    "test_four.py": f"""
class TestIt:
    @pytest.mark.{mode.failing}
    @pytest.fixture
    def database(self): pass
    def test_it(self, database): pass
def test_other(database): pass
"""
                },
                {"skipped": 1, "errors": 1},
            ),
            "late": Case(
                {"conftest.py": guarded + late, "test_late.py": "def test_it(late): pass"},
                {"passed": 1, "errors": 1},
            ),
        },
        *mode.options,
    )
    assert_skipped(result, mode, 2)
    assert len(result.lines("^E .*fixture 'database' not found")) == 3
    assert len(result.lines("fixture 'no_such_fixture' not found")) == 1


# --- on tests

GUARDED_TESTS = """
@pytest.mark.{guard}
def test_function(): note("{guard}")

@pytest.mark.{guard}
class TestClass:
    def test_in_class(self): note("{guard}")

class TestMethod:
    @pytest.mark.{guard}
    def test_method(self): note("{guard}")
    def test_free(self): note("free")

class TestAttribute:
    pytestmark = [pytest.mark.{guard}]
    def test_in_class(self, request):
        assert request.node.get_closest_marker("{guard}").args == ()
        note("{guard}")

@pytest.mark.parametrize("value", [1, pytest.param(2, marks=pytest.mark.{guard})])
def test_parameter(value): note("free" if value == 1 else "{guard}")
"""


@SERVED_MODES
def test_guards_on_tests(suite: Suite, mode: Mode) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture(autouse=True)\ndef database(): note('set up')",
            "test_parallel.py": GUARDED_TESTS.format(guard="parallel_only"),
            "test_serial.py": GUARDED_TESTS.format(guard="serial_only"),
            "test_module.py": f"pytestmark = pytest.mark.{mode.failing}\n"
            "def test_it(): note('never')\nclass TestIt:\n    def test_it(self): note('never')",
        }
    )
    result = suite.run(*mode.options, "-rs", "--strict-markers")
    assert result.outcomes == {"passed": 9, "skipped": 7}
    assert_skipped(result, mode, 7)
    assert result.noted(mode.failing, "never") == []
    assert result.noted(mode.holding) == [mode.holding] * 5
    assert result.noted("free") == ["free"] * 4
    skipped = result.lines("^SKIPPED")
    assert skipped
    for line in skipped:
        assert re.search(rf"\] test_\w+.py:\d+: the test is {mode.failing}: run pytest with", line)


# --- the summary line


@pytest.mark.parametrize(
    ("mode", "option"),
    sampled(
        lambda mode, option: not mode.parallel or (mode is UNSERVED and option == "-q"),
        [SERVED_ONE, UNSERVED, SERIAL],
        ["-q", "-v"],
    ),
)
def test_the_summary_line(suite: Suite, mode: Mode, option: str) -> None:
    suite.write(
        {
            "test_it.py": f"""
@pytest.mark.{mode.failing}
@pytest.mark.parametrize("i", range(3))
def test_it(i): pass
@pytest.mark.skip
def test_other(): pass
""",
        }
    )
    result = suite.run(*mode.options, option)
    assert result.code == 0
    assert len(result.lines(f"^3 tests were skipped by the guard {mode.failing}.$")) == 1


@modes(SERIAL, full=(UNSERVED,))
def test_no_summary_line_where_no_test_is_skipped(suite: Suite, mode: Mode) -> None:
    result = write_and_run(
        suite,
        mode,
        {
            "conftest.py": NONE_LEFT.format(failing=mode.failing),
            "test_it.py": "def test_it(): pass\n@pytest.mark.skip\ndef test_other(): pass",
        },
    )
    assert result.outcomes == {"passed": 1, "skipped": 1}
    assert not result.lines("guard")


# --- what was asked for

ASKED_FOR = {
    "-n1": True,
    "-n1 --fixture-worker": True,
    "-n0": False,
    "-n0 --fixture-worker": False,
    "-n2 --fixture-worker -n0": False,
    "-nauto --maxprocesses=1": True,
    "--dist=load --tx=popen": True,
    "-d --tx=popen": True,
    "--tx=popen": False,
    "--pdb -nauto": False,
    "-p no:xdist": False,
}
NO_OTHERS = ("-n1 --fixture-worker", "-nauto --maxprocesses=1", "-d --tx=popen")


@pytest.mark.parametrize("options", sampled(lambda options: options not in NO_OTHERS, ASKED_FOR))
def test_what_was_asked_for(suite: Suite, options: str) -> None:
    """As tests/unit/test_guards.py asks of more options; here it is seen by what there is."""
    suite.write({"conftest.py": BOTH, "test_it.py": ARGUMENT})
    result = suite.run(*options.split())
    assert result.outcomes == {"passed": 1}
    assert result.noted() == ["parallel_only" if ASKED_FOR[options] else "serial_only"]


# --- the marks


def test_markers(suite: Suite) -> None:
    lines = suite.run("--markers").lines("_only")
    assert [line.partition(":")[0] for line in lines] == [
        "@pytest.mark.parallel_only",
        "@pytest.mark.serial_only",
    ]


@UNSERVED_MODES
def test_selecting_by_guard(suite: Suite, mode: Mode) -> None:
    suite.write(
        {
            "test_it.py": f"""
@pytest.mark.{mode.holding}
def test_a(): note("a")
@pytest.mark.{mode.failing}
def test_b(): note("b")
def test_c(): note("c")
""",
        }
    )
    result = suite.run(*mode.options, "-m", mode.holding, "--strict-markers")
    assert result.outcomes.get("passed") == 1
    assert result.noted() == ["a"]
    result = suite.run(*mode.options, "-m", f"not {mode.failing}", "--strict-markers")
    assert sorted(result.noted()) == ["a", "c"]
    assert "skipped" not in result.outcomes


LISTED = """
@pytest.mark.parallel_only
@global_fixture(name="database")
def parallel():
    '''The shared one.'''
@pytest.mark.serial_only
@pytest.fixture(scope="session", name="database")
def serial():
    '''The private one.'''
@pytest.fixture
def free():
    '''Without a guard.'''
"""
HOLDS = "    Guard: {}, which holds in this run."
DOES_NOT_HOLD = "    Guard: {}, which does not hold: this definition is not there in this run."


@SERVED_MODES
def test_fixtures_shows_guards(suite: Suite, mode: Mode) -> None:
    suite.write({"conftest.py": LISTED, "test_it.py": "def test_it(database, free): pass"})
    result = suite.run(*mode.options, "--fixtures")
    assert result.code == 0
    lines = result.output.splitlines()

    def before(line: str) -> str:
        return lines[lines.index(f"    {line}") - 1]

    guards = {"The shared one.": "parallel_only", "The private one.": "serial_only"}
    for docstring, guard in guards.items():
        text = HOLDS if guard == mode.holding else DOES_NOT_HOLD
        assert before(docstring) == text.format(guard)
    assert before("Without a guard.").startswith("free -- conftest.py:")
    assert len(result.lines("Global: ")) == 1


@SERVED_MODES
def test_fixtures_per_test_shows_the_one_that_is_there(suite: Suite, mode: Mode) -> None:
    suite.write({"conftest.py": LISTED, "test_it.py": "def test_it(database, free): pass"})
    result = suite.run(*mode.options, "--fixtures-per-test")
    assert result.code == 0
    assert result.lines("Guard: ") == [HOLDS.format(mode.holding)]
    assert len(result.lines("The (shared|private) one")) == 1


# --- misuse

MISUSES = {
    "@pytest.mark.parallel_only\n@pytest.mark.serial_only\n@pytest.fixture\ndef it(): pass": (
        "UsageError: both guards, parallel_only and serial_only, on the fixture 'it' .{file}:4"
    ),
    "@pytest.mark.serial_only\n@global_fixture\n@pytest.mark.parallel_only\ndef it(): pass": (
        "UsageError: both guards, parallel_only and serial_only, on the fixture 'it' .{file}:4"
    ),
    "@pytest.mark.parallel_only('why')\n@pytest.fixture\ndef it(): pass": (
        "UsageError: @pytest.mark.parallel_only with arguments .{file}:4"
    ),
    "@pytest.mark.serial_only(reason='why')\ndef test_it(): pass": (
        "UsageError: @pytest.mark.serial_only with arguments .{file}:4"
    ),
}


@pytest.mark.parametrize(
    ("misuse", "mode"),
    sampled(
        lambda misuse, mode: not mode.parallel or misuse == next(iter(MISUSES)),
        MISUSES,
        [SERVED_ONE, SERIAL],
    ),
)
def test_misuse_in_a_conftest(suite: Suite, misuse: str, mode: Mode) -> None:
    suite.write({"conftest.py": misuse, "test_it.py": "def test_it(): pass"})
    result = suite.run(*mode.options)
    assert result.code == 4
    assert re.search(MISUSES[misuse].format(file="conftest.py"), result.errors)


@UNSERVED_MODES
def test_misuse_in_test_modules(suite: Suite, mode: Mode) -> None:
    files = {f"test_{number}.py": misuse for number, misuse in enumerate(MISUSES)}
    result = write_and_run(suite, mode, {**files, "test_other.py": "def test_it(): pass"})
    assert result.code == (1 if mode.parallel else 2)
    for number, misuse in enumerate(MISUSES):
        assert result.lines(f"ERROR collecting test_{number}.py")
        assert result.lines(MISUSES[misuse].format(file=f"test_{number}.py"))


# Nothing of the first is left when Python gives its name to the second. Where tests are distributed
# or where they are not, that was the definition to be there.
PLACES = {
    "above a fixture": "@pytest.mark.{guard}\n@pytest.fixture{name}",
    "above a global fixture": "@pytest.mark.{guard}\n@global_fixture{name}",
    "below a global fixture": "@global_fixture{name}\n@pytest.mark.{guard}",
    "between the two": "@global_fixture\n@pytest.mark.{guard}\n@pytest.fixture(scope='session')",
}
SAME_FUNCTION_NAME = (
    "UsageError: two guarded definitions of the fixture 'database' have the same function name "
    r"\({file}:{first} and {file}:{second}\): Python keeps only the second"
)


def twice(first: str, second: str, name: str = "") -> str:
    """Two definitions by the same function name, with the guards in these places."""
    places = zip((first, second), GUARDS, strict=True)
    return "\n".join(
        f"{PLACES[place].format(guard=guard, name=name)}\ndef database(): return '{guard}'"
        for place, guard in places
    )


FIRST_AND_SECOND = dict(zip(PLACES, [*list(PLACES)[1:], next(iter(PLACES))], strict=True))


# Each of them is seen in tests/unit/test_guards.py, at the definition.
@pytest.mark.parametrize(
    ("first", "second", "mode"),
    sampled(
        lambda first, second, mode: (
            FIRST_AND_SECOND[first] == second and (not mode.parallel or first == next(iter(PLACES)))
        ),
        PLACES,
        PLACES,
        [SERVED_ONE, SERIAL],
    ),
)
def test_the_same_function_name_in_a_conftest(
    suite: Suite, first: str, second: str, mode: Mode
) -> None:
    suite.write({"conftest.py": twice(first, second), "test_it.py": ARGUMENT})
    result = suite.run(*mode.options)
    assert result.code == 4
    lines = (suite.path / "conftest.py").read_text().splitlines()
    tops = [
        number
        for number, line in enumerate(lines, 1)
        if line.startswith("@") and not lines[number - 2].startswith("@")
    ]
    expected = SAME_FUNCTION_NAME.format(file="conftest.py", first=tops[0], second=tops[1])
    assert re.search(expected, result.errors)
    assert 'Give the functions different names, and both of them name="database".' in result.errors


@UNSERVED_MODES
def test_the_same_function_name_in_modules_and_classes(suite: Suite, mode: Mode) -> None:
    above = twice("above a fixture", "below a global fixture", "(name='database')")
    in_class = "\n".join(
        f"    @pytest.mark.{guard}\n    @global_fixture\n    @classmethod\n"
        f"    def database(cls): return '{guard}'"
        for guard in GUARDS
    )
    decorators = "".join(
        f"def {guard}(function): return pytest.mark.{guard}(pytest.fixture(function))\n"
        for guard in GUARDS
    )
    by_decorators = "\n".join(f"@{guard}\ndef database(): return '{guard}'" for guard in GUARDS)
    suite.write(
        {
            "test_module.py": f"{above}\n{ARGUMENT}",
            "test_class.py": f"class TestIt:\n{in_class}\n    def test_it(self, database): pass",
            "test_decorators.py": f"{decorators}{by_decorators}\n{ARGUMENT}",
            "test_imported.py": "import helper",
            "helper.py": twice("above a fixture", "above a fixture"),
            "test_other.py": "def test_it(): pass",
        }
    )
    result = suite.run(*mode.options)
    assert result.code == (1 if mode.parallel else 2)
    for file in ("test_module", "test_class", "test_decorators", "helper"):
        expected = SAME_FUNCTION_NAME.format(file=f"{file}.py", first=r"\d+", second=r"\d+")
        assert result.lines(expected), file


ALLOWED = """
import helper, importlib
before = helper.database
importlib.reload(helper)
importlib.reload(helper)
assert helper.database is not before

if "{holding}" == "parallel_only":
    @pytest.mark.parallel_only
    @pytest.fixture(name="either")
    def chosen(): return "parallel_only"
else:
    @pytest.mark.serial_only
    @pytest.fixture(name="either")
    def chosen(): return "serial_only"

for guard in (pytest.mark.parallel_only, pytest.mark.serial_only):
    @guard
    @pytest.fixture(name=guard.name)
    def each(): return "{holding}"
    globals()[guard.name] = each

@pytest.fixture
def overridden(): return "never"
@pytest.mark.{holding}
@pytest.fixture
def overridden(): return "{holding}"

@pytest.mark.{holding}
@global_fixture(name="kept")
def _(): return "{holding}"
first = _
@pytest.mark.{failing}
@global_fixture(name="kept")
def _(): return "never"

@pytest.mark.{holding}
@global_fixture
@pytest.mark.{holding}
def stacked(): return "{holding}"

def make():
    @pytest.mark.{holding}
    @pytest.fixture(name="made")
    def database(): return "{holding}"
    holding = database
    @pytest.mark.{failing}
    @pytest.fixture(name="made")
    def database(): return "never"
    return holding, database
made, not_made = make()

class TestOne:
    @pytest.mark.{holding}
    @pytest.fixture
    def database(self): return "{holding}"
    def test_it(self, database, either, {holding}, overridden, kept, stacked, made):
        assert {{database, either, {holding}, overridden, kept, stacked, made}} == {{"{holding}"}}

class TestOther(TestOne):
    @pytest.mark.{holding}
    @pytest.fixture
    def database(self): return "{holding}"

@pytest.mark.{holding}
@pytest.fixture
def database(): return "{holding}"
def test_it(database): assert database == "{holding}"
"""
RELOADED = """
choice = globals().get("choice", 0) + 1  # another one after each reload
if choice % 2:
    @pytest.mark.parallel_only
    @pytest.fixture
    def database(): return "parallel_only"
else:
    @pytest.mark.serial_only
    @pytest.fixture
    def database(): return "serial_only"
"""


@SERVED_MODES
def test_the_same_function_name_where_nothing_is_lost(suite: Suite, mode: Mode) -> None:
    suite.write(
        {
            "test_it.py": ALLOWED.format(holding=mode.holding, failing=mode.failing),
            "helper.py": RELOADED,
        }
    )
    result = suite.run(*mode.options)
    assert result.outcomes == {"passed": 3}


BELOW = "@pytest.fixture\n@pytest.mark.parallel_only\ndef it(): pass\n"


@pytest.mark.parametrize(
    ("file", "ignored", "mode"),
    sampled(
        lambda file, ignored, mode: (
            (not mode.parallel and "/" not in file)
            or (file, ignored) in (("test_it.py", False), ("conftest.py", True))
        ),
        ["conftest.py", "sub/conftest.py", "test_it.py"],
        [False, True],
        [SERVED_ONE, SERIAL],
    ),
)
def test_below_a_plain_fixture(suite: Suite, file: str, ignored: bool, mode: Mode) -> None:
    """pytest itself refuses it since 9, or warns of it, which is an error by default in 9.0. Where
    that goes unseen, we refuse it."""
    suite.write({file: BELOW, "sub/test_sub.py": "def test_it(): pass"})
    options = ["-W", "ignore:Marks applied to fixtures"] if ignored else []
    result = suite.run(*mode.options, *options, subprocess=True)  # it may end in pytest.fail
    assert result.code != 0
    said = result.output + result.errors
    ours = f"@pytest.mark.parallel_only below @pytest.fixture, on 'it' ({file}:4), has no effect"
    version = pytest.version_tuple[:2]
    assert (ours in said) == (version < (9, 0) or (version < (9, 1) and ignored))
    if version >= (9, 0):
        assert re.search("[Mm]arks .* to fixtures", said) or ours in said


# --- plugins, processes and other runs

PLUGIN = """
import pytest
{imports}

@{prefix}parallel_only
@pytest.fixture(name="database")
def parallel(): return "parallel_only"

@{prefix}serial_only
@pytest.fixture(name="database")
def serial(): return "serial_only"
"""


def write_plugin(suite: Suite, imports: str, prefix: str) -> None:
    (suite.path / "early_plugin.py").write_text(PLUGIN.format(imports=imports, prefix=prefix))


@pytest.mark.parametrize(
    ("mode", "way"),
    sampled(
        lambda mode, way: not mode.parallel or (mode is SERVED_ONE and way == "environment"),
        [SERVED_ONE, UNSERVED, SERIAL],
        ["pytest_plugins", "environment"],
    ),
)
def test_a_plugin_that_is_imported_later(
    suite: Suite, mode: Mode, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plugin(suite, "", "pytest.mark.")
    suite.write({"test_it.py": ARGUMENT})
    if way == "environment":
        monkeypatch.setenv("PYTEST_PLUGINS", "early_plugin")
        monkeypatch.setenv("PYTHONPATH", str(suite.path), prepend=os.pathsep)
    else:
        suite.write({"conftest.py": "pytest_plugins = ['early_plugin']"})
    result = suite.run(*mode.options)
    assert result.outcomes == {"passed": 1}
    assert result.noted() == [mode.holding]


@modes(SERIAL, full=(UNSERVED, SERVED_ONE))
def test_a_plugin_that_is_imported_earlier(
    suite: Suite, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It imports the marks from the package; those of ``pytest.mark`` are not there yet."""
    as_found(monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(suite.path), prepend=os.pathsep)
    suite.write({"test_it.py": ARGUMENT})
    imports = "from xdist_fixtureworker import parallel_only, serial_only"
    write_plugin(suite, imports, prefix="")
    result = suite.run(*mode.options, "-p", "early_plugin", subprocess=True)
    assert result.outcomes == {"passed": 1}
    assert result.noted() == [mode.holding]
    write_plugin(suite, "", prefix="pytest.mark.")
    result = suite.run(*mode.options, "-p", "early_plugin", subprocess=True)
    assert result.code != 0
    assert re.search(
        "Marks cannot be applied to fixtures|PytestRemovedIn9Warning: Marks applied to fixtures"
        "|UsageError: @pytest.mark.parallel_only on the fixture 'database' .early_plugin.py:5"
        "|ERROR: @pytest.mark.parallel_only on the fixture 'database' .early_plugin.py:5",
        result.output + result.errors,
    )
    result = suite.run(
        *mode.options, "-p", "xdist_fixtureworker", "-p", "early_plugin", subprocess=True
    )
    assert result.outcomes == {"passed": 1}


RUNS = """
import pytest

def run(*arguments):
    code = pytest.main(["-q", "-p", "no:cacheprovider", *arguments])
    assert "parallel_only" not in vars(pytest.mark)
    print("code", int(code))

run()
run("-n1", "--fixture-worker")
run("-n1")
run("--no-such-option")
run("--collect-only", "no_such_file.py")
run()
run("--fixtures")
run("--fixtures", "-n2")
"""


@pytest.mark.full  # five runs
def test_several_runs_in_one_process(suite: Suite) -> None:
    """Test modules are imported once for all of them; the guards are obeyed anew in each."""
    suite.write({"test_it.py": BOTH + ARGUMENT + "\nnote('imported')"})
    (suite.path / "runs.py").write_text(RUNS)
    done = subprocess.run(
        [sys.executable, "runs.py"],
        cwd=suite.path,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=NEVER_HANG,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    codes = re.findall(r"^code (\d)", done.stdout, re.MULTILINE)
    assert codes == ["0", "0", "0", "4", "4", "0", "0", "0"]
    notes_shown = re.findall("^    Guard: .*", done.stdout, re.MULTILINE)
    assert len(notes_shown) == 4
    assert set(notes_shown[:2]) == {
        DOES_NOT_HOLD.format("parallel_only"),
        HOLDS.format("serial_only"),
    }
    assert set(notes_shown[2:]) == {
        HOLDS.format("parallel_only"),
        DOES_NOT_HOLD.format("serial_only"),
    }
    notes = [note for note in read_notes(suite.path / "notes.jsonl") if note.what != "imported"]
    assert [note.what for note in notes] == [
        "serial_only",
        "parallel_only",
        "parallel_only",
        "serial_only",
    ]
    imported = [note for note in read_notes(suite.path / "notes.jsonl") if not note.worker]
    assert [note.what for note in imported] == ["imported", "serial_only", "serial_only"]


@UNSERVED_MODES
def test_with_the_plugin_switched_off(
    suite: Suite, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards on fixtures are refused, or warned of, by pytest; on tests they are marks."""
    as_found(monkeypatch)
    suite.write({"test_it.py": f"@pytest.mark.{mode.failing}\ndef test_it(): note('ran')"})
    options = (
        [*mode.options[:1], "-p", "no:xdist_fixtureworker"]
        if mode.parallel
        else ["-p", "no:xdist_fixtureworker"]
    )
    result = suite.run(*options, subprocess=True)
    assert result.outcomes["passed"] == 1
    suite.write({"conftest.py": BOTH})
    result = suite.run(*options, subprocess=True)
    assert re.search("[Mm]arks .* to fixtures", result.output + result.errors)

"""Global fixtures that are set up before a test asks for them."""

from __future__ import annotations

from ..suite import DISTRIBUTED, FIXTURE_WORKER, ONE, ONE_MODES, Suite

CONFTEST = """
pytest_plugins = ["of_plugin"]

class Plugin:
    \"\"\"Of a test worker: it collects only when what is known at the start has been set up.\"\"\"

    def pytest_collection(self):
        wait_noted("last")

def pytest_configure(config):
    if os.environ.get("PYTEST_XDIST_WORKER", "").startswith("gw"):
        config.pluginmanager.register(Plugin())

@global_fixture(eager=True)
def second_by_name(needed):
    note("second by name")
    return needed

@global_fixture
def needed():
    note("needed")
    yield 1
    note("needed down")

@global_fixture(eager=True)
def broken():
    note("broken")
    raise ValueError("no")

@global_fixture(eager=True)
def wanted_broken():
    note("wanted broken")
    raise ValueError("not this one")

@pytest.fixture(scope="session", params=["a", "b", "c"])
def size(request):
    return request.param

@global_fixture(eager=True)
def sized(size):
    note(f"sized {size}")
    return size

@global_fixture
def asked_only():
    note("asked only")

@pytest.fixture(scope="session")
def promoted():
    note("promoted")

@global_fixture
def overridden():
    note("overriding")
"""
OF_TESTS = """
@global_fixture(eager=True)
def last():
    note("last")
    yield 2
    note("last down")
"""
TESTS = """
@global_fixture(eager=True)
def of_module():
    note("of module")
    return 3

@global_fixture(eager=True, params=[4, pytest.param(5, marks=pytest.mark.skip)])
def of_module_with_params(request):
    note(f"of module {request.param}")
    return request.param

def test_argument(second_by_name, last, of_module): assert (second_by_name, last, of_module) == (1, 2, 3)
def test_name(request): assert request.getfixturevalue("last") == 2
def test_sized(sized): assert sized in "abc"
def test_params(of_module_with_params): assert of_module_with_params == 4
def test_broken(wanted_broken): pass
def test_unselected(asked_only): pass
"""
INI = """[pytest]
pythonpath = .
global_fixtures = promoted: eager
"""
SELECTED = ("--deselect", "tests/test_it.py::test_sized[c]", "-k", "not unselected")
OUTCOMES = {"passed": 6, "skipped": 1, "errors": 1}
AT_THE_START = ["needed", "second by name", "broken", "wanted broken", "promoted", "last"]


def _suite(suite: Suite) -> Suite:
    suite.write(
        {
            "pytest.ini": INI,
            "conftest.py": CONFTEST,
            "of_plugin.py": """
@global_fixture(eager=True)
def overridden(): note("overridden")
@global_fixture(eager=True)
def of_plugin(): note("of plugin")
""",
            "tests/conftest.py": OF_TESTS,
            "tests/below/conftest.py": """
@global_fixture(eager=True)
def of_folder(): note("of folder")
@global_fixture(eager=True)
def of_folder_unused(): note("of folder, unused")
""",
            "tests/below/test_folder.py": """
def test_folder(of_folder): pass
""",
            "tests/test_it.py": TESTS,
        }
    )
    return suite


def test_while_test_workers_start_and_collect(suite: Suite) -> None:
    result = _suite(suite).run(*DISTRIBUTED, *SELECTED)
    assert result.outcomes == OUTCOMES, result.output
    ups = [note for note in result.notes if not note.what.endswith("down")]
    assert {note.worker for note in ups} == {FIXTURE_WORKER}
    first = [note.what for note in ups][: 1 + len(AT_THE_START)]
    assert sorted(first) == sorted([*AT_THE_START, "of plugin"])
    assert [what for what in first if what != "of plugin"] == AT_THE_START
    # The others when tests have been collected: for the parameters that tests have.
    assert sorted(note.what for note in ups[len(first) :]) == [
        *("of folder", "of module", "of module 4", "sized a", "sized b"),
    ]
    assert result.noted("last down", "needed down") == ["last down", "needed down"]
    (line,) = result.lines("^eager")
    assert line.startswith("eager global fixture broken (conftest.py:")
    assert line.endswith(" could not be set up, and no test asked for it: ValueError: no")


def test_nothing_where_tests_are_not_distributed(suite: Suite) -> None:
    result = _suite(suite).run(*SELECTED)
    assert result.outcomes == {**OUTCOMES, "deselected": 2}, result.output
    assert {"broken", "promoted", "asked only"}.isdisjoint(result.noted())


def test_nothing_where_tests_are_only_collected(suite: Suite) -> None:
    result = _suite(suite).run(*ONE, "--collect-only")
    assert result.code == 0
    assert result.notes == []


@ONE_MODES
def test_a_failure_that_no_test_needs_does_not_count(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture(eager=True)
def broken(): raise ValueError("no")
@global_fixture(eager=True)
def fine(): return 1
""",
            "test_it.py": "def test_it(fine): assert fine == 1",
        }
    )
    result = suite.run(*mode)
    assert (result.code, result.outcomes) == (0, {"passed": 1})
    assert len(result.lines("^eager global fixture broken")) == bool(mode)

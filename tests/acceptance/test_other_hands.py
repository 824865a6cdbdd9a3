"""What hooks and habits of suites do to items, reports and names around global fixtures."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, MODES, Suite


@MODES
def test_names_that_a_hook_adds_to_a_test(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture
def injected(): note("injected")
@global_fixture
def it(): return 1
def pytest_collection_modifyitems(items):
    for item in items: item.fixturenames.insert(0, "injected")
""",
            "test_it.py": "def test_it(it): pass\ndef test_other(): pass",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 2}
    assert result.noted() == ["injected", "injected"]


@MODES
@pytest.mark.parametrize(
    ("body", "outcome"),
    [("pytest.skip('no')", "skipped"), ("1 / 0", "errors")],
    ids=["skip", "error"],
)
def test_dependency_of_a_dependency_fails(
    suite: Suite, body: str, outcome: str, mode: tuple[str, ...]
) -> None:
    suite.write(
        {
            "conftest.py": f"""
@pytest.fixture(scope="session")
def plain(): {body}
@global_fixture
def a(plain): note("a")
@global_fixture
def b(a): note("b")
""",
            "test_it.py": "def test_a(a): pass\ndef test_b(b): pass",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {outcome: 2}
    assert result.noted() == []
    assert not result.lines("TypeError")


@MODES
def test_indirect_parameter_of_a_class_in_the_test_module(
    suite: Suite, mode: tuple[str, ...]
) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(request): return request.param.value",
            "sub/test_it.py": """
import enum
class Color(enum.Enum): RED = 1; BLUE = 2
@pytest.mark.parametrize("it", list(Color), indirect=True)
def test_it(it, request): assert it == request.node.callspec.params["it"].value
""",
        }
    )
    assert suite.run(*mode).outcomes == {"passed": 2}


def test_hooks_that_raise_around_a_fixture(suite: Suite) -> None:
    """Whoever needs it shows the error; other fixtures go on, and are finalized at the end."""
    suite.write(
        {
            "conftest.py": """
def pytest_runtest_makereport(item):
    if item.name in ("global fixture bad", "global fixture late") and item.name not in seen:
        if item.name != "global fixture late" or ended:
            raise RuntimeError("hook of a conftest")
seen, ended = [], []
@global_fixture
def bad(): note("bad")
@global_fixture
def good():
    note("good")
    yield 1
    note("good down")
@global_fixture
def late(good):
    yield
    note("late down")
@global_fixture
def last(late):
    yield
    ended.append(True)
""",
            "test_it.py": "def test_bad(bad): pass\n"
            "def test_good(last, good):\n    note('test')\n"
            "def test_bad2(bad): pass",
        }
    )
    result = suite.run("-n1", "--fixture-worker")
    assert result.outcomes["passed"] == 1
    assert result.noted("bad") == ["bad"]
    assert len(result.lines("RuntimeError: hook of a conftest$")) >= 2
    assert result.noted("test", "late down", "good down") == ["test", "late down", "good down"]


def test_report_with_what_cannot_be_sent(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if os.environ["PYTEST_XDIST_WORKER"] == "fixtureworker":
        report.thing = object()
    return report
@global_fixture
def it(): raise ValueError("broken")
""",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 1}
    assert result.lines("^E +ValueError: broken")


def test_exit_with_an_exit_code_of_pytest(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\n"
            "def it(): pytest.exit('enough', returncode=pytest.ExitCode.USAGE_ERROR)",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run_distributed()
    assert result.code == 4
    assert result.lines("Exit: enough")


def test_classes_of_two_conftests_of_one_name(suite: Suite) -> None:
    """Refused, where the test worker has the other module under that name."""
    conftest = """
class Connection:
    where = {where!r}
@global_fixture
def it(): return Connection()
"""
    suite.write(
        {
            "a/conftest.py": conftest.format(where="a"),
            "b/conftest.py": conftest.format(where="b"),
            "a/test_a.py": "def test_a(it): assert it.where == 'a'",
            "b/test_b.py": "def test_b(it): assert it.where == 'b'",
        }
    )
    result = suite.run("-n1", "--fixture-worker")
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert result.lines("the module 'conftest' is .*b/conftest.py here, not .*a/conftest.py")


def test_one_function_for_two_fixtures(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
def _make():
    note("made")
    return object.__name__
shared = global_fixture(name="shared")(_make)
private = pytest.fixture(name="private")(_make)
""",
            "test_it.py": "@pytest.mark.parametrize('i', range(3))\ndef test_it(shared, private, i): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 3}
    assert sorted(note.worker == FIXTURE_WORKER for note in result.notes) == [False] * 3 + [True]


def test_time_out_of_a_test_that_waits_is_not_the_fixtures_outcome(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import time
@global_fixture
def slow():
    note("up")
    while not os.path.exists("go"): time.sleep(0.01)
    return 1
""",
            "test_it.py": """
import signal
@pytest.fixture
def impatient():
    def expire(*_):
        open("go", "w").close()
        raise TimeoutError("the test took too long")
    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
def test_a(impatient, request): request.getfixturevalue("slow")
def test_b(slow): assert slow == 1
""",
        }
    )
    result = suite.run("-n1", "--fixture-worker")
    assert result.outcomes == {"failed": 1, "passed": 1}
    assert result.noted() == ["up"]


@MODES
def test_function_fixtures_that_a_hook_asks_for(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture
def clean(): return 1
@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item): item._request.getfixturevalue("clean")
@global_fixture
def one(): return 1
@global_fixture
def two(one): return 2
""",
            "test_it.py": "def test_it(one, two): assert (one, two) == (1, 2)",
        }
    )
    assert suite.run(*mode).outcomes == {"passed": 1}


def test_skip_by_a_hook(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
def pytest_runtest_setup(item):
    if not item.get_closest_marker("integration"): pytest.skip("integration only")
@global_fixture
def it(): return 1
""",
            "pytest.ini": "[pytest]\npythonpath = .\nmarkers = integration: slow\n",
            "test_it.py": "@pytest.mark.integration\ndef test_it(it): pass",
        }
    )
    result = suite.run_distributed("-rs")
    assert result.outcomes == {"skipped": 1}
    assert result.lines("SKIPPED .*integration only")


def test_equal_parameters_of_different_types(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture(params=[1, True, 1.0])\ndef it(request): return request.param",
            "test_it.py": "def test_it(it, request):\n"
            "    assert type(it) is type(request.node.callspec.params['it'])",
        }
    )
    assert suite.run("-n1", "--fixture-worker").outcomes == {"passed": 3}

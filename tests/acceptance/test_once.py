"""A global fixture runs once per test run, in the fixture worker, and is finalized last."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, ONE_MODES, Suite

CONFTEST = """
@global_fixture
def first():
    note("first up")
    yield {"pid": os.getpid()}
    note("first down")

@global_fixture
@pytest.fixture(scope="session")
def second(first, request):
    note("second up")
    request.addfinalizer(lambda: note("second down"))
    return {"first": first["pid"], "pid": os.getpid()}

@global_fixture()
def unused():
    note("unused up")

@pytest.fixture(scope="session", autouse=True)
def local():
    yield
    note("local down")
"""
BY_ARGUMENT = """
@pytest.mark.parametrize("i", range(12))
def test_it(i, second, first):
    note("test", value=second["pid"])
    assert second["first"] == first["pid"]
"""
BY_NAME = """
@pytest.mark.parametrize("i", range(12))
def test_it(i, request):
    second = request.getfixturevalue("second")
    note("test", value=second["pid"])
    assert second["first"] == request.getfixturevalue("first")["pid"]
"""
LIFE = ["first up", "second up", "second down", "first down"]
both_ways = pytest.mark.parametrize("tests", [BY_ARGUMENT, BY_NAME], ids=["argument", "name"])


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.full)])
def test_distributed(suite: Suite, workers: int) -> None:
    suite.write({"conftest.py": CONFTEST, "test_argument.py": BY_ARGUMENT, "test_name.py": BY_NAME})
    result = suite.run(f"-n{workers}", "--fixture-worker")
    assert result.outcomes == {"passed": 24}
    assert result.code == 0
    assert result.noted(*LIFE) == LIFE
    assert result.workers("first up") == result.workers("second down") == {FIXTURE_WORKER}
    assert "unused up" not in result.noted()
    tests_seen = {note.more["value"] for note in result.notes if note.what == "test"}
    fixture_worker = next(note.pid for note in result.notes if note.what == "first up")
    assert tests_seen == {fixture_worker}
    test_workers = {f"gw{number}" for number in range(workers)}
    assert result.workers("test") == test_workers
    # It is finalized after the last test worker.
    end = result.noted().index("second down")
    down = [note.worker for note in result.notes[:end] if note.what == "local down"]
    assert sorted(down) == sorted(test_workers)


@both_ways
@pytest.mark.parametrize(
    "arguments", [(), ("-n0",), ("-p", "no:xdist"), ("-n0", "--fixture-worker")], ids=" ".join
)
def test_serial(suite: Suite, tests: str, arguments: tuple[str, ...]) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": tests})
    result = suite.run(*arguments)
    assert result.outcomes == {"passed": 12}
    assert result.noted(*LIFE) == LIFE
    assert result.workers("first up") == {""}


def test_ini_setting_and_its_overruling(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": BY_ARGUMENT})
    (suite.path / "pytest.ini").write_text("[pytest]\npythonpath = .\nfixture_worker = true\n")
    assert suite.run("-n1").workers("first up") == {FIXTURE_WORKER}
    assert suite.run("-n1", "--no-fixture-worker").workers("first up") == {"gw0"}
    assert suite.run().workers("first up") == {""}


@ONE_MODES
@pytest.mark.parametrize(
    "selected",
    [
        ("-k", "other"),
        pytest.param(
            ("-m", "not parametrize", "--deselect", "test_it.py::test_it"), marks=pytest.mark.full
        ),
    ],
    ids=" ".join,
)
def test_nothing_is_set_up_that_no_test_needs_that_is_run(
    suite: Suite, mode: tuple[str, ...], selected: tuple[str, ...]
) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST,
            "test_it.py": BY_ARGUMENT
            + """
def test_other(): note("other")
@pytest.mark.skip
def test_other_skipped(first): pass
""",
        }
    )
    result = suite.run(*mode, *selected)
    assert (result.outcomes["passed"], result.outcomes["skipped"]) == (1, 1)
    assert result.noted("first up", "second up", "other") == ["other"]


VALUES = ["None", "[]", "b'x' * 3_000_000", "{1: {2: (3, None)}}", "pytest.approx(1)"]


def test_values_cross_unchanged_and_are_pickled_once(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
class Value:
    def __reduce__(self):
        note("pickled")
        return (make, ())
def make():
    note("unpickled")
    return Value()
@global_fixture
def it(): return Value()
"""
            + "".join(
                f"@global_fixture\ndef it{number}():\n    note('up {number}')\n    return {value}\n"
                for number, value in enumerate(VALUES)
            ),
            "test_it.py": "@pytest.mark.parametrize('i', range(16))\ndef test_it(it, i): note('test')\n"
            + "".join(
                "@pytest.mark.parametrize('i', range(8))\n"
                f"def test_{number}(it{number}, i): assert it{number} == {value}\n"
                for number, value in enumerate(VALUES)
            ),
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 16 + 8 * len(VALUES)}
    ups = [what for what in result.noted() if what.startswith("up ")]
    assert sorted(ups) == [f"up {number}" for number in range(len(VALUES))]
    assert result.noted("pickled") == ["pickled"]
    workers = result.workers("test")
    assert sorted(n.worker for n in result.notes if n.what == "unpickled") == sorted(workers)

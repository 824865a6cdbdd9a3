"""A global fixture runs once per test run, in the fixture worker, and is finalized last."""

from __future__ import annotations

import pytest

from ..suite import DISTRIBUTED, FIXTURE_WORKER, Suite

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


@both_ways
def test_distributed(suite: Suite, tests: str) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": tests})
    result = suite.run("-n4", "--fixture-worker")
    assert result.outcomes == {"passed": 12}
    assert result.code == 0
    assert result.noted(*LIFE) == LIFE
    assert result.workers("first up") == result.workers("second down") == {FIXTURE_WORKER}
    assert "unused up" not in result.noted()
    tests_seen = {note.more["value"] for note in result.notes if note.what == "test"}
    fixture_worker = next(note.pid for note in result.notes if note.what == "first up")
    assert tests_seen == {fixture_worker}
    assert result.workers("test") == {"gw0", "gw1", "gw2", "gw3"}


@both_ways
def test_finalized_after_the_last_test_worker(suite: Suite, tests: str) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": tests})
    notes = suite.run("-n4", "--fixture-worker").notes
    first_finalizer = next(i for i, note in enumerate(notes) if note.what == "second down")
    workers_down = [
        i
        for i, note in enumerate(notes)
        if note.what == "local down" and note.worker.startswith("gw")
    ]
    assert len(workers_down) == 4
    assert max(workers_down) < first_finalizer


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


def test_one_test_worker_is_distributed_too(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": BY_ARGUMENT})
    result = suite.run("-n1", "--fixture-worker")
    assert result.outcomes == {"passed": 12}
    assert result.workers("first up") == {FIXTURE_WORKER}


def test_ini_setting_and_its_overruling(suite: Suite) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": BY_ARGUMENT})
    (suite.path / "pytest.ini").write_text("[pytest]\npythonpath = .\nfixture_worker = true\n")
    assert suite.run("-n2").workers("first up") == {FIXTURE_WORKER}
    assert suite.run("-n2", "--no-fixture-worker").workers("first up") == {"gw0", "gw1"}
    assert suite.run().workers("first up") == {""}


def test_nothing_is_set_up_that_no_selected_test_needs(suite: Suite) -> None:
    suite.write(
        {"conftest.py": CONFTEST, "test_it.py": BY_ARGUMENT + "\ndef test_other(): note('other')"}
    )
    result = suite.run(*DISTRIBUTED, "-k", "other")
    assert result.noted("first up", "second up", "other") == ["other"]
    result = suite.run(*DISTRIBUTED, "-m", "not parametrize", "--deselect", "test_it.py::test_it")
    assert result.noted("first up", "second up", "other") == ["other"]


def test_skipped_tests_need_nothing(suite: Suite) -> None:
    suite.write(
        {"conftest.py": CONFTEST, "test_it.py": "@pytest.mark.skip\ndef test_it(first): pass"}
    )
    result = suite.run_distributed()
    assert result.outcomes == {"skipped": 1}
    assert result.noted("first up") == []


@pytest.mark.parametrize(
    "value", ["None", "[]", "b'x' * 3_000_000", "{1: {2: (3, None)}}", "pytest.approx(1)"]
)
def test_values_cross_unchanged(suite: Suite, value: str) -> None:
    suite.write(
        {
            "conftest.py": f"@global_fixture\ndef it():\n    note('up')\n    return {value}",
            "test_it.py": f"@pytest.mark.parametrize('i', range(8))\ndef test_it(it, i):\n    assert it == {value}",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 8}
    assert result.noted() == ["up"]


def test_pickled_once(suite: Suite) -> None:
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
""",
            "test_it.py": "@pytest.mark.parametrize('i', range(16))\ndef test_it(it, i): note('test')",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 16}
    assert result.noted("pickled") == ["pickled"]
    workers = result.workers("test")
    assert sorted(n.worker for n in result.notes if n.what == "unpickled") == sorted(workers)

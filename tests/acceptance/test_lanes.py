"""Several fixture workers set up side by side what does not depend on each other."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, Suite

THREE = ("-n2", "--fixture-worker", "--fixture-worker-lanes=3")
CONFTEST = """
from xdist_fixtureworker import Counter

def meet(name, other):
    \"\"\"Go on when the other has come, too: so both run at the same time.\"\"\"
    open(f"{name} is here", "w").close()
    if os.environ.get("PYTEST_XDIST_WORKER"): wait_for(f"{other} is here")

@global_fixture
def one(plain):
    meet("one", "two")
    note("one up")
    yield "one"
    meet("one at its end", "two at its end")
    note("one down")

@global_fixture
def two(plain):
    meet("two", "one")
    note("two up")
    yield "two"
    meet("two at its end", "one at its end")
    note("two down")

@pytest.fixture(scope="session")
def plain(worker_id):
    note("plain up")

@global_fixture
def on_two(two, worker_id):
    note("on two up")
    yield worker_id
    note("on two down")

@global_fixture(lane="with two")
def with_two(worker_id): return worker_id

@global_fixture(lane="with two")
def also_with_two(on_two, worker_id): return worker_id

@global_fixture(share="proxy")
def counter():
    yield (made := Counter())
    note("counter down", value=made.value)

@global_fixture(env=True)
def variable(): os.environ["OF_LANE"] = "1"

@global_fixture
def unshared():
    note("unshared up")
    return object()

@global_fixture
def large(): return bytearray(b"x" * 3_000_000)

@global_fixture
def broken(): raise ValueError("no")

@global_fixture
def needs_variable(variable): assert os.environ["OF_LANE"] == "1"

@global_fixture
def by_name(request, two):
    assert request.getfixturevalue("one") == "one"
    request.getfixturevalue("counter").next()
    request.getfixturevalue("variable")
    assert request.getfixturevalue("large").count(b"x") == 3_000_000
    assert os.environ["OF_LANE"] == "1"
    with pytest.raises(ValueError, match="no"): request.getfixturevalue("broken")
    note("by name up")
    yield 3
    note("by name down")
"""
TESTS = """
# The first two are for one test worker, the next two for the other.
def test_one(one): assert one == "one"
def test_one_by_name(request): assert request.getfixturevalue("one") == "one"
def test_two(two): assert two == "two"
def test_two_by_name(request): assert request.getfixturevalue("two") == "two"
def test_together(on_two, with_two, also_with_two):
    assert on_two == with_two == also_with_two
def test_counter(counter): counter.next()
def test_by_name(by_name): assert (by_name, os.environ["OF_LANE"]) == (3, "1")
def test_large(large): assert large.count(b"x") == 3_000_000
def test_variable(needs_variable): assert os.environ["OF_LANE"] == "1"
def test_by_name_of_test(request, one, counter):
    counter.next()
    assert request.getfixturevalue("by_name") == 3
@pytest.mark.parametrize("i", range(4))
def test_unshared(i): pass
"""


@pytest.mark.parametrize("mode", [THREE, ()], ids=["distributed", "serial"])
def test_side_by_side(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 14}, result.output
    ups = ["one up", "two up", "on two up", "by name up", "counter down"]
    assert sorted(result.noted(*ups)) == sorted(ups)
    ends = result.noted("by name down", "on two down", "one down", "two down")
    # What was looked up in another lane is finalized after who has it.
    for first, then in [("by name", "one"), ("by name", "two"), ("on two", "two")]:
        assert ends.index(f"{first} down") < ends.index(f"{then} down"), ends
    (counted,) = (note.more["value"] for note in result.notes if note.what == "counter down")
    assert counted == 3
    lanes = {note.worker for note in result.notes if note.what == "plain up"}
    if mode:
        assert len(lanes) == 2
        assert lanes < {FIXTURE_WORKER, f"{FIXTURE_WORKER}1", f"{FIXTURE_WORKER}2"}
        assert result.workers("two up") == result.workers("on two up")
        assert result.workers("one up") != result.workers("two up")
        assert not result.lines("os.environ of the fixture worker only")
        assert result.lines("^fixture worker: up to 3 processes beside the test workers")


def test_eager_ones_and_those_that_wait_for_each_other(suite: Suite) -> None:
    """Eager ones begin before tests were collected: so by what the first fixture worker knows."""
    eager = CONFTEST
    for name in ("one", "two"):
        eager = eager.replace(
            f"@global_fixture\ndef {name}(", f"@global_fixture(eager=True)\ndef {name}("
        )
    suite.write(
        {
            "conftest.py": eager
            + """
@global_fixture
def needs_other(request):
    meet("needs other", "needs this")
    return request.getfixturevalue("needs_this")

@global_fixture
def needs_this(request):
    meet("needs this", "needs other")
    return request.getfixturevalue("needs_other")
""",
            "test_it.py": """
def pytest_generate_tests(metafunc):
    if os.environ["PYTEST_XDIST_WORKER"].startswith("gw"):
        for name in ("one", "two"): wait_for(f"{name} is here")
def test_other(needs_other): pass
def test_eager(on_two, one): pass
def test_this(needs_this): pass
def test_none(): pass
""",
        }
    )
    result = suite.run(*THREE)
    assert result.outcomes == {"errors": 2, "passed": 2}, result.output
    assert result.workers("one up") != result.workers("two up") == result.workers("on two up")
    (line,) = result.lines("^E .*fixture workers wait for each other")
    for needs, needed in [("needs_this", "needs_other"), ("needs_other", "needs_this")]:
        assert f"the set-up of {needs} (conftest.py:" in line
        assert f"waits for '{needed}' (conftest.py:" in line


def test_no_more_than_there_is_to_do(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
def pytest_sessionstart(): note("started")
@global_fixture(eager=True)
def first(): note("first")
@global_fixture
def second(first): return 2
""",
            "test_it.py": "def test_it(second): assert second == 2",
        }
    )
    result = suite.run("-n1", "--fixture-worker", "-o", "fixture_worker_lanes=8")
    assert result.outcomes == {"passed": 1}
    assert result.workers("started") == {"", "gw0", FIXTURE_WORKER}
    assert result.workers("first") == {FIXTURE_WORKER}

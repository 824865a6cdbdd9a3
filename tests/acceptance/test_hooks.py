"""What hooks of a suite do to items, reports and outcomes of global fixtures."""

from __future__ import annotations

from ..suite import FIXTURE_WORKER, ONE, ONE_MODES, Suite


def test_an_item_is_like_that_of_a_test(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item):
    item.get_closest_marker("slow")
    if os.environ["PYTEST_XDIST_WORKER"] == "fixtureworker":
        note("item", name=item.name, nodeid=item.nodeid, cls=str(item.cls), module=item.module.__name__,
             function=item.function.__name__, names=list(item.fixturenames), keywords="it" in item.keywords,
             current=os.environ["PYTEST_CURRENT_TEST"], own=len(item.own_markers), original=item.originalname,
             has_callspec=hasattr(item, "callspec"))
@global_fixture
def it(): return 1
""",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1}
    first = result.notes[0].more
    assert first["name"] == "global fixture it"
    assert (first["function"], first["module"], first["cls"]) == ("it", "conftest", "None")
    assert first["current"] == "conftest.py::global fixture it (setup)"


@ONE_MODES
def test_fixtures_that_a_hook_adds_and_asks_for(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture
def injected(): note("injected")
def pytest_collection_modifyitems(items):
    for item in items: item.fixturenames.insert(0, "injected")

@pytest.fixture
def clean(): return 1
@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item):
    item._request.getfixturevalue("clean")
    if item.name == "test_app" and "db" in item.fixturenames: note("hook sees db")
@pytest.fixture(autouse=True)
def around(request):
    if request.node.name == "test_app" and "db" in request.fixturenames: note("request sees db")

@pytest.fixture(scope="session")
def db(): note("db")
@global_fixture
def app(db): return 1
@global_fixture
def one(): return 1
@global_fixture
def two(one): return 2
""",
            "test_it.py": """
def test_it(one, two): assert (one, two) == (1, 2)
def test_other(): pass
def test_app(app): pass
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 3}
    assert result.noted("injected") == ["injected"] * 3
    # Hooks see what they see serially, though only the global fixture needs it.
    assert set(result.noted("hook sees db", "request sees db")) == {
        "hook sees db",
        "request sees db",
    }
    assert result.workers("db") == {FIXTURE_WORKER if mode else ""}


def test_hooks_that_raise_or_skip_around_a_fixture(suite: Suite) -> None:
    """Whoever needs it shows it; other fixtures go on, and all are finalized at the end."""
    suite.write(
        {
            "unsendable.py": """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if item.name == "global fixture broken":
        report.thing = object()
    return report
""",
            "conftest.py": """
pytest_plugins = ["unsendable"]
ended = []
def pytest_runtest_setup(item):
    if item.name == "global fixture skipped" or (item.name == "global fixture good" and ended):
        pytest.skip("not with us")
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    if item.name == "global fixture none": yield; return None
    if item.name == "global fixture bad" or (item.name == "global fixture late" and ended):
        raise RuntimeError("hook of a conftest")
    if call.excinfo and "fixture worse" in item.name: raise RuntimeError("hook of worse")
    return (yield)
@global_fixture
def bad(): note("bad")
@global_fixture
def broken(): raise ValueError("broken")
@global_fixture
def skipped(): note("never")
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
def worse():
    yield
    raise ValueError("in the finalizer")
@global_fixture
def worse_up():
    raise ValueError("in the set-up")
@global_fixture
def none():
    yield
    raise ValueError("without a report")
@global_fixture
def last(late):
    yield
    ended.append(True)
""",
            "test_it.py": """
def test_bad(bad): pass
def test_broken(broken): pass
def test_skipped(skipped): pass
def test_good(last, good): note("test")
def test_bad2(bad): pass
def test_worse(worse): pass
def test_worse_up(worse_up): pass
def test_none(none): pass
""",
        }
    )
    result = suite.run(*ONE, "-rs")
    # Of set-ups: two of bad, broken, worse_up; of finalizers: none, worse, and around late and bad.
    assert result.outcomes == {"passed": 3, "skipped": 1, "errors": 8}
    assert result.noted("bad", "never") == ["bad"]
    assert result.lines("RuntimeError: hook of a conftest$")
    for error in ("broken", "in the finalizer", "in the set-up", "without a report"):
        assert result.lines(f"^E +ValueError: {error}$"), error
    assert result.lines("RuntimeError: hook of worse$")
    assert result.lines("an exception came up around the finalizer of the fixture 'late'")
    assert result.lines("SKIPPED .*not with us")
    assert result.noted("test", "late down", "good down") == ["test", "late down", "good down"]


MARKED = """
import warnings
def pytest_configure(config):
    for name in ("enable_socket", "enable_disk", "unasked"): config.addinivalue_line("markers", name)
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.blocked = "enable_disk" not in item.keywords
    item.blocked |= not item.get_closest_marker("enable_socket")
def connect(request):
    item = request._pyfuncitem
    if item.blocked: raise RuntimeError("no network")
    warnings.warn("symbolic link")
    return sorted(mark.name for mark in item.iter_markers())

@pytest.mark.enable_socket
@pytest.mark.filterwarnings("ignore:symbolic link")
@global_fixture
@pytest.mark.enable_disk
def above(request):
    yield connect(request)
    note("down", names=connect(request))
@pytest.fixture(scope="session")
def in_ini(request): return connect(request)
@global_fixture
def blocked(request): return connect(request)
@global_fixture
def agreed(request): return connect(request)
@global_fixture
def outer(agreed): return agreed
@pytest.mark.enable_socket
@pytest.mark.enable_disk
@global_fixture
def warned(request): return connect(request)
"""
MARKED_INI = """[pytest]
pythonpath = .
addopts = --strict-markers
filterwarnings = error
global_fixtures =
    in_ini: marks(enable_socket, enable_disk, filterwarnings("ignore:symbolic link"))
"""
MARKED_TESTS = """
pytestmark = [pytest.mark.enable_socket, pytest.mark.enable_disk, pytest.mark.unasked,
    pytest.mark.filterwarnings("ignore:symbolic link")]
NAMES = ["enable_disk", "enable_socket", "filterwarnings"]
@pytest.mark.parametrize("i", range(2))
@pytest.mark.usefixtures("above")
def test_above(above, i): assert above == [*NAMES, "unasked"]
def test_in_ini(in_ini): assert in_ini == NAMES
@pytest.mark.usefixtures("tmp_path")
@pytest.mark.enable_socket(lambda: 1)
class TestAgreed:
    def test_outer(self, outer): assert outer == [*NAMES, "unasked"]
    def test_agreed(self, agreed): assert agreed == [*NAMES, "unasked"]
def test_blocked(blocked): pass
def test_warned(warned): pass
"""
UNMARKED_TESTS = """
def test_in_ini(in_ini): pass
def test_blocked(blocked): pass
def test_warned(warned): pass
"""


def test_a_set_up_has_the_marks_of_its_fixture(suite: Suite) -> None:
    """And those in which all tests agree. Serially it has those of the first test. Where those made a
    difference, the error says so."""
    suite.write(
        {
            "pytest.ini": MARKED_INI,
            "conftest.py": MARKED,
            "test_it.py": MARKED_TESTS,
            "test_unmarked.py": UNMARKED_TESTS,
        }
    )
    result = suite.run(*ONE, subprocess=True)  # its marks are unknown when its conftest is imported
    assert result.outcomes == {"passed": 6, "errors": 4}
    assert [note.more["names"] for note in result.notes] == [
        ["enable_disk", "enable_socket", "filterwarnings", "unasked"]
    ]
    blocked, warned = result.lines("not hold for the set-up of the global fixture")
    assert blocked.startswith("These marks of this test, enable_socket, enable_disk, do not")
    assert warned.startswith('The mark of this test, filterwarnings("ignore:symbolic link"), does')

"""Tests in forked processes get what was fetched before the fork, and never wait for anything."""

from __future__ import annotations

from ..suite import FIXTURE_WORKER, ONE, Suite

NO_WARNINGS = ("-W", "ignore")  # Python warns of forks where there are threads
#: As pytest-forked, which does not work with pytest 9.2.
FORKS = """
import pickle
from _pytest.runner import runtestprotocol

def pytest_addoption(parser): parser.addoption("--forked", action="store_true")

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    if not item.config.getoption("forked") and not item.get_closest_marker("forked"): return None
    pid = os.fork()
    hook = item.config.hook
    if pid == 0:
        reports = runtestprotocol(item, log=False)
        data = [hook.pytest_report_to_serializable(config=item.config, report=each) for each in reports]
        with open("reports", "wb") as file: pickle.dump(data, file)
        os._exit(0)
    assert os.waitpid(pid, 0) == (pid, 0)
    with open("reports", "rb") as file: data = pickle.load(file)
    for each in data:
        report = hook.pytest_report_from_serializable(config=item.config, data=each)
        hook.pytest_runtest_logreport(report=report)
    item.session._setupstate.teardown_exact(nextitem)
    return True
"""
CONFTEST = """
@global_fixture
def server():
    note("up")
    print("port 4711")
    yield {"url": "http://here"}
    note("down")
@pytest.fixture(scope="session")
def url(server): return server["url"]
@global_fixture(env=True)
def database():
    os.environ["DATABASE"] = "here"
@global_fixture
def broken(): raise ConnectionError("no server")
@global_fixture
def unwanted(): note("unwanted")
"""


def test_all_tests(suite: Suite) -> None:
    suite.write(
        {
            "forks.py": FORKS,
            "conftest.py": CONFTEST,
            "test_it.py": """
@pytest.mark.parametrize("i", range(2))
def test_it(url, i):
    note("test")
    assert url == "http://here"
def test_environment(database): assert os.environ["DATABASE"] == "here"
def test_set_up_fails(broken): pass
@pytest.mark.skip
def test_skipped(unwanted): pass
def test_output(server): assert 0
def test_later(request): request.getfixturevalue("unwanted")
""",
        }
    )
    result = suite.run(*ONE, *NO_WARNINGS, "-p", "forks", "--forked")
    assert result.outcomes == {"passed": 3, "failed": 2, "skipped": 1, "errors": 1}
    assert result.noted("up", "unwanted", "down") == ["up", "down"]
    assert result.workers("up") == {FIXTURE_WORKER}
    assert len({note.pid for note in result.notes if note.what == "test"}) == 2
    assert result.lines("ConnectionError: no server")
    assert result.lines("port 4711") == []  # the first test that needs it has it, and passed
    assert result.lines("the global fixture 'unwanted' .* is asked for in a forked process")


def test_a_mark(suite: Suite) -> None:
    suite.write(
        {
            "forks.py": FORKS,
            "conftest.py": CONFTEST,
            "test_it.py": """
@pytest.mark.forked
def test_forked(url): note("test")
def test_not_forked(url): note("test")
""",
        }
    )
    result = suite.run(*ONE, *NO_WARNINGS, "-p", "forks")
    assert result.outcomes == {"passed": 2}
    assert len({note.pid for note in result.notes if note.what == "test"}) == 2
    assert result.noted("up", "down") == ["up", "down"]


def test_a_fork_in_a_test(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST,
            "test_it.py": """
def in_child(request, name):
    pid = os.fork()
    if pid == 0:
        try: note(f"{name}: {request.getfixturevalue(name)}")
        except BaseException as error: note(f"{name}: {error}")
        os._exit(0)
    os.waitpid(pid, 0)
def test_fetched(url, request):
    in_child(request, "server")
def test_not_fetched(request):
    in_child(request, "database")
    request.getfixturevalue("database")
    in_child(request, "database")
""",
        }
    )
    result = suite.run(*ONE, *NO_WARNINGS)
    assert result.outcomes == {"passed": 2}
    told = [note.what for note in result.notes if ":" in note.what]
    assert told[0] == "server: {'url': 'http://here'}"
    assert told[1].startswith("database: the global fixture 'database' (conftest.py:")
    assert told[2] == "database: None"

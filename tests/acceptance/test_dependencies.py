"""What a global fixture can depend on, and where that is looked up."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, ONE, ONE_MODES, Suite


def test_dependencies_are_not_set_up_in_test_workers(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import threading

@pytest.fixture(scope="session")
def engine():
    note("engine")
    yield "engine"
    note("engine down")
@global_fixture
def tables(engine):
    note("tables")
    yield engine
    note("tables down")
@pytest.fixture(scope="session")
def local(tables):
    note("local")
    return tables

@pytest.fixture(scope="session")
def needed_too(worker_id):
    note("needed too")
    return worker_id
@global_fixture
def above(needed_too): return needed_too

@global_fixture
def lock(): return threading.Lock()
@global_fixture
def locked(lock): return lock.locked()

@global_fixture
def url():
    note("url")
    return "global"
""",
            "test_it.py": """
def test_argument(tables): assert tables == "engine"
def test_local(local): assert local == "engine"
def test_name(request): assert request.getfixturevalue("tables") == "engine"
def test_name_local(request): assert request.getfixturevalue("local") == "engine"

def test_needed_too(above, needed_too, worker_id):
    assert (above, needed_too) == ("fixtureworker", worker_id)

def test_need_not_be_picklable(locked): assert locked is False
""",
            "test_override.py": """
@pytest.fixture
def url(url): return url + " local"
@pytest.mark.parametrize("i", range(4))
def test_it(url, i): assert url == "global local"
def test_name(request): assert request.getfixturevalue("url") == "global local"
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 11}
    assert result.workers("engine") == {FIXTURE_WORKER}
    assert result.workers("local") == {"gw0"}
    assert result.workers("needed too") == {FIXTURE_WORKER, "gw0"}
    assert result.noted("url") == ["url"]
    assert result.noted("engine", "engine down", "tables", "tables down") == [
        "engine",
        "tables",
        "tables down",
        "engine down",
    ]


@pytest.mark.parametrize(
    "options", [(), pytest.param(("--testrunuid=mine",), marks=pytest.mark.full)], ids=" ".join
)
def test_builtin_fixtures(suite: Suite, options: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def everything(tmp_path_factory, pytestconfig, worker_id, testrun_uid, request):
    import xdist_fixtureworker
    file = tmp_path_factory.mktemp("shared") / "file"
    file.write_text("content")
    return {
        "file": file,
        "rootpath": pytestconfig.rootpath,
        "worker": worker_id,
        "run": testrun_uid,
        "workers": os.environ["PYTEST_XDIST_WORKER_COUNT"],
        "scope": request.scope,
        "node": request.node.name,
        "name": request.fixturename,
        "is": xdist_fixtureworker.is_fixture_worker(pytestconfig),
    }
""",
            "test_it.py": """
import xdist_fixtureworker

@pytest.mark.parametrize("i", range(4))
def test_it(everything, testrun_uid, pytestconfig, i):
    assert everything["file"].read_text() == "content"
    assert everything["run"] == testrun_uid
    assert everything["rootpath"] == pytestconfig.rootpath
    assert everything["worker"] == "fixtureworker"
    assert everything["workers"] == os.environ["PYTEST_XDIST_WORKER_COUNT"] == "1"
    assert (everything["scope"], everything["node"], everything["name"]) == ("session", "", "everything")
    assert everything["is"] is True
    assert xdist_fixtureworker.is_fixture_worker(pytestconfig) is False
""",
        }
    )
    assert suite.run(*ONE, *options).outcomes == {"passed": 4}


@pytest.mark.parametrize(
    ("mode", "passed"),
    [(ONE, 6), ((*ONE, "a", "test_root.py"), 6), (("-k", "not first"), 4)],
    ids=["distributed", "in another order", "serial"],
)
def test_overrides_at_several_levels(suite: Suite, mode: tuple[str, ...], passed: int) -> None:
    """What a global fixture gets does not depend on who asks first, as it does serially."""
    suite.write(
        {
            "plugin.py": """
@global_fixture
def place():
    note("plugin")
    return ["plugin"]
""",
            "conftest.py": """
pytest_plugins = ["plugin"]
@global_fixture
def place(place):
    note("root")
    return [*place, "root"]

@pytest.fixture(scope="session")
def setting(): return "root"
@global_fixture
def server(setting): return setting
""",
            "a/conftest.py": """
@global_fixture
def place(place):
    note("a")
    return [*place, "a"]

@pytest.fixture(scope="session")
def setting(): return "a"
@global_fixture
def client(server, setting): return (server, setting)
""",
            "a/b/conftest.py": """
@pytest.fixture(scope="session")
def place(place):
    note("b")
    return [*place, "b"]
@global_fixture
def deep(place):
    note("deep")
    return place
""",
            "test_root.py": """
def test_it(place): assert place == ["plugin", "root"]
def test_asked_first(server): assert server == "root"
""",
            "a/test_a.py": """
def test_it(place): assert place == ["plugin", "root", "a"]
def test_asked_first(client, server): assert (client, server) == (("root", "a"), "root")
""",
            "a/b/test_b.py": """
def test_it(place): assert place == ['plugin', 'root', 'a', 'b']
def test_deep(deep): assert deep == ['plugin', 'root', 'a', 'b']
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes["passed"] == passed
    assert result.noted("plugin", "root", "a") == ["plugin", "root", "a"]
    assert result.noted("deep") == ["deep"]


@ONE_MODES
def test_modules_and_classes(suite: Suite, mode: tuple[str, ...]) -> None:
    module = """
note("import " + __name__)

@global_fixture
def it():
    note(__name__)
    return __name__

class TestOne:
    @global_fixture
    @classmethod
    def own(cls, it):
        note(cls.__name__)
        return cls.__name__ + " of " + it

    def test_it(self, own): assert own == "TestOne of " + __name__
    def test_name(self, request): assert request.getfixturevalue("own") == "TestOne of " + __name__

    class TestNested:
        @global_fixture(name="own")
        @staticmethod
        def nested(own):
            note("nested")
            return "nested " + own
        def test_it(self, own): assert own == "nested TestOne of " + __name__

def test_it(it): assert it == __name__
"""
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef root(): return 1",
            "test_a.py": module,
            "test_b.py": module,
            "test_c.py": "note('import test_c')\ndef test_it(root): pass",
            "sub/test_d.py": module,
        }
    )
    result = suite.run(*mode, "--deselect", "sub/test_d.py")
    assert result.outcomes["passed"] == 9
    assert sorted(result.noted("test_a", "test_b", "TestOne", "nested")) == sorted(
        ["test_a", "test_b", "TestOne", "TestOne", "nested", "nested"]
    )
    assert {"import test_a", "import test_b", "import test_c", "import test_d"} <= {*result.noted()}
    imported = [note.what for note in result.notes if note.worker == FIXTURE_WORKER]
    # The modules only that define a fixture that is wanted.
    assert sorted(what for what in imported if "import" in what) == (
        ["import test_a", "import test_b"] if mode else []
    )


@ONE_MODES
def test_getfixturevalue_in_fixtures(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session")
def plain():
    note("plain")
    yield "plain"
    note("plain down")
@global_fixture
def inner(request):
    note("inner")
    yield request.getfixturevalue("plain")
    note("inner down")
@global_fixture
def outer(request):
    note("outer")
    yield "outer " + request.getfixturevalue("inner")
    note("outer down")
@pytest.fixture
def local(request): return request.getfixturevalue("outer")
""",
            "test_it.py": """
def test_it(local): assert local == "outer plain"
def test_inner(inner): assert inner == "plain"
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 2}
    assert sorted(result.noted("plain", "inner", "outer")) == ["inner", "outer", "plain"]
    downs = result.noted("plain down", "inner down", "outer down")
    if mode:
        assert downs.index("plain down") > downs.index("inner down")

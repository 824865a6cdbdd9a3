"""What a global fixture can depend on, and where that is looked up."""

from __future__ import annotations

import pytest

from ..suite import DISTRIBUTED, FIXTURE_WORKER, MODES, Suite


def test_dependencies_are_not_set_up_in_test_workers(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
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
""",
            "test_it.py": """
def test_argument(tables): assert tables == "engine"
def test_local(local): assert local == "engine"
def test_name(request): assert request.getfixturevalue("tables") == "engine"
def test_name_local(request): assert request.getfixturevalue("local") == "engine"
""",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 4}
    assert result.workers("engine") == {FIXTURE_WORKER}
    assert FIXTURE_WORKER not in result.workers("local")
    assert result.noted("engine", "engine down", "tables", "tables down") == [
        "engine",
        "tables",
        "tables down",
        "engine down",
    ]


def test_dependency_that_a_test_needs_too_is_set_up_there(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session")
def engine(worker_id):
    note("engine")
    return worker_id

@global_fixture
def tables(engine): return engine
""",
            "test_it.py": "def test_it(tables, engine, worker_id):\n"
            "    assert (tables, engine) == ('fixtureworker', worker_id)",
        }
    )
    result = suite.run("-n1", "--fixture-worker")
    assert result.outcomes == {"passed": 1}
    assert result.workers("engine") == {FIXTURE_WORKER, "gw0"}


def test_builtin_fixtures(suite: Suite) -> None:
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
    assert everything["workers"] == os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
    assert (everything["scope"], everything["node"], everything["name"]) == ("session", "", "everything")
    assert everything["is"] is True
    assert xdist_fixtureworker.is_fixture_worker(pytestconfig) is False
""",
        }
    )
    assert suite.run_distributed().outcomes == {"passed": 4}
    assert suite.run_distributed("--testrunuid=mine").outcomes == {"passed": 4}


@MODES
def test_conftests_at_several_levels(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def place():
    note("root")
    return ["root"]
""",
            "a/conftest.py": """
@global_fixture
def place(place):
    note("a")
    return [*place, "a"]
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
            "test_root.py": "def test_it(place): assert place == ['root']",
            "a/test_a.py": "def test_it(place): assert place == ['root', 'a']",
            "a/b/test_b.py": """
def test_it(place): assert place == ['root', 'a', 'b']
def test_deep(deep): assert deep == ['root', 'a', 'b']
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 4}
    assert sorted(result.noted("root", "a", "deep")) == ["a", "deep", "root"]


def test_outcome_does_not_depend_on_who_asks_first(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session")
def setting(): return "root"
@global_fixture
def server(setting): return setting
""",
            "sub/conftest.py": """
@pytest.fixture(scope="session")
def setting(): return "sub"
@global_fixture
def client(server, setting): return (server, setting)
""",
            "sub/test_sub.py": "def test_it(client, server): assert (client, server) == (('root', 'sub'), 'root')",
            "test_zroot.py": "def test_it(server): assert server == 'root'",
        }
    )
    result = suite.run("-n1", "--fixture-worker", "sub", "test_zroot.py")
    assert result.outcomes == {"passed": 2}
    result = suite.run("-n1", "--fixture-worker", "test_zroot.py", "sub")
    assert result.outcomes == {"passed": 2}


@MODES
def test_modules_and_classes(suite: Suite, mode: tuple[str, ...]) -> None:
    module = """
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
    suite.write({"test_a.py": module, "test_b.py": module, "test_c.py": "def test_it(): note('c')"})
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 9}
    assert sorted(result.noted("test_a", "test_b", "TestOne", "nested")) == sorted(
        ["test_a", "test_b", "TestOne", "TestOne", "nested", "nested"]
    )


def test_only_modules_that_define_a_wanted_fixture_are_imported(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef root(): return 1",
            "test_a.py": "note('import a')\n@global_fixture\ndef it(): return 1\ndef test_it(it): pass",
            "test_b.py": "note('import b')\ndef test_it(root): pass",
            "sub/test_c.py": "note('import c')\n@global_fixture\ndef it(): return 1\ndef test_it(it): pass",
        }
    )
    result = suite.run(*DISTRIBUTED, "--deselect", "sub/test_c.py::test_it")
    assert result.outcomes["passed"] == 2
    assert FIXTURE_WORKER in result.workers("import a")
    assert FIXTURE_WORKER not in result.workers("import b") | result.workers("import c")


def test_plugin_fixtures_and_their_override(suite: Suite) -> None:
    suite.write(
        {
            "plugin.py": "@global_fixture\ndef url():\n    note('plugin')\n    return 'plugin'",
            "conftest.py": """
pytest_plugins = ["plugin"]
@global_fixture
def url(url):
    note("conftest")
    return url + " conftest"
""",
            "test_it.py": "@pytest.mark.parametrize('i', range(4))\n"
            "def test_it(url, i): assert url == 'plugin conftest'",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 4}
    assert result.noted() == ["plugin", "conftest"]


def test_local_override_uses_the_global_one(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef url():\n    note('global')\n    return 'global'",
            "test_it.py": """
@pytest.fixture
def url(url): return url + " local"
@pytest.mark.parametrize('i', range(4))
def test_it(url, i): assert url == 'global local'
def test_name(request): assert request.getfixturevalue('url') == 'global local'
""",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 5}
    assert result.noted() == ["global"]


@MODES
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


def test_dependency_need_not_be_picklable(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import threading
@global_fixture
def lock(): return threading.Lock()
@global_fixture
def locked(lock): return lock.locked()
""",
            "test_it.py": "def test_it(locked): assert locked is False",
        }
    )
    assert suite.run_distributed().outcomes == {"passed": 1}


@pytest.mark.parametrize("importmode", ["prepend", "append", "importlib"])
def test_import_modes(suite: Suite, importmode: str) -> None:
    if importmode == "append":  # wants conftests to be modules of different names
        suite.write({"tests/__init__.py": "", "tests/sub/__init__.py": ""})
    suite.write(
        {
            "tests/conftest.py": "@global_fixture\ndef a(): return 'a'",
            "tests/sub/conftest.py": "@global_fixture\ndef b(a): return a + 'b'",
            "tests/sub/test_it.py": "@global_fixture\ndef c(b): return b + 'c'\n"
            "def test_it(c): assert c == 'abc'",
        }
    )
    assert suite.run(*DISTRIBUTED, f"--import-mode={importmode}").outcomes == {"passed": 1}


@pytest.mark.parametrize(
    "arguments",
    [
        ("tests",),
        ("tests/sub/test_it.py::test_it",),
        ("--rootdir=tests", "tests/sub"),
        ("--confcutdir=tests", "tests"),
        (
            "--rootdir=.",
            "--confcutdir=tests/sub",
            "tests/sub",
            "--deselect",
            "tests/sub/test_it.py::test_root",
        ),
        ("--pyargs", "tests.sub.test_it"),
        ("tests/sub/checks.py", "tests/sub/test_it.py"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("package", [True, False], ids=["package", "directory"])
def test_layouts(suite: Suite, package: bool, arguments: tuple[str, ...]) -> None:
    if package or "--pyargs" in arguments:
        suite.write({"tests/__init__.py": "", "tests/sub/__init__.py": ""})
    suite.write(
        {
            "tests/conftest.py": "@global_fixture\ndef a(): return 'a'",
            "tests/sub/conftest.py": "@global_fixture\ndef b(): return 'b'",
            "tests/sub/test_it.py": "@global_fixture\ndef c(b): return b + 'c'\n"
            "def test_it(c): assert c == 'bc'\ndef test_root(a): assert a == 'a'",
            "tests/sub/checks.py": "@global_fixture\ndef c(b): return b + 'c'\n"
            "def test_explicit(c): assert c == 'bc'",
        }
    )
    result = suite.run(*DISTRIBUTED, "-p", "no:cacheprovider", *arguments)
    assert result.code == 0
    assert set(result.outcomes) <= {"passed", "deselected"}

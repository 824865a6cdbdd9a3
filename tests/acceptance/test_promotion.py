"""Session fixtures that configuration makes global behave as if they had been declared global."""

from __future__ import annotations

import pytest

from ..suite import DISTRIBUTED, FIXTURE_WORKER, MODES, Suite

PROCESSES = {DISTRIBUTED: {FIXTURE_WORKER}, (): {""}}

PLUGIN = """
class Server:
    def __init__(self):
        self.url = "http://here"
        self.config = Config()
        self.lock = threading.Lock()

class Config:
    port = 80
    password = "secret"

@pytest.fixture(scope="session")
def engine():
    note("engine")
    yield "engine"
    note("engine down")

@pytest.fixture(scope="session")
def server(engine):
    note("server")
    yield Server()
    note("server down")

@pytest.fixture(scope="session")
def tables(engine):
    note("tables")
    yield [engine]
    note("tables down")
"""


def ini(*lines: str, more: str = "") -> str:
    return (
        "[pytest]\npythonpath = .\nglobal_fixtures =\n    " + "\n    ".join(lines) + f"\n{more}\n"
    )


@pytest.fixture
def plugin(suite: Suite) -> Suite:
    """A suite with a plugin that knows nothing of global fixtures."""
    suite.write(
        {
            "plugin.py": "import threading\n" + PLUGIN,
            "conftest.py": "pytest_plugins = ['plugin']",
            "test_it.py": """
@pytest.mark.parametrize("i", range(4))
def test_argument(tables, i): assert tables == ["engine"]
def test_name(request): assert request.getfixturevalue("tables") == ["engine"]
""",
        }
    )
    return suite


BY_INI = ("ini", ())
BY_OPTION = ("option", ("--global-fixture", "tables"))


@MODES
@pytest.mark.parametrize(("how", "option"), [BY_INI, BY_OPTION])
def test_it_runs_once(
    plugin: Suite, how: str, option: tuple[str, ...], mode: tuple[str, ...]
) -> None:
    if how == "ini":
        plugin.write({"pytest.ini": ini("tables")})
    result = plugin.run(*mode, *option)
    assert result.outcomes == {"passed": 5}
    assert result.code == 0
    assert result.noted() == ["engine", "tables", "tables down", "engine down"]
    for what in result.noted():
        assert result.workers(what) == PROCESSES[mode]


def test_what_is_not_named_runs_in_each_test_worker(plugin: Suite) -> None:
    plugin.write({"pytest.ini": ini("engine")})
    result = plugin.run_distributed("--dist=each")
    assert result.outcomes == {"passed": 10}
    assert result.workers("engine") == {FIXTURE_WORKER}
    assert sorted(result.workers("tables")) == ["gw0", "gw1"]


def test_without_a_fixture_worker(plugin: Suite) -> None:
    plugin.write({"pytest.ini": ini("tables")})
    result = plugin.run("-n1")
    assert result.outcomes == {"passed": 5}
    assert result.lines("^global fixtures ran once per test worker: tables .once per test run")


@MODES
def test_listed_as_global(plugin: Suite, mode: tuple[str, ...]) -> None:
    plugin.write({"pytest.ini": ini("tables")})
    result = plugin.run(*mode, "--fixtures")
    lines = [line.strip() for line in result.output.splitlines()]
    note = "Global: set up once per test run, in the fixture worker, with -n and --fixture-worker."
    assert lines.count(note) == 1
    assert lines[lines.index(note) - 1].startswith("tables [session scope]")


@MODES
def test_every_session_definition_of_the_name(plugin: Suite, mode: tuple[str, ...]) -> None:
    plugin.write(
        {
            "pytest.ini": ini("tables"),
            "sub/conftest.py": """
@pytest.fixture(scope="session")
def tables(tables):
    note("more tables")
    return [*tables, "more"]
""",
            "sub/test_sub.py": "def test_sub(tables): assert tables == ['engine', 'more']",
            "sub/below/conftest.py": """
@pytest.fixture
def tables(tables):
    note("for one test")
    return [*tables, "one"]
""",
            "sub/below/test_below.py": """
def test_below(tables): assert tables == ["engine", "more", "one"]
""",
        }
    )
    result = plugin.run(*mode)
    assert result.outcomes == {"passed": 7}
    assert result.noted().count("tables") == 1
    assert result.noted().count("more tables") == 1
    assert result.workers("more tables") == PROCESSES[mode]
    assert (FIXTURE_WORKER in result.workers("for one test")) is False


@MODES
def test_instance_method_of_a_test_class_is_left_alone(
    plugin: Suite, mode: tuple[str, ...]
) -> None:
    plugin.write(
        {
            "pytest.ini": ini("tables"),
            "test_class.py": """
class TestIt:
    @pytest.fixture(scope="session")
    def tables(self): return self
    def test_it(self, tables): assert type(tables) is TestIt
""",
        }
    )
    result = plugin.run(*mode)  # since pytest 9.2 with a warning of pytest
    assert (result.outcomes["passed"], result.code) == (6, 0)


@MODES
def test_parameters_and_autouse(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "pytest.ini": ini("dialect", "audit"),
            "conftest.py": """
@pytest.fixture(scope="session", params=["a", "b"])
def dialect(request):
    note("dialect " + request.param)
    return request.param
@pytest.fixture(scope="session", autouse=True)
def audit(): note("audit")
""",
            "test_it.py": """
def test_it(dialect, request): assert dialect == request.node.callspec.params["dialect"]
def test_other(dialect): pass
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 4}
    assert sorted(result.noted()) == ["audit", "dialect a", "dialect b"]
    assert all(result.workers(what) == PROCESSES[mode] for what in result.noted())


@MODES
def test_arguments_of_parametrize_are_none_of_its_business(
    plugin: Suite, mode: tuple[str, ...]
) -> None:
    plugin.write(
        {
            "pytest.ini": ini("tables"),
            "test_it.py": """
@pytest.mark.parametrize("tables", [1, 2], scope="session")
def test_it(tables): assert tables in (1, 2)
""",
        }
    )
    result = plugin.run(*mode)
    assert result.outcomes == {"passed": 2}
    assert result.noted() == []
    assert plugin.run("-n2").lines("ran once per test worker") == []


# --- attributes


ATTRIBUTES = """
import threading, xdist_fixtureworker
def test_it(server, tables_of_server, request):
    assert server.url == "http://here"
    assert server.config.port == 80
    assert tables_of_server == "Server"
    assert request.getfixturevalue("server") is server
    if is_distributed(request):
        assert not hasattr(server, "lock")
        with pytest.raises(AttributeError, match="'config.password' of the global fixture 'server'"):
            server.config.password
        with pytest.raises(AttributeError, match="cannot be changed here"):
            server.url = "http://there"
        assert repr(server) == "<server: url='http://here', config=<server.config: port=80>>"
    else:
        assert server.lock.acquire()
def is_distributed(request): return hasattr(request.config, "workerinput")
"""
DEPENDENT = """
@global_fixture
def tables_of_server(server):
    server.lock.acquire()  # it is the object itself
    server.lock.release()
    server.url = server.url + "/changed" if os.environ.get("PYTEST_XDIST_WORKER") else server.url
    return type(server).__name__
"""


@MODES
def test_attributes_by_configuration(plugin: Suite, mode: tuple[str, ...]) -> None:
    """They are those of the set-up, whatever other global fixtures do with the object."""
    plugin.write(
        {
            "pytest.ini": ini("server: attrs(url, config.port)"),
            "conftest.py": "pytest_plugins = ['plugin']\n" + DEPENDENT,
            "test_it.py": ATTRIBUTES,
        }
    )
    result = plugin.run(*mode)
    assert result.outcomes == {"passed": 1}
    assert result.noted("server", "server down") == ["server", "server down"]


@MODES
@pytest.mark.parametrize("configured", ["server", "server: attrs(url, config.port)"])
def test_attributes_by_declaration(plugin: Suite, configured: str, mode: tuple[str, ...]) -> None:
    """Where both say it, configuration wins, unless it says no attributes."""
    declared = '"url"' if "attrs" in configured else '"url", "config.port"'
    source = PLUGIN.replace(
        '@pytest.fixture(scope="session")\ndef server',
        f"@global_fixture(share=attrs({declared}))\ndef server",
    )
    plugin.write(
        {
            "pytest.ini": ini(configured),
            "plugin.py": "import threading\nfrom xdist_fixtureworker import attrs\n" + source,
            "conftest.py": "pytest_plugins = ['plugin']\n" + DEPENDENT,
            "test_it.py": ATTRIBUTES,
        }
    )
    assert plugin.run(*mode).outcomes == {"passed": 1}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("uri", "its value is a plugin.Server (AttributeError: 'Server' object has no attribute"),
        ("lock", "it is a plugin.Server, and the value.lock (a _thread.lock) is what pickle"),
        ("config.port.real.what", "its value is a plugin.Server (AttributeError: 'int' object"),
    ],
)
def test_attributes_that_cannot_be_had(plugin: Suite, names: str, message: str) -> None:
    plugin.write(
        {
            "pytest.ini": ini(f"server: attrs(url, {names})"),
            "test_it.py": "def test_it(server): pass\ndef test_other(server): pass",
        }
    )
    result = plugin.run_distributed()
    assert result.outcomes == {"errors": 2}
    assert message in result.output
    assert result.noted("server", "server down") == ["server", "server down"]


# --- os.environ


SETTINGS = """
@pytest.fixture(scope="session")
def settings(): os.environ["SHOP"] = "open"
"""
OVERRIDE = """
@global_fixture(env=True)
def settings(settings): return settings
"""


def test_changes_of_os_environ_are_told_and_the_remedy_helps(suite: Suite) -> None:
    suite.write(
        {
            "pytest.ini": ini("settings"),
            "plugin.py": SETTINGS,
            "conftest.py": "pytest_plugins = ['plugin']",
            "test_it.py": "def test_it(settings): assert 'SHOP' not in os.environ",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1}
    (line,) = result.lines("^global fixture settings")
    assert line.endswith(
        "changed SHOP in os.environ of the fixture worker only; @global_fixture(env=True) changes "
        "it in the test workers too: write an override with it instead of the name in "
        "global_fixtures"
    )
    suite.write(
        {
            "pytest.ini": "[pytest]\npythonpath = .\n",
            "conftest.py": "pytest_plugins = ['plugin']\n" + OVERRIDE,
            "test_it.py": "def test_it(settings): assert os.environ['SHOP'] == 'open'",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1}
    assert result.lines("in os.environ of the fixture worker") == []


# --- what has another value in each process


PROJECT = """
@pytest.fixture(scope="session")
def project(): return VALUE
@pytest.fixture(scope="session")
def services(project): return project
"""
BOTH = """
def test_services(services): pass
def test_project(project, request): pass
def test_project_by_name(request): request.getfixturevalue("project")
"""
LINE = r"^session fixture project \(conftest.py:\d+\) had another value in the fixture worker"


@pytest.mark.parametrize("value", ["os.getpid()", "{'pid': [str(os.getpid())]}"])
def test_a_dependency_with_another_value_is_told(suite: Suite, value: str) -> None:
    suite.write(
        {
            "pytest.ini": ini("services", more="filterwarnings = error"),
            "conftest.py": PROJECT.replace("VALUE", value),
            "test_it.py": BOTH,
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 3}
    (line,) = result.lines(LINE)
    assert line.endswith("in global_fixtures, project would be one value for all")
    assert suite.run().lines("another value") == []
    remedied = suite.run_distributed("--global-fixture", "project")
    assert remedied.outcomes == {"passed": 3}
    assert remedied.lines("another value") == []


@pytest.mark.parametrize("value", ["'same'", "object()", "None", "[object()]"])
def test_a_dependency_that_is_not_known_to_differ(suite: Suite, value: str) -> None:
    suite.write(
        {
            "pytest.ini": ini("services: attrs(__class__)"),
            "conftest.py": PROJECT.replace("VALUE", value),
            "test_it.py": BOTH,
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 3}
    assert result.lines("another value") == []


def test_a_dependency_that_no_test_uses(suite: Suite) -> None:
    suite.write(
        {
            "pytest.ini": ini("services"),
            "conftest.py": PROJECT.replace("VALUE", "os.getpid()"),
            "test_it.py": "def test_it(services): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1}
    assert result.lines("another value") == []


def test_a_dependency_that_belongs_to_each_process(suite: Suite) -> None:
    suite.write(
        {
            "pytest.ini": ini("services"),
            "conftest.py": "@pytest.fixture(scope='session')\ndef services(worker_id): return 1",
            "test_it.py": "def test_it(services, worker_id): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1}
    assert result.lines("another value") == []

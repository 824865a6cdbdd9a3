"""Session fixtures that configuration makes global behave as if they had been declared global."""

from __future__ import annotations

import re

import pytest

from ..suite import FIXTURE_WORKER, ONE, ONE_MODES, Suite, sampled

PROCESSES = {ONE: {FIXTURE_WORKER}, (): {""}}

PLUGIN = """
class Server:
    def __init__(self):
        self.url = "http://here"
        self.config = Config()
        self.lock = threading.Lock()
        self.ports = {"http": [80, 8080]}
    def get_port(self, number, kind="tcp"):
        note("get_port")
        return {6379: 32768}[number]

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


@ONE_MODES
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
    assert result.lines("^global fixtures ran once per test worker: tables$")


@ONE_MODES
def test_listed_as_global(plugin: Suite, mode: tuple[str, ...]) -> None:
    plugin.write({"pytest.ini": ini("tables")})
    result = plugin.run(*mode, "--fixtures")
    lines = [line.strip() for line in result.output.splitlines()]
    note = "Global: set up once per test run, in the fixture worker, with -n and --fixture-worker."
    assert lines.count(note) == 1
    assert lines[lines.index(note) - 1].startswith("tables [session scope]")


@ONE_MODES
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


@ONE_MODES
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


@ONE_MODES
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


@ONE_MODES
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
    if mode:
        assert plugin.run("-n1").lines("ran once per test worker") == []


# --- attributes


SHARED = ("url", "config.port", "get_port(6379, kind='udp')", "ports['http'][1]")
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
        assert repr(server).startswith("<server: url='http://here', config=<server.config: port=80>")
    else:
        assert server.lock.acquire()
def test_calls(server, request):
    assert server.get_port(6379, kind="udp") == 32768
    assert request.getfixturevalue("server").ports["http"][1] == 8080
    if is_distributed(request):
        with pytest.raises(LookupError, match="'get_port.80.' of the global fixture 'server' is not"):
            server.get_port(80)
def test_function(listener, request):
    assert listener.url == request.getfixturevalue("listener").url == "http://there"
    assert hasattr(listener, "lock") != is_distributed(request)
def is_distributed(request): return hasattr(request.config, "workerinput")
"""
DEPENDENT = """
import threading
from types import SimpleNamespace
def address_of(listener):
    listener.lock.acquire()
    return SimpleNamespace(url=listener.url)
@global_fixture(share=address_of)
def listener(): return SimpleNamespace(url="http://there", lock=threading.Lock())
@global_fixture
def tables_of_server(server):
    server.lock.acquire()  # it is the object itself
    server.lock.release()
    server.url = server.url + "/changed" if os.environ.get("PYTEST_XDIST_WORKER") else server.url
    return type(server).__name__
"""


@ONE_MODES
def test_attributes_by_configuration(plugin: Suite, mode: tuple[str, ...]) -> None:
    """They are those of the set-up, whatever other global fixtures do with the object."""
    plugin.write(
        {
            "pytest.ini": ini(f"serv*: attrs({', '.join(SHARED)})"),
            "conftest.py": "pytest_plugins = ['plugin']\n" + DEPENDENT,
            "test_it.py": ATTRIBUTES,
        }
    )
    result = plugin.run(*mode, "-v")
    assert result.outcomes == {"passed": 3}
    assert result.output.count("global_fixtures: serv* is server\n") == 1
    # Right after the set-up, or by the test.
    noted = ["server", "get_port", "server down"]
    assert result.noted(*noted) == noted


@pytest.mark.parametrize(
    ("configured", "mode"),
    sampled(
        lambda configured, mode: not mode or "attrs" in configured,
        ["server", f"server: attrs({', '.join(SHARED)})"],
        [ONE, ()],
    ),
)
def test_attributes_by_declaration(plugin: Suite, configured: str, mode: tuple[str, ...]) -> None:
    """Where both say it, configuration wins, unless it says no attributes."""
    declared = '"url"' if "attrs" in configured else ", ".join(f'"{name}"' for name in SHARED)
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
    assert plugin.run(*mode).outcomes == {"passed": 3}


IMPOSSIBLE = {
    "attrs(url, uri)": "its value is a plugin.Server (AttributeError: 'Server' object has no attribute",
    "attrs(url, get_port(80))": "its value is a plugin.Server (KeyError: 80)",
    "attrs(url, lock)": "a plugin.Server (TypeError: cannot pickle '_thread.lock' object)",
    "attrs(url, config.port.real.what)": "its value is a plugin.Server (AttributeError: 'int' object",
}


def test_attributes_that_cannot_be_had(plugin: Suite) -> None:
    names = [f"server{number}" for number in range(len(IMPOSSIBLE))]
    servers = [
        f"""
@pytest.fixture(scope="session")
def {name}():
    note("{name}")
    yield plugin.Server()
    note("{name} down")
"""
        for name in names
    ]
    plugin.write(
        {
            "pytest.ini": ini(*map("{}: {}".format, names, IMPOSSIBLE)),
            "conftest.py": "import plugin" + "".join(servers),
            "test_it.py": "".join(
                f"def test_{name}({name}): pass\ndef test_other_{name}({name}): pass\n"
                for name in names
            ),
        }
    )
    result = plugin.run(*ONE)
    assert result.outcomes == {"errors": 2 * len(IMPOSSIBLE)}
    for name, message in zip(names, IMPOSSIBLE.values(), strict=True):
        assert re.search(rf"the global fixture '{name}' .*{re.escape(message)}", result.output)
        assert result.noted(name, f"{name} down") == [name, f"{name} down"]


# --- what has another value in each process


def projects(values: dict[str, str]) -> dict[str, str]:
    """For each name, a session fixture with that value, and one that depends on it; and tests that
    use both."""
    conftest, tests = "", ""
    for name, value in values.items():
        conftest += f"""
@pytest.fixture(scope="session")
def {name}(): return {value}
@pytest.fixture(scope="session")
def services_of_{name}({name}): return {name}
"""
        tests += f"""
def test_services_of_{name}(services_of_{name}): pass
def test_{name}({name}): pass
def test_{name}_by_name(request): request.getfixturevalue("{name}")
"""
    return {"conftest.py": conftest, "test_it.py": tests}


def test_a_dependency_with_another_value_is_told(suite: Suite) -> None:
    differing = {"project": "os.getpid()", "nested": "{'pid': [str(os.getpid())]}"}
    services = [f"services_of_{name}" for name in differing]
    suite.write(
        {"pytest.ini": ini(*services, more="filterwarnings = error"), **projects(differing)}
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 6}
    assert len(result.lines("another value")) == 2
    for name in differing:
        assert re.search(
            rf"^session fixture {name} \(conftest.py:\d+\) had another value in the fixture worker, "
            rf".*\n  In global_fixtures, {name} would be one value for all\.$",
            result.output,
            re.MULTILINE,
        )
    assert suite.run().lines("another value") == []
    options = [f"--global-fixture={name}" for name in differing]
    remedied = suite.run(*ONE, *options)
    assert remedied.outcomes == {"passed": 6}
    assert remedied.lines("another value") == []


def test_a_dependency_that_is_not_known_to_differ(suite: Suite) -> None:
    """Some that do not; one that no test uses, and one that belongs to each process."""
    values = {"same": "'same'", "an_object": "object()", "none": "None", "objects": "[object()]"}
    services = [f"services_of_{name}: attrs(__class__)" for name in values]
    suite.write(
        {
            "pytest.ini": ini(*services, "services", "about_process"),
            **projects(values),
            "others/conftest.py": """
@pytest.fixture(scope="session")
def unused(): return os.getpid()
@pytest.fixture(scope="session")
def services(unused): return unused
@pytest.fixture(scope="session")
def about_process(worker_id): return 1
""",
            "others/test_others.py": """
def test_unused(services): pass
def test_process(about_process, worker_id): pass
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 14}
    assert result.lines("another value") == []

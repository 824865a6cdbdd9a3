"""What a global fixture with ``env=True`` changes is changed in each test worker, as serially."""

from __future__ import annotations

import re

from ..suite import ONE, ONE_MODES, Suite

INNER = """
@global_fixture(env=True)
def inner(): os.environ["INNER"] = "1"
@global_fixture
def outer(request): request.getfixturevalue("inner")
"""
SUITES = {
    "parameters": """
@global_fixture(env=True, params=["sqlite", "postgres"])
def db(request):
    os.environ["DB"] = request.param
    return request.param
@global_fixture(env=True, params=["redis", "memory"])
def cache(request):
    os.environ["CACHE"] = request.param
    return request.param
def test_both(db, cache): assert (os.environ["DB"], os.environ["CACHE"]) == (db, cache)
""",
    "parameters, and back": """
@global_fixture(env=True)
def db(request):
    os.environ["DB"] = request.param
@pytest.mark.parametrize("db", ["a"], indirect=True)
def test_1(db): assert os.environ["DB"] == "a"
@pytest.mark.parametrize("db", ["b"], indirect=True)
def test_2(db): assert os.environ["DB"] == "b"
@pytest.mark.parametrize("db", ["a"], indirect=True)
def test_3(db): assert os.environ["DB"] == "a"
""",
    "a dependency alone": """
@global_fixture(env=True)
def tools(): os.environ["TOOLS"] = "tools"
@global_fixture(env=True)
def driver(tools): os.environ["TOOLS"] += ":driver"
def test_1(driver): assert os.environ["TOOLS"] == "tools:driver"
def test_2(tools): assert os.environ["TOOLS"] == "tools:driver"
def test_3(driver): assert os.environ["TOOLS"] == "tools:driver"
""",
    "the same value again": """
@global_fixture(env=True)
def a(): os.environ["MODE"] = "on"
@global_fixture(env=True)
def b(a): os.environ["MODE"] = "off"
@global_fixture(env=True)
def c(b): os.environ["MODE"] = "on"
@global_fixture
def d(c): return os.environ["MODE"]
def test_it(d): assert os.environ["MODE"] == d == "on"
""",
    "within each other": """
@global_fixture(env=True)
def c(): os.environ["MODE"] = "c"
@global_fixture(env=True)
def b(request):
    os.environ["MODE"] = "b"
    request.getfixturevalue("c")
    os.environ["B"] = "b"
@global_fixture
def a(request): request.getfixturevalue("b")
def test_a(a): assert (os.environ["MODE"], os.environ["B"]) == ("c", "b")
def test_b(b): assert (os.environ["MODE"], os.environ["B"]) == ("c", "b")
def test_c(c): assert os.environ["MODE"] == "c"
""",
    "a test for itself": """
@global_fixture(env=True)
def a(): os.environ["MODE"] = "a"
@global_fixture(env=True)
def b(): os.environ["B"] = "b"
def test_it(a, monkeypatch, request):
    monkeypatch.setenv("MODE", "of a test")
    request.getfixturevalue("b")
    assert (os.environ["MODE"], os.environ["B"]) == ("of a test", "b")
def test_then(a): assert os.environ["MODE"] == "a"
""",
    "another one asks for it, and is asked for": INNER
    + 'def test_a(outer): assert os.environ["INNER"] == "1"',
    "another one asks for it, and it is asked for itself": INNER
    + 'def test_b(inner): assert os.environ["INNER"] == "1"',
    "another one asks for it, and both are asked for": INNER
    + 'def test_a(outer): assert os.environ["INNER"] == "1"\n'
    + 'def test_b(inner): assert os.environ["INNER"] == "1"',
}
WITHOUT_PARAMETERS = [
    *("a dependency alone", "the same value again", "within each other"),
    *(name for name in SUITES if name.startswith("another one asks for it")),
]


def by_name(text: str) -> str:
    """With the fixtures of tests fetched by ``getfixturevalue()``, where they have no parameters."""
    lines = []
    for line in text.splitlines():
        name, _, rest = line.partition("(")
        fixtures, _, body = rest.partition("): ")
        if name.startswith("def test_") and body:
            values = ", ".join(f"request.getfixturevalue('{one}')" for one in fixtures.split(", "))
            line = f"{name}(request):\n    {fixtures.replace(' ', '')}, = {values},\n    {body}"
        lines.append(line)
    return "\n".join(lines)


def modules() -> dict[str, str]:
    """One module for each suite, some by name as well, all with environment variables of their own."""
    texts = {**SUITES, **{f"{name}, by name": by_name(SUITES[name]) for name in WITHOUT_PARAMETERS}}
    modules = {}
    for number, (name, text) in enumerate(texts.items()):
        for variable in set(re.findall(r'environ\["(\w+)"\]', text)):
            text = text.replace(f'"{variable}"', f'"{variable}_{number}"')
        modules["test_" + re.sub(r"\W+", "_", name) + ".py"] = text
    return modules


@ONE_MODES
def test_as_in_a_serial_run(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(modules())
    result = suite.run(*mode)
    assert set(result.outcomes) == {"passed"}
    assert not result.lines("in os.environ of the")  # what is replayed is nothing to tell


def test_asked_for_in_another_order_than_set_up(suite: Suite) -> None:
    """In a worker that has none of it yet, the others' order of set-up counts."""
    suite.write(
        {
            "conftest.py": """
@global_fixture(env=True)
def a(): os.environ["ORDER"] = os.environ.get("ORDER", "") + "a"
@global_fixture(env=True)
def b(a): os.environ["ORDER"] += "b"
""",
            "test_it.py": """
class TestX:
    def test_1(self, b): open("set up", "w")
class TestY:
    def test_2(self):
        wait_for("set up")
    def test_3(self, b): assert os.environ["ORDER"] == "ab"
    def test_4(self, a, b): assert os.environ["ORDER"] == "ab"
""",
        }
    )
    result = suite.run_distributed("--dist=loadscope")
    assert result.outcomes == {"passed": 4}


ELSEWHERE = """
import types
from pathlib import Path
import settings as project_settings
TOKEN = pytest.StashKey()
REGISTRY = {}
STARTED = []
PORT = 0
options = types.SimpleNamespace(url="")

@pytest.fixture(scope="session")
def settings(): return types.SimpleNamespace(BASE_URL="", kept=1)
@pytest.fixture(scope="session")
def table(): return {}
@pytest.fixture(scope="session")
def plain(request): request.config.plain = 1
@pytest.fixture(scope="session", autouse=True)
def everywhere(request): request.config.everywhere = 1

@global_fixture
def config(request): request.config.token = "a"
@global_fixture
def option(pytestconfig): pytestconfig.option.token = "a"
@global_fixture
def session(request): request.node.token = "a"
@global_fixture
def module(): pytest.user = "a"
@global_fixture
def stash(request): request.config.stash[TOKEN] = "a"
@global_fixture
def base_url(settings):
    assert settings.kept
    settings.BASE_URL = "a"
@global_fixture
def names(table): table["math"] = 1
@global_fixture
def doctests(doctest_namespace): doctest_namespace["math"] = 1
@global_fixture
def imported(): project_settings.BASE_URL = "a"
@global_fixture
def variable():
    global PORT
    PORT = 1
def register(): REGISTRY["a"] = STARTED.append("a")
@global_fixture
def helped():
    register()
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(options, "url", "a")
@global_fixture
def inner(request): request.config.inner = 1
@global_fixture
def outer(request, plain):
    request.getfixturevalue("inner")
    os.environ["OUTER"] = "a"
@global_fixture(autouse=True)
def prepared(everywhere): pass
@global_fixture(env=True)
def replayed(request): os.environ["REPLAYED"] = request.config.replayed = "a"
@global_fixture(env=False, autouse=True)
def wanted(request): os.environ["WANTED"] = request.config.wanted = "a"
@global_fixture
def innocent(request, settings, table, tmp_path_factory):
    import xml.dom.minidom
    len(request.session.items), tmp_path_factory.mktemp("a")
    return settings.kept, len(REGISTRY), os.path.sep, Path.cwd()
"""
ELSEWHERE_TESTS = """
class TestClass:
    @global_fixture
    @classmethod
    def url(cls): cls.address = "a"
    def test_it(self, config, option, session, module, stash, base_url, names, doctests, imported,
                variable, helped, outer, replayed, innocent, url): pass
"""


def test_what_is_changed_elsewhere_is_told(suite: Suite) -> None:
    """In a few places that are cheap to compare, and once for each fixture."""
    suite.write(
        {"settings.py": "", "conftest.py": ELSEWHERE, "test_it.py": ELSEWHERE_TESTS},
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1}
    told = {
        match[1]: match[2]
        for line in result.lines("^global fixture ")
        if (
            match := re.match(
                r"global fixture (\w+) .*changed (.*) of the fixture worker only", line
            )
        )
    }
    assert told == {
        "config": "config.token",
        "option": "config.option.token",
        "session": "session.token",
        "module": "pytest.user",
        "stash": "config.stash[TOKEN]",
        "base_url": "settings.BASE_URL",
        "names": "table['math']",
        "doctests": "doctest_namespace['math']",
        "imported": "project_settings.BASE_URL",
        "variable": "conftest.PORT",
        "helped": "conftest.REGISTRY['a'], conftest.STARTED, conftest.options.url",
        "inner": "config.inner",
        "outer": "OUTER in os.environ, config.plain",
        "replayed": "config.replayed",
        "url": "TestClass.address",
    }
    (silent,) = result.lines("is autouse and has no value")
    assert silent.startswith("global fixture prepared (conftest.py:")


def test_variables_of_fixtures_that_are_made_global(suite: Suite) -> None:
    """As if ``env=True`` had been written above them; with names, only those are replayed, and that
    is all there is to say."""
    fixture = (
        '@pytest.fixture(scope="session")\ndef {0}(): os.environ.update({0}_A="a", {0}_B="b")\n'
    )
    names = ("every", "one", "none", "told", "shared")
    suite.write(
        {
            "pytest.ini": """[pytest]
pythonpath = .
global_fixtures =
    every: env
    one: env(one_A)
    none: env()
    told
    shared: env attrs(real)
""",
            "conftest.py": "".join(map(fixture.format, names[:-1]))
            + """
@pytest.fixture(scope="session")
def shared():
    os.environ["shared_A"] = "a"
    return 7
""",
            "test_it.py": f"""
def test_it({", ".join(names)}):
    found = {{name for name in os.environ if name.partition("_")[0] in {names}}}
    assert found == {{"every_A", "every_B", "one_A", "shared_A"}}
    assert shared.real == 7
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1}
    (line,) = result.lines("of the fixture worker only")
    assert line.startswith("global fixture told (conftest.py:")
    assert (
        "changed told_A, told_B in os.environ of the fixture worker only.\n"
        "  If tests need it, 'told: env' in global_fixtures changes it in the test workers too; "
        "'told: env()' says that they do not.\n"
    ) in result.output

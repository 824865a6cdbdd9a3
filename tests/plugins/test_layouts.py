"""Where files lie and how they are imported and named on the command line."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, ONE, ONE_MODES, Result, Suite, sampled

IMPORT_MODES = ("prepend", "append", "importlib")


def import_modes(distributed: str) -> pytest.MarkDecorator:
    """All import modes in a serial run, and one of them in a distributed one; others in "full"."""
    return pytest.mark.parametrize(
        ("import_mode", "mode"),
        sampled(
            lambda import_mode, mode: not mode or import_mode == distributed, IMPORT_MODES, BOTH
        ),
    )


BOTH = (ONE, ())


def life_of(name: str) -> str:
    """A global fixture that notes its set-up and its finalizer."""
    return f"""
@global_fixture
def {name}():
    note("{name} up")
    yield "{name}"
    note("{name} down")
"""


def using(*names: str) -> str:
    """Tests that use global fixtures, by argument and later."""
    values = ", ".join(names)
    fetched = ", ".join(f"request.getfixturevalue('{name}')" for name in names)
    return f"""
def test_argument({values}):
    note("test")
    assert [{values}] == {list(names)}
def test_later(request):
    note("test")
    assert [{fetched}] == {list(names)}
"""


def assert_once(result: Result, *names: str, tests: int, mode: tuple[str, ...]) -> None:
    """All passed; each global fixture was set up once, and finalized after the last test."""
    assert result.outcomes == {"passed": tests}, result.output
    changes = [what for what in result.noted() if what != "test"]
    assert sorted(changes) == sorted(f"{name} {what}" for name in names for what in ("up", "down"))
    places = {note.worker for note in result.notes if note.what != "test"}
    assert places == {FIXTURE_WORKER if mode else ""}
    if mode:
        assert result.noted()[-len(names) :] == changes[-len(names) :]
        assert all(what.endswith("down") for what in changes[-len(names) :])


@import_modes("importlib")
def test_import_modes(suite: Suite, import_mode: str, mode: tuple[str, ...]) -> None:
    """Two modules, and two conftests, have the same name where the import mode allows it."""
    second = "test_it.py" if import_mode == "importlib" else "test_other.py"
    if import_mode == "append":
        suite.write({"one/__init__.py": "", "two/__init__.py": ""})
    suite.write(
        {
            "conftest.py": life_of("root"),
            "one/conftest.py": life_of("one"),
            "one/test_it.py": using("root", "one"),
            "two/conftest.py": life_of("two"),
            f"two/{second}": life_of("own") + using("root", "two", "own"),
        }
    )
    result = suite.run(*mode, f"--import-mode={import_mode}")
    assert_once(result, "root", "one", "two", "own", tests=4, mode=mode)


@pytest.mark.parametrize(
    ("package", "import_mode", "mode"),
    sampled(
        lambda package, import_mode, mode: not mode or (package and import_mode == "prepend"),
        [True, False],
        IMPORT_MODES,
        BOTH,
    ),
)
def test_classes_of_the_suite(
    suite: Suite, package: bool, import_mode: str, mode: tuple[str, ...]
) -> None:
    """Values are instances of classes of a conftest and of a test module."""
    if package:
        suite.write({"tests/__init__.py": "", "tests/unit/__init__.py": ""})
    suite.write(
        {
            "tests/conftest.py": """
class Server:
    port = 8080
@global_fixture
def server(): return Server()
""",
            "tests/unit/test_it.py": """
class Client:
    def __init__(self, port): self.port = port
@global_fixture
def client(server): return Client(server.port)
def test_it(server, client):
    assert type(client) is Client
    assert client.port == server.port == 8080
""",
        }
    )
    assert suite.run(*mode, f"--import-mode={import_mode}").outcomes == {"passed": 1}


@ONE_MODES
def test_conftest_in_every_directory(suite: Suite, mode: tuple[str, ...]) -> None:
    """Each adds a fixture, and overrides that of the directory above with one that uses it."""
    files, folder, names = {}, "", []
    for depth in range(5):
        name = f"level{depth}"
        names.append(name)
        overriding = "path" if depth else ""
        before = "path + " if depth else ""
        files[f"{folder}conftest.py"] = life_of(name) + (
            f"@global_fixture\ndef path({overriding}):\n    return {before}'/{depth}'\n"
        )
        expected = "".join(f"/{level}" for level in range(depth + 1))
        files[f"{folder}test_{name}.py"] = using(*names) + (
            f"def test_path(path): assert path == '{expected}'\n"
        )
        folder += f"{'abcde'[depth]}/"
    suite.write(files)
    assert_once(suite.run(*mode), *names, tests=15, mode=mode)


@import_modes("append")
def test_namespace_packages(suite: Suite, import_mode: str, mode: tuple[str, ...]) -> None:
    """One package without ``__init__.py`` in two places, each with a part of the tests."""
    suite.write(
        {
            "pytest.ini": "[pytest]\npythonpath = . left right\n"
            "consider_namespace_packages = true\n",
            "conftest.py": life_of("root"),
            "left/shop/stock/__init__.py": "",
            "left/shop/stock/conftest.py": life_of("stock"),
            "left/shop/stock/test_it.py": "from shop.prices import CENTS\n"
            + using("root", "stock")
            + "def test_cents(): assert CENTS == 30\n",
            "right/shop/prices/__init__.py": "CENTS = 30",
            "right/shop/prices/conftest.py": life_of("prices"),
            "right/shop/prices/test_it.py": "import shop.stock\n" + using("root", "prices"),
        }
    )
    result = suite.run(*mode, f"--import-mode={import_mode}")
    assert_once(result, "root", "stock", "prices", tests=5, mode=mode)


@import_modes("prepend")
def test_src_layout(suite: Suite, import_mode: str, mode: tuple[str, ...]) -> None:
    """The package is in ``src``, its tests beside it; a class of the package is shared."""
    suite.write(
        {
            "pytest.ini": "[pytest]\npythonpath = . src\ntestpaths = tests\n",
            "src/shop/__init__.py": "",
            "src/shop/server.py": "class Server:\n    port = 8080\n",
            "tests/conftest.py": """
from shop.server import Server
@global_fixture
def server():
    note("server up")
    yield Server()
    note("server down")
""",
            "tests/test_it.py": """
from shop.server import Server
def test_it(server): assert type(server) is Server
def test_later(request): assert request.getfixturevalue("server").port == 8080
""",
        }
    )
    result = suite.run(*mode, f"--import-mode={import_mode}")
    assert_once(result, "server", tests=2, mode=mode)


@pytest.mark.parametrize(
    ("named", "mode"),
    sampled(
        lambda named, mode: not mode or named == "node id",
        ["shop", "shop.tests", "shop.tests.test_it", "node id"],
        BOTH,
    ),
)
def test_pyargs(
    suite: Suite, named: str, mode: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that come inside an installed package, outside of the directory pytest runs in."""
    suite.write(
        {
            "site/shop/__init__.py": "",
            "site/shop/tests/__init__.py": "",
            "site/shop/tests/conftest.py": life_of("shop"),
            "site/shop/tests/test_it.py": life_of("own") + using("shop", "own"),
            "elsewhere/pytest.ini": "[pytest]\npythonpath = .. ../site\n",
        }
    )
    arguments = "shop.tests.test_it::test_argument" if named == "node id" else named
    monkeypatch.chdir(suite.path / "elsewhere")
    result = suite.run(*mode, "--pyargs", arguments)
    assert_once(result, "shop", "own", tests=1 if named == "node id" else 2, mode=mode)


ROOTS: dict[str, tuple[str, list[str]]] = {
    "from below": ("project/tests/unit", []),
    "from above": (".", ["project/tests"]),
    "rootdir above": (".", ["--rootdir=.", "project/tests"]),
    "rootdir below": ("project", ["--rootdir=tests/unit", "tests/unit"]),
    "rootdir beside": ("project", ["--rootdir=other", "tests"]),
    "ini file": (".", ["-c", "project/pytest.ini", "project/tests"]),
    "confcutdir": ("project", ["--confcutdir=tests", "tests"]),
    "several paths": ("project", ["tests/unit/test_it.py", "tests/unit", "tests"]),
    "absolute path": (".", ["{suite}/project/tests"]),
    "path with dots": ("project/other", ["../tests/../tests"]),
}


@pytest.mark.parametrize(
    ("roots", "mode"),
    sampled(lambda roots, mode: not mode or roots in ("rootdir beside", "ini file"), ROOTS, BOTH),
)
def test_roots(
    suite: Suite, roots: str, mode: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, arguments = ROOTS[roots]
    suite.write(
        {
            "pytest.ini": "",
            "project/pytest.ini": "[pytest]\npythonpath = ..\n",
            "project/other/empty.txt": "",
            "project/tests/conftest.py": life_of("tests"),
            "project/tests/unit/conftest.py": life_of("unit"),
            "project/tests/unit/test_it.py": life_of("own") + using("tests", "unit", "own"),
        }
    )
    (suite.path / "pytest.ini").unlink()
    arguments = [argument.format(suite=suite.path) for argument in arguments]
    monkeypatch.chdir(suite.path / folder)
    assert_once(suite.run(*mode, *arguments), "tests", "unit", "own", tests=2, mode=mode)


def test_confcutdir_hides_a_conftest(suite: Suite) -> None:
    """In the fixture worker as in a test worker: nothing of it is known."""
    suite.write(
        {
            "conftest.py": life_of("hidden"),
            "tests/conftest.py": life_of("known"),
            "tests/test_it.py": using("known") + "def test_hidden(hidden): pass",
        }
    )
    result = suite.run(*ONE, "--confcutdir=tests", "--rootdir=tests", "tests")
    assert result.outcomes == {"passed": 2, "errors": 1}
    assert result.lines("fixture 'hidden' not found")
    assert result.noted("known up", "known down", "hidden up") == ["known up", "known down"]


@ONE_MODES
def test_global_fixtures_of_plugins(suite: Suite, mode: tuple[str, ...]) -> None:
    """Of a module in ``pytest_plugins``, of one named by ``-p``, and of a module that others import."""
    suite.write(
        {
            "by_variable.py": life_of("variable"),
            "by_option.py": life_of("option"),
            "by_import.py": life_of("imported"),
            "conftest.py": "pytest_plugins = ['by_variable']\nfrom by_import import imported",
            "sub/test_it.py": using("variable", "option", "imported"),
        }
    )
    result = suite.run(*mode, "-p", "by_option")
    assert_once(result, "variable", "option", "imported", tests=2, mode=mode)


@pytest.mark.parametrize(
    ("by", "mode"),
    sampled(
        lambda by, mode: not mode or by == "PYTEST_PLUGINS",
        ["-p", "PYTEST_PLUGINS", "both", "conftest"],
        BOTH,
    ),
)
def test_without_autoload(
    suite: Suite, by: str, mode: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugin is named as a module, not by its entry point."""
    modules = ["xdist.plugin", "xdist_fixtureworker.plugin"]
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    if by in ("PYTEST_PLUGINS", "both"):
        monkeypatch.setenv("PYTEST_PLUGINS", ",".join(modules))
    options = [f"-p{module}" for module in modules] if by in ("-p", "both") else []
    conftest = f"pytest_plugins = {modules}\n" if by == "conftest" else ""
    suite.write({"conftest.py": conftest + life_of("shared"), "test_it.py": using("shared")})
    assert_once(suite.run(*options, *mode, subprocess=True), "shared", tests=2, mode=mode)

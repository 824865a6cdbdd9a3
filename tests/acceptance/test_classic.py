"""The suites that session fixtures are classically used in, distributed."""

from __future__ import annotations

from ..suite import FIXTURE_WORKER, ONE_MODES, Suite


@ONE_MODES
def test_autouse_and_lazy_with_all_kinds_of_tests(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture(autouse=True)
def whole_run():
    note("begin")
    yield
    note("end")

@global_fixture
def lazy():
    note("lazy begin")
    yield "lazy"
    note("lazy end")

class Foreign(pytest.Item):
    def runtest(self): note("test")

class ForeignFile(pytest.File):
    def collect(self): yield Foreign.from_parent(self, name="foreign")

def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".foreign":
        return ForeignFile.from_parent(parent, path=file_path)
""",
            "test_doc.txt": ">>> getfixture('lazy')\n'lazy'\n",
            "module.py": 'def f():\n    """\n    >>> getfixture("lazy")\n    \'lazy\'\n    """\n',
            "some.foreign": "",
            "test_functions.py": """
@pytest.mark.parametrize("i", range(4))
def test_plain(i): note("test")
def test_lazy(lazy):
    note("test")
    assert lazy == "lazy"
""",
            "test_classes.py": """
import unittest

class TestCase(unittest.TestCase):
    def test_one(self): note("test")
    def test_two(self): note("test")

@pytest.mark.usefixtures("lazy")
class TestCaseUsing(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, lazy): self.lazy = lazy
    def test_one(self):
        note("test")
        self.assertEqual(self.lazy, "lazy")

class TestPlain:
    def test_one(self): note("test")
    def test_lazy(self, lazy):
        note("test")
        assert lazy == "lazy"

@pytest.mark.usefixtures("lazy")
class TestPlainUsing:
    def test_one(self): note("test")
""",
        }
    )
    result = suite.run(*mode, "--doctest-modules", "--ignore=notes.py")
    assert result.outcomes == {"passed": 14}
    assert result.noted().count("test") == 12
    assert result.noted("begin", "lazy begin", "lazy end", "end") == [
        "begin",
        "lazy begin",
        "lazy end",
        "end",
    ]
    assert result.noted()[0] == "begin"
    assert result.noted()[-1] == "end"
    assert result.workers("begin") == {FIXTURE_WORKER if mode else ""}


@ONE_MODES
def test_autouse_of_every_scope(suite: Suite, mode: tuple[str, ...]) -> None:
    autouse = "".join(
        f"""
@pytest.fixture(scope="{scope}", autouse=True)
def auto_{scope}():
    note("auto {scope}")
    yield
    note("auto {scope} down")
"""
        for scope in ("session", "package", "module", "class", "function")
    )
    suite.write(
        {
            "conftest.py": autouse
            + """
@global_fixture
def shared(auto_session):
    note("shared")
    yield "shared"
    note("shared down")
@pytest.fixture(scope="module")
def of_module(shared, auto_module):
    note("of module")
    return shared + " module"
@pytest.fixture
def of_function(of_module, auto_class):
    return of_module + " function"
""",
            "test_it.py": """
def test_it(of_function): assert of_function == "shared module function"
class TestIt:
    def test_it(self, of_function, request):
        assert request.getfixturevalue("of_function") == "shared module function"
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 2}
    assert result.noted("shared", "shared down") == ["shared", "shared down"]
    if mode:
        in_fixture_worker = [n.what for n in result.notes if n.worker == FIXTURE_WORKER]
        assert in_fixture_worker == ["auto session", "shared", "shared down", "auto session down"]


@ONE_MODES
def test_all_collected_tests_can_be_seen(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def ids(request):
    first = [item.nodeid for item in request.session.items]
    assert request.session.items is request.session.items
    return first
@global_fixture
def marked(request):
    return [i.name for i in request.session.items if i.get_closest_marker("skipif")]
""",
            "sub/conftest.py": """
@global_fixture
def of_sub(): return "sub"
@pytest.fixture(autouse=True)
def local(of_sub): return of_sub
""",
            "sub/test_sub.py": "def test_sub(ids, of_sub): assert (len(ids), of_sub) == (5, 'sub')",
            "sub/deep/conftest.py": "@pytest.fixture\ndef deep(): return 1",
            "sub/deep/test_deep.py": "def test_deep(deep, ids): assert len(ids) == 5",
            "test_it.py": """
@pytest.mark.parametrize("i", range(2))
def test_it(ids, i, request):
    assert ids == [item.nodeid for item in request.session.items]
@pytest.mark.skipif(False, reason="")
def test_marked(marked): assert marked == ["test_marked"]
def test_other(): pass
""",
        }
    )
    result = suite.run(*mode, "-k", "not other")
    assert result.outcomes["passed"] == 5
    # The other way around: the place of a fixture is known already when the suite is collected.
    result = suite.run(*mode, "-k", "not other", "sub", "test_it.py")
    assert result.outcomes["passed"] == 5

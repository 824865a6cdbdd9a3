"""Parametrized global fixtures, and global fixtures behind parametrized ones."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, MODES, ONE, ONE_MODES, Case, Suite

# --- each test gets the value of its parameter, which is set up once


def direct_parameters_with_ids() -> Case:
    conftest = """
@global_fixture(params=["a", pytest.param("b", id="bee"), object()], ids=["ay", None, "obj"])
def it(request):
    note("up", index=request.param_index)
    yield (request.param_index, str(request.param)[0])
    note("down", index=request.param_index)
"""
    tests = """
EXPECTED = {"ay": (0, "a"), "bee": (1, "b"), "obj": (2, "<")}
@pytest.mark.parametrize("i", range(4))
def test_it(it, i, request):
    id = next(part for part in request.node.callspec.id.split("-") if part in EXPECTED)
    assert it == EXPECTED[id]
"""
    return Case({"conftest.py": conftest, "test_direct.py": tests}, {"passed": 12})


def behind_a_parametrized_fixture() -> Case:
    conftest = """
@pytest.fixture(scope="session", params=["pg", "my"])
def backend(request):
    note("backend")
    return request.param

@pytest.fixture(scope="session")
def engine(backend): return "engine " + backend

@global_fixture
def database(engine):
    note("up " + engine)
    yield engine
    note("down " + engine)
"""
    tests = """
@pytest.mark.parametrize("i", range(4))
def test_argument(database, i, request):
    note("test " + database)
    assert database == "engine " + request.node.callspec.params["backend"]
"""
    by_name = """
def test_name(backend, request):
    assert request.getfixturevalue("database") == "engine " + backend
"""
    return Case(
        {"conftest.py": conftest, "test_behind.py": tests, "test_by_name.py": by_name},
        {"passed": 10},
    )


def nothing_is_set_up_locally() -> Case:
    conftest = """
@pytest.fixture(scope="session", params=[1, 2])
def backend(request):
    note("not local")
    return request.param
@global_fixture
def database(backend): return backend
"""
    test = """
def test_it(database, request): assert database == request.node.callspec.params["backend"]
"""
    return Case({"conftest.py": conftest, "test_local.py": test}, {"passed": 2})


def two_parametrized_fixtures_combined() -> Case:
    conftest = """
@pytest.fixture(scope="session", params=["x", "y"])
def one(request): return request.param
@global_fixture(params=[1, 2])
def two(request):
    note(f"two {request.param}")
    return request.param
@global_fixture
def both(one, two):
    note(f"both {one}{two}")
    return f"{one}{two}"
@global_fixture
def above(both):
    note(f"above {both}")
    return both
"""
    tests = """
@pytest.mark.parametrize("i", range(2))
def test_both(above, request, i):
    params = request.node.callspec.params
    assert above == f"{params['one']}{params['two']}"
def test_two(two, request): assert two == request.node.callspec.params["two"]
"""
    return Case({"conftest.py": conftest, "test_combined.py": tests}, {"passed": 10})


TWO = ["two 1", "two 2"] + [
    f"{name} {a}{b}" for name in ("both", "above") for a in "xy" for b in "12"
]


def indirect_parameters() -> Case:
    conftest = """
@global_fixture
def it(request):
    note(f"indirect {request.param}")
    return request.param
@pytest.fixture(scope="session")
def dependency(request): return request.param
@global_fixture
def behind(dependency):
    note(f"indirect {dependency}")
    return dependency
"""
    tests = """
@pytest.mark.parametrize("it", [{"a": 1}, {"b": 2}], indirect=True)
def test_one(it, request): assert it == request.node.callspec.params["it"]
@pytest.mark.parametrize("it", [{"b": 2}, {"a": 1}], indirect=True)
def test_two(it, request): assert it == request.node.callspec.params["it"]
@pytest.mark.parametrize("dependency", [3, 4], indirect=True)
def test_behind(behind, request): assert behind == request.node.callspec.params["dependency"]
@pytest.mark.parametrize("dependency", [3, 4], indirect=True)
def test_name(dependency, request): assert request.getfixturevalue("behind") == dependency
"""
    return Case({"conftest.py": conftest, "test_indirect.py": tests}, {"passed": 8})


INDIRECT = ["indirect 3", "indirect 4", "indirect {'a': 1}", "indirect {'b': 2}"]


def direct_parametrization_of_a_global_fixture() -> Case:
    conftest = """
@global_fixture
def server(): return 1
"""
    tests = """
@pytest.mark.parametrize("server", ["mine"])
def test_shadowed(server): assert server == "mine"
"""
    return Case({"conftest.py": conftest, "test_shadows.py": tests}, {"passed": 1})


def an_override_without_params_of_a_dependency() -> Case:
    """The parameters stand in what is overridden, and need not be picklable."""
    conftest = """
@pytest.fixture(scope="session", params=[lambda: 1, lambda: 2], ids=["a", "b"])
def x(request): return request.param
"""
    tests = """
EXPECTED = {"a": 1, "b": 2}
@pytest.fixture(scope="session")
def x(x): return x()
@global_fixture
def g(x):
    note(f"overridden {x}")
    return x
def test_argument(g, request): assert g == EXPECTED[request.node.callspec.id]
def test_name(x, request):
    assert request.getfixturevalue("g") == EXPECTED[request.node.callspec.id]
"""
    return Case({"conftest.py": conftest, "test_of_dependency.py": tests}, {"passed": 4})


def an_override_without_params_of_a_global_fixture() -> Case:
    conftest = """
@global_fixture(params=[lambda: 1, lambda: 2], ids=["a", "b"])
def x(request): return request.param
"""
    tests = """
EXPECTED = {"a": 1, "b": 2}
@global_fixture
def x(x): return x()
def test_argument(x, request): assert x == EXPECTED[request.node.callspec.id]
@pytest.mark.usefixtures("x")
def test_name(request):
    assert request.getfixturevalue("x") == EXPECTED[request.node.callspec.id]
"""
    return Case({"conftest.py": conftest, "test_of_global.py": tests}, {"passed": 4})


def indirect_parameters_beside_those_of_what_is_overridden() -> Case:
    """The first one is the same object at the same place as in the definition that is overridden,
    but not as in the one that overrides it."""
    conftest = """
@pytest.fixture(scope="session", params=["one", "two"])
def x(request): return request.param
"""
    tests = """
@pytest.fixture(scope="session", params=["five", "six"])
def x(x): return x
@global_fixture
def g(x): return x
@pytest.mark.parametrize("x", ["one", "seven"], indirect=True)
def test_indirect(g, request): assert g == request.node.callspec.params["x"]
def test_own(g, request): assert g == request.node.callspec.params["x"]
"""
    return Case({"conftest.py": conftest, "test_beside.py": tests}, {"passed": 4})


def parametrized_in_two_modules() -> Case:
    module = """
@global_fixture(params=[1, 2])
def it(request):
    note(f"module {__name__} {request.param}")
    return (__name__, request.param)
def test_it(it, request): assert it == (__name__, request.node.callspec.params["it"])
"""
    return Case({"test_a.py": module, "test_b.py": module}, {"passed": 4})


MODULES = ["module test_a 1", "module test_a 2", "module test_b 1", "module test_b 2"]


@MODES
def test_each_test_gets_the_value_of_its_parameter(suite: Suite, mode: tuple[str, ...]) -> None:
    cases = {
        "direct": direct_parameters_with_ids(),
        "behind": behind_a_parametrized_fixture(),
        "local": nothing_is_set_up_locally(),
        "combined": two_parametrized_fixtures_combined(),
        "indirect": indirect_parameters(),
        "of_dependency": an_override_without_params_of_a_dependency(),
        "of_global": an_override_without_params_of_a_global_fixture(),
        "beside": indirect_parameters_beside_those_of_what_is_overridden(),
        "modules": parametrized_in_two_modules(),
        "shadows": direct_parametrization_of_a_global_fixture(),
    }
    result = suite.run_cases(cases, *mode)
    assert result.outcomes == {"passed": sum(case.outcomes["passed"] for case in cases.values())}
    assert result.noted().count("test engine pg") == result.noted().count("test engine my") == 4
    ups = [note.more["index"] for note in result.notes if note.what == "up"]
    downs = [note.more["index"] for note in result.notes if note.what == "down"]
    assert set(ups) == set(downs) == {0, 1, 2}
    assert set(result.noted("overridden 1", "overridden 2")) == {"overridden 1", "overridden 2"}
    if not mode:
        return
    assert downs == ups[::-1]
    assert result.noted("up", "down") == ["up"] * 3 + ["down"] * 3  # all stay alive until the end
    assert len(result.noted("overridden 1", "overridden 2")) == 2
    for once in (["up engine pg", "up engine my"], TWO, INDIRECT, MODULES):
        assert sorted(result.noted(*once)) == sorted(once)
    assert result.workers("not local") == {FIXTURE_WORKER}


# --- parameters that are others in the fixture worker, or cannot be sent


FIXTURE_WORKER_REVERSES = """
ORDER = ["alpha", "beta", ("gamma", 1)]
if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker":
    ORDER.reverse()
"""


def test_params_in_an_order_that_differs_between_processes(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gets the value of another parameter."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    suite.write(
        {
            "test_it.py": """
@global_fixture(params={f"parameter {i}" for i in range(20)})
def it(request): return request.param
def test_it(it, request): assert it == request.node.callspec.params["it"]
"""
        }
    )
    assert suite.run().outcomes == {"passed": 20}
    result = suite.run(*ONE)  # with more, xdist sees other tests in each
    assert result.outcomes.get("errors", 0) > 0
    assert "failed" not in result.outcomes
    assert sum(result.outcomes.values()) == 20


def params_of_a_global_fixture(mode: tuple[str, ...]) -> Case:
    conftest = """
@global_fixture(params=ORDER, ids=["a", "b", "c"])
def it(request):
    note("up")
    return request.param
"""
    tests = """
def test_argument(it, request): assert it == request.node.callspec.params["it"]
@pytest.mark.usefixtures("it")
def test_name(request):
    assert request.getfixturevalue("it") == request.node.callspec.params["it"]
"""
    return Case(
        {"conftest.py": FIXTURE_WORKER_REVERSES + conftest, "test_global.py": tests},
        {"passed": 2, "errors": 4} if mode else {"passed": 6},
    )


def params_of_a_dependency(mode: tuple[str, ...]) -> Case:
    conftest = """
@pytest.fixture(scope="session", params=ORDER, ids=["a", "b", "c"])
def engine(request): return request.param
@global_fixture
def tables(engine): return engine
"""
    tests = """
def test_argument(tables, engine): assert tables == engine
def test_name(engine, request): assert request.getfixturevalue("tables") == engine
"""
    return Case(
        {"conftest.py": FIXTURE_WORKER_REVERSES + conftest, "test_dependency.py": tests},
        {"passed": 2, "errors": 2, "failed": 2} if mode else {"passed": 6},
    )


def params_that_are_missing(mode: tuple[str, ...]) -> Case:
    conftest = """
PARAMS = [object(), object()]
if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker":
    del PARAMS[1]
@global_fixture(params=PARAMS)
def it(request): return request.param_index
"""
    test = 'def test_it(it, request): assert it == request.node.callspec.indices["it"]'
    return Case(
        {"conftest.py": conftest, "test_missing.py": test},
        {"passed": 1, "errors": 1} if mode else {"passed": 2},
    )


def indirect_parameters_of_which_some_cannot_be_pickled(mode: tuple[str, ...]) -> Case:
    conftest = "@global_fixture\ndef it(request): return request.param"
    tests = """
@pytest.mark.parametrize("it", [lambda: 1], indirect=True)
def test_one(it, request): assert it is request.node.callspec.params["it"]
@pytest.mark.parametrize("it", [lambda: 1, lambda: 2, 3, 4], indirect=True)
def test_first(it, request): assert it == request.node.callspec.params["it"]
@pytest.mark.parametrize("it", [1, lambda: 2, lambda: 3, 4], indirect=True)
def test_between(it, request): assert it == request.node.callspec.params["it"]
"""
    return Case(
        {"conftest.py": conftest, "test_pickled.py": tests},
        {"passed": 4, "errors": 5} if mode else {"passed": 9},
    )


def no_parameter_at_all(mode: tuple[str, ...]) -> Case:
    """This is pytest's own error."""
    conftest = """
@pytest.fixture(scope="session", params=[1])
def backend(request): return request.param
@global_fixture
def database(backend): return backend
"""
    test = "def test_it(request): request.getfixturevalue('database')"
    return Case({"conftest.py": conftest, "test_none.py": test}, {"failed": 1})


def parameters_of_what_a_set_up_asks_for() -> Case:
    conftest = """
@pytest.fixture(scope="session")
def inner(request): return request.param
@pytest.fixture(scope="session", params=["p"])
def own(request): return request.param
@global_fixture
def outer(request): return request.getfixturevalue("inner")
@global_fixture
def another(request): return request.getfixturevalue("own")
"""
    tests = """
@pytest.mark.parametrize("inner", [1], indirect=True)
def test_indirect(outer, inner): assert outer == inner
def test_own(another, own): assert another == own
"""
    return Case({"conftest.py": conftest, "test_inner.py": tests}, {"errors": 2})


def what_is_nearer_to_the_test() -> Case:
    """Serially, some of these are a ScopeMismatch, and others depend on who asks first."""
    conftest = """
@pytest.fixture(scope="session")
def host(request): return getattr(request, "param", "host")
@global_fixture
def url(host): return f"http://{host}"
@pytest.fixture(scope="session", params=["a", "b"])
def port(request): return f"port-{request.param}"
@global_fixture
def address(port): return f":{port}"
@global_fixture
def reached(request): return request.getfixturevalue("url_of_host") + "/"
@pytest.fixture(scope="session")
def url_of_host(request): return "http://" + request.getfixturevalue("host")
@global_fixture
def here_only(host): return host
"""
    tests = """
@pytest.mark.parametrize("host", ["h1"], scope="session")
def test_session(url, host): assert url == "http://h1"
@pytest.mark.parametrize("port", ["a", "b"], scope="session")
def test_same_values(address, port): assert address == f":{port}"
@pytest.mark.parametrize("host", ["h1"])
def test_function(url, host): pass
@pytest.mark.parametrize("host", ["h1"])
def test_name(host, request): request.getfixturevalue("url")
class TestOverride:
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls): return "nearer"
    def test_it(self, url): pass
class TestUses:
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, request): return request.getfixturevalue("url") + "/"
    def test_it(self, host): assert host == "http://host/"
def test_before(reached): assert reached == "http://host/"
@pytest.mark.parametrize("host", ["h1"], scope="session")
def test_reached(reached, host): assert reached == "http://h1/"
@pytest.mark.parametrize("url_of_host", ["x"])
def test_reached_by_name(request, url_of_host): request.getfixturevalue("reached")
class TestReached:
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls): return "nearer"
    def test_it(self, reached): pass
@pytest.mark.parametrize("host", ["h1"], scope="session", indirect=True)
def test_indirect(url): assert url == "http://h1"
def test_after(url): assert url == "http://host"
"""
    override = """
@pytest.fixture(scope="session")
def host(request): return getattr(request, "param", "overridden").upper()
@pytest.mark.parametrize("host", ["h1"], indirect=True)
def test_indirect(url): assert url == "http://H1"
def test_all_have_it(here_only): assert here_only == "OVERRIDDEN"
def test_some_have_it(url): pass
"""
    return Case(
        {"conftest.py": conftest, "test_nearer.py": tests, "test_nearer_override.py": override},
        {"passed": 5, "errors": 9, "failed": 2},
    )


@ONE_MODES
def test_nobody_gets_the_value_of_another_parameter(suite: Suite, mode: tuple[str, ...]) -> None:
    cases = {
        "others": params_of_a_global_fixture(mode),
        "dependency": params_of_a_dependency(mode),
        "missing": params_that_are_missing(mode),
        "pickled": indirect_parameters_of_which_some_cannot_be_pickled(mode),
        "none": no_parameter_at_all(mode),
    }
    if mode:
        cases["nearer"] = what_is_nearer_to_the_test()
        cases["inner"] = parameters_of_what_a_set_up_asks_for()
    result = suite.run_cases(cases, *mode)
    assert len(result.lines("The requested fixture has no parameter defined for test")) == 1
    if not mode:
        return
    assert result.noted() == ["up"]
    depends = r"'url' \(nearer/conftest.py:7\) depends on 'host', for which this test has"
    override = rf"{depends} an override \(nearer/test_nearer"
    assert result.lines(rf"{depends} parameters of its own \(parametrize\(\) without indirect\)")
    assert result.lines(rf"{override}.py:14\) that is of scope 'class'\.")
    assert result.lines(rf"{override}_override.py:5\) that has parameters\.")
    assert result.lines(r"nearer/test_nearer_override.py:5\) that all tests have that name it\.")
    assert (
        len(result.lines(r"the global fixture 'reached' \(.*\) depends on 'host', for which")) == 2
    )
    assert (
        len(result.lines(r"the global fixture 'reached' \(.*\) depends on 'url_of_host', for")) == 1
    )
    asks = r"the set-up of the global fixture '{}' \(.*\) asks for '{}' \(.*\) by getfixturevalue"
    assert len(result.lines(asks.format("outer", "inner"))) == 1
    assert len(result.lines(asks.format("another", "own"))) == 1
    assert result.lines(
        r"the global fixture 'it' \(others/conftest.py:9\) needs params\[0\] of 'it', which is "
        r"'alpha' in the test worker and \('gamma', 1\) in the fixture worker\."
    )
    assert result.lines(
        r"the global fixture 'tables' \(dependency/conftest.py:11\) needs params\[2\] of 'engine', "
        r"which is \('gamma', 1\) in the test worker and 'alpha' in the fixture worker\."
    )
    assert result.lines("Sort them, or write a list of what is the same in every process")
    assert result.lines(
        r"needs params\[1\] of 'it', which is no plain data in the test worker and missing in the "
        "fixture worker"
    )
    cannot_be_sent = (
        r"^(E +.*: )?the indirect parameter of 'it' that the global fixture 'it' "
        r"\(pickled/conftest.py:4\) .*cannot be sent"
    )
    assert len(result.lines(cannot_be_sent)) == 5
    assert result.lines("Parametrize with plain data, or put the parameters into the definition")

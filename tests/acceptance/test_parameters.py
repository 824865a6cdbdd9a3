"""Parametrized global fixtures, and global fixtures behind parametrized ones."""

from __future__ import annotations

import pytest

from ..suite import DISTRIBUTED, MODES, Suite


@MODES
def test_direct_parameters_with_ids(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture(params=["a", pytest.param("b", id="bee"), object()], ids=["ay", None, "obj"])
def it(request):
    note("up", index=request.param_index)
    yield (request.param_index, str(request.param)[0])
    note("down", index=request.param_index)
""",
            "test_it.py": """
EXPECTED = {"ay": (0, "a"), "bee": (1, "b"), "obj": (2, "<")}
@pytest.mark.parametrize("i", range(4))
def test_it(it, i, request):
    id = next(part for part in request.node.callspec.id.split("-") if part in EXPECTED)
    assert it == EXPECTED[id]
""",
        }
    )
    result = suite.run(*mode, "-v")
    assert result.outcomes == {"passed": 12}
    ups = [n.more["index"] for n in result.notes if n.what == "up"]
    downs = [n.more["index"] for n in result.notes if n.what == "down"]
    assert sorted(map(str, ups)) == ["0", "1", "2"]
    if mode:
        assert downs == ups[::-1]
        assert result.noted() == ["up"] * 3 + ["down"] * 3  # all stay alive until the end


@MODES
def test_behind_a_parametrized_fixture(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session", params=["pg", "my"])
def backend(request): return request.param

@pytest.fixture(scope="session")
def engine(backend): return "engine " + backend

@global_fixture
def database(engine):
    note("up " + engine)
    yield engine
    note("down " + engine)
""",
            "test_it.py": """
@pytest.mark.parametrize("i", range(4))
def test_argument(database, i, request):
    note("test " + database)
    assert database == "engine " + request.node.callspec.params["backend"]

def test_name(backend, request):
    assert request.getfixturevalue("database") == "engine " + backend
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 10}
    assert result.noted().count("test engine pg") == result.noted().count("test engine my") == 4
    if mode:
        assert sorted(result.noted("up engine pg", "up engine my")) == [
            "up engine my",
            "up engine pg",
        ]


def test_behind_a_parametrized_fixture_nothing_is_set_up_locally(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session", params=[1, 2])
def backend(request):
    note("backend")
    return request.param
@global_fixture
def database(backend): return backend
""",
            "test_it.py": "def test_it(database, request):\n"
            "    assert database == request.node.callspec.params['backend']",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 2}
    assert result.workers("backend") == {"fixtureworker"}


@MODES
def test_two_parametrized_fixtures_combined(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
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
""",
            "test_it.py": """
@pytest.mark.parametrize("i", range(2))
def test_both(above, request, i):
    params = request.node.callspec.params
    assert above == f"{params['one']}{params['two']}"
def test_two(two, request): assert two == request.node.callspec.params["two"]
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 10}
    if mode:
        assert sorted(result.noted()) == sorted(
            ["two 1", "two 2"]
            + [f"{name} {a}{b}" for name in ("both", "above") for a in "xy" for b in "12"]
        )


@MODES
def test_indirect_parameters(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def it(request):
    note(f"up {request.param}")
    return request.param
@pytest.fixture(scope="session")
def dependency(request): return request.param
@global_fixture
def behind(dependency):
    note(f"behind {dependency}")
    return dependency
""",
            "test_it.py": """
@pytest.mark.parametrize("it", [{"a": 1}, {"b": 2}], indirect=True)
def test_one(it, request): assert it == request.node.callspec.params["it"]
@pytest.mark.parametrize("it", [{"b": 2}, {"a": 1}], indirect=True)
def test_two(it, request): assert it == request.node.callspec.params["it"]
@pytest.mark.parametrize("dependency", [3, 4], indirect=True)
def test_behind(behind, request): assert behind == request.node.callspec.params["dependency"]
@pytest.mark.parametrize("dependency", [3, 4], indirect=True)
def test_name(dependency, request): assert request.getfixturevalue("behind") == dependency
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 8}
    if mode:
        assert sorted(result.noted()) == ["behind 3", "behind 4", "up {'a': 1}", "up {'b': 2}"]


def test_direct_parametrization_shadows_nothing_but_the_test(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session")
def setting(): return "real"
@global_fixture
def server(setting): return setting
""",
            "test_it.py": """
@pytest.mark.parametrize("setting", ["mine"])
def test_it(server, setting): assert (server, setting) == ("real", "mine")
@pytest.mark.parametrize("server", ["mine"])
def test_shadowed(server): assert server == "mine"
""",
        }
    )
    assert suite.run_distributed().outcomes == {"passed": 2}


@MODES
def test_an_override_without_params_of_a_dependency(suite: Suite, mode: tuple[str, ...]) -> None:
    """The parameters stand in what is overridden, and need not be picklable."""
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session", params=[lambda: 1, lambda: 2], ids=["a", "b"])
def x(request): return request.param
""",
            "test_it.py": """
EXPECTED = {"a": 1, "b": 2}
@pytest.fixture(scope="session")
def x(x): return x()
@global_fixture
def g(x):
    note(f"up {x}")
    return x
def test_argument(g, request): assert g == EXPECTED[request.node.callspec.id]
def test_name(x, request):
    assert request.getfixturevalue("g") == EXPECTED[request.node.callspec.id]
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 4}
    assert set(result.noted()) == {"up 1", "up 2"}
    if mode:
        assert len(result.notes) == 2


@MODES
def test_an_override_without_params_of_a_global_fixture(
    suite: Suite, mode: tuple[str, ...]
) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture(params=[lambda: 1, lambda: 2], ids=["a", "b"])
def x(request): return request.param
""",
            "test_it.py": """
EXPECTED = {"a": 1, "b": 2}
@global_fixture
def x(x): return x()
def test_argument(x, request): assert x == EXPECTED[request.node.callspec.id]
@pytest.mark.usefixtures("x")
def test_name(request):
    assert request.getfixturevalue("x") == EXPECTED[request.node.callspec.id]
""",
        }
    )
    assert suite.run(*mode).outcomes == {"passed": 4}


@MODES
def test_indirect_parameters_beside_those_of_what_is_overridden(
    suite: Suite, mode: tuple[str, ...]
) -> None:
    """The first one is the same object at the same place as in the definition that is overridden,
    but not as in the one that overrides it."""
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session", params=["one", "two"])
def x(request): return request.param
""",
            "test_it.py": """
@pytest.fixture(scope="session", params=["five", "six"])
def x(x): return x
@global_fixture
def g(x): return x
@pytest.mark.parametrize("x", ["one", "seven"], indirect=True)
def test_indirect(g, request): assert g == request.node.callspec.params["x"]
def test_own(g, request): assert g == request.node.callspec.params["x"]
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 4}


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
    result = suite.run("-n1", "--fixture-worker")  # with more, xdist sees other tests in each
    assert result.outcomes.get("errors", 0) > 0
    assert "failed" not in result.outcomes
    assert sum(result.outcomes.values()) == 20


@MODES
def test_params_of_a_global_fixture_that_are_others_in_the_fixture_worker(
    suite: Suite, mode: tuple[str, ...]
) -> None:
    suite.write(
        {
            "conftest.py": FIXTURE_WORKER_REVERSES
            + """
@global_fixture(params=ORDER, ids=["a", "b", "c"])
def it(request):
    note("up")
    return request.param
""",
            "test_it.py": """
def test_argument(it, request): assert it == request.node.callspec.params["it"]
@pytest.mark.usefixtures("it")
def test_name(request):
    assert request.getfixturevalue("it") == request.node.callspec.params["it"]
""",
        }
    )
    result = suite.run(*mode)
    if not mode:
        assert result.outcomes == {"passed": 6}
        return
    assert result.outcomes == {"passed": 2, "errors": 4}
    assert result.noted() == ["up"]
    assert result.lines(
        r"the global fixture 'it' \(conftest.py:9\) needs params\[0\] of 'it', which is 'alpha' in "
        r"the test worker and \('gamma', 1\) in the fixture worker\."
    )
    assert result.lines("Sort them, or write a list of what is the same in every process")


@MODES
def test_params_of_a_dependency_that_are_others_in_the_fixture_worker(
    suite: Suite, mode: tuple[str, ...]
) -> None:
    suite.write(
        {
            "conftest.py": FIXTURE_WORKER_REVERSES
            + """
@pytest.fixture(scope="session", params=ORDER, ids=["a", "b", "c"])
def engine(request): return request.param
@global_fixture
def tables(engine): return engine
""",
            "test_it.py": """
def test_argument(tables, engine): assert tables == engine
def test_name(engine, request): assert request.getfixturevalue("tables") == engine
""",
        }
    )
    result = suite.run(*mode)
    if not mode:
        assert result.outcomes == {"passed": 6}
        return
    assert result.outcomes == {"passed": 2, "errors": 2, "failed": 2}
    assert result.lines(
        r"the global fixture 'tables' \(conftest.py:11\) needs params\[2\] of 'engine', which is "
        r"\('gamma', 1\) in the test worker and 'alpha' in the fixture worker\."
    )


def test_params_that_are_missing_in_the_fixture_worker(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
PARAMS = [object(), object()]
if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker":
    del PARAMS[1]
@global_fixture(params=PARAMS)
def it(request): return request.param_index
""",
            "test_it.py": """
def test_it(it, request): assert it == request.node.callspec.indices["it"]
""",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert result.lines(
        r"needs params\[1\] of 'it', which is no plain data in the test worker and missing in the "
        "fixture worker"
    )


def test_indirect_parameter_that_cannot_be_pickled(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(request): return 1",
            "test_it.py": "@pytest.mark.parametrize('it', [lambda: 1], indirect=True)\n"
            "def test_it(it): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 1}
    assert result.lines(
        "the indirect parameter of 'it' that the global fixture 'it' .conftest.py:4"
    )
    assert result.lines("Parametrize with plain data, or put the parameters into the definition")


@pytest.mark.parametrize("params", ["lambda: 1, lambda: 2, 3, 4", "1, lambda: 2, lambda: 3, 4"])
def test_parameters_beside_one_that_cannot_be_pickled(suite: Suite, params: str) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(request): return request.param",
            "test_it.py": f"""
@pytest.mark.parametrize("it", [{params}], indirect=True)
def test_it(it, request): assert it == request.node.callspec.params["it"]
""",
        }
    )
    assert suite.run().outcomes == {"passed": 4}
    result = suite.run("-n1", "--fixture-worker")
    assert result.outcomes == {"passed": 2, "errors": 2}
    assert len(result.lines("^the indirect parameter of 'it' .* cannot be sent")) == 2


def test_missing_parameter_is_pytests_own_error(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session", params=[1])
def backend(request): return request.param
@global_fixture
def database(backend): return backend
""",
            "test_it.py": "def test_it(request): request.getfixturevalue('database')",
        }
    )
    for mode in ((), DISTRIBUTED):
        result = suite.run(*mode)
        assert result.outcomes == {"failed": 1}
        assert result.lines("The requested fixture has no parameter defined for test")


def test_parametrized_in_two_modules(suite: Suite) -> None:
    module = """
@global_fixture(params=[1, 2])
def it(request):
    note(f"{__name__} {request.param}")
    return (__name__, request.param)
def test_it(it, request): assert it == (__name__, request.node.callspec.params["it"])
"""
    suite.write({"test_a.py": module, "test_b.py": module})
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 4}
    assert sorted(result.noted()) == ["test_a 1", "test_a 2", "test_b 1", "test_b 2"]

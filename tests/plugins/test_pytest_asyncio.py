"""pytest-asyncio: async global fixtures, which run in the event loop of the fixture worker."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, ONE, Suite

MODES = pytest.mark.parametrize("run", [ONE, ()], ids=["distributed", "serial"])
STRICT = """
import asyncio, pytest_asyncio

@global_fixture
@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server():
    note("server up")
    await asyncio.sleep(0)
    yield {"port": 8080}
    await asyncio.sleep(0)
    note("server down")

@global_fixture
@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def url(server):
    note("url up")
    await asyncio.sleep(0)
    return f"http://localhost:{server['port']}"
"""
AUTO = """
import asyncio

@global_fixture
async def server():
    note("server up")
    await asyncio.sleep(0)
    yield {"port": 8080}
    await asyncio.sleep(0)
    note("server down")

@global_fixture
async def url(server):
    note("url up")
    await asyncio.sleep(0)
    return f"http://localhost:{server['port']}"
"""
TESTS = """
import asyncio

@pytest.mark.asyncio
@pytest.mark.parametrize("i", range(3))
async def test_async(url, server, i):
    await asyncio.sleep(0)
    assert url == f"http://localhost:{server['port']}"

@pytest.mark.asyncio(loop_scope="session")
async def test_async_in_the_loop_of_the_session(url):
    await asyncio.sleep(0)
    assert url == "http://localhost:8080"

def test_sync(request):
    assert request.getfixturevalue("url") == "http://localhost:8080"
"""


@MODES
@pytest.mark.parametrize(("mode", "conftest"), [("strict", STRICT), ("auto", AUTO)])
def test_async_global_fixtures(
    suite: Suite, mode: str, conftest: str, run: tuple[str, ...]
) -> None:
    suite.write({"conftest.py": conftest, "test_it.py": TESTS})
    result = suite.run(*run, "-p", "asyncio", f"--asyncio-mode={mode}", subprocess=True)
    assert result.outcomes == {"passed": 5}
    assert result.noted() == ["server up", "url up", "server down"]
    assert result.workers("server up") == {FIXTURE_WORKER if run else ""}


@MODES
def test_set_up_and_finalizer_that_fail(suite: Suite, run: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
async def broken():
    note("broken")
    raise ConnectionError("no server")
@global_fixture
async def undone():
    yield
    note("undone")
    raise RuntimeError("could not stop")
""",
            "test_it.py": """
@pytest.mark.parametrize("i", range(3))
async def test_broken(broken, i): pass
def test_undone(undone): pass
""",
        }
    )
    result = suite.run(*run, "-p", "asyncio", "--asyncio-mode=auto", subprocess=True)
    assert result.outcomes == {"passed": 1, "errors": 4}
    assert sorted(result.noted()) == ["broken", "undone"]
    # In full once, where the terminal knows that it is the same set-up.
    assert len(result.lines("^E +ConnectionError: no server")) == (1 if run else 3)
    assert result.lines("^E +RuntimeError: could not stop")


def test_async_session_fixture_that_a_global_one_depends_on(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import asyncio, pytest_asyncio

@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client():
    note("client up")
    yield asyncio.get_running_loop()
    note("client down")

@global_fixture
@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def same_loop(client):
    return asyncio.get_running_loop() is client
""",
            "test_it.py": "def test_it(same_loop): assert same_loop",
        }
    )
    result = suite.run(*ONE, "-p", "asyncio")
    assert result.outcomes == {"passed": 1}
    assert result.noted() == ["client up", "client down"]
    assert result.workers("client up") == {FIXTURE_WORKER}


@pytest.mark.parametrize(("mode", "conftest"), [("strict", STRICT), ("auto", AUTO)])
def test_value_fetched_in_a_running_loop(suite: Suite, mode: str, conftest: str) -> None:
    """Where pytest-asyncio itself would have to start a loop within another one."""
    suite.write(
        {
            "conftest.py": conftest,
            "test_it.py": """
@pytest.mark.asyncio
async def test_it(request):
    assert request.getfixturevalue("url") == "http://localhost:8080"
""",
        }
    )
    result = suite.run(*ONE, "-p", "asyncio", f"--asyncio-mode={mode}")
    assert result.outcomes == {"passed": 1}
    assert result.noted() == ["server up", "url up", "server down"]

"""anyio's plugin: async global fixtures on asyncio and on trio."""

from __future__ import annotations

import pytest

from ..suite import FIXTURE_WORKER, ONE, Suite, sampled

CONFTEST = """
import anyio

@pytest.fixture(scope="session")
def anyio_backend(): return "{backend}"

@global_fixture
async def server({argument}):
    note("server up")
    await anyio.sleep(0)
    yield {{"trio": "trio" in str(anyio.get_cancelled_exc_class())}}
    await anyio.sleep(0)
    note("server down")

@global_fixture
async def copy({argument}{comma}server):
    note("copy up")
    await anyio.sleep(0)
    return dict(server)
"""
TESTS = """
import anyio
pytestmark = pytest.mark.anyio

@pytest.mark.parametrize("i", range(3))
async def test_async(copy, server, i):
    await anyio.sleep(0)
    assert copy == server

async def test_sync_inside(request, anyio_backend):
    assert request.getfixturevalue("copy") == {"trio": anyio_backend == "trio"}
"""


@pytest.mark.parametrize(
    ("argument", "backend", "mode"),
    sampled(
        lambda argument, backend, mode: bool(argument) == (backend == "trio"),
        ["anyio_backend", ""],
        ["asyncio", "trio"],
        [ONE, ()],
    ),
)
def test_async_global_fixtures(
    suite: Suite, argument: str, backend: str, mode: tuple[str, ...]
) -> None:
    conftest = CONFTEST.format(argument=argument, comma=", " if argument else "", backend=backend)
    suite.write({"conftest.py": conftest, "test_it.py": TESTS})
    result = suite.run(*mode, "-p", "anyio")
    assert result.outcomes == {"passed": 4}
    assert result.noted() == ["server up", "copy up", "server down"]
    assert result.workers("server up") == {FIXTURE_WORKER if mode else ""}


def test_parametrized_backend(suite: Suite) -> None:
    """One that is parametrized has to be named: else nothing tells which one is meant. Instances
    for all backends live side by side, and anyio runs one backend at a time: the first."""
    suite.write(
        {
            "conftest.py": """
import anyio

@pytest.fixture(scope="session", params=["asyncio", "trio"])
def anyio_backend(request): return request.param

@global_fixture
async def server(anyio_backend):
    note(anyio_backend + " up")
    await anyio.sleep(0)
    yield "for " + anyio_backend
    await anyio.sleep(0)
    note(anyio_backend + " down")
""",
            "test_it.py": """
@pytest.mark.anyio
@pytest.mark.parametrize("i", range(3))
async def test_it(server, anyio_backend, i): assert server == "for " + anyio_backend
""",
        }
    )
    result = suite.run(*ONE, "-p", "anyio")
    assert result.outcomes == {"passed": 6}
    assert sorted(result.noted()) == ["asyncio down", "asyncio up", "trio down", "trio up"]

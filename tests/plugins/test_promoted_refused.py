"""What cannot sensibly be global: refused with the reason, or told where a test needs it."""

from __future__ import annotations

from ..suite import FIXTURE_WORKER, ONE, ONE_MODES, Suite

ASYNCIO = ("-p", "asyncio")
PLUGINS = (*ASYNCIO, "-p", "django", "-p", "pytest_mock")
LOOP = "asyncio_default_fixture_loop_scope = session\nasyncio_default_test_loop_scope = session\n"
INI = f"[pytest]\npythonpath = .\nasyncio_mode = auto\n{LOOP}"


REASONS = {
    "django_db_setup": "it works on the settings and the database connections of Django",
    "django_db_modify_db_settings": "it works on the settings and the database connections",
    "django_db_blocker": "it works on the settings and the database connections of Django",
    "live_server": "the thread that it starts works with the settings and the database",
    "event_loop_policy": "it is about the process that it is in",
    "unused_tcp_port_factory": "it is about the process that it is in",
    "session_mocker": "it patches its own process, where no tests run",
}


@ONE_MODES
def test_all_are_told_in_one_run(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"pytest.ini": INI, "test_it.py": "def test_it(): note('test')"})
    names = [f"--global-fixture={name}" for name in REASONS]
    result = suite.run(*PLUGINS, *mode, *names, subprocess=True)
    assert (result.code, result.noted()) == (4, [])
    for name, reason in REASONS.items():
        (line,) = [line for line in result.errors.splitlines() if f"the fixture '{name}' (" in line]
        assert f"cannot be global: {reason}" in line
        assert "Remove it there. " in result.errors
    assert result.errors.startswith("ERROR: --global-fixture: ")


def test_django_overridden(suite: Suite) -> None:
    """An override does the same work in the place of the plugin's fixture."""
    suite.write(
        {
            "conftest.py": "@pytest.fixture(scope='session')\ndef django_db_setup(): pass",
            "test_it.py": "def test_it(): note('test')",
        }
    )
    arguments = ("--global-fixture", "django_db_setup")
    assert suite.run("-p", "django", *ONE, *arguments).code == 4
    assert suite.run(*ONE, *arguments).outcomes == {"passed": 1}  # only its name is the same


LOOP_BOUND = """
import asyncio, pytest_asyncio

@pytest_asyncio.fixture(scope="session")
async def server():
    note("server")
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    yield server
    server.close()

@pytest_asyncio.fixture(scope="session")
async def url():
    note("url")
    yield "http://here"
    note("url down")
"""


@ONE_MODES
def test_async_fixtures(suite: Suite, mode: tuple[str, ...]) -> None:
    """Data can be sent, and what is bound to an event loop cannot."""
    suite.write(
        {
            "pytest.ini": INI + "global_fixtures =\n  server\n  url\n",
            "conftest.py": LOOP_BOUND,
            "test_it.py": """
async def test_url(url): assert url == "http://here"
async def test_server(server): assert server.sockets
""",
        }
    )
    result = suite.run(*ASYNCIO, *mode)
    assert result.noted("url", "url down") == ["url", "url down"]
    if mode:
        assert result.outcomes == {"passed": 1, "errors": 1}
        assert result.workers("url") == result.workers("server") == {FIXTURE_WORKER}
        assert result.lines("^an? .* cannot be sent to the test workers: the value")
    else:
        assert result.outcomes == {"passed": 2}

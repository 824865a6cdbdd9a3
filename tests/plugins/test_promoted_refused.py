"""What cannot sensibly be global: refused with the reason, or told where a test needs it."""

from __future__ import annotations

import re

from ..suite import FIXTURE_WORKER, ONE, ONE_MODES, Suite

ASYNCIO = ("-p", "asyncio")
PLUGINS = (*ASYNCIO, "-p", "django", "-p", "pytest_mock")
LOOP = "asyncio_default_fixture_loop_scope = session\nasyncio_default_test_loop_scope = session\n"
INI = f"[pytest]\npythonpath = .\nasyncio_mode = auto\n{LOOP}"


DJANGO = """
from django.conf import settings
if not settings.configured:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    settings.configure(DATABASES={"default": database})
"""
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


@ONE_MODES
def test_declared_ones_are_told_in_one_run(suite: Suite, mode: tuple[str, ...]) -> None:
    """A decorator is refused what configuration is; a narrower fixture is only called the same."""
    declared = "\n".join(f"@global_fixture\ndef {name}(): pass" for name in (*REASONS, "mocker"))
    suite.write(
        {"pytest.ini": INI, "conftest.py": declared, "test_it.py": "def test_it(): note(1)"}
    )
    result = suite.run(*PLUGINS, *mode, subprocess=True)
    assert (result.code, result.noted()) == (4, [])
    for line, (name, reason) in enumerate(REASONS.items()):
        (text,) = [line for line in result.errors.splitlines() if f"the fixture '{name}' (" in line]
        assert f"(conftest.py:{4 + 2 * line}) cannot be global" in text
        assert f"takes its place: {reason}" in text
    assert "'mocker'" not in result.errors


DEPENDENT = """
@global_fixture
def seeded(django_db_setup, django_db_blocker): pass
@pytest.fixture(scope="session")
def plain(django_db_setup): pass
@pytest.fixture(scope="session")
def patched(session_mocker): pass
@global_fixture
def filled(plain): pass
@pytest.fixture(scope="session")
def named(seeded, patched): pass
@global_fixture
def asking(request): request.getfixturevalue("session_mocker")
@global_fixture
def harmless(pytestconfig, worker_id, event_loop_policy, unused_tcp_port_factory): pass
"""


@ONE_MODES
def test_dependent_ones_are_told(suite: Suite, mode: tuple[str, ...]) -> None:
    """Where they run in a process of their own; what another global fixture needs, of that one."""
    suite.write(
        {
            "pytest.ini": f"{INI}global_fixtures = named\n",
            "conftest.py": f"{DJANGO}{DEPENDENT}",
            "test_it.py": "def test_it(seeded, filled, named, asking, harmless): pass",
        }
    )
    result = suite.run(*PLUGINS, *mode, subprocess=True)
    assert result.outcomes == {"passed": 1}
    told = result.lines("^global fixture .* depends on .*: what it ")
    assert len(result.lines("^  If tests need it, make .* ordinary session fixture")) == len(told)
    assert sorted(
        re.sub(r"global fixture (\w+) .* depends on (.*?):.*", r"\1: \2", line) for line in told
    ) == (
        [
            "asking: session_mocker of pytest_mock",
            "filled: django_db_setup (through plain) of pytest_django",
            "named: session_mocker (through patched) of pytest_mock",
            "seeded: django_db_setup, django_db_blocker of pytest_django",
        ]
        if mode
        else []
    )


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

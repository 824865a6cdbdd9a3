"""The suite that a round runs. What happens in it, it writes down, each process for itself."""

from __future__ import annotations

from pathlib import Path

FIXTURES = ("base", "database", "slow")
"""Each depends on the one before and has a server; ``database`` has ``recover=``, and the set-up
and the finalizer of ``slow`` take as long as kills need to land in them."""
TESTS = 40
WORKERS = 4
COMMAND = ("-n", str(WORKERS), "--fixture-worker")
LANES = "--fixture-worker-lanes"
"""With several, ``slow`` looks ``database`` up in another fixture worker."""
ONLY_OURS = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_ADDOPTS": "-p xdist -p xdist_fixtureworker",
}
"""Loads no other plugin that is installed: five processes would import them in each round."""
NEXT_COMMAND = ("-q", "test_next.py")
EXIT_CODE = 99
"""Of a process that ended itself by ``os._exit``, as it does on SIGUSR1."""
ROUND = "SOAK_ROUND"
"""The variable that every process of a round has in its environment."""
FIXTURE = "SOAK_FIXTURE"
"""The variable that the server of a fixture has in its environment."""
NOTES = "SOAK_NOTES"

_CONFTEST = f"""
import json, os, signal, subprocess, time
from contextlib import contextmanager
from functools import partial

import psutil
import pytest
from xdist_fixtureworker import global_fixture

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
CREATED = psutil.Process().create_time()


def note(what, **more):
    data = {{"what": what, "pid": os.getpid(), "created": CREATED, "worker": WORKER}}
    line = json.dumps({{**data, "time": time.time(), **more}}) + "\\n"
    file = os.open(os.environ["{NOTES}"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


def testing():
    # The test workers that run now and have had the value of a global fixture.
    with open(os.environ["{NOTES}"]) as file:
        notes = [json.loads(line) for line in file]
    found = []
    for pid, created in {{(n["pid"], n["created"]) for n in notes if n["what"] == "test"}}:
        try:
            process = psutil.Process(pid)
            if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.Error:
            pass
    return found


@contextmanager
def undisturbed():
    # Ctrl-C between a fork and the line that remembers the child would leave the child to nobody.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGINT}})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def set_up(request, name, seconds=0.0):
    with undisturbed():
        note(name + " setting up")
        server = subprocess.Popen(["sleep", "600"], env={{**os.environ, "{FIXTURE}": name}})
        request.addfinalizer(partial(finalize, name, server, seconds))
    time.sleep(seconds)
    note(name + " set up", server=server.pid)
    return server.pid


def finalize(name, server, seconds):
    note(name + " finalizing", alive=server.poll() is None, testing=testing())
    time.sleep(seconds)
    server.kill()
    server.wait()
    note(name + " finalized")


def undo(server):
    note("undoing", testing=testing())
    try:
        process = psutil.Process(server)
        process.kill()
        process.wait()
    except psutil.NoSuchProcess:
        pass  # the finalizer had run when the fixture worker was killed before it could tell
    note("undone")


signal.signal(signal.SIGUSR1, lambda *_: os._exit({EXIT_CODE}))
note("up")


@global_fixture
def base(request):
    return set_up(request, "base", 0.05)


@global_fixture(recover=undo)
def database(request, base):
    return set_up(request, "database", 0.05)


@global_fixture
def slow(request):
    request.getfixturevalue("database")
    return set_up(request, "slow", 0.4)
"""
_IN_ONE_LANE = ("def slow(request):", "def slow(request, database):")
_TESTS = f"""
import time

import pytest
from conftest import note


@pytest.mark.parametrize("number", range({TESTS}))
def test_it(request, number):
    servers = {{}}
    for name in ((), ("base",), ("base", "database"), ("slow", "base"), ("slow",))[number % 5]:
        servers[name] = request.getfixturevalue(name)
    note("test" if servers else "test without", servers=servers)
    time.sleep(0.01 + number % 5 / 100)
    note("test ends")


def test_by_argument(base, slow):
    note("test", servers={{"base": base, "slow": slow}})
"""
_NEXT = "def test_next(): pass\n"


def write(directory: Path, lanes: int = 1) -> None:
    """Write the suite, and the one of a later run of the same project."""
    conftest = _CONFTEST if lanes > 1 else _CONFTEST.replace(*_IN_ONE_LANE)
    files = {
        "pytest.ini": "[pytest]\npythonpath = .\n",
        "conftest.py": conftest,
        "test_it.py": _TESTS,
        "test_next.py": _NEXT,
    }
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")

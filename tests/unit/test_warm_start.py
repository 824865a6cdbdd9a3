"""What decides whether workers are forked, what is said of it, and a forked process as execnet has it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from xdist_fixtureworker.roles import is_program

if sys.platform != "linux":
    pytest.skip("warm workers are for Linux", allow_module_level=True)

from xdist_fixtureworker.controller.warm_start import able, wanted
from xdist_fixtureworker.controller.warm_start.process import Connection, Process
from xdist_fixtureworker.controller.warm_start.wanted import Plan

TX = "--tx asks for other workers than this Python can fork: "


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", Plan(0, 0)),
        ("-n0", Plan(0, 0)),
        ("-n0 --fixture-worker", Plan(0, 1)),
        ("-n3", Plan(3, 0)),
        ("-n3 --fixture-worker", Plan(4, 1)),
        ("-n3 --fixture-worker --no-fixture-worker", Plan(3, 0)),
        ("-n3 -o fixture_worker=true", Plan(4, 1)),
        ("-n8 --maxprocesses=2", Plan(2, 0)),
        ("-n3 --collect-only", Plan(0, 0)),
        ("-n3 --fixtures", Plan(0, 0)),
        ("-n3 --pdb", Plan(0, 0)),
        ("--tx 3*popen", Plan(0, 0)),
        ("-d --tx 3*popen", Plan(3, 0)),
        ("--dist=each --tx popen --tx 2*popen//env:A=1 --fixture-worker", Plan(4, 1)),
        ("-d --tx popen --tx 2*popen//chdir=here", Plan(1, False)),
        ("-d --tx popen//python=python3", Plan(0, False, f"{TX}popen//python=python3")),
        ("-d --tx popen//chdir=a", Plan(0, False, f"{TX}popen//chdir=a")),
        ("-d --tx ssh=a --tx x*popen", Plan(0, False, f"{TX}ssh=a x*popen")),
    ],
)
def test_how_many_are_wanted(pytester: pytest.Pytester, arguments: str, expected: Plan) -> None:
    config = pytester.parseconfig(*arguments.split())
    assert wanted.plan(config) == expected


@pytest.mark.parametrize("number", ["auto", "logical"])
def test_as_many_as_xdist_says(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "5")
    assert wanted.plan(pytester.parseconfig("-n", number)).workers == 5


def test_this_process_runs_pytest_within_a_test(pytester: pytest.Pytester) -> None:
    assert not is_program(pytester.parseconfig("-n2"))


# --- what forbids a fork


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["python", "-m", "pytest", "-x", "dev"], None),
        (["python", "-mpytest"], None),
        (["python", "-uBm", "pytest", "-O"], None),
        (["python", "-s", "/usr/bin/pytest", "-W", "error"], None),
        (["python", "/usr/bin/pytest"], None),
        (["python", "-X", "dev", "-m", "pytest"], "-X"),
        (["python", "-Xdev", "-m", "pytest"], "-Xdev"),
        (["python", "-uO", "-m", "pytest"], "-uO"),
        (["python", "-I", "-m", "pytest"], "-I"),
        (["python", "--check-hash-based-pycs", "always"], "--check-hash-based-pycs"),
    ],
)
def test_options_of_python(
    monkeypatch: pytest.MonkeyPatch, command: list[str], expected: str | None
) -> None:
    monkeypatch.setattr(sys, "orig_argv", command)
    assert able._options() == (None if expected is None else able.python_options(expected))


#: What a process has done, and why it cannot be forked after that.
DONE = {
    "": None,
    "sys.settrace(lambda *_: None)": able.traced("__main__"),
    "sys.setprofile(lambda *_: None)": able.traced("__main__"),
    "threading.settrace(lambda *_: None)": able.traced("__main__"),
    "threading.Thread(target=input, name='reader', daemon=True).start()": able.threads("reader"),
    "_thread.start_new_thread(input, ())": able.threads("1 of a library"),
    "file = open('/dev/zero')": able.open_file(3, "/dev/zero"),
    "os.set_inheritable(os.open('/dev/zero', os.O_RDONLY), True)": None,
    "sys.platform = 'sunos'": able.other_system(),
    "sys.modules['ctypes'] = None; del sys.modules[environment]": able.no_ctypes(),
}
PROGRAM = """
import _thread, os, sys, threading
from xdist_fixtureworker.controller.warm_start import able
import xdist_fixtureworker.controller.warm_start.environment
environment = "xdist_fixtureworker.controller.warm_start.environment"
sys.settrace(None)
threading.settrace(None)
exec(sys.argv[1])
reason = able.reason_against()
sys.settrace(None)
print(reason)
os._exit(not sys.stdout.flush())
"""


@pytest.mark.parametrize("done", DONE)
def test_what_a_process_has_done(done: str) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, done],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
    )
    with program:
        assert program.stdout is not None
        assert program.stdout.read() == f"{DONE[done]}\n"


def test_tools_that_monitor() -> None:
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        pytest.skip("Python has that since 3.12")
    monitoring.use_tool_id(4, "observer")
    try:
        assert "observer" in able._monitoring()
    finally:
        monitoring.free_tool_id(4)


# --- the environment that others see


def test_the_environment_that_others_see() -> None:
    """A child that was not executed shows it as well, and libraries find theirs where it was."""
    program = """
import ctypes, json, os
from pathlib import Path
from xdist_fixtureworker.controller.warm_start import environment
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
before = libc.getenv(b"OLD"), Path("/proc/self/cmdline").read_bytes()
libc.setenv(b"BY_C", b"1", 1)
assert environment.current() == {**os.environ, "BY_C": "1"}
assert environment.can_be_shown()
os.environ["NEW"] = "n" * 100_000
environment.show(os.environb)
if os.fork() == 0:
    shown = Path("/proc/self/environ").read_bytes().split(b"\\0")
    assert shown[:-1] == [b"%b=%b" % pair for pair in os.environb.items()]
    assert before == (libc.getenv(b"OLD"), Path("/proc/self/cmdline").read_bytes())
    os._exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
"""
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "OLD": "old"})


# --- a process, as execnet has it


@pytest.fixture
def sleeping() -> Iterator[Connection]:
    """A process that is no fork of this one, which has threads; it copies what it reads."""
    its_input, outfile = os.pipe()
    infile, its_output = os.pipe()
    ends = [(os.POSIX_SPAWN_DUP2, its_input, 0), (os.POSIX_SPAWN_DUP2, its_output, 1)]
    pid = os.posix_spawn("/bin/cat", ["cat"], {}, file_actions=ends)
    for end in (its_input, its_output):
        os.close(end)
    connection = Connection(Process(pid), outfile, infile)
    yield connection
    connection.close_read()
    connection.close_write()
    connection.kill()
    connection.wait()


def test_a_process_that_ends(sleeping: Connection) -> None:
    sleeping.write(b"abc")
    assert (sleeping.read(2), sleeping.read(1)) == (b"ab", b"c")
    assert sleeping.process.poll() is None
    sleeping.close_write()
    assert sleeping.wait() == sleeping.wait() == sleeping.process.poll() == 0
    with pytest.raises(EOFError):
        sleeping.read(1)
    sleeping.kill()  # does nothing


def test_a_process_that_is_killed_while_somebody_waits(sleeping: Connection) -> None:
    waiting = threading.Thread(target=sleeping.wait)
    waiting.start()
    sleeping.kill()
    waiting.join()
    assert sleeping.process.returncode == -signal.SIGKILL


def test_a_process_whose_exit_status_somebody_else_took(sleeping: Connection) -> None:
    os.kill(sleeping.process.pid, signal.SIGTERM)
    os.waitpid(sleeping.process.pid, 0)
    assert sleeping.wait() == 0

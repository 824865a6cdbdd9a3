"""A forked worker is what a worker is that was started: the same suites, both ways."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys

import pytest

from ..running import count, running, until
from ..suite import Suite
from ..warm import BOTH, FORKED, WARM, unmeasured

if sys.platform != "linux":
    pytest.skip("warm workers are for Linux", allow_module_level=True)

__all__ = ["unmeasured"]  # an autouse fixture


# --- what a test finds in its process

FACTS = """
import gc, json, locale, logging, multiprocessing, resource, signal, tempfile, threading, time
import warnings

def stream(name):
    of = getattr(sys, name)
    names = ("encoding", "errors", "line_buffering", "write_through", "name", "mode")
    return [type(of).__name__, type(of.buffer).__name__, *(getattr(of, n, None) for n in names)]

def handler(number):
    found = signal.getsignal(number)
    return getattr(found, "__qualname__", str(found))

def facts():
    main = vars(sys.modules["__main__"])
    status = open("/proc/self/status").read().splitlines()
    environ = open("/proc/self/environ").read().split("\\0")
    return {
        "argv": [sys.argv, sys.orig_argv],
        "main": sorted(main),
        "main, found by": [repr(main["__loader__"]), repr(main["__spec__"])],
        "flags": [repr(sys.flags), sys.warnoptions, sys._xoptions, sys.dont_write_bytecode],
        "importing": [sys.path, [type(finder).__name__ for finder in sys.meta_path]],
        "signals": {n: handler(n) for n in signal.valid_signals()},
        "signal masks": {
            name: int(mask, 16) & 0x7FFFFFFF  # above that, they are the C library's
            for name, mask in (line.split()[:2] for line in status if line.startswith("Sig"))
            if name in ("SigBlk:", "SigIgn:", "SigCgt:")
        },
        "status": [line for line in status if line.startswith(("Umask", "Threads"))],
        "streams": {n: stream(n) for n in ("__stdin__", "__stdout__", "__stderr__", "stdin")},
        "filters": [repr(each) for each in warnings.filters],
        "threads": [(each.name, each.daemon) for each in threading.enumerate()],
        "multiprocessing": repr(multiprocessing.current_process()),
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold(), os.nice(0)],
        "limits of the system": [
            resource.getrlimit(getattr(resource, name))
            for name in sorted(dir(resource)) if name.startswith("RLIMIT_")
        ],
        "processors": sorted(os.sched_getaffinity(0)),
        "time and place": [time.tzname, time.localtime(0)[:6], tempfile.gettempdir()],
        "locale": [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding()],
        "hooks": [repr(sys.displayhook), repr(sys.breakpointhook), repr(sys.gettrace())],
        "logging": [logging.root.level, len(logging.root.handlers)],
        "group": [os.getpgrp() == os.getpgid(os.getppid()), os.getsid(0) == os.getsid(os.getppid())],
        "directory": os.getcwd(),
        "descriptors": {
            fd: os.get_inheritable(int(fd))
            for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")
        },
        "environment": dict(os.environ),
        "as others see it": dict(each.split("=", 1) for each in environ if each),
    }
"""
DIFFERENT = {"PYTEST_XDIST_TESTRUNUID", "XDIST_FIXTUREWORKER_RUN", "PYTEST_CURRENT_TEST"}


def test_a_test_finds_the_same_process(suite: Suite) -> None:
    """Also where conftests have changed what a process inherits, and somebody left files open."""
    suite.write(
        {
            "facts.py": FACTS,
            "conftest.py": """
import facts, resource, signal
@global_fixture
def found(): return facts.facts()
def pytest_configure():
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ["ADDED"] = "yes"
        os.environ.pop("TAKEN", None)
        os.makedirs("below", exist_ok=True)
        os.chdir("below")
        os.environ.update(TZ="XYZ-7", TMPDIR=os.getcwd())
        os.umask(0o027)
        os.setpgid(0, 0)
        os.nice(1)
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (99, most))
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
""",
            "test_it.py": "import facts\ndef test_it(found): note('facts', fixture_worker=found, test_worker=facts.facts())",
        }
    )
    below = suite.path / "below"
    inherited = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    found = []
    for warm in ((), (WARM,)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TAKEN", "no")
            result = suite.run("-n1", "--fixture-worker", *warm, str(suite.path))
        assert result.outcomes == {"passed": 1}, result.output
        assert bool(result.lines(FORKED.format(2))) == bool(warm)
        (note,) = result.notes
        found.append(note.more)
    os.close(inherited)
    for process in ("fixture_worker", "test_worker"):
        cold, warmed = (dict(facts[process]) for facts in found)  # type: ignore[call-overload]
        for name in ("environment", "as others see it"):
            for facts in (cold, warmed):
                for variable in DIFFERENT:
                    facts[name].pop(variable, None)
            assert cold[name]["ADDED"] == "yes"
            assert "TAKEN" not in cold[name]
        assert warmed == cold
        assert cold["time and place"] == [["XYZ", "XYZ"], [1970, 1, 1, 7, 0, 0], str(below)]


# --- its end

ON_THE_STACK = "pytest.Item"  # of the controller, which a fork cannot leave
ENDS = """
import atexit, gzip, threading

out = os.open("ended", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

class Dies:
    def __init__(self, name): self.name = name
    def __del__(self, write=os.write, out=out): write(out, self.name.encode())

def generator(write=os.write, out=out):
    try: yield
    finally: write(out, b"generator\\n")

class Keeper:
    pass

{keeper}

def test_it():
    keeper.unflushed = open("unflushed", "w")
    keeper.unflushed.write("written")
    keeper.zipped = gzip.open("zipped", "wt")
    keeper.zipped.write("written")
    keeper.attribute = Dies("attribute\\n")
    keeper.in_cycle = cycle = [Dies("in a cycle\\n")]
    cycle.append(cycle)
    keeper.suspended = generator()
    next(keeper.suspended)
    atexit.register(os.write, out, b"atexit\\n")
    def late():
        threading.main_thread().join()
        os.write(out, b"thread\\n")
    threading.Thread(target=late).start()
"""


@BOTH
@pytest.mark.parametrize(
    "keeper",
    ["Keeper()", "Keeper", "sys.modules[__name__]", "__import__('json').JSONDecoder", ON_THE_STACK],
)
def test_nothing_is_lost_at_its_end(suite: Suite, warm: tuple[str, ...], keeper: str) -> None:
    """Whether it hangs on what a worker has made, or on what was there before the fork."""
    suite.write(
        {
            "conftest.py": """
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    start = session.config.pluginmanager.get_plugin("xdist_fixtureworker_warm_start")
    if start is not None:
        note("status", status=[each.wait() for each in start._pool._taken])
""",
            "test_it.py": ENDS.replace("{keeper}", f"keeper = {keeper}"),
        }
    )
    result = suite.run("-n1", *warm)
    assert result.outcomes == {"passed": 1}
    assert [note.more["status"] for note in result.notes] == ([[0]] if warm else [])
    assert (suite.path / "unflushed").read_text() == "written"
    if warm:  # Python itself, since 3.13, loses the last bytes
        with gzip.open(suite.path / "zipped", "rt") as zipped:
            assert zipped.read() == "written"
    first, second, *others = (suite.path / "ended").read_text().splitlines()
    assert (first, second) == ("thread", "atexit")
    if keeper != ON_THE_STACK:
        assert sorted(others) == ["attribute", "generator", "in a cycle"]
    assert bool(result.lines(FORKED.format(1))) == bool(warm)
    assert result.errors == ""


def test_databases_are_closed_at_its_end(suite: Suite) -> None:
    """Up to Python 3.11, no method of theirs says that they want it."""
    test = """
import sqlite3
connection = sqlite3.connect("base")
def test_it():
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE numbers(number)")
    assert os.path.exists("base-wal")
"""
    suite.write({"test_it.py": test})
    result = suite.run("-n1", WARM)
    assert result.outcomes == {"passed": 1}
    assert result.lines(FORKED.format(1))
    assert not (suite.path / "base-wal").exists()


# --- what tests do


DOES = """
import multiprocessing, random, subprocess, tempfile, uuid

def child(queue): queue.put(os.getpid())

@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing(method):
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=child, args=[queue])
    process.start()
    assert queue.get() == process.pid
    process.join()
    assert process.exitcode == 0

def test_pool():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(abs, [-1]) == 1

def test_standard_input():
    assert os.read(0, 1) == b""

def test_capfd(capfd):
    subprocess.run(["echo", "hello"], check=True)
    os.write(2, b"err")
    assert capfd.readouterr() == ("hello\\n", "err")

def test_capsys(capsys):
    print("hello")
    assert capsys.readouterr().out == "hello\\n"

def test_output():
    print("printed")
    os.write(1, b"written\\n")
    assert 0

def test_assertion():
    left, right = [1, 2], [1, 3]
    assert left == right

def test_warns():
    import warnings
    warnings.warn("a warning of a test")
"""


@BOTH
@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_what_tests_do(suite: Suite, warm: tuple[str, ...], capture: str) -> None:
    suite.write({"test_it.py": DOES})
    result = suite.run("-n1", *warm, f"--capture={capture}")
    assert bool(result.lines(FORKED.format(1))) == bool(warm)
    assert result.outcomes["failed"] == 2
    assert result.lines("UserWarning: a warning of a test")
    assert result.lines("At index 1 diff: 2 != 3")
    assert bool(result.lines("^printed$")) == (capture != "no")


DIFFERS = """
import random, tempfile, uuid
import library

def drawn():
    own = [random.random(), uuid.uuid4().hex, next(tempfile._get_candidate_names())]
    return [*own, library.generator.random(), library.special.random()]

@pytest.mark.parametrize("i", range(2))
def test_it(i):
    note("drawn", drawn=drawn(), hashed=hash("text"), same=library.seeded.random())
    while open("notes.jsonl").read().count("\\n") < 2: pass
"""


def test_workers_draw_different_numbers_and_share_one_hash_seed(suite: Suite) -> None:
    library = """
import random
class Special(random.Random): pass
generator = random.Random()
special: Special = Special()
"""
    seeded = "import random\nseeded = random.Random(7)"
    suite.write(
        {
            "test_it.py": DIFFERS,
            "library/__init__.py": f"{library}from .repeating import seeded",
            "library/repeating.py": seeded,
        }
    )
    result = suite.run("-n2", WARM, "-o", "warm_workers_import=library.repeating")
    assert result.outcomes == {"passed": 2}
    assert result.lines(FORKED.format(2))
    one, other = (note.more for note in result.notes)
    assert one["hashed"] == other["hashed"]
    assert one["same"] == other["same"]
    assert not any(a == b for a, b in zip(one["drawn"], other["drawn"], strict=True))  # type: ignore[call-overload]


@BOTH
def test_a_crash_is_told_by_faulthandler(suite: Suite, warm: tuple[str, ...]) -> None:
    suite.write({"test_it.py": "import ctypes\ndef test_it(): ctypes.string_at(0)"})
    result = suite.run("-n1", *warm)
    assert result.outcomes == {"failed": 1}
    assert "Fatal Python error: Segmentation fault" in result.errors
    assert 'test_it.py", line 5 in test_it' in result.errors


# --- how many, and from where


def test_a_worker_that_replaces_another_is_started(suite: Suite) -> None:
    suite.write(
        {
            "test_it.py": """
def test_it(): os._exit(1)
def test_other(): note(open("/proc/self/cmdline").read().split("\\0")[1])
"""
        }
    )
    result = suite.run("-n1", WARM)
    assert result.outcomes == {"failed": 1, "passed": 1}
    assert result.noted() == ["-u"]  # as execnet starts Python


@pytest.mark.parametrize(
    "arguments", ["-nauto", "--dist=load --tx=2*popen", "-n2 --px=popen//id=a"]
)
def test_ways_to_ask_for_workers(
    suite: Suite,
    arguments: str,
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    if "--px" in arguments and not hasattr(pytestconfig.option, "px"):
        pytest.skip("pytest-xdist has --px since its version 3.7")
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "2")
    suite.write(
        {
            "test_it.py": "def test_it(): note('forked' if 'pytest' in str(open('/proc/self/cmdline').read().split(chr(0))[:4]) else 'started')"
        }
    )
    result = suite.run(*arguments.split(), WARM)
    assert result.outcomes == {"passed": 1}
    assert result.lines(FORKED.format(2))
    assert result.noted() == ["forked"]


# --- processes that nobody takes


def test_the_controller_is_killed_before_they_are_wanted(suite: Suite) -> None:
    suite.write({"conftest.py": "note('conftest')\nwhile not os.path.exists('go'): pass"})
    with running(suite, "-n3", WARM) as controller:
        until(suite, count("conftest"))
        family = controller.family()
        assert len(family) == 3
        controller.kill()
        controller.wait_gone(family)


def test_an_interrupt_before_they_are_wanted(suite: Suite) -> None:
    suite.write({"conftest.py": "note('conftest')\nwhile not os.path.exists('go'): pass"})
    with running(suite, "-n3", WARM) as controller:
        until(suite, count("conftest"))
        family = controller.family()
        controller.send_signal(signal.SIGINT, group=True)
        _, output = controller.end()
        controller.wait_gone(family)
    assert output.count("KeyboardInterrupt") <= 2, output


def test_one_that_was_killed_is_replaced_by_a_start(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import psutil
if "PYTEST_XDIST_WORKER" not in os.environ:
    for child in psutil.Process().children(): child.kill()
""",
            "test_it.py": "def test_it(): pass",
        }
    )
    result = suite.run("-n2", WARM)
    assert result.outcomes == {"passed": 1}


# --- what keeps workers from being forked


def test_reasons(suite: Suite) -> None:
    """Each is told, and the run is as ever."""
    suite.write(
        {
            "thread.py": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True, name='pump').start()",
            "variable.py": "def pytest_configure(): os.environ.update(PYTHONHASHSEED='1', LANG='C', LD_LIBRARY_PATH='')",
            "test_it.py": "def test_it(): pass",
        }
    )
    other = f"popen//python={sys.executable}"
    reasons = {
        ("-p", "thread"): "this process has threads: pump",
        (
            "-p",
            "variable",
        ): "a conftest or a plugin has changed what Python starts with: LANG, LD_LIBRARY_PATH, PYTHONHASHSEED",
        ("-d", f"--tx={other}"): f"--tx asks for other workers than this Python can fork: {other}",
    }
    for arguments, reason in reasons.items():
        workers = [] if "-d" in arguments else ["-n1"]
        result = suite.run(*workers, WARM, *arguments)
        assert result.outcomes == {"passed": 1}
        assert f"warm workers: none, because {reason}" in result.output.splitlines()


def test_a_plugin_that_is_loaded_too_late(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p xdist")
    suite.write(
        {
            "conftest.py": "pytest_plugins = ['xdist_fixtureworker.plugin']",
            "test_it.py": "def test_it(): pass",
        }
    )
    result = suite.run("-n1", WARM)
    assert result.outcomes == {"passed": 1}
    assert result.lines("^warm workers: none, because this plugin was loaded too late")


def test_a_program_that_calls_pytest(suite: Suite) -> None:
    """What it has done would be in its workers, too."""
    suite.write({"test_it.py": "def test_it(): pass"})
    done = subprocess.run(
        [sys.executable, "-c", "import pytest; pytest.main()", "-n1", WARM],
        cwd=suite.path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "warm workers: none, because pytest was not started by its command" in done.stdout
    assert "1 passed" in done.stdout


def test_imports(suite: Suite) -> None:
    suite.write(
        {
            "slow.py": "note('imported')",
            "broken.py": "sys.exit('no')",
            "test_it.py": "@pytest.mark.parametrize('i', range(2))\ndef test_it(i): import slow",
        }
    )
    (suite.path / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\nwarm_workers = true\nwarm_workers_import = slow missing broken\n"
    )
    result = suite.run("-n2")
    assert result.outcomes == {"passed": 2}
    assert result.noted() == ["imported"]
    assert result.lines(
        "^warm workers: cannot import missing: ModuleNotFoundError: No module named"
    )
    assert result.lines("^warm workers: cannot import broken: SystemExit: no$")
    assert not suite.run("-n2", "--no-warm-workers").lines("warm workers")

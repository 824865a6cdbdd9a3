"""Set-ups and finalizers that do not pass: they ran once, and every test that needs them shows it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from ..suite import DISTRIBUTED, FIXTURE_WORKER, ONE, ONE_MODES, Suite

TESTS = """
@pytest.mark.parametrize("i", range(4))
def test_argument(it, i): note("ran")
def test_name(request):
    request.getfixturevalue("it")
    note("ran")
"""


def five_of(*names: str) -> str:
    """Five tests of each fixture, which ask for it in both ways."""
    return "".join(
        TESTS.replace("(it,", f"_{name}({name},")
        .replace("test_name", f"test_name_{name}")
        .replace("'it'", f"'{name}'")
        .replace('"it"', f'"{name}"')
        for name in names
    )


#: What a set-up does, and the line that shows it.
ERRORS = {
    "raises": ("raise ValueError('broken')", r"^E       ValueError: broken$"),
    "asserts": ("assert [1, 2] == [1, 3]", r"^E         At index 1 diff: 2 != 3$"),
    "fails": ("pytest.fail('my reason')", r"^E       Failed: my reason$"),
    "fails_in_short": ("pytest.fail('in short', pytrace=False)", r"^in short$"),
    "exits": ("raise SystemExit(3)", r"^E       SystemExit: 3$"),
    "odd": ("raise type('Mine', (BaseException,), {})('odd')", r"^E .*odd$"),
    "cannot_travel": (
        "raise type('Local', (Exception,), {})('cannot travel')",
        r"^E       .*Local: cannot travel$",
    ),
    "logs": (
        "logging.getLogger('mine').error('logged'); print('err', file=sys.stderr); 1 / 0",
        r"^E       ZeroDivisionError: ",
    ),
}


def test_errors(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "import logging\n"
            + "".join(
                f"@global_fixture\ndef {name}():\n"
                f"    note('{name}')\n    print('output of {name}')\n    {body}\n"
                for name, (body, _) in ERRORS.items()
            )
            + "@global_fixture\ndef refused(): raise ConnectionError(111, 'refused')\n",
            "test_it.py": five_of(*ERRORS)
            + """
def test_original_exception(request):
    with pytest.raises(ConnectionError) as caught:
        request.getfixturevalue("refused")
    assert caught.value.errno == 111
    assert "def refused()" in str(caught.value.__cause__)

import xdist_fixtureworker
def test_one_that_cannot_be_pickled(request):
    with pytest.raises(xdist_fixtureworker.SetUpError, match="cannot travel"):
        request.getfixturevalue("cannot_travel")
""",
        }
    )
    result = suite.run(*DISTRIBUTED, "-W", "ignore::pytest.PytestWarning", "--junitxml=report.xml")
    whole = ElementTree.parse(suite.path / "report.xml").getroot()
    texts = [text for case in whole.iter("testcase") for text in map(_text, case)]
    assert sorted(result.noted()) == sorted(ERRORS)
    assert result.outcomes == {"errors": 4 * len(ERRORS), "failed": len(ERRORS), "passed": 2}
    assert result.code == 1
    for name, (_, shown) in ERRORS.items():
        # In full for one test; the others refer to it. Reports for other programs have it whole.
        assert len(result.lines(shown)) == 1, name
        assert len(result.lines(f"^output of {name}$")) == 1, name
        refers = (
            rf"^the set-up of the global fixture '{name}' \(conftest.py:\d+\) failed: .*; shown in"
        )
        assert len(result.lines(rf"{refers} full at test_it.py::test_\w+(\[\d\])?$")) == 4, name
        assert sum(re.search(shown, text, re.MULTILINE) is not None for text in texts) == 5, name
    assert len(result.lines("^conftest.py:")) == len(ERRORS) - len({"fails_in_short"})
    assert not result.lines("xdist_fixtureworker/")  # no frames of ours
    title = "setup of global fixture logs .fixture worker."
    assert len(result.lines(f"Captured log {title}")) == 1
    assert len(result.lines("ERROR +mine:conftest.py:.* logged")) == 1
    assert len(result.lines(f"Captured stderr {title}")) == 1


def _text(element: ElementTree.Element) -> str:
    return element.text or ""


@ONE_MODES
def test_skip_and_xfail(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def skips():
    note("skips")
    pytest.skip("no server here")
@global_fixture
def is_expected_to_fail():
    note("xfails")
    pytest.xfail("known")

@pytest.fixture(scope="session")
def plain(): pytest.skip("no")
@global_fixture
def a(plain): note("a")
@global_fixture
def b(a): note("b")
""",
            "test_it.py": five_of("skips", "is_expected_to_fail"),
            "test_dependency.py": "def test_a(a): pass\ndef test_b(b): pass",
        }
    )
    result = suite.run(*mode, "-rsx")
    assert sorted(result.noted()) == ["skips", "xfails"]
    assert result.outcomes == {"skipped": 7, "xfailed": 5}
    assert result.code == 0
    assert result.lines(r"SKIPPED \[\d\] test_it.py:\d+: no server here")
    assert result.lines("XFAIL test_it.py::test_name_is_expected_to_fail - .*known")


@pytest.mark.parametrize(
    ("returncode", "code"),
    [
        ("", 2),
        pytest.param(", returncode=pytest.ExitCode.USAGE_ERROR", 4, marks=pytest.mark.full),
        (", returncode=7", 7),
    ],
)
def test_exit_ends_the_session(suite: Suite, returncode: str, code: int) -> None:
    suite.write(
        {
            "conftest.py": f"""
@global_fixture
def it():
    note("up")
    pytest.exit("enough"{returncode})
""",
            "test_it.py": TESTS + "\ndef test_z(): note('ran z')",
        }
    )
    result = suite.run(*ONE)
    assert result.code == code
    assert result.noted("up", "ran") == ["up"]
    assert result.lines("!!! _pytest.outcomes.Exit: enough !!!")
    assert not result.lines("replacing crashed worker|INTERNALERROR|ERROR at")


@ONE_MODES
def test_what_fails_stops_nothing_else(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
import warnings

@global_fixture
def inner():
    note("inner")
    raise ValueError("inner broke")
@global_fixture
def outer(inner): note("never")

@pytest.fixture(scope="session")
def plain(): 1 / 0
@global_fixture
def a(plain): note("never")
@global_fixture
def b(a): note("never")

@global_fixture
def late(request):
    request.addfinalizer(lambda: note("late down"))
    raise ValueError("too late")
@global_fixture
def late_exit(request):
    request.addfinalizer(lambda: note("late exit down"))
    raise SystemExit("too late")

@pytest.fixture(scope="session")
def port(worker_id): return 5000 + int(worker_id.replace("gw", ""))
@global_fixture
def server(port): return port

@global_fixture
def good():
    warnings.warn("from the set-up")
    return 1
""",
            "test_it.py": """
def test_outer(outer): pass
def test_inner(inner): pass
def test_outer_again(outer): pass

def test_a(a): pass
def test_b(b): pass

@pytest.mark.parametrize("i", range(4))
def test_late(late, i): pass
def test_late_exit(late_exit): pass
def test_late_exit_again(late_exit): pass

def test_server(server): pass

@pytest.mark.parametrize("i", range(2))
def test_good(good, i): assert good == 1
def test_none(): pass
""",
            "test_numbered.py": """
import os
NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
@global_fixture
def numbered(): return 1
def test_numbered(numbered): pass
""",
        }
    )
    result = suite.run(*mode)
    ends = {"errors": 13, "passed": 3} if mode else {"errors": 12, "passed": 4}
    assert result.outcomes == {**ends, "warnings": 1}
    assert len(result.lines("UserWarning: from the set-up")) == 1
    # Serially, pytest sets up again what ended with a SystemExit, and newer ones forget finalizers.
    noted = sorted(what for what in result.noted() if mode or what != "late exit down")
    assert noted == ["inner", "late down", *(["late exit down"] if mode else [])]
    # Each set-up that failed once; pytest repeats it for each test.
    assert len(result.lines("^E       ValueError: inner broke")) == (2 if mode else 3)
    assert len(result.lines("^E       ValueError: too late")) == (1 if mode else 4)
    assert len(result.lines("^E +ZeroDivisionError")) == 2
    assert not result.lines("TypeError")
    assert len(result.lines("xdist_fixtureworker.is_fixture_worker")) == (2 if mode else 0)


def test_scope_mismatch_is_pytests_own_error(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="module")
def narrow(): return 1
@global_fixture
def it(narrow): note("up")
@global_fixture
def other(tmp_path): note("up")
@global_fixture
def by_name(request): request.getfixturevalue("narrow")
""",
            "test_it.py": "def test_it(it): pass\ndef test_other(other): pass\n"
            "def test_by_name(by_name): pass",
        }
    )
    texts = []
    for mode in ((), ONE):
        result = suite.run(*mode)
        assert result.outcomes == {"errors": 3}
        assert result.noted() == []
        texts.append(sorted(result.lines("^ScopeMismatch|^conftest.py:|^Requested|^.*tmpdir.py:")))
    assert len([line for line in texts[0] if line.startswith("ScopeMismatch")]) == 3
    assert texts[0] == texts[1]


def test_finalizers_that_raise(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def first():
    yield 1
    note("first down")
@global_fixture
def second(first):
    yield 2
    print("output of the finalizer")
    raise RuntimeError("cannot drop")
@global_fixture
def third(second, request):
    request.addfinalizer(lambda: note("third down"))
    request.addfinalizer(lambda: 1 / 0)

@global_fixture
def interrupts(second):
    yield
    raise KeyboardInterrupt
@global_fixture
def exits(interrupts):
    yield
    raise SystemExit(5)
@global_fixture
def ends_the_session(exits):
    yield
    raise pytest.exit.Exception("now")
""",
            "test_it.py": "@pytest.mark.parametrize('i', range(4))\ndef test_it(third, i): pass\n"
            "def test_anything(ends_the_session): pass",
        }
    )
    result = suite.run(*ONE, "--junitxml=junit.xml")
    assert result.outcomes == {"passed": 5, "errors": 5}
    assert result.code == 1
    assert result.noted() == ["third down", "first down"]
    for name in ("second", "third", "interrupts", "exits", "ends_the_session"):
        assert len(result.lines(f"_ ERROR at teardown of global fixture {name} _")) == 1
    assert len(result.lines("^E       RuntimeError: cannot drop$")) == 1
    assert len(result.lines("^output of the finalizer$")) == 1
    errors = ElementTree.parse(suite.path / "junit.xml").findall(".//testcase/error")
    assert {"cannot drop" in (error.text or "") for error in errors} == {True, False}
    assert len(errors) == 5
    again = suite.run("--lf", "-v")  # which has nothing to run again
    assert not again.lines("known failures|previous failure")


@pytest.mark.parametrize(
    ("option", "code", "stops"),
    [("-x", 2, True), pytest.param("--maxfail=2", 1, False, marks=pytest.mark.full)],
)
def test_x_and_maxfail(suite: Suite, option: str, code: int, stops: bool) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it():\n    note('up')\n    yield\n    note('down')",
            "test_it.py": "@pytest.mark.parametrize('i', range(40))\ndef test_it(it, i):\n    note('test')\n    assert i != 2",
        }
    )
    result = suite.run(*ONE, option)
    assert result.code == code
    assert result.noted("up", "down") == ["up", "down"]
    assert result.noted()[-1] == "down"
    assert (len(result.noted("test")) < 40) is stops
    assert bool(result.lines("stopping after 1 failures")) is stops


#: Of two conftests of one name: the test worker has the module that it imported last.
CONNECTION = """
class Connection:
    where = {where!r}
@global_fixture
def connection(): return Connection()
"""


def test_breakpoints(suite: Suite) -> None:
    """Workers have no terminal, and what pytest shows of a debugger that ended is its source."""
    suite.write(
        {
            "conftest.py": """
@global_fixture
def it():
    breakpoint()
    return 1
@global_fixture
def end():
    yield
    breakpoint()
""",
            "test_it.py": """
def test_a(it): pass
def test_b(end): pass
def test_c():
    breakpoint()
    return
def test_d(): breakpoint()
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1, "failed": 2, "errors": 2}
    advice = (
        r"bdb.BdbQuit: breakpoint\(\) needs the terminal, which no worker has: run pytest with -n0"
    )
    assert len(result.lines(f"^E +{advice}$")) == 4
    assert not result.lines("def dispatch_line|bdb.py")
    assert len(result.lines("^(conftest|test_it).py:.*: BdbQuit")) == 4
    traced = suite.run(*ONE, "--trace")
    assert traced.code == 4
    assert "--trace needs the terminal" in traced.errors


def test_values_that_do_not_cross(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import threading, types
from things import Thing
if os.environ.get("PYTEST_XDIST_WORKER") == "fixtureworker":
    from xdist_fixtureworker.wire import pickles
    pickles.LIMIT = 1000  # execnet's, of 2 GiB, is more than a test should need
@global_fixture
def unpicklable():
    yield types.SimpleNamespace(pool={"main": [1, threading.Lock()]})
    note("down")
@global_fixture
def thing(): return Thing()
@global_fixture
def small(): return b"x" * 900
@global_fixture
def large(): return b"x" * 1001
""",
            "things.py": """
def make():
    if not os.environ["PYTEST_XDIST_WORKER"] == "fixtureworker": raise ValueError("not here")
class Thing:
    def __reduce__(self): return make, ()
""",
            "a/conftest.py": CONNECTION.format(where="a"),
            "b/conftest.py": CONNECTION.format(where="b"),
            "a/test_a.py": "def test_a(connection): assert connection.where == 'a'",
            "b/test_b.py": "def test_b(connection): assert connection.where == 'b'",
            "test_it.py": five_of("unpicklable", "thing"),
            "test_large.py": "def test_large(large): pass\n"
            "def test_small(small): assert len(small) == 900",
        }
    )
    result = suite.run(*ONE, "-o", "fixture_worker_mapped_from=off")
    assert result.outcomes == {"errors": 4 + 4 + 1 + 1, "failed": 1 + 1, "passed": 1 + 1}
    assert result.noted() == ["down"]
    refused = "a _thread.lock cannot be sent to the test workers: the value.pool['main'][1] of"
    assert len(result.lines(f"^{re.escape(refused)}")) == 5
    # The cause, in the line that there is in the short summary.
    assert len(result.lines("^(ERROR|FAILED) test_it.py::.* - a _thread.lock cannot")) == 5
    assert len(result.lines("^a _thread.lock cannot .*; shown in full at test_it.py::")) == 4
    assert result.lines("^Return what the tests need to make their own")
    assert len(result.lines("^the value of the global fixture 'thing' .* was sent by the fix")) == 5
    assert result.lines("^the value of the global fixture 'large' .* is too large to be sent")
    in_one_line = " ".join(result.output.split())
    assert re.search(r"'conftest' is \S+b/conftest.py here, not \S+a/conftest.py", in_one_line)
    assert "Run pytest with --import-mode=importlib" in in_one_line
    assert suite.run().outcomes == {"passed": 14}


def test_time_out_of_a_test_that_waits_is_not_the_fixtures_outcome(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import signal, time
@global_fixture
def slow():
    note("up")
    with open("waiting") as file: pid = int(file.read())
    os.kill(pid, signal.SIGALRM)  # for it waits by now
    wait_for("go")
    return 1
""",
            "test_it.py": """
import signal
@pytest.fixture
def impatient():
    def expire(*_):
        open("go", "w").close()
        raise TimeoutError("the test took too long")
    signal.signal(signal.SIGALRM, expire)
    with open("waiting", "w") as file: file.write(str(os.getpid()))
def test_a(impatient, request): request.getfixturevalue("slow")
def test_b(slow): assert slow == 1
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"failed": 1, "passed": 1}
    assert result.noted() == ["up"]


def test_warnings_that_are_errors(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import warnings
@global_fixture
def it(): warnings.warn("from the set-up")
""",
            "test_it.py": TESTS,
        }
    )
    result = suite.run(*ONE, "-W", "error")
    assert result.outcomes == {"errors": 4, "failed": 1}


def test_instance_method_is_refused(suite: Suite) -> None:
    suite.write(
        {
            "test_it.py": """
class TestIt:
    @global_fixture
    def it(self): return 1
    def test_it(self, it): pass
class TestClassMethod:
    @global_fixture
    @classmethod
    def it(cls): return 1
    @global_fixture
    @staticmethod
    def static(): return 1
def test_other(): pass
"""
        }
    )
    for mode, code in (((), 2), (ONE, 1)):
        result = suite.run(*mode)
        assert result.code == code
        assert len(result.lines("is an instance method")) == 1
        assert result.lines("the global fixture 'it' .test_it.py:6. is an instance method")
        assert result.lines("with @global_fixture above @classmethod")


def test_environment_changes(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
os.environ["REMOVED"] = "there"
@global_fixture
def noticed():
    os.environ["URL"] = "secret-url"
    yield
    del os.environ["URL"]
@global_fixture(env=True)
def replayed(pytestconfig):
    os.environ["REPLAYED"] = "value"
    del os.environ["REMOVED"]
@global_fixture
def above(replayed): return 1
@pytest.fixture(scope="session", autouse=True)
def ordinary(): os.environ["ORDINARY"] = "1"
def pytest_unconfigure():
    note("end", replayed=os.environ.get("REPLAYED"), removed=os.environ.get("REMOVED"))
""",
            "test_it.py": """
def test_noticed(noticed):
    assert ("URL" in os.environ) == ("PYTEST_XDIST_WORKER" not in os.environ)
@pytest.mark.parametrize("i", range(4))
def test_replayed(above, i):
    assert os.environ["REPLAYED"] == "value"
    assert "REMOVED" not in os.environ
    assert os.environ["ORDINARY"] == "1"
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 5}
    assert result.lines(
        r"global fixture noticed \(conftest.py:6\) changed URL in os.environ of the"
    )
    assert result.lines(r"@global_fixture\(env=True\)")
    assert "secret-url" not in result.output
    assert not result.lines("REPLAYED|ORDINARY|global fixture above")
    serial = suite.run()
    assert serial.outcomes == {"passed": 5}
    ends = {note.worker: note.more for note in [*result.notes, *serial.notes] if note.what == "end"}
    assert ends["gw0"] == ends[""]
    assert FIXTURE_WORKER in ends

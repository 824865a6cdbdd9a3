"""Set-ups and finalizers that do not pass: they ran once, and every test that needs them shows it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ..suite import DISTRIBUTED, FIXTURE_WORKER, MODES, Suite

TESTS = """
@pytest.mark.parametrize("i", range(4))
def test_argument(it, i): note("ran")
def test_name(request):
    request.getfixturevalue("it")
    note("ran")
"""


def _suite(suite: Suite, body: str, tests: str = TESTS) -> None:
    suite.write(
        {
            "conftest.py": f"@global_fixture\ndef it():\n    note('up')\n    {body}",
            "test_it.py": tests,
        }
    )


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("raise ValueError('broken')", r"^E       ValueError: broken$"),
        ("assert [1, 2] == [1, 3]", r"^E         At index 1 diff: 2 != 3$"),
        ("pytest.fail('my reason')", r"^E       Failed: my reason$"),
        ("pytest.fail('my reason', pytrace=False)", r"^my reason$"),
        ("raise SystemExit(3)", r"^E       SystemExit: 3$"),
        ("raise type('Mine', (BaseException,), {})('odd')", r"^E .*odd$"),
    ],
)
def test_errors(suite: Suite, body: str, shown: str) -> None:
    _suite(suite, f"print('some output'); {body}")
    result = suite.run_distributed("-W", "ignore::pytest.PytestWarning")
    assert result.noted() == ["up"]
    assert result.outcomes == {"errors": 4, "failed": 1}
    assert result.code == 1
    assert len(result.lines(shown)) == 5
    assert len(result.lines("^some output$")) == 5
    assert len(result.lines("^conftest.py:")) == (0 if "pytrace" in body else 5)
    assert not result.lines("xdist_fixtureworker/")  # no frames of ours


def test_error_is_the_original_exception(suite: Suite) -> None:
    _suite(
        suite,
        "raise ConnectionError(111, 'refused')",
        """
def test_it(request):
    with pytest.raises(ConnectionError) as caught:
        request.getfixturevalue("it")
    assert caught.value.errno == 111
    assert "in it" in str(caught.value.__cause__)
""".replace('"in it"', '"def it()"'),
    )
    assert suite.run_distributed().outcomes == {"passed": 1}


def test_exception_that_cannot_be_pickled(suite: Suite) -> None:
    _suite(
        suite,
        "raise type('Local', (Exception,), {})('cannot travel')",
        TESTS
        + """
import xdist_fixtureworker
def test_type(request):
    with pytest.raises(xdist_fixtureworker.SetUpError, match="cannot travel"):
        request.getfixturevalue("it")
""",
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 4, "failed": 1, "passed": 1}
    assert len(result.lines("^E       .*Local: cannot travel")) == 5


@MODES
def test_skip(suite: Suite, mode: tuple[str, ...]) -> None:
    _suite(suite, "pytest.skip('no server here')")
    result = suite.run(*mode, "-rs")
    assert result.noted() == ["up"]
    assert result.outcomes == {"skipped": 5}
    assert result.code == 0
    assert result.lines(r"SKIPPED \[\d\] test_it.py:\d+: no server here")


@MODES
def test_xfail(suite: Suite, mode: tuple[str, ...]) -> None:
    _suite(suite, "pytest.xfail('known')")
    result = suite.run(*mode, "-rx")
    assert result.noted() == ["up"]
    assert result.outcomes == {"xfailed": 5}
    assert result.lines("XFAIL test_it.py::test_name - .*known")


@pytest.mark.parametrize(("returncode", "code"), [("", 2), (", returncode=7", 7)])
def test_exit_ends_the_session(suite: Suite, returncode: str, code: int) -> None:
    _suite(
        suite, f"pytest.exit('enough'{returncode})", TESTS + "\ndef test_z():\n    note('ran z')"
    )
    result = suite.run_distributed()
    assert result.code == code
    assert result.noted("up", "ran") == ["up"]
    assert result.lines("!!! _pytest.outcomes.Exit: enough !!!")
    assert not result.lines("replacing crashed worker|INTERNALERROR|ERROR at")


def test_failing_dependency_shows_its_own_traceback(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def inner():
    note("inner")
    raise ValueError("inner broke")
@global_fixture
def outer(inner):
    note("outer")
""",
            "test_it.py": "def test_a(outer): pass\ndef test_b(inner): pass\ndef test_c(outer): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 3}
    assert result.noted() == ["inner"]
    assert len(result.lines("^E       ValueError: inner broke")) == 3


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
    for mode in ((), DISTRIBUTED):
        result = suite.run(*mode)
        assert result.outcomes == {"errors": 3}
        assert result.noted() == []
        texts.append(sorted(result.lines("^ScopeMismatch|^conftest.py:|^Requested|^.*tmpdir.py:")))
    assert len([line for line in texts[0] if line.startswith("ScopeMismatch")]) == 3
    assert texts[0] == texts[1]


def test_finalizer_that_raises(suite: Suite) -> None:
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
""",
            "test_it.py": "@pytest.mark.parametrize('i', range(4))\ndef test_it(third, i): pass",
        }
    )
    result = suite.run_distributed("--junitxml=junit.xml")
    assert result.outcomes == {"passed": 4, "errors": 2}
    assert result.code == 1
    assert result.noted() == ["third down", "first down"]
    assert len(result.lines("_ ERROR at teardown of global fixture second _")) == 1
    assert len(result.lines("_ ERROR at teardown of global fixture third _")) == 1
    assert len(result.lines("^E       RuntimeError: cannot drop$")) == 1
    assert len(result.lines("^output of the finalizer$")) == 1
    errors = ElementTree.parse(suite.path / "junit.xml").findall(".//testcase/error")
    assert {"cannot drop" in (error.text or "") for error in errors} == {True, False}
    assert len(errors) == 2
    again = suite.run_distributed("--lf", "-v")
    assert not again.lines("known failures|previous failure")


@pytest.mark.parametrize(
    "raises", ["KeyboardInterrupt()", "SystemExit(5)", "pytest.exit.Exception('now')"]
)
def test_finalizer_that_raises_anything(suite: Suite, raises: str) -> None:
    suite.write(
        {
            "conftest.py": f"""
@global_fixture
def first():
    yield 1
    note("first down")
@global_fixture
def second(first):
    yield 2
    raise {raises}
""",
            "test_it.py": "def test_it(second): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert result.code == 1
    assert result.noted() == ["first down"]


def test_finalizers_of_a_failed_set_up_run(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def it(request):
    request.addfinalizer(lambda: note("down"))
    raise ValueError("too late")
@global_fixture
def odd(request):
    request.addfinalizer(lambda: note("odd down"))
    raise SystemExit("too late")
""",
            "test_it.py": "@pytest.mark.parametrize('i', range(4))\ndef test_it(it, i): pass\n"
            "def test_odd(odd): pass\ndef test_odd2(odd): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 6}
    assert sorted(result.noted()) == ["down", "odd down"]


def test_failing_fixtures_do_not_stop_others(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef bad(): raise ValueError\n@global_fixture\ndef good(): return 1",
            "test_it.py": "def test_bad(bad): pass\ndef test_good(good): assert good == 1\ndef test_none(): pass",
        }
    )
    assert suite.run_distributed().outcomes == {"errors": 1, "passed": 2}


def test_x_and_maxfail(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it():\n    note('up')\n    yield\n    note('down')",
            "test_it.py": "@pytest.mark.parametrize('i', range(40))\ndef test_it(it, i):\n    note('test')\n    assert i != 2",
        }
    )
    result = suite.run_distributed("-x")
    assert result.code == 2
    assert result.noted("up", "down") == ["up", "down"]
    assert result.noted()[-1] == "down"
    assert len(result.noted("test")) < 40
    assert result.lines("stopping after 1 failures")
    result = suite.run_distributed("--maxfail=2")
    assert result.code == 1
    assert len(result.noted("test")) == 40


def test_value_that_cannot_be_pickled(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
import threading, types
@global_fixture
def it():
    yield types.SimpleNamespace(pool={"main": [1, threading.Lock()]})
    note("down")
""",
            "test_it.py": TESTS,
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 4, "failed": 1}
    assert result.noted() == ["down"]
    assert (
        len(result.lines("^the value of the global fixture 'it' .conftest.py:6. cannot be sent"))
        == 5
    )
    assert result.lines("the value.pool\\['main'\\]\\[1\\] \\(a _thread.lock\\)")
    assert result.lines("^Return what the tests need to make their own")
    assert suite.run().outcomes == {"passed": 5}


def test_value_that_cannot_be_unpickled(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
def make():
    if not os.environ["PYTEST_XDIST_WORKER"] == "fixtureworker": raise ValueError("not here")
class Value:
    def __reduce__(self): return make, ()
@global_fixture
def it(): return Value()
""",
            "test_it.py": TESTS,
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 4, "failed": 1}
    assert result.lines("was sent by the fixture worker but cannot be unpickled in test worker gw")


def test_warnings_reach_the_summary_once(suite: Suite) -> None:
    _suite(suite, "import warnings; warnings.warn('from the set-up'); return 1")
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 5, "warnings": 1}
    assert result.lines("UserWarning: from the set-up")
    strict = suite.run_distributed("-W", "error")
    assert strict.outcomes == {"errors": 4, "failed": 1}


def test_log_sections(suite: Suite) -> None:
    _suite(
        suite,
        "import logging; logging.getLogger('mine').error('logged'); print('err', file=sys.stderr); 1 / 0",
    )
    result = suite.run_distributed()
    assert len(result.lines("Captured log setup")) == 5
    assert len(result.lines("ERROR +mine:conftest.py:.* logged")) == 5
    assert len(result.lines("Captured stderr setup")) == 5


def test_worker_id_arithmetic_gets_a_remedy(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session")
def port(worker_id): return 5000 + int(worker_id.replace("gw", ""))
@global_fixture
def it(port): return port
""",
            "test_it.py": "def test_it(it): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"errors": 1}
    assert result.lines("xdist_fixtureworker.is_fixture_worker")


def test_instance_method_is_refused(suite: Suite) -> None:
    suite.write(
        {
            "test_it.py": """
class TestIt:
    @global_fixture
    def it(self): return 1
    def test_it(self, it): pass
def test_other(): pass
"""
        }
    )
    for mode, code in (((), 2), (DISTRIBUTED, 1)):
        result = suite.run(*mode)
        assert result.code == code
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
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 5}
    assert result.lines(
        r"global fixture noticed \(conftest.py:6\) changed URL in os.environ of the"
    )
    assert result.lines(r"@global_fixture\(env=True\)")
    assert "secret-url" not in result.output
    assert not result.lines("REPLAYED|ORDINARY|global fixture above")
    assert suite.run().outcomes == {"passed": 5}
    ends = {note.worker: note.more for note in result.notes if note.what == "end"}
    assert ends["gw0"] == ends["gw1"]
    assert FIXTURE_WORKER in ends


def test_finalizers_run_whatever_hooks_do(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
ended = []
def pytest_runtest_setup(item):
    if ended and item.name == "global fixture it":
        pytest.skip("no more set-ups")
@global_fixture
def it():
    yield
    note("down")
@global_fixture
def last(it):
    yield
    ended.append(True)
""",
            "test_it.py": "def test_it(last): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1}
    assert result.noted() == ["down"]


def test_value_that_is_too_large(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
from xdist_fixtureworker import values
values.LIMIT = 1000  # execnet's, of 2 GiB, is more than a test should need
@global_fixture
def small(): return b"x" * 900
@global_fixture
def large(): return b"x" * 1001
""",
            "test_it.py": "def test_small(small): assert len(small) == 900\ndef test_large(large): pass",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"passed": 1, "errors": 1}
    assert result.lines(
        "^the value of the global fixture 'large. .conftest.py:9. is too large to be sent"
    )

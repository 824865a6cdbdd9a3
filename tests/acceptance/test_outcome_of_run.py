"""What a finalizer sees of the run."""

from __future__ import annotations

import pytest

from ..suite import ONE, Suite

CONFTEST = """
@global_fixture
def it(request):
    yield
    session = request.session
    note("end", failed=session.testsfailed, collected=session.testscollected,
         stop=str(session.shouldstop), fail=str(session.shouldfail), status=int(session.exitstatus))
"""
PASS = "def test_pass(it): pass\n"
FAIL = "def test_fail(it): assert 0\n"


@pytest.mark.parametrize(
    ("tests", "arguments", "code", "expected"),
    [
        (PASS, (), 0, {"failed": 0, "collected": 1, "stop": "False", "fail": "False", "status": 0}),
        (
            PASS + FAIL,
            (),
            1,
            {"failed": 1, "collected": 2, "stop": "False", "fail": "False", "status": 1},
        ),
        (
            FAIL + PASS,
            ("-x",),
            2,
            {
                "failed": 1,
                "collected": 2,
                "stop": "stopping after 1 failures",
                "fail": "stopping after 1 failures",
                "status": 2,
            },
        ),
    ],
    ids=["passed", "failed", "stopped"],
)
def test_distributed(
    suite: Suite, tests: str, arguments: tuple[str, ...], code: int, expected: dict[str, object]
) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": tests})
    result = suite.run(*ONE, *arguments)
    assert result.code == code
    (end,) = result.notes
    assert end.more == expected


def test_serial(suite: Suite) -> None:
    """As pytest has it: all but the exit status, which is not known yet."""
    suite.write({"conftest.py": CONFTEST, "test_it.py": PASS + FAIL})
    result = suite.run()
    assert result.code == 1
    (end,) = result.notes
    assert (end.more["failed"], end.more["collected"]) == (1, 2)


def test_keyboard_interrupt(suite: Suite) -> None:
    tests = PASS + "def test_exit(it): pytest.exit('enough')\n"
    suite.write({"conftest.py": CONFTEST, "test_it.py": tests})
    result = suite.run(*ONE)
    (end,) = result.notes
    assert end.more["status"] == result.code

"""What a set-up that passed has printed and logged is shown with the first test that fails."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ..suite import ONE_MODES, Suite

PRINTS = """
import logging
@global_fixture
def server():
    print("port 4711")
    print("be careful", file=sys.stderr)
    logging.getLogger("server").error("is up")
    return 1
@global_fixture
def tables(server):
    print("tables made")
    return 2
"""


@ONE_MODES
@pytest.mark.parametrize(
    "test",
    [
        "def test_it(tables): assert 0",
        "def test_it(request):\n    request.getfixturevalue('tables')\n    assert 0",
        "def test_it(server, tables): assert 0",
        "@pytest.mark.usefixtures('tables')\nclass TestIt:\n    def test_it(self): assert 0",
    ],
    ids=["argument", "by name", "both", "class"],
)
def test_with_the_first_test(suite: Suite, test: str, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": PRINTS, "test_it.py": test})
    result = suite.run(*mode, "--junitxml=report.xml", "-o", "junit_logging=all")
    assert result.outcomes == {"failed": 1}
    for text in ("port 4711", "be careful", "is up", "tables made"):
        assert len(result.lines(text)) == 1
    case = next(ElementTree.parse(suite.path / "report.xml").iter("testcase"))
    out = case.findtext("system-out") or ""
    assert out.index("port 4711") < out.index("tables made")
    assert "is up" in out
    assert "be careful" in (case.findtext("system-err") or "")


@ONE_MODES
def test_not_with_the_second_one(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": PRINTS,
            "test_it.py": "def test_a(server): pass\ndef test_b(tables): assert 0\n"
            "def test_c(tables): assert 0",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 1, "failed": 2}
    assert result.lines("port 4711") == []  # test_a has it, and passed
    assert len(result.lines("tables made")) == 1
    assert len(suite.run(*mode, "-rP").lines("port 4711")) == 1


def test_in_each_test_worker(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": PRINTS,
            "test_it.py": """
import time
@pytest.mark.parametrize("i", range(2))
def test_it(tables, i):
    note(f"test {i}")
    open(str(i), "w")
    while not os.path.exists(str(1 - i)): time.sleep(0.01)
    assert 0
""",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"failed": 2}
    assert len(result.lines("port 4711")) == 2

"""What a set-up that passed has printed and logged is shown with the first test that fails."""

from __future__ import annotations

from xml.etree import ElementTree

from ..suite import ONE_MODES, Suite

PRINTS = """
import logging
@global_fixture
def server():
    print("port {number}")
    print("be careful {number}", file=sys.stderr)
    logging.getLogger("server").error("is up {number}")
    return 1
@global_fixture
def tables(server):
    print("tables made {number}")
    return 2
"""
#: In a directory each, with a conftest that prints.
TESTS = {
    "argument": "def test_argument(tables): assert 0",
    "by_name": "def test_by_name(request):\n    request.getfixturevalue('tables')\n    assert 0",
    "both": "def test_both(server, tables): assert 0",
    "class": "@pytest.mark.usefixtures('tables')\nclass TestIt:\n    def test_class(self): assert 0",
}
SECOND = """
def test_a(server): pass
def test_b(tables): assert 0
def test_c(tables): assert 0
"""


@ONE_MODES
def test_with_the_first_test(suite: Suite, mode: tuple[str, ...]) -> None:
    for number, (name, test) in enumerate(TESTS.items()):
        conftest = PRINTS.format(number=number)
        suite.write({f"{name}/conftest.py": conftest, f"{name}/test_{name}.py": test})
    suite.write({"second/conftest.py": PRINTS.format(number=9), "second/test_second.py": SECOND})

    result = suite.run(*mode, "--junitxml=report.xml", "-o", "junit_logging=all")
    assert result.outcomes == {"passed": 1, "failed": len(TESTS) + 2}
    cases = {
        case.attrib["name"]: case
        for case in ElementTree.parse(suite.path / "report.xml").iter("testcase")
    }
    if mode:
        assert result.lines(
            "^-+ Captured stdout setup of global fixture server .fixture worker. -+$"
        )
        assert result.lines(
            "^-+ Captured stdout setup of global fixture tables .fixture worker. -+$"
        )
    for number, name in enumerate(TESTS):
        for text in ("port", "be careful", "is up", "tables made"):
            assert len(result.lines(f"{text} {number}")) == 1, name
        case = cases[f"test_{name}"]
        out = case.findtext("system-out") or ""
        assert out.index(f"port {number}") < out.index(f"tables made {number}")
        assert f"is up {number}" in out
        assert f"be careful {number}" in (case.findtext("system-err") or "")
    assert result.lines("port 9") == []  # test_a has it, and passed
    assert "port 9" in (cases["test_a"].findtext("system-out") or "")
    assert len(result.lines("tables made 9")) == 1  # not with test_c


def test_in_each_test_worker(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": PRINTS.format(number=4711),
            "test_it.py": """
@pytest.mark.parametrize("i", range(2))
def test_it(tables, i):
    note(f"test {i}")
    open(str(i), "w")
    wait_for(str(1 - i))
    assert 0
""",
        }
    )
    result = suite.run_distributed()
    assert result.outcomes == {"failed": 2}
    assert len(result.lines("port 4711")) == 2

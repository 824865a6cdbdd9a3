"""pytest-json-report: tests, and finalizers that failed, are in the report; set-ups are not."""

from __future__ import annotations

import json

from ..suite import ONE_MODES, Suite

PLUGINS = ("-p", "metadata", "-p", "pytest_jsonreport")


@ONE_MODES
def test_report(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def good(): yield 1
@global_fixture
def broken(): raise ConnectionError("no server")
@global_fixture
def undone():
    yield
    raise RuntimeError("could not stop")
""",
            "test_it.py": "def test_good(good, undone): pass\ndef test_broken(broken): pass",
        }
    )
    file = "--json-report-file=report.json"
    result = suite.run(*mode, *PLUGINS, "--json-report", file, subprocess=True)
    assert result.outcomes == {"passed": 1, "errors": 2}
    report = json.loads((suite.path / "report.json").read_text(encoding="utf-8"))
    found = {test["nodeid"]: test["outcome"] for test in report["tests"]}
    assert found == {
        "test_it.py::test_good": "passed",
        "test_it.py::test_broken": "error",
        **({"conftest.py::global fixture undone": "error"} if mode else {}),
    }

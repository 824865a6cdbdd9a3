"""pytest-html: tests, failed set-ups and failed finalizers are in the report."""

from __future__ import annotations

import html
import json
import re

from ..suite import ONE_MODES, Suite

PLUGINS = ("-p", "metadata", "-p", "pytest_html.plugin")


def results(suite: Suite) -> dict[str, list[str]]:
    """The outcomes in the report, by node id."""
    page = (suite.path / "report.html").read_text()
    data = re.search(r'data-jsonblob="([^"]*)"', page)
    assert data
    tests = json.loads(html.unescape(data[1]))["tests"]
    return {name: [row["result"] for row in rows] for name, rows in tests.items()}


@ONE_MODES
def test_report(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def good(): return 1
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
    result = suite.run(*mode, *PLUGINS, "--html=report.html", "--self-contained-html")
    assert result.outcomes == {"passed": 1, "errors": 2}
    found = results(suite)
    finalizer = "conftest.py::global fixture undone" if mode else "test_it.py::test_broken"
    text = (suite.path / "report.html").read_text()
    assert "no server" in text
    assert "could not stop" in text
    assert found["test_it.py::test_good"] == ["Passed"]
    assert "Error" in found["test_it.py::test_broken"]
    assert found[finalizer].count("Error") == (1 if mode else 2)

"""allure-pytest, which writes its results in each worker: those of tests, and of nothing else."""

from __future__ import annotations

import json

from ..suite import ONE_MODES, Suite


def results(suite: Suite) -> dict[str, str]:
    """The status of each test case, by name."""
    written = (suite.path / "allure").glob("*-result.json")
    found = [json.loads(file.read_text(encoding="utf-8")) for file in written]
    statuses = {result["name"]: result["status"] for result in found}
    assert len(statuses) == len(found)  # none is there twice
    return statuses


@ONE_MODES
def test_results(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@pytest.fixture(scope="session")
def plain(): yield
@global_fixture
def good(plain): yield 1
@global_fixture
def broken(good): raise ConnectionError("no server")
@global_fixture
def undone(good):
    yield
    raise RuntimeError("could not stop")
""",
            "test_it.py": """
@pytest.mark.parametrize("i", range(2))
def test_good(good, i): pass
def test_undone(undone): pass
def test_broken(broken): pass
""",
        }
    )
    result = suite.run(*mode, "-p", "allure_pytest", "--alluredir=allure", subprocess=True)
    assert result.outcomes == {"passed": 3, "errors": 2}
    assert results(suite) == {
        "test_good[0]": "passed",
        "test_good[1]": "passed",
        "test_undone": "passed",
        "test_broken": "broken",
    }

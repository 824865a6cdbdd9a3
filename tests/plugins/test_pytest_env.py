"""pytest-env: the variables of the configuration are set in the fixture worker, too."""

from __future__ import annotations

from ..suite import ONE_MODES, Suite


@ONE_MODES
def test_variables(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "pytest.ini": "[pytest]\npythonpath = .\nenv =\n    SHOP_URL=http://localhost\n",
            "conftest.py": """
@global_fixture
def url():
    os.environ["SHOP_URL"]
    return os.environ["SHOP_URL"]
@global_fixture(env=True)
def changed(): os.environ["SHOP_URL"] += ":8080"
""",
            "test_it.py": """
def test_url(url): assert url.startswith("http://localhost")
def test_changed(changed): assert os.environ["SHOP_URL"] == "http://localhost:8080"
""",
        }
    )
    result = suite.run(*mode, "-p", "env", subprocess=True)
    assert result.outcomes == {"passed": 2}
    assert not result.lines("changed SHOP_URL")

"""The summary says which values were changed where nobody else sees it."""

from __future__ import annotations

from ..suite import ONE, Suite


def test_changed_values(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def rows():
    rows = []
    yield rows
    note(f"{len(rows)} rows")
@global_fixture
def registry(): return {}
@global_fixture
def plugin(registry): registry["plugin"] = 1
@global_fixture
def restored(): return {"a": 1}
""",
            "test_it.py": """
@pytest.mark.parametrize("i", range(6))
def test_rows(rows, i): rows.append(i)
def test_asked_before(registry): assert registry == {}
def test_asked_after(plugin, registry): assert registry == {}
def test_restored(restored, monkeypatch): monkeypatch.setitem(restored, "a", 2)
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 9}
    assert result.noted() == ["0 rows"]
    told = result.lines("was changed")
    assert len(told) == 2
    assert told[0].startswith(
        "the value of the global fixture registry (conftest.py:10) was changed in the fixture worker"
    )
    assert told[1].startswith(
        "the value of the global fixture rows (conftest.py:5) was changed in test workers (gw0), "
    )

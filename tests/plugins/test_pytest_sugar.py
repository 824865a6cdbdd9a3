"""pytest-sugar: its progress counts tests, and nothing of ours disturbs it."""

from __future__ import annotations

from ..suite import MODES, Suite


@MODES
def test_progress(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def shared():
    note("up")
    yield 1
    note("down")
""",
            "test_it.py": "@pytest.mark.parametrize('i', range(10))\ndef test_it(shared, i): pass",
        }
    )
    result = suite.run(*mode, "-p", "sugar", "--force-sugar")
    assert result.code == 0
    assert result.lines("10 passed")
    assert result.lines("100%")
    assert not result.lines(r"\b1[1-9]\d%")
    assert result.noted() == ["up", "down"]


@MODES
def test_failures(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
@global_fixture
def broken(): raise ConnectionError("no server")
@global_fixture
def undone():
    yield
    raise RuntimeError("could not stop")
""",
            "test_it.py": "def test_undone(undone): pass\ndef test_broken(broken): pass",
        }
    )
    result = suite.run(*mode, "-p", "sugar", "--force-sugar")
    assert result.code == 1
    assert result.lines("ConnectionError: no server")
    assert result.lines("RuntimeError: could not stop")
    assert result.lines("1 passed")
    assert not result.lines("INTERNALERROR")

"""All plugins of the table at once, found by their entry points, ours and xdist's among them."""

from __future__ import annotations

import pytest

from ..isolation import ONLY_OURS
from ..suite import MODES, Suite


@MODES
def test_all_that_are_installed(
    suite: Suite, mode: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ONLY_OURS:
        monkeypatch.delenv(name)
    suite.write(
        {
            "conftest.py": """
@global_fixture
def shared():
    note("up")
    yield "shared"
    note("down")
""",
            "test_it.py": """
def test_argument(shared): assert shared == "shared"
def test_later(request): assert request.getfixturevalue("shared") == "shared"
""",
        }
    )
    result = suite.run(*mode, subprocess=True)
    assert result.code == 0
    assert result.lines("2 passed")
    assert result.noted() == ["up", "down"]
    for plugin in ("randomly", "timeout", "anyio", "cov", "fixtureworker"):
        assert result.lines(f"^plugins: .*{plugin}-") or result.lines(f"{plugin}-[0-9]"), plugin

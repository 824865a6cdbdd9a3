"""The place in the user's code where an exception came up."""

from __future__ import annotations

import json
from pathlib import Path

import pluggy
import pytest

from xdist_fixtureworker.declared.locations import place_in


def place_of(path: Path, source: str) -> str | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    try:
        exec(compile(source, str(path), "exec"), {"__name__": path.stem, "json": json})
    except Exception as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # not ours
        return place_in(error)
    raise AssertionError("nothing was raised")


def test_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    conftest = tmp_path / "sub" / "conftest.py"
    assert place_of(conftest, "def f():\n    1 / 0\nf()\n") == "sub/conftest.py:2"
    # Rather where a library is called than in it, also if its folder is in that of the project.
    assert place_of(conftest, "\njson.loads('{')") == "sub/conftest.py:2"
    library = tmp_path / "site-packages" / "library.py"
    assert place_of(library, "\n1 / 0") == "site-packages/library.py:2"


def test_no_place() -> None:
    assert place_in(KeyboardInterrupt()) is None
    manager = pluggy.PluginManager("it")
    with pytest.raises(ValueError, match="already") as excinfo:
        manager.register(manager.register(pytest) and pytest)
    error = excinfo.value
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    assert place_in(error) is None

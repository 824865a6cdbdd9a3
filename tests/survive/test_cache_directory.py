"""pytest's cache directory may come with a repository: what lies in it ends no run and hurts nobody."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from ..suite import ONE_MODES, Suite

OURS = "{:032x}-1.json".format
CONTENT = {
    "version": 3,
    "host": socket.gethostname(),
    "run": "r",
    "testrun_uid": "u",
    "started": 1e9,
    "controller": {"pid": 1, "started": "never"},
    "fixture_worker": {"pid": 1, "started": "never"},
    "fixtures": [{"id": 1, "fixture": "\x1b[2Jserver", "where": "\x1b]0;title\x07", "since": 1e9}],
}


@pytest.fixture
def folder(suite: Suite) -> Path:
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef first(): note('up')",
            "test_it.py": "def test_it(first): pass",
        }
    )
    folder = suite.path / ".pytest_cache" / "fixture_worker"
    folder.mkdir(parents=True)
    return folder


@ONE_MODES
def test_what_a_repository_ships(suite: Suite, folder: Path, mode: tuple[str, ...]) -> None:
    os.mkfifo(folder / "x.json")
    (folder / "notes.json").write_text("{")
    os.mkfifo(folder / OURS(1))
    (folder / OURS(2)).symlink_to("/dev/zero")
    (folder / OURS(3)).write_text("[" * 100_000)
    (folder / OURS(4)).write_text(json.dumps(CONTENT | {"controller": {"pid": -5}}))
    (folder / OURS(5)).write_text(json.dumps(CONTENT | {"started": 1e300}))
    (folder / OURS(6)).write_text(json.dumps(CONTENT))
    result = suite.run(*mode)
    assert result.code == 0
    assert result.outcomes == {"passed": 1}
    assert len(result.lines("is damaged; it is now ")) == 5
    assert "\x1b[2J" not in result.output
    assert "\x07" not in result.output
    assert result.lines(r"the global fixture \\x1b\[2Jserver \(\\x1b\]0;title\\x07\) unfinalized")
    assert (folder / "notes.json").read_text() == "{"
    assert not suite.run(*mode).lines("is damaged|was killed")


@ONE_MODES
def test_a_linked_directory_is_not_ours(suite: Suite, folder: Path, mode: tuple[str, ...]) -> None:
    elsewhere = suite.path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    (elsewhere / OURS(1)).write_text("{")
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 1}
    assert [file.name for file in elsewhere.iterdir()] == [OURS(1)]

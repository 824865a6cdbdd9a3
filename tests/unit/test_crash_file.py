"""What a run notes of what is set up, and what the next run reads of it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xdist_fixtureworker.processes.crash_file import CrashFile, forget, read_leftovers, remove
from xdist_fixtureworker.processes.identity import Identity

ME = Identity.of(os.getpid())
UID = "testrun"
RUN, OTHER = "0" * 32, "f" * 32


@pytest.fixture(scope="module")
def dead() -> Identity:
    """A process that was there."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = Identity.of(child.pid)
        assert process.runs
    return process


@pytest.fixture
def alive() -> Iterator[Identity]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield Identity.of(child.pid)


def written(directory: Path, *names: str, run: str = RUN) -> Path:
    """The file of a run that has set up these fixtures. Its fixture worker is this process."""
    ledger = CrashFile(directory, run, UID, ME, [f"/tmp/pytest-fixtureworker-{run}"])
    for key, name in enumerate(names):
        ledger.add(key, name, f"conftest.py:{key}")
    (file,) = directory.glob(f"{run}-*")
    return file


def change(file: Path, **content: Any) -> None:
    first, *changes = file.read_text().split("\n")
    file.write_text("\n".join([json.dumps({**json.loads(first), **content}), *changes]))


def as_json(process: Identity) -> dict[str, object]:
    return {"pid": process.pid, "started": process.started}


def killed(directory: Path, dead: Identity, *names: str, run: str = RUN) -> Path:
    """The file of a run whose processes are gone."""
    file = written(directory, *names, run=run)
    change(file, controller=as_json(dead), fixture_worker=as_json(dead))
    return file


def test_what_is_left_is_read_once(tmp_path: Path, dead: Identity) -> None:
    killed(tmp_path, dead, "server", "tables")
    leftovers, damaged = read_leftovers(tmp_path)
    (leftover,) = leftovers
    assert damaged == []
    assert [(live.fixture, live.where) for live in leftover.fixtures] == [
        ("server", "conftest.py:0"),
        ("tables", "conftest.py:1"),
    ]
    assert (leftover.controller, leftover.fixture_worker) == (dead, dead)
    assert (leftover.run, leftover.testrun_uid) == (RUN, UID)
    assert leftover.run_files == (Path(f"/tmp/pytest-fixtureworker-{RUN}"),)
    assert leftover.started <= leftover.fixtures[0].since <= leftover.fixtures[1].since
    remove(leftovers)
    assert read_leftovers(tmp_path) == ([], [])
    assert list(tmp_path.iterdir()) == []


def left(directory: Path, dead: Identity) -> list[str]:
    """What the next run would say is left, if this one were killed now."""
    (file,) = directory.iterdir()
    text = file.read_text()
    change(file, controller=as_json(dead), fixture_worker=as_json(dead))
    ((leftover,), damaged) = read_leftovers(directory)
    assert damaged == []
    file.write_text(text)
    return [live.fixture for live in leftover.fixtures]


def test_what_is_finalized_is_not_left(tmp_path: Path, dead: Identity) -> None:
    ledger = CrashFile(tmp_path, RUN, UID, ME)
    ledger.add(1, "server", "conftest.py:1")
    ledger.add(2, "tables", "conftest.py:2")
    ledger.remove(3)  # a plain session fixture
    assert left(tmp_path, dead) == ["server", "tables"]
    ledger.remove(2)
    assert left(tmp_path, dead) == ["server"]
    ledger.add(4, "tables", "conftest.py:2")
    assert left(tmp_path, dead) == ["server", "tables"]
    ledger.remove(4)
    ledger.remove(1)
    assert list(tmp_path.iterdir()) == []
    ledger.add(5, "later", "conftest.py:5")
    assert left(tmp_path, dead) == ["later"]


def test_a_line_that_was_not_written_to_its_end_does_not_count(
    tmp_path: Path, dead: Identity
) -> None:
    file = killed(tmp_path, dead, "server", "tables", "cut")
    file.write_text(file.read_text()[:-5])
    ((leftover,), damaged) = read_leftovers(tmp_path)
    assert damaged == []
    assert [live.fixture for live in leftover.fixtures] == ["server", "tables"]


def test_a_file_that_somebody_removes_is_written_again(tmp_path: Path, dead: Identity) -> None:
    ledger = CrashFile(tmp_path / "made", RUN, UID, ME)
    ledger.add(1, "server", "conftest.py:1")
    shutil.rmtree(tmp_path / "made")
    ledger.add(2, "tables", "conftest.py:2")
    assert left(tmp_path / "made", dead) == ["server", "tables"]


def test_a_file_does_not_grow_with_what_is_finalized(tmp_path: Path, dead: Identity) -> None:
    ledger = CrashFile(tmp_path, RUN, UID, ME)
    ledger.add(1, "server", "conftest.py:1")
    for key in range(2, 7000):  # some 1.2 MB of changes
        ledger.add(key, "tables", "conftest.py:2" * 5)
        ledger.remove(key)
    assert left(tmp_path, dead) == ["server"]


def test_a_file_that_is_kept_for_processes_that_are_left(tmp_path: Path, dead: Identity) -> None:
    ledger = CrashFile(tmp_path, RUN, UID, ME)
    ledger.add(1, "server", "conftest.py:1")
    ledger.remove(1)
    ledger.keep()
    (file,) = tmp_path.iterdir()
    change(file, controller=as_json(dead), fixture_worker=as_json(dead))
    ((leftover,), _) = read_leftovers(tmp_path)
    assert (leftover.run, leftover.fixtures) == (RUN, ())


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = written(tmp_path / "made", "server")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("role", ["controller", "fixture_worker"])
def test_a_run_that_goes_on_is_never_told(
    tmp_path: Path, dead: Identity, alive: Identity, role: str
) -> None:
    file = killed(tmp_path, dead, "server")
    change(file, **{role: as_json(alive)})
    assert read_leftovers(tmp_path) == ([], [])
    assert file.exists()


@pytest.mark.parametrize(
    "content", [{"host": "another"}, {"version": 99}], ids=["host", "newer version"]
)
def test_what_cannot_be_judged_here_stays(
    tmp_path: Path, dead: Identity, content: dict[str, Any]
) -> None:
    file = killed(tmp_path, dead, "server")
    change(file, **content)
    assert read_leftovers(tmp_path) == ([], [])
    assert file.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        b"\xff\xfe",
        '{"version": 3}',
        '{"version": 3, "host": HOST, "started": 1e400, "controller": PID, "fixture_worker": PID, "fixtures": []}',
        '{"version": 3, "host": HOST, "started": 0, "controller": {"pid": -5, "started": ""}, "fixture_worker": PID, "fixtures": []}',
        '{"version": 3, "host": HOST, "started": -1e15, "controller": PID, "fixture_worker": PID, "fixtures": []}',
        '{"version": 3, "host": HOST, "started": NaN, "controller": PID, "fixture_worker": PID, "fixtures": []}',
        '{"version": 3, "host": HOST, "started": 0, "controller": PID, "fixture_worker": PID, "fixtures": [{"id": 1, "fixture": ["a"], "where": "b", "since": 0}]}',
        "[" * 200_000,
        '{"version": 3, "host": HOST, "run": "' + "x" * (1 << 20) + '"}',
        '{"version": 3, "host": HOST, "started": 0, "controller": {}, "fixture_worker": PID, "fixtures": []}',
        '{"version": 3, "host": HOST, "started": 0, "controller": PID, "fixture_worker": PID, "fixtures": [1]}',
    ],
    ids=lambda text: f"{text[:90]}",
)
def test_a_damaged_file_is_set_aside(tmp_path: Path, text: str | bytes) -> None:
    file = written(tmp_path, "server")
    host = json.dumps(json.loads(file.read_text())["host"])
    if isinstance(text, str):
        text = text.replace("HOST", host).replace("PID", '{"pid": 1, "started": "1"}').encode()
    file.write_bytes(text)
    leftovers, (aside,) = read_leftovers(tmp_path)
    assert leftovers == []
    assert aside.read_bytes() == text
    assert not file.exists()
    assert read_leftovers(tmp_path) == ([], [])


NAME = f"{RUN}-1.json"


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A repository can ship such things. Opening a named pipe waits for who writes into it, and
    reading /dev/zero never ends."""
    os.mkfifo(tmp_path / NAME)
    (tmp_path / NAME.replace("-1", "-2")).symlink_to("/dev/zero")
    (tmp_path / NAME.replace("-1", "-3")).mkdir()
    secret = tmp_path / "secret"
    secret.write_text("{")
    (tmp_path / NAME.replace("-1", "-4")).symlink_to(secret)
    leftovers, damaged = read_leftovers(tmp_path)
    assert leftovers == []
    assert [file.name for file in damaged] == [f"{RUN}-{number}.damaged" for number in (1, 2, 3, 4)]
    assert secret.read_text() == "{"
    assert read_leftovers(tmp_path) == ([], [])


@pytest.mark.parametrize(
    "name",
    ["x.json", "package.json", f"{RUN}.json", f"{RUN[1:]}-1.json", f"{RUN}-1.txt", f"{RUN}-0.json"],
)
def test_files_of_other_names_are_left_alone(tmp_path: Path, name: str) -> None:
    """The directory may be the user's own, with cache_dir = . for instance."""
    (tmp_path / name).write_text("{")
    os.mkfifo(tmp_path / "pipe.json")
    assert read_leftovers(tmp_path) == ([], [])
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([name, "pipe.json"])


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")
def test_files_of_other_users_are_left_alone(tmp_path: Path, dead: Identity) -> None:
    file = killed(tmp_path, dead, "server")
    os.chown(file, 65534, 65534)
    assert read_leftovers(tmp_path) == ([], [])
    assert file.exists()


def test_one_damaged_file_does_not_hide_another(tmp_path: Path, dead: Identity) -> None:
    written(tmp_path, "server", run=RUN).write_text("{")
    killed(tmp_path, dead, "tables", run=OTHER)
    leftovers, damaged = read_leftovers(tmp_path)
    assert [leftover.fixtures[0].fixture for leftover in leftovers] == ["tables"]
    assert len(damaged) == 1


def test_a_run_that_told_it_itself_is_forgotten(tmp_path: Path, dead: Identity) -> None:
    killed(tmp_path, dead, "server", run=RUN)
    other = killed(tmp_path, dead, "server", run=OTHER)
    forget(tmp_path, RUN)
    assert list(tmp_path.iterdir()) == [other]


def test_a_directory_that_cannot_be_made_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ledger = CrashFile(tmp_path / "file" / "below", RUN, UID, ME)
    ledger.add(1, "server", "conftest.py:1")
    ledger.remove(1)
    assert read_leftovers(tmp_path / "file" / "below") == ([], [])

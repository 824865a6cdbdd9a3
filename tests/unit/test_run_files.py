"""Large values in files: where and how they are written, mapped, refused and removed."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import PickleBuffer
from typing import Any

import pytest

from xdist_fixtureworker.controller.service import places_for_files
from xdist_fixtureworker.declared.decorator import Declaration
from xdist_fixtureworker.errors import CannotWriteError
from xdist_fixtureworker.fixture_worker.large import LargeValues
from xdist_fixtureworker.processes.run_files import RunFiles, remove
from xdist_fixtureworker.roles import RUN_FILES
from xdist_fixtureworker.sharing.mapping import mapped, size, unpack_from
from xdist_fixtureworker.sharing.values import share
from xdist_fixtureworker.wire import pickles
from xdist_fixtureworker.wire.frozen import replace
from xdist_fixtureworker.wire.messages import LANE_BITS, Inline, Mapped, Span

RUN = "0" * 32
BYTES = bytes(range(256)) * 400  # larger than what pickle writes at once


class Array:
    """Gives its memory to pickle, as arrays of libraries do."""

    def __init__(self, memory: Any) -> None:
        self.memory = memoryview(memory)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Array, (PickleBuffer(self.memory),)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / f"{RUN_FILES}{RUN}"


@pytest.fixture(scope="module")
def tmpfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system in memory with 8 MB, as a process sees it that has mounted it for itself."""
    folder = tmp_path_factory.mktemp("tmpfs")
    mount = f"mount -t tmpfs -o size=8m tmpfs '{folder}' && echo ready && exec cat"
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--mount", "sh", "-c", mount]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except FileNotFoundError as error:
        pytest.skip(f"no tmpfs can be mounted: {error}")
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        if process.stdout.readline() != b"ready\n":
            pytest.skip(f"no tmpfs can be mounted: {process.stderr.read().decode()}")
        yield Path(f"/proc/{process.pid}/root/{folder}")
        process.kill()


@pytest.fixture
def in_memory(tmpfs: Path, directory: Path) -> Iterator[Path]:
    """The directory of the run in memory."""
    yield tmpfs / directory.name
    assert os.listdir(tmpfs) == []


@pytest.fixture
def files(directory: Path) -> Iterator[RunFiles]:
    files = RunFiles([directory])
    yield files
    files.remove()


def add(files: RunFiles, value: object) -> Mapped:
    with files.new() as file:
        buffers = pickles.pack_into(file, value)
        try:
            return file.finish(buffers)
        finally:
            for buffer in buffers:
                buffer.release()


def read(value: Mapped) -> Any:
    content = mapped(value)
    assert content is not None
    return unpack_from(value, content)


@contextmanager
def no_larger_files_than(size: int) -> Iterator[None]:
    """A disk that is full for this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_buffers_are_used_where_they_are_mapped(files: RunFiles) -> None:
    small = bytearray(b"small")
    value = {
        "arrays": [Array(bytearray(BYTES)), Array(small)],
        "bytes": BYTES,
        "bytearray": bytearray(BYTES),
        "view": memoryview(BYTES).cast("H"),
        "text": "é" * 100_000,
    }
    sent = add(files, value)
    content = mapped(sent)
    assert content is not None
    received: Any = unpack_from(sent, content)
    large, copied = received["arrays"]
    assert large.memory == BYTES
    assert large.memory.obj is content.obj  # and so read-only
    with pytest.raises(TypeError):
        large.memory[0] = 1
    assert (copied.memory, copied.memory.readonly) == (small, False)
    assert (type(received["bytes"]), received["bytes"]) == (bytes, BYTES)
    assert (type(received["bytearray"]), received["bytearray"]) == (bytearray, BYTES)
    assert (received["view"].format, received["view"].readonly) == ("H", True)
    assert received["view"].tobytes() == BYTES
    assert received["view"].obj is content.obj
    assert received["text"] == value["text"]
    assert all(span.start % 64 == 0 for span in (sent.pickle, *sent.buffers))


class UsedUp:
    """Can be pickled once."""

    def __init__(self, *parts: object) -> None:
        self._parts = iter(parts)

    def __reduce__(self) -> Any:
        return list, (list(self._parts),)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([b"small"], Inline),
        ([bytes(60_000)], Inline),
        ([bytes(60_000), bytes(40_000)], Mapped),
        ([Array(bytes(60_000)), Array(bytearray(30_000))], Inline),
        ([Array(bytes(60_000)), Array(bytearray(40_000))], Mapped),  # each of them is small
        ([bytes(60_000), Array(bytearray(60_000))], Mapped),
        ([Array(bytearray(60_000)), bytes(60_000)], Mapped),
    ],
)
def test_a_value_is_pickled_once(
    directory: Path, parts: list[Any], kind: type[Inline | Mapped]
) -> None:
    """Nobody knows before whether it is large."""
    large = LargeValues(lambda _: None)
    large.mapped_from, large.directories = 100_000, [directory]
    sent = share(Declaration("data", "conftest.py:7"), UsedUp(*parts), files=large)
    assert isinstance(sent, kind)
    received: Any = read(sent) if isinstance(sent, Mapped) else pickles.unpack(sent.data)
    for part, other in zip(parts, received, strict=True):
        if isinstance(part, Array):
            assert other.memory == part.memory
            # What is mapped cannot be written to; a copy can, as what was copied.
            assert other.memory.readonly == (kind is Mapped or part.memory.readonly)
        else:
            assert other == part
    large.remove()
    assert not directory.exists()


def test_nobody_else_can_read_them(files: RunFiles, directory: Path) -> None:
    sent = add(files, BYTES)
    assert Path(sent.file).parent == directory
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(os.stat(sent.file).st_mode) == 0o600


def test_another_file_of_that_name_is_not_mapped(files: RunFiles, tmp_path: Path) -> None:
    """As on another machine, where nothing is guessed from the name."""
    sent = add(files, BYTES)
    other = tmp_path / "other"
    content = Path(sent.file).read_bytes()

    def is_mapped() -> bool:
        return mapped(replace(sent, file=str(other))) is not None

    assert not is_mapped()
    other.write_bytes(bytes(len(content)))
    assert not is_mapped()
    other.write_bytes(content[:-1])
    assert not is_mapped()
    other.write_bytes(content)
    assert is_mapped()
    other.unlink()
    other.symlink_to(sent.file)
    assert not is_mapped()
    other.unlink()
    os.mkfifo(other)
    assert not is_mapped()


def test_who_has_mapped_it_keeps_it(files: RunFiles) -> None:
    sent = add(files, [Array(BYTES)])
    received = read(sent)
    files.remove()
    assert mapped(sent) is None
    assert received[0].memory == BYTES


def test_files_are_not_kept_open(files: RunFiles) -> None:
    """A process may have few files open, and any number of values."""
    value = add(files, Array(BYTES))
    descriptor = os.open(value.file, os.O_RDONLY)  # the lowest number that is free
    os.close(descriptor)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptor + 3, before[1]))
    try:
        contents = [(mapped(value), mapped(value, private=True)) for _ in range(10)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for content, own in contents:
        assert content is not None
        assert own is not None
        assert unpack_from(value, content).memory == BYTES  # type: ignore[attr-defined]  # an Array
        assert (content.readonly, own.readonly) == (True, False)


def test_parts_of_it(files: RunFiles) -> None:
    sent = add(files, BYTES)
    content = Path(sent.file).read_bytes()
    assert size(sent) == len(content)
    assert files.read(sent.number, Span(0, size(sent))) == content
    assert files.read(sent.number, Span(100, 7)) == content[100:107]
    Path(sent.file).unlink()
    with pytest.raises(FileNotFoundError):
        files.read(sent.number, Span(0, 1))


def test_a_full_disk(files: RunFiles, directory: Path) -> None:
    add(files, b"first")
    with no_larger_files_than(50_000), pytest.raises(CannotWriteError) as excinfo:
        add(files, BYTES)
    assert excinfo.value.file == str(directory / "2")
    assert str(excinfo.value.cause) == "[Errno 27] File too large"
    assert [file.name for file in directory.iterdir()] == ["1"]
    with no_larger_files_than(50_000), pytest.raises(CannotWriteError):
        add(files, Array(BYTES))
    assert [file.name for file in directory.iterdir()] == ["1"]
    assert read(add(files, BYTES)) == BYTES


def test_what_pickle_raises_leaves_no_file(files: RunFiles, directory: Path) -> None:
    class Refused:
        def __reduce__(self) -> Any:
            raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        add(files, [BYTES, Refused()])
    assert list(directory.iterdir()) == []


def test_a_directory_that_is_there_already(files: RunFiles, directory: Path) -> None:
    """Somebody may have made it to read what comes there."""
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    with pytest.raises(CannotWriteError) as excinfo:
        add(files, BYTES)
    assert str(excinfo.value.cause) == "it is there already, and is not of this run"
    directory.rmdir()
    directory.symlink_to(directory.parent)
    with pytest.raises(CannotWriteError):
        add(files, BYTES)


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    directory = tmp_path / "missing" / "directory"
    with pytest.raises(CannotWriteError) as excinfo:
        add(RunFiles([directory]), BYTES)
    assert excinfo.value.file == str(directory)


# --- in memory, or among the temporary files


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(variable, raising=False)
    temporary = Path(tempfile.gettempdir(), f"{RUN_FILES}{RUN}")
    both = (Path("/dev/shm", temporary.name), temporary)
    assert places_for_files(RUN, is_noted=False) == (temporary,)
    expected = both if os.path.ismount("/dev/shm") else (temporary,)
    assert places_for_files(RUN, is_noted=True) == expected
    for variable in ("TMPDIR", "TEMP", "TMP"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, tempfile.gettempdir())
            assert places_for_files(RUN, is_noted=True) == (temporary,)


def test_a_file_is_in_memory(in_memory: Path, directory: Path) -> None:
    files = RunFiles([in_memory, directory])
    sent = add(files, [Array(BYTES), BYTES])
    assert Path(sent.file).parent == in_memory
    assert stat.S_IMODE(in_memory.stat().st_mode) == 0o700
    assert stat.S_IMODE(os.stat(sent.file).st_mode) == 0o600
    assert not directory.exists()
    received = read(sent)
    assert (received[0].memory, received[1]) == (BYTES, BYTES)
    assert files.read(sent.number, Span(0, 16)) == sent.token
    files.remove()
    assert not in_memory.exists()


def test_half_of_it_stays_free(in_memory: Path, directory: Path) -> None:
    """Buffers are counted before they are written; of what is pickled, nobody knows the size."""
    files = RunFiles([in_memory, directory])
    three = bytes(3 << 20)
    first = add(files, Array(three))
    second = add(files, [Array(bytes(1 << 20)), Array(bytes(1 << 20))])
    third = add(files, [BYTES] * 2 + [bytes([i]) * 600_000 for i in range(3)])
    fourth = add(files, b"small")
    parents = [Path(sent.file).parent for sent in (first, second, third, fourth)]
    assert parents == [in_memory, directory, directory, directory]
    assert os.listdir(in_memory) == ["1"]
    assert read(third) == [BYTES] * 2 + [bytes([i]) * 600_000 for i in range(3)]
    assert files.read(third.number, Span(0, 16)) == third.token
    files.remove()
    assert not in_memory.exists()
    assert not directory.exists()


def test_it_is_full_all_the_same(in_memory: Path, directory: Path) -> None:
    """What was written so far goes along."""
    ballast = in_memory.parent / "ballast"

    files = RunFiles([in_memory, directory])
    try:
        with files.new() as file:
            pickles.pack_into(file, BYTES)
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as full:
                while full.write(bytes(4096)):
                    pass
            file.write(b"more" * 10_000)
            sent = file.finish([])
        again = add(files, BYTES)
    finally:
        ballast.unlink()
    assert {Path(file.file).parent for file in (sent, again)} == {directory}
    assert os.listdir(in_memory) == []
    assert (read(sent), read(again)) == (BYTES, BYTES)
    files.remove()
    assert not in_memory.exists()


def test_there_is_no_room_in_either(in_memory: Path, directory: Path) -> None:
    files = RunFiles([in_memory, directory])
    for value in (BYTES, Array(BYTES)):
        with no_larger_files_than(50_000), pytest.raises(CannotWriteError) as excinfo:
            add(files, value)
        assert excinfo.value.file == str(directory / "1")
        assert os.listdir(in_memory) == os.listdir(directory) == []
    assert Path(add(files, BYTES).file) == in_memory / "1"
    files.remove()


def test_no_directory_in_memory(directory: Path, tmp_path: Path) -> None:
    files = RunFiles([tmp_path / "missing" / directory.name, directory])
    assert Path(add(files, BYTES).file).parent == directory
    files.remove()


@pytest.mark.parametrize("link", [False, True])
def test_a_directory_in_memory_that_is_there_already(
    in_memory: Path, directory: Path, link: bool
) -> None:
    """Anybody can make one in /dev/shm. Nothing is written there, nor removed."""
    theirs = directory.parent / "theirs" if link else in_memory
    theirs.mkdir()
    theirs.chmod(0o777)
    (theirs / "1").touch()
    if link:
        in_memory.symlink_to(theirs)
    files = RunFiles([in_memory, directory])
    assert Path(add(files, BYTES).file) == directory / "1"
    directory.rename(directory.parent / "moved")
    directory.symlink_to(theirs)
    with pytest.raises(CannotWriteError):
        add(files, BYTES)
    assert [(file.name, file.stat().st_size) for file in theirs.iterdir()] == [("1", 0)]
    (theirs / "1").unlink()
    if link:
        in_memory.unlink()
    theirs.rmdir()


def test_a_lane_removes_its_own(in_memory: Path, directory: Path) -> None:
    lanes = [
        RunFiles([in_memory, directory], first)
        for first in (1, (1 << LANE_BITS) + 1, (2 << LANE_BITS) + 1)
    ]
    sent = [add(files, BYTES) for files in lanes]
    lanes[1].remove()
    lanes[0].remove()
    assert [os.path.exists(each.file) for each in sent] == [False, False, True]
    lanes[2].remove()
    assert not in_memory.exists()


# --- removed by others


def test_removed_by_others(files: RunFiles, directory: Path) -> None:
    add(files, BYTES)
    add(files, BYTES)
    remove(directory, RUN)
    assert not directory.exists()
    remove(directory, RUN)


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    """The file that says what to remove may come with a repository."""
    directory = tmp_path / f"{RUN_FILES}{RUN}"
    for other in (tmp_path / "other", directory):
        other.mkdir()
        for name in ("1", "keep"):
            (other / name).touch()
    remove(tmp_path / "other", RUN)
    remove(directory, "1" * 32)
    link = tmp_path / f"{RUN_FILES}{'2' * 32}"
    link.symlink_to(directory)
    remove(link, "2" * 32)
    assert len([*directory.iterdir(), *(tmp_path / "other").iterdir()]) == 4
    remove(directory, RUN)
    assert [file.name for file in directory.iterdir()] == ["keep"]

"""Large values in files: how they are written, mapped, refused and removed."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from pickle import PickleBuffer
from typing import Any

import pytest

from xdist_fixtureworker.errors import CannotWriteError
from xdist_fixtureworker.processes.value_files import ValueFiles, remove
from xdist_fixtureworker.roles import VALUE_FILES
from xdist_fixtureworker.sharing.mapping import mapped, size, unpack_from
from xdist_fixtureworker.wire import pickles
from xdist_fixtureworker.wire.frozen import replace
from xdist_fixtureworker.wire.messages import Mapped, Span

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
    return tmp_path / f"{VALUE_FILES}{RUN}"


@pytest.fixture
def files(directory: Path) -> Iterator[ValueFiles]:
    files = ValueFiles(directory)
    yield files
    files.remove()


def add(files: ValueFiles, value: object) -> Mapped:
    return files.add(partial(pickles.pack_into, value=value))


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


def test_buffers_are_used_where_they_are_mapped(files: ValueFiles) -> None:
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


def test_nobody_else_can_read_them(files: ValueFiles, directory: Path) -> None:
    sent = add(files, BYTES)
    assert Path(sent.file).parent == directory
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(os.stat(sent.file).st_mode) == 0o600


def test_another_file_of_that_name_is_not_mapped(files: ValueFiles, tmp_path: Path) -> None:
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


def test_who_has_mapped_it_keeps_it(files: ValueFiles) -> None:
    sent = add(files, [Array(BYTES)])
    received = read(sent)
    files.remove()
    assert mapped(sent) is None
    assert received[0].memory == BYTES


def test_files_are_not_kept_open(files: ValueFiles) -> None:
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


def test_parts_of_it(files: ValueFiles) -> None:
    sent = add(files, BYTES)
    content = Path(sent.file).read_bytes()
    assert size(sent) == len(content)
    assert files.read(sent.number, Span(0, size(sent))) == content
    assert files.read(sent.number, Span(100, 7)) == content[100:107]
    Path(sent.file).unlink()
    with pytest.raises(FileNotFoundError):
        files.read(sent.number, Span(0, 1))


def test_a_full_disk(files: ValueFiles, directory: Path) -> None:
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


def test_what_pickle_raises_leaves_no_file(files: ValueFiles, directory: Path) -> None:
    class Refused:
        def __reduce__(self) -> Any:
            raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        add(files, [BYTES, Refused()])
    assert list(directory.iterdir()) == []


def test_a_directory_that_is_there_already(files: ValueFiles, directory: Path) -> None:
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
        add(ValueFiles(directory), BYTES)
    assert excinfo.value.file == str(directory)


# --- removed by others


def test_removed_by_others(files: ValueFiles, directory: Path) -> None:
    add(files, BYTES)
    add(files, BYTES)
    remove(directory, RUN)
    assert not directory.exists()
    remove(directory, RUN)


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    """The file that says what to remove may come with a repository."""
    directory = tmp_path / f"{VALUE_FILES}{RUN}"
    for other in (tmp_path / "other", directory):
        other.mkdir()
        for name in ("1", "keep"):
            (other / name).touch()
    remove(tmp_path / "other", RUN)
    remove(directory, "1" * 32)
    link = tmp_path / f"{VALUE_FILES}{'2' * 32}"
    link.symlink_to(directory)
    remove(link, "2" * 32)
    assert len([*directory.iterdir(), *(tmp_path / "other").iterdir()]) == 4
    remove(directory, RUN)
    assert [file.name for file in directory.iterdir()] == ["keep"]

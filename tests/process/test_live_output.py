"""What a process prints is shown while it does: whole lines, through a real pipe."""

from __future__ import annotations

import array
import fcntl
import os
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from xdist_fixtureworker.controller.live_output import LiveOutput, Splitter

from ..suite import NEVER_HANG

Shown = SimpleQueue[tuple[str, Callable[[], object]]]
LONG = 3_000_000  # bytes: more than the pipe and the pieces that wait have room for, see below


@pytest.fixture
def shown() -> Shown:
    """Each piece that the main thread is to show, and what it calls then."""
    return SimpleQueue()


@pytest.fixture
def output(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveOutput]:
    monkeypatch.setattr("xdist_fixtureworker.controller.live_output._PIECES", 2)

    def show(text: str, then: Callable[[], object]) -> None:
        shown.put((text, then))

    made = LiveOutput(True, False, "", prefix="[fw] ", show=show)
    yield made
    last = made.catch_up(last=True)
    while not last.wait(0.01):
        while not shown.empty():
            shown.get()[1]()
    made.close()
    assert not os.path.exists(made.path)


def printing(output: LiveOutput, code: str) -> subprocess.Popen[bytes]:
    """A process that prints into the pipe."""
    with open(output.path, "wb", buffering=0) as file:
        return subprocess.Popen([sys.executable, "-c", code], stdout=file, stderr=file)


def read_until(shown: Shown, condition: Callable[[str], bool]) -> str:
    text = ""
    while not condition(text):
        more, then = shown.get(timeout=NEVER_HANG)
        text += more
        then()
    return text


def test_lines_of_a_process_that_dies(output: LiveOutput, shown: Shown) -> None:
    code = "import os; print('one', flush=True); os.write(2, b'two\\nthree'); os._exit(1)"
    printing(output, code).wait(NEVER_HANG)
    text = read_until(shown, lambda text: "three" in text)
    assert text == "[fw] one\n[fw] two\n[fw] three\n"


def test_the_beginning_of_a_line(output: LiveOutput, shown: Shown) -> None:
    """It is shown if no more comes, as of a process that hangs."""
    process = printing(output, "import time; print('name?', end='', flush=True); time.sleep(600)")
    assert read_until(shown, lambda text: "name?" in text) == "[fw] name?\n"
    process.kill()
    process.wait()


def test_who_prints_more_than_is_shown_waits(output: LiveOutput, shown: Shown) -> None:
    code = f"print(('x' * 99 + '\\n') * {LONG // 100}, end=''); print('end')"
    with printing(output, code) as process:
        pieces = [shown.get(timeout=NEVER_HANG) for _ in range(2)]
        while not _is_full(output) and process.poll() is None:
            time.sleep(0.01)
        process_waits = process.poll() is None and shown.empty()
        for _, then in pieces:
            then()
        text = "".join(piece for piece, _ in pieces)
        text += read_until(shown, lambda text: "end" in text)
    assert process_waits
    assert text == ("[fw] " + "x" * 99 + "\n") * (LONG // 100) + "[fw] end\n"


def _is_full(output: LiveOutput) -> bool:
    """Whether the pipe has room for no more, to a page."""
    there = array.array("i", [0])
    fcntl.ioctl(output._reading, termios.FIONREAD, there)
    return there[0] > fcntl.fcntl(output._reading, fcntl.F_GETPIPE_SZ) - 8192


def test_what_is_left_behind_may_print_for_ever(output: LiveOutput, shown: Shown) -> None:
    process = printing(output, "while True: print('more')")
    read_until(shown, lambda text: "more" in text)
    last = output.catch_up(last=False)
    while not last.wait(0.01):
        read_until(shown, bool)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("pieces", "lines", "rest"),
    [
        ([b"a\nb\n"], ["a", "b"], ""),
        ([b"a", b"b\nc"], ["ab"], "c"),
        ([b"\n\n"], ["", ""], ""),
        ([b"a\r\nb\n"], ["a", "b"], ""),
        ([b"10%\r20%\r30%\n"], ["30%"], ""),
        (["ä".encode()[:1], "ä".encode()[1:] + b"\n"], ["ä"], ""),
        ([b"\xff\n"], ["\ufffd"], ""),
        ([b"x" * 65_536, b"y\n"], ["x" * 65_536, "y"], ""),
    ],
)
def test_whole_lines(pieces: list[bytes], lines: list[str], rest: str) -> None:
    splitter = Splitter("[fw] ")
    text = "".join(map(splitter.split, pieces))
    assert text == "".join(f"[fw] {line}\n" for line in lines)
    assert splitter.has_rest is bool(rest)
    assert splitter.rest() == (f"[fw] {rest}\n" if rest else "")
    assert splitter.rest() == ""

"""The suites that are run: the same tests for all rivals, which declare the fixtures in their ways."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .rivals import Rival

TESTS_PER_FILE = 100

VALUE = """
def set_up():
    return {"url": "postgresql://localhost:5432/test"}

def tear_down():
    pass
"""

_SLOW = """
import time

def set_up():
    time.sleep(SECONDS)
    return {"done": time.monotonic()}

def tear_down():
    pass
"""

FIRST_DONE = """
import time

def finish():
    try:
        with open("first_done", "x") as file:
            file.write(str(time.monotonic()))
    except FileExistsError:
        pass
"""

#: Notes when the last test of each process was done.
DONE = """
import os
import time

def finish():
    with open(f"done-{os.getpid()}", "w") as file:
        file.write(str(time.monotonic()))
"""

# The fixture "times" is not for the session: pytest-parallex would run it before it forks.
TIMES = """
import json
import os
import time
import pytest

@pytest.fixture(scope="session")
def asked():
    return time.monotonic()

@pytest.fixture
def times(asked, f0):
    in_hand = time.monotonic()
    try:
        with open(f"times-{os.getpid()}", "x") as file:
            json.dump({"asked": asked, "done": f0["done"], "in_hand": in_hand}, file)
    except FileExistsError:
        pass
    time.sleep(0.1)  # so that all workers have a turn
"""

_LARGE = """
import gc
import os
import time
import pytest

def set_up():
    value = None if "WITHOUT_VALUE" in os.environ else VALUE
    note("done")
    return value

def tear_down():
    pass

def note(what):
    with open(f"{what}-{os.getpid()}", "w") as file:
        file.write(str(time.monotonic()))

def read(value):
    columns = [value[name].to_numpy() for name in value] if hasattr(value, "columns") else [value]
    for column in columns if value is not None else ():
        column.sum() if hasattr(column, "sum") else sum(column)

@pytest.fixture
def in_hand(f0):
    if not os.path.exists("go"):
        note("in_hand")
        read(f0)
        gc.collect()
        note("ready")
        while not os.path.exists("go"):
            time.sleep(0.02)
"""

# A collection of garbage, which any longer run sees, copies what forked processes have in common.
WAITING = """
import gc
import os
import time

def finish():
    gc.collect()
    open(f"ready-{os.getpid()}", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.02)
"""

#: Has the fixture worker note the CPU seconds of its process at its end.
COSTED = """
import resource

def set_up():
    return 1

def tear_down():
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("fixture_worker_cpu", "w") as file:
        file.write(str(used.ru_utime + used.ru_stime))
"""


#: What runs leave in the directory of the suite, for those who measure.
LEFT = (
    *("first_done", "times-*", "ready-*", "go", "fixture_worker_cpu"),
    *("done-*", "in_hand-*"),
)


def slow(seconds: float) -> str:
    """Get the source of a set-up that takes so long, and tells when it was done."""
    return _SLOW.replace("SECONDS", str(seconds))


def large(value: str) -> str:
    """Get the source of a set-up that makes a large value, and of a fixture that notes when a worker
    has it, and reads all of it.

    :param value: the source of an expression
    """
    return _LARGE.replace("VALUE\n", f"{value}\n")


def forget(directory: Path) -> None:
    """Remove what a run left, but for caches and bytecode."""
    for pattern in LEFT:
        for file in directory.glob(pattern):
            file.unlink()


def write(
    directory: Path,
    rival: Rival,
    *,
    tests: int,
    fixtures: int = 1,
    in_a_row: int = 1,
    value: str = VALUE,
    more: str = "",
    argument: str = "",
    finish: str = "",
    imports: Sequence[str] = (),
    of_data: bool = False,
) -> None:
    """Write a suite.

    :param in_a_row: how many tests ask for a fixture before the next ones ask for the next
    :param value: the source of the functions ``set_up`` and ``tear_down``
    :param more: what else the conftest has
    :param argument: the fixture that tests ask for, in the place of one of the shared ones
    :param finish: the source of a function ``finish``, which each test calls
    :param imports: what the conftest imports, and warm workers before they are needed
    :param of_data: whether the values are more than JSON takes
    """
    directory.mkdir()
    ini = ["[pytest]"]
    if imports and "--warm-workers" in rival.options:
        ini.append(f"warm_workers_import = {' '.join(imports)}")
    (directory / "pytest.ini").write_text("\n".join([*ini, ""]))
    names = [f"f{number}" for number in range(fixtures)]
    loaded = "".join(f"import {name}\n" for name in imports)
    (directory / "conftest.py").write_text(
        loaded + value + rival.conftest(names, of_data=of_data) + more
    )
    (directory / "finishing.py").write_text(finish)
    head, body = ("from finishing import finish\n\n", "finish()") if finish else ("", "pass")
    for start in range(0, tests, TESTS_PER_FILE):
        functions = (
            f"def test_{number}({argument or names[number // in_a_row % fixtures]}):\n    {body}\n"
            for number in range(start, min(start + TESTS_PER_FILE, tests))
        )
        (directory / f"test_from_{start}.py").write_text(head + "\n".join(functions))

"""Code that takes the worker's id for a number gets the remedy, however it is written."""

from __future__ import annotations

import os
import re
import sys
import traceback
from typing import Any

import pytest

from xdist_fixtureworker.rules.worker_id import worker_id_hint

SPELLINGS = [
    "int(worker_id[2:])",
    "int(worker_id[-1])",
    "int(worker_id.replace('gw', ''))",
    "int(worker_id.strip('gw'))",
    "worker_id.split('gw')[1]",
    "re.match(r'gw(\\d+)', worker_id).group(1)",
    "re.search(r'\\d+', worker_id)[0]",
    "{'master': 0, 'gw0': 1}[worker_id]",
    "int(os.environ['PYTEST_XDIST_WORKER'][2:])",
    "os.environ['PYTEST_XDIST_WORKER'].split('gw')[1]",
    "int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').lstrip('gw')) + 5432",
    "next(iter(re.findall(r'\\d+', worker_id)), None) + 1",
    "['gw0', 'gw1'].index(worker_id)",
]


def number_of(worker_id: str, spelling: str) -> object:
    source = f"def compute(worker_id):\n    return {spelling}\n"
    names = {"re": re, "os": os, "__name__": "conftest"}
    exec(compile(source, "conftest.py", "exec"), names)
    return names["compute"](worker_id)  # type: ignore[operator]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling(spelling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "fixtureworker")
    with pytest.raises((ValueError, LookupError, AttributeError, TypeError)) as excinfo:
        number_of("fixtureworker", spelling)
    # Of text alone, with the line of the source, as when an import failed in another process ...
    text = "".join(traceback.format_exception_only(excinfo.value))
    assert worker_id_hint(f'File "conftest.py", line 2\n    return {spelling}\n{text}')
    # ... and by the variable alone, also where another exception hides the one that shows it.
    assert worker_id_hint("", excinfo.value)
    try:
        raise RuntimeError("no port") from excinfo.value
    except RuntimeError as error:
        assert worker_id_hint("", error)


IN_OTHER_PLACES = """
KEY = "PYTEST_XDIST_WORKER"
PORTS = {"gw0": 1, "gw1": 2}
WORKER = os.environ[KEY]
class Context:
    def __init__(self): self.worker = os.environ[KEY]
def of_attribute(it=Context()): return int(it.worker[-1])
def of_key(): return int(os.environ[KEY][-1])
def of_global(): return int(WORKER[2:])
def asserted(worker_id): assert worker_id.startswith("gw")
def matched(worker_id): assert re.fullmatch(r"gw\\d+", worker_id), "no worker"
def searched(worker_id): return next(i for i in range(9) if worker_id == f"gw{i}")
def refused(worker_id):
    if not worker_id.startswith("gw"): raise RuntimeError("unknown worker")
def looked_up(worker_id):
    if worker_id not in PORTS: sys.exit("no port for this worker")
def failed(): WORKER in PORTS or pytest.fail("no port for this worker")
"""


@pytest.mark.parametrize("function", re.findall(r"\ndef (\w+)", IN_OTHER_PLACES))
def test_in_other_places(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes, globals, and code that says itself that the id is none of "gw" and a number."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "fixtureworker")
    names: dict[str, Any] = {"re": re, "os": os, "sys": sys, "pytest": pytest, "__name__": "x"}
    exec(compile(IN_OTHER_PLACES, "conftest.py", "exec"), names)
    takes = names[function].__code__.co_varnames[:1] == ("worker_id",)
    with pytest.raises(BaseException) as excinfo:  # noqa: PT011  # of several kinds
        names[function](*(["fixtureworker"] if takes else []))
    assert worker_id_hint("", excinfo.value)


def test_a_part_of_the_id() -> None:
    assert worker_id_hint("ValueError: invalid literal for int() with base 10: 'tureworker'")
    assert not worker_id_hint(
        "ValueError: invalid literal for int() with base 10: 'worker of mine'"
    )


def fails_for_another_reason(worker_id: str) -> None:
    raise RuntimeError(f"the disk of {worker_id} is full")


def test_code_that_fails_for_another_reason() -> None:
    with pytest.raises(RuntimeError) as unrelated:
        fails_for_another_reason("".join(["fixture", "worker"]))
    assert worker_id_hint("", unrelated.value) == ""


def test_other_errors() -> None:
    with pytest.raises(ZeroDivisionError) as excinfo:
        number_of("fixtureworker", "1 / (len(worker_id) - 13)")
    assert worker_id_hint("", excinfo.value) == ""
    with pytest.raises(ValueError, match="invalid literal") as other:
        number_of("gw0", "int(worker_id)")
    assert worker_id_hint("", other.value) == ""
    assert worker_id_hint("ValueError: PYTEST_XDIST_WORKER_COUNT is wrong") == ""

"""Code that takes the worker's id for a number gets the remedy, however it is written."""

from __future__ import annotations

import os
import re
import traceback

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


def test_other_errors() -> None:
    with pytest.raises(ZeroDivisionError) as excinfo:
        number_of("fixtureworker", "1 / (len(worker_id) - 13)")
    assert worker_id_hint("", excinfo.value) == ""
    with pytest.raises(ValueError, match="invalid literal") as other:
        number_of("gw0", "int(worker_id)")
    assert worker_id_hint("", other.value) == ""
    assert worker_id_hint("ValueError: PYTEST_XDIST_WORKER_COUNT is wrong") == ""

"""Measures how long each kind of process takes to import what it would not without the plugin.

Python itself says it (``-X importtime``), in all processes of runs with one test worker: how long
each module took, without those that it imported in turn. What a process of plain xdist imports as
well is not counted. Each process of a run is a new interpreter, and reads bytecode.
"""

from __future__ import annotations

import re
from pathlib import Path

from . import suites
from .cases import Case, Plan
from .measuring import result, rounds_of
from .results import Result, Row
from .rivals import INSTALLED, OURS, PLAIN, Rival

# Imported by each interpreter at its start. What comes later goes to a file of this process, and
# "--capture=sys" leaves it there. The name of a worker is known at the end only.
NOTING = """
import atexit
import os

def note():
    worker = os.environ.get("PYTEST_XDIST_WORKER", "controller")
    os.rename(LOG, f"{FOLDER}/{worker}")

FOLDER = os.environ["IMPORTS_FOLDER"]
LOG = f"{FOLDER}/{os.getpid()}"
os.dup2(os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
atexit.register(note)
"""
LINE = re.compile(r"^import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)$", re.MULTILINE)

Times = dict[str, float]  #: milliseconds per module
#: What the rows are called, the rival that has such a process, and its name there; and the name of
#: the process of plain xdist that it is compared with.
PROCESSES = (
    ("controller, installed only", INSTALLED, "controller", "controller"),
    ("test worker, installed only", INSTALLED, "gw0", "gw0"),
    ("controller", OURS, "controller", "controller"),
    ("test worker", OURS, "gw0", "gw0"),
    ("fixture worker", OURS, "fixtureworker", "gw0"),
)
KEY = "imports"


def measure(plan: Plan, directory: Path) -> Result:
    """Run suites of one test worker and read what was imported."""
    noting = directory / "noting"
    noting.mkdir()
    (noting / "sitecustomize.py").write_text(NOTING)
    cases = [
        Case(rival, plan.environments, plan.sizes, workers=1) for rival in (PLAIN, INSTALLED, OURS)
    ]
    for case in cases:
        suites.write(directory / case.rival.key, case.rival, tests=2)
    rows = [Row(name) for name, *_ in PROCESSES]
    latest: dict[Rival, dict[str, Times]] = {}
    for round_, case in rounds_of(cases, plan.rounds, KEY):
        latest[case.rival] = _imported(case, directory, noting)
        if round_ and len(latest) == len(cases):
            for row, (_, rival, process, compared) in zip(rows, PROCESSES, strict=True):
                if rival == case.rival:
                    row.add(_beyond(latest[rival][process], latest[PLAIN][compared]))
    return result(KEY, plan, rows)


def _imported(case: Case, directory: Path, noting: Path) -> dict[str, Times]:
    """Run a suite and get, per process, what it imported."""
    folder = directory / f"{case.rival.key}-imports"
    folder.mkdir(exist_ok=True)
    options = {"PYTEST_ADDOPTS": "--capture=sys", "PYTHONPROFILEIMPORTTIME": "1"}
    with case.start(
        directory / case.rival.key, path=[str(noting)], IMPORTS_FOLDER=str(folder), **options
    ) as run:
        run.end()
    return {
        file.name: {name: int(micro) / 1000 for micro, name in LINE.findall(file.read_text())}
        for file in folder.iterdir()
    }


def _beyond(times: Times, compared: Times) -> dict[str, list[float]]:
    """The milliseconds and the number of modules that the other process does not import."""
    own = [took for module, took in times.items() if module not in compared]
    return {"milliseconds": [sum(own)], "modules": [float(len(own))]}

"""Has the package compiled once, where Python is told to write no bytecode.

pytest rewrites the sources of plugins. With PYTHONDONTWRITEBYTECODE, which container images often set,
it does so anew in each of the hundreds of processes that the tests start. The bytecode that lies there
is read nevertheless.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .isolation import ONLY_OURS

_SUITE = """
from xdist_fixtureworker import global_fixture

@global_fixture
def server(): yield 1

def test_it(server): pass
"""


def write_bytecode() -> None:
    """Run a small suite, distributed, and have pytest and Python keep what they compile."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    del env["PYTHONDONTWRITEBYTECODE"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(_SUITE)
        subprocess.run(
            [sys.executable, "-m", "pytest", "-n1", "--fixture-worker"],
            cwd=folder,
            env={**env, **ONLY_OURS, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.DEVNULL,
            check=True,
        )

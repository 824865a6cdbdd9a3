"""Runs the README's quick start with the Python that is named: one with the wheel, and no checkout.

Used by ``tox -e build``: ``python -m tests.docs.quick_start PYTHON``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .following import follow
from .pages import ROOT, projects

if __name__ == "__main__":
    [python] = sys.argv[1:]
    for project in projects(ROOT / "README.md"):
        with tempfile.TemporaryDirectory() as folder:
            follow(project, Path(folder), python)
        print(f"{project.name}: as the README says")

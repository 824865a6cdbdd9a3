"""Checks that all workers run one version of Python; runs in the controller."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import execnet
import pytest


def check_python(version: str, worker: str) -> None:
    """Check the Python version of a test worker, such as ``3.12``, against ours.

    :raises pytest.UsageError: if they differ.
    """
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version != ours:
        raise pytest.UsageError(mixed_pythons(ours, version, worker))


def check_local_pythons(config: pytest.Config) -> None:
    """Check the interpreters that ``--tx popen//python=...`` names, before they are started: a
    local worker of another version gets our ``sys.path`` from xdist, crashes, and is replaced by
    the next one without end.

    :raises pytest.UsageError: if one is of another version.
    """
    ask = "import sys; print(*sys.version_info[:2], sep='.')"
    # As in --tx "4*popen": xdist's own parser has another name in each of its versions.
    naming = [tx for tx in config.getoption("tx") if "python=" in str(tx)]
    specs = [execnet.XSpec(re.sub(r"^\d+\*", "", tx)) for tx in naming]
    pythons = {spec.python for spec in specs if spec.popen}
    for python in pythons - {None}:
        command = [*shlex.split(python), "-c", ask]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            check_python(answer.stdout.strip(), f"popen//python={python}")


# --- messages


def mixed_pythons(ours: str, theirs: str, worker: str) -> str:
    return (
        f"--fixture-worker needs one Python version for all workers: the controller and the "
        f"fixture worker run Python {ours}, test worker {worker} runs {theirs}.\n"
        f"Values travel as pickles, which different versions need not understand. "
        f"Run pytest once per version, or use --no-fixture-worker."
    )

"""The workflow for GitHub Actions runs the environments of tox.ini, all of them."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"


def test_it_runs_each_environment_of_tox() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    named = set(tox["tox"]["env_list"].split())
    for sets in ("static", "sets"):
        [line] = re.findall(rf"^{sets} = (.+)$", tox["tox"]["labels"], re.MULTILINE)
        named |= set(line.split(", "))
    text = WORKFLOW.read_text(encoding="utf-8")
    [matrix] = re.findall(r"^ +environment: \[(.+)\]$", text, re.MULTILINE)
    ran = re.findall(r"[\w-]+", matrix) + re.findall(r"\{ environment: ([\w-]+),", text)
    assert sorted(ran) == sorted(named)

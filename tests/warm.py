"""What tests of warm workers have in common."""

from __future__ import annotations

import os

import pytest

WARM = "--warm-workers"
FORKED = "^warm workers: {} process(es)?, forked in the place of"
BOTH = pytest.mark.parametrize("warm", [(), (WARM,)], ids=["cold", "warm"])


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage that measures these runs from the start of their interpreters keeps them cold."""
    for name in os.environ:
        if name.startswith("COV"):
            monkeypatch.delenv(name)

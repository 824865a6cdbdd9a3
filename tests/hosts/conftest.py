"""Hosts for test workers: this one by way of an SSH server, and one in namespaces of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite import Suite

from .sshd import Sshd, started, why_not


@pytest.fixture
def sshd(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An SSH server on the loopback interface; what is run there notes in the folder of the suite."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("sshd")
    with started(folder, {"NOTES_FOLDER": str(suite.path)}) as server:
        yield server

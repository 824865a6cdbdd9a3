"""Lets finalizers see how the run went, as in a session without workers; fixture worker."""

from __future__ import annotations

import contextlib

import pytest

from ..wire.messages import Finish


def take_over(session: pytest.Session, finish: Finish) -> None:
    """Make what the controller knows of the run known to ``session``."""
    session.testsfailed = finish.testsfailed
    session.testscollected = finish.testscollected
    if finish.shouldstop:
        session.shouldstop = finish.shouldstop
    if finish.shouldfail:
        session.shouldfail = finish.shouldfail
    session.exitstatus = finish.exitstatus
    with contextlib.suppress(ValueError):
        session.exitstatus = pytest.ExitCode(finish.exitstatus)

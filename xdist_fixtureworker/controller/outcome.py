"""How a run went so far, for the finalizers of global fixtures; runs in the controller."""

from __future__ import annotations

from typing import Any

import pytest

from ..wire.messages import Finish


def outcome(session: pytest.Session, error: BaseException | None) -> Finish:
    """What finalizers are told, when the last test has ended.

    :param error: that ended the test loop.
    """
    dsession: Any = session.config.pluginmanager.get_plugin("dsession")
    return Finish(
        testsfailed=session.testsfailed,
        testscollected=session.testscollected,
        shouldstop=_reason(session.shouldstop or getattr(dsession, "shouldstop", False)),
        shouldfail=_reason(session.shouldfail),
        exitstatus=int(_exit_status(session, error)),
    )


def _reason(value: bool | str) -> str:
    return str(value) if value else ""


def _exit_status(session: pytest.Session, error: BaseException | None) -> int:
    """What pytest will exit with, if no finalizer fails."""
    match error:
        case None:
            if session.testsfailed or session.testscollected:
                return int(session.testsfailed > 0)  # as pytest's own codes
            return pytest.ExitCode.NO_TESTS_COLLECTED
        case pytest.exit.Exception() if error.returncode is not None:
            return int(error.returncode)
        case KeyboardInterrupt() | pytest.exit.Exception():
            return pytest.ExitCode.INTERRUPTED
        case pytest.Session.Failed():
            return pytest.ExitCode.TESTS_FAILED
        case _:
            return pytest.ExitCode.INTERNAL_ERROR

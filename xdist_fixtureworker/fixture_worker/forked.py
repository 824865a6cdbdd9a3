"""Ends a child that the code of a fixture forked, and that comes back from it; fixture worker.

Such a child would go on as a second fixture worker: run the same finalizers, and answer.
"""

from __future__ import annotations

import contextlib
import os

import pytest

_STDERR = 2


class ForkGuard:
    """Tells this process from what is forked off it. Made in the fixture worker itself."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._config: pytest.Config | None = None

    def use(self, config: pytest.Config) -> None:
        """Show what there is to say past the capturing of this configuration."""
        self._config = config

    def leave_if_forked(self, error: BaseException | None = None) -> None:
        """End this process at once, and say so, if it is not the fixture worker.

        :param error: what came out of the code that forked it.
        """
        if os.getpid() == self._pid:
            return
        status = 1
        try:
            if isinstance(error, SystemExit):
                status = error.code if isinstance(error.code, int) else int(error.code is not None)
            self._stop_capturing()
            os.write(_STDERR, left(os.getpid(), self._pid, error, status).encode())
        finally:
            os._exit(status & 0xFF)

    def _stop_capturing(self) -> None:
        capture = None
        if self._config is not None:
            capture = self._config.pluginmanager.get_plugin("capturemanager")
        if capture is not None:
            with contextlib.suppress(Exception):  # a fixture may have closed what is captured
                capture.suspend_global_capture()


# --- messages


def left(pid: int, parent: int, error: BaseException | None, status: int) -> str:
    ended = "returned" if error is None else f"raised {type(error).__name__}"
    return (
        f"fixture worker: process {pid}, which a global fixture forked in process {parent}, "
        f"{ended} there instead of ending. It was ended with exit status {status}, so that "
        f"nothing is finalized twice.\nEnd it with os._exit() where it has done its work.\n"
    )

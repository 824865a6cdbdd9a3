"""Has the main thread show what other threads have to say while tests run; runs in the controller.

The main thread is in xdist's loop then, or waits for the end of the run.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ..settings import shows_logs, shows_prints, shows_set_ups, worker_id
from .lines import Lines

if TYPE_CHECKING:
    from .live_output import LiveOutput

_EVENT = "fixture_worker_notice"
_LOOK_AGAIN = 0.05  # seconds; what is waited for wakes us at once


class Display:
    """One per run.

    :param dsession: xdist's plugin, whose loop calls :meth:`show`.
    """

    def __init__(self, config: pytest.Config, dsession: Any) -> None:
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        self.lines = Lines(terminal, config.get_verbosity())
        self._to_show: deque[Callable[[], None]] = deque()
        self._queue = dsession.queue
        setattr(dsession, f"worker_{_EVENT}", self.show)
        self.output: LiveOutput | None = None  #: where the fixture worker has output shown at once
        if terminal is not None:
            self.output = self._live_output(config)

    @property
    def interval(self) -> float:
        """Seconds between two notices of what is waited for."""
        return self.lines.interval

    def wait(self, notice: str | None) -> None:
        """Have it shown that something is waited for; None: that is over. Any thread."""
        self._put(partial(self.lines.wait, notice))

    def show(self) -> None:
        """Show what is to be shown by now. Main thread only."""
        while self._to_show:
            self._to_show.popleft()()

    def show_output(self, *, last: bool = False) -> None:
        """Show what the fixture worker has printed so far. Main thread only.

        :param last: whether it is gone.
        """
        if self.output is None:
            return
        done = self.output.catch_up(last=last)
        while not done.wait(_LOOK_AGAIN):
            self.show()
        self.show()
        if last:
            self.output.close()
            self.output = None

    def _live_output(self, config: pytest.Config) -> LiveOutput | None:
        shown = shows_prints(config), shows_logs(config), shows_set_ups(config)
        if not any(shown) or not hasattr(os, "mkfifo"):
            return None
        from .live_output import LiveOutput

        return LiveOutput(*shown, prefix=f"[{worker_id(config)}] ", show=self._put_output)

    def _put_output(self, text: str, then: Callable[[], object]) -> None:
        def write() -> None:
            self.lines.write(text.removesuffix("\n"))
            then()

        self._put(write)

    def _put(self, show: Callable[[], None]) -> None:
        self._to_show.append(show)
        self._queue.put((_EVENT, {}))

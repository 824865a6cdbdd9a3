"""Does what is left of the controller's part when it has died; fixture worker.

Hardly ever: so psutil, which takes a while to load, is imported only then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from ..processes.crash_file import CrashFile
from ..processes.identity import Identity, wait_gone
from ..roles import RUN
from ..settings import treatment_of_strays
from ..wire.messages import WorkerJoined

if TYPE_CHECKING:
    from ..processes.strays import Stray

TEST_WORKERS_TIMEOUT = 20.0
"""Seconds that test workers get to end after the controller died; then they are ended. execnet does
so with those that run a test after 15 s."""
NEXT_GATEWAY_TIMEOUT = 15.0
"""Seconds more for each gateway by way of which one is connected: it notices when that one ends."""


def wait_test_workers_down(test_workers: Sequence[WorkerJoined]) -> None:
    """Wait for the test workers to end: they may be using what the finalizers destroy. One that
    hangs, or is stopped, does not end by itself.

    Those on other hosts end as well, when their connection to the controller does. Where no process
    on this machine shows when that is, they get all the time that it can take.
    """
    gateways = max((each.gateways for each in test_workers), default=1)
    timeout = TEST_WORKERS_TIMEOUT + NEXT_GATEWAY_TIMEOUT * (gateways - 1)
    if any(each.pid == 0 for each in test_workers):
        threading.Event().wait(timeout)  # not time.sleep(), which fixtures may have replaced
    if left := wait_gone([Identity(each.pid, each.started) for each in test_workers], timeout):
        from ..processes.ending import end

        end(left)


def deal_with_strays(config: pytest.Config, testrun_uid: str, crash_file: CrashFile | None) -> None:
    """Deal with processes that are left of the run. Only for when this one is the last that should
    be. There is no terminal: the next run reports.
    """
    from ..processes import strays

    def left() -> list[Stray]:
        run = strays.RunIdentity(os.environ.get(RUN, ""), testrun_uid)
        return strays.find(run, exclude={os.getpid()})

    match treatment_of_strays(config):
        case "kill" if left():
            from ..processes.ending import end_all

            end_all(left)
        case "report" if left() and crash_file is not None:
            crash_file.keep()

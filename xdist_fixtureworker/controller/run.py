"""A run with a fixture worker, until its end begins; runs in the controller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..roles import CRASH_FILES, Role, hand_over
from ..settings import treatment_of_strays, worker_id
from ..wire.messages import WorkerJoined
from .display import Display
from .earlier_runs import crash_file_directory
from .journal import Journal
from .relay import Relay
from .service import Service, in_thread
from .stray_search import StraySearch
from .worker_exits import WorkerExits

RECOVERY = "recovery"
"""The name, in the journal, of the fixture worker that undoes what the one that died left."""


class DistributedRun:
    """One per run. Make it before the first worker is started."""

    def __init__(self, config: pytest.Config) -> None:
        self.journal = Journal(time.monotonic)
        # Before anything is started in which something may be left behind:
        self.stray_search = StraySearch(
            treatment_of_strays(config), self.journal, worker_id(config)
        )
        self.crash_files = _crash_files(config)
        self._config = config
        self._exits = WorkerExits()
        self._dsession: Any = config.pluginmanager.get_plugin("dsession")
        self.display = Display(config, self._dsession)
        self.service = self._service(Relay(self.journal), self._end_early)

    def connect(self, node: Any) -> None:
        """Make the channel over which a test worker is served, and hand it over."""
        channel = node.gateway.newchannel()
        hand_over(node.workerinput, Role.TEST_WORKER, channel)
        self.service.switchboard.connect_test_worker(node.gateway.id, channel)
        joined = _joined(node)
        if joined.host:
            from .other_hosts import look_at_values

            look_at_values(node)
        self.service.switchboard.test_worker_joined(joined)
        self._exits.watch(node, channel)

    def start(self) -> None:
        """Start pytest in the fixture worker; returns before it is up.

        Call it after the test workers have been started: they do not have to wait, and the
        fixture worker, which does not collect, is up before them all the same.
        """
        self.stray_search.testrun_uid = str(self._dsession.nodemanager.testrunuid)
        self._start(self.service, self.crash_files)

    def recovery_service(self) -> Service:
        """Another fixture worker, to undo what the first one left; it is not started yet."""
        return self._service(Relay(self.journal, RECOVERY), lambda: None)

    def start_recovery(self, service: Service) -> None:
        """Start it; what it undoes is in the file of the first one already."""
        self._start(service, None)

    def _start(self, service: Service, crash_files: Path | None) -> None:
        service.start(self._dsession.nodemanager, self.stray_search.run, crash_files)

    def end_test_workers(self) -> threading.Event | None:
        """Have xdist end the test workers; the event is set when they are down. None: there are
        none."""
        if self._dsession.nodemanager is None:
            return None
        down = in_thread(self._dsession.nodemanager.teardown_nodes)
        # That waits, too, for who holds their connections, though nobody sends there.
        return in_thread(self._exits.wait_all, down)

    def _service(self, relay: Relay, on_end: Callable[[], None]) -> Service:
        return Service(self._config, relay, on_end, self.display)

    def _end_early(self) -> None:
        """Have xdist hand out no more tests. Runs in the switchboard's thread."""
        if self.journal.exit_called is not None:
            self._dsession.shouldstop = self.journal.exit_called.reason
        elif not self.service.fixture_worker.came_up:
            self._dsession.shouldstop = "the fixture worker could not start"


def _joined(node: Any) -> WorkerJoined:
    spec = node.gateway.spec
    if not spec.popen or spec.via:
        from .other_hosts import joined

        return joined(node)
    from ..processes.identity import Identity

    process = Identity.of(node.gateway._rinfo().pid)
    return WorkerJoined(node.gateway.id, process.pid, process.started)


def _crash_files(config: pytest.Config) -> Path | None:
    """Where the fixture worker notes what is set up, for the next run if all is killed."""
    directory = crash_file_directory(config)
    if directory is not None:
        try:
            # So that it is pytest that makes its cache directory, with all that belongs there.
            config.cache.mkdir(CRASH_FILES)
        except OSError:
            return None  # as without a cache; pytest warns when it cannot write there
    return directory

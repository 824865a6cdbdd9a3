"""A run with a fixture worker, until its end begins; runs in the controller."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..roles import CRASH_FILES, Role, hand_over
from ..settings import lane_id, lanes, treatment_of_strays
from ..wire.messages import WorkerJoined
from .display import Display
from .earlier_runs import crash_file_directory
from .journal import Journal
from .relay import Relay
from .service import Service, in_thread
from .stray_search import StraySearch
from .worker_exits import WorkerExits

if TYPE_CHECKING:
    from .lanes import Lanes
    from .other_hosts import OtherHosts

_LANE_EVENT = "fixture_worker_lane"
RECOVERY = "recovery"
"""The name, in the journal, of the fixture worker that undoes what the one that died left."""


class DistributedRun:
    """One per run. Make it before the first worker is started."""

    def __init__(self, config: pytest.Config) -> None:
        self._journal = journal = Journal(time.monotonic)
        # Before anything is started in which something may be left behind:
        ids = [lane_id(config, number) for number in range(lanes(config))]
        self.stray_search = StraySearch(
            *(treatment_of_strays(config), journal, ids),
        )
        self.crash_files = _crash_files(config)
        self._config = config
        self._exits = WorkerExits()
        self._dsession: Any = config.pluginmanager.get_plugin("dsession")
        self._started = False
        self.display = Display(config, self._dsession)
        self.lanes: Lanes | None = None  #: where there may be several fixture workers
        if lanes(config) == 1:
            self.service = self._service(Relay(journal), self._end_early)
        else:
            from .lanes import Lanes

            start = partial(self._start, crash_files=self.crash_files)
            setattr(self._dsession, f"worker_{_LANE_EVENT}", start)
            self.lanes = Lanes(lanes(config), journal, self._make_lane)
            self.service = self.lanes.services[0]

    @property
    def journal(self) -> Journal:
        """What happened so far."""
        return self._journal if self.lanes is None else self.lanes.journal

    @property
    def services(self) -> list[Service]:
        """All fixture workers."""
        return [self.service] if self.lanes is None else list(self.lanes.services)

    def interrupt(self) -> None:
        """Ask all fixture workers to cut running set-ups short."""
        for service in self.services:
            service.switchboard.interrupt()

    def _make_lane(self, number: int, relay: Relay) -> Service:
        """Another fixture worker. Runs in the thread of the first one, but for that itself."""
        service = self._service(relay, self._end_early, number)

        def announce() -> None:
            """Have the main thread start it, as hooks are called then."""
            service.wait_ready()
            self._dsession.queue.put((_LANE_EVENT, {"service": service}))

        if number:
            in_thread(announce)
        return service

    def connect(self, node: Any) -> None:
        """Make the channel over which a test worker is served, and hand it over."""
        channel = node.gateway.newchannel()
        hand_over(node.workerinput, Role.TEST_WORKER, channel)
        joined, sender = _joined(node), channel
        if joined.host:
            sender = self._other_hosts.join(node, channel)
        board = self.lanes or self.service.switchboard
        board.connect_test_worker(node.gateway.id, channel, sender)
        board.test_worker_joined(joined)
        self._exits.watch(node, channel)

    def start(self) -> None:
        """Start pytest in the fixture worker; returns before it is up.

        Call it after the test workers have been started: they do not have to wait, and the
        fixture worker, which does not collect, is up before them all the same.
        """
        if self._started:
            return
        self._started = True
        self.stray_search.testrun_uid = str(self._dsession.nodemanager.testrunuid)
        self._start(self.service, self.crash_files, eager=True)

    def recovery_service(self, died: Relay) -> Service:
        """Another fixture worker, to undo what was left; it is not started yet.

        :param died: of one that left something.
        """
        return self._service(Relay(died.journal, RECOVERY), lambda: None)

    def start_recovery(self, service: Service) -> None:
        """Start it; what it undoes is in the file of the first one already."""
        self._start(service, None)

    def _start(self, service: Service, crash_files: Path | None, *, eager: bool = False) -> None:
        service.start(self._dsession.nodemanager, self.stray_search.run, crash_files, eager=eager)

    def end_test_workers(self) -> threading.Event | None:
        """Have xdist end the test workers; the event is set when they are down. None: there are
        none."""
        if self._dsession.nodemanager is None:
            return None
        down = in_thread(self._teardown)
        # That waits, too, for who holds their connections, though nobody sends there.
        return in_thread(self._exits.wait_all, down)

    @functools.cached_property
    def _other_hosts(self) -> OtherHosts:
        from .other_hosts import OtherHosts

        return OtherHosts(self._config)

    def _teardown(self) -> None:
        if "_other_hosts" in vars(self):
            self._other_hosts.end_sending()
        self._dsession.nodemanager.teardown_nodes()

    def _service(
        self, relay: Relay, on_end: Callable[[], None], number: int | None = None
    ) -> Service:
        return Service(self._config, relay, on_end, self.display, number)

    def _end_early(self) -> None:
        """Have xdist hand out no more tests. Runs in the switchboard's thread."""
        states = [service.fixture_worker for service in self.services]
        if (exit_called := self.journal.exit_called) is not None:
            self._dsession.shouldstop = exit_called.reason
        elif any(state.died is not None and not state.came_up for state in states):
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

"""Starts, watches and stops the fixture worker's process; runs in the controller.

The fixture worker is an xdist worker that gets no tests: xdist's ``WorkerController`` starts it,
so that ``sys.path``, options, ``workerinput`` and warnings are as in any test worker. It is in an
execnet group of its own, because xdist kills its group 10 s after the end and finalizers may take
longer, and it is not one of xdist's nodes, so that no count and no line of xdist's changes.
"""

from __future__ import annotations

import atexit
import inspect
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import execnet
import pytest
from execnet.gateway import RInfo, rinfo_source
from xdist.workermanage import NodeManager, WorkerController

from ..roles import FIXTURE_WORKER_ID, LIVE_OUTPUT, Role, hand_over
from .start_failures import configure_nodes
from .worker_exits import discard_what_is_sent

if TYPE_CHECKING:
    from .live_output import LiveOutput

EXIT_TIMEOUT = 10.0
"""Seconds that the process has to exit once nothing is left to finalize; then it is killed."""
PIPES_TIMEOUT = 0.5
"""Seconds between the end of a process and that of its pipes; then they are let go."""
EXIT_STATUS_TIMEOUT = 1.0
"""Seconds between the end of the connection and that of the process; then its exit status is not
waited for any more."""

START_FAILURES = (EOFError, OSError, execnet.RemoteError)
"""What execnet raises when the process ends before pytest is started in it."""


_PREPARE = """
import gc, os, pytest
gc.freeze()
if hasattr(os, "setsid"):
    os.setsid()
"""
"""Runs first in the interpreter. It imports what takes long, and has the garbage collector leave it
alone: the interpreter exits in a third of the time. It leaves the session of the terminal: Ctrl-C
must reach neither this process nor the servers that fixtures start in it."""


_PRINT_INTO = """
reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
writing = os.open(path, os.O_WRONLY)
os.dup2(writing, 1)
os.dup2(writing, 2)
os.close(reading)
os.close(writing)
"""
"""Has all that is printed go into a pipe, also what other processes print that are started there.
Who reads is there first: to open the other end would wait for that."""


class Manager:
    """Stands in for xdist's ``NodeManager``, as far as ``WorkerController`` reads it.

    A second ``NodeManager`` would make another ``testrun_uid`` and open every ``--px`` proxy again.
    """

    def __init__(self, manager: NodeManager) -> None:
        self.specs = manager.specs
        self.testrunuid = manager.testrunuid
        self.roots = manager.roots


class Interpreter:
    """The interpreter of the fixture worker, which starts in a thread.

    xdist starts those of the test workers one after the other and waits for each. Meanwhile this
    one can start, and import what every worker imports, on a core that would be idle.

    :param worker_id: what xdist calls it.
    :param output: the pipe into which it prints; None: as any worker.
    """

    def __init__(self, worker_id: str = FIXTURE_WORKER_ID, output: str | None = None) -> None:
        self._worker_id = worker_id
        self._prepare = _PREPARE
        if output is not None:
            self._prepare += f"path = {output!r}\n{_PRINT_INTO}"
        self.group = execnet.Group(execmodel="main_thread_only")
        atexit.unregister(self.group._cleanup_atexit)  # kills after 1 s; we stop it ourselves
        self._gateway: execnet.Gateway | None = None
        self._error: BaseException | None = None
        self._started = threading.Event()
        threading.Thread(target=self._start, name="fixture worker start", daemon=True).start()

    def gateway(self) -> execnet.Gateway:
        """Wait until it is up.

        :raises Exception: whatever kept it from starting.
        """
        self._started.wait()
        if self._error is not None:
            raise self._error
        assert self._gateway is not None
        return self._gateway

    @property
    def is_up(self) -> bool:
        """Whether :meth:`gateway` does not wait; also where it raises."""
        return self._started.is_set()

    def wait_up(self) -> None:
        self._started.wait()

    def kill(self) -> None:
        """End it at once, whatever it is doing, and wait until it is gone."""
        self._started.wait(EXIT_TIMEOUT)  # until then, execnet has no process that could be killed
        self.group.terminate(0)
        if self._gateway is not None:
            self._gateway._io.wait()

    def _start(self) -> None:
        try:
            self._gateway = self.group.makegateway(
                f"popen//id={self._worker_id}//execmodel=main_thread_only"
            )
            # Not by _rinfo(): execnet parses a function then, as xdist has it do in the main
            # thread; in two threads at a time, Python 3.11 and 3.12 raise a SystemError.
            about = f"{inspect.getsource(rinfo_source)}\n{rinfo_source.__name__}(channel)\n"
            channel = self._gateway.remote_exec(about + self._prepare)
            self._gateway._cache_rinfo = RInfo(channel.receive())
            channel.waitclose()
        except BaseException as error:
            self._error = error
        finally:
            self._started.set()


class FixtureWorkerProcess:
    """The process of a fixture worker, with pytest in it.

    :param interpreter: the one in which pytest is to be started.
    :param manager: xdist's, of the test workers.
    :param output: where what it prints or logs is shown at once; None: nowhere.
    :param on_down: called with the reason, in a thread of its own or of execnet's, when the
        process, or pytest in it, has ended, for good reasons or bad.
    """

    def __init__(
        self,
        config: pytest.Config,
        interpreter: Interpreter,
        manager: NodeManager,
        on_down: Callable[[str], None],
        output: LiveOutput | None = None,
    ) -> None:
        self.warnings: list[dict[str, Any]] = []  #: for ``pytest_warning_recorded``
        self.killed_by: int | None = None  #: the signal by which it ended when it was to stop
        self._config = config
        self._on_down = on_down
        self._ended = threading.Event()  # pytest in it, at least
        self._exited = threading.Event()  # and the process
        self._heard_all = threading.Event()  # all that it sent
        self._interpreter = interpreter
        gateway = interpreter.gateway()
        self.channel = gateway.newchannel()
        self.pid: int = gateway._rinfo().pid
        self.node = WorkerController(
            Manager(manager),
            gateway,
            config,
            self._event,
        )
        hand_over(self.node.workerinput, Role.FIXTURE_WORKER, self.channel)
        if output is not None:
            self.node.workerinput[LIVE_OUTPUT] = output.handed_over

    def start(self) -> None:
        """Start pytest in the process; returns before it is up.

        :raises pytest.UsageError: if a hook does not expect this worker.
        """
        with configure_nodes(self._config, self.node.gateway.id):
            self.node.setup()
        threading.Thread(target=self._watch, name="fixture worker watch", daemon=True).start()

    def wait_ended(self) -> None:
        """Wait until pytest in it has ended, but not for ever."""
        self._ended.wait(EXIT_TIMEOUT)

    def stop(self) -> None:
        """Let the process exit, or kill it, and wait until it is gone."""
        # execnet waits for the pipes, too, which a forked child of a fixture may hold for long.
        timeout = PIPES_TIMEOUT if self._exited.is_set() else EXIT_TIMEOUT
        self._interpreter.group.terminate(timeout)
        status = self._interpreter.gateway()._io.wait()
        if status is not None and status < 0:
            self.killed_by = -status

    def _event(self, event: tuple[str, dict[str, Any]]) -> None:
        """Receive a report of xdist's worker side. Runs in the receiver thread of the gateway."""
        name, content = event
        match name:
            case "warning_recorded":
                self.warnings.append(content)
            case "internal_error":
                self._on_down(content["formatted_error"])
            case "workerfinished":
                self._heard_all.set()
                self._ended.set()
                self._on_down("pytest in it ended")
            case "errordown":
                self._heard_all.set()
                self._ended.set()
                reason = str(content["error"])
                threading.Thread(target=self._connection_lost, args=[reason], daemon=True).start()

    def _connection_lost(self, reason: str) -> None:
        """Tell, unless the process has ended: then its exit status says more."""
        if not self._exited.wait(EXIT_STATUS_TIMEOUT):
            self._on_down(reason)

    def _watch(self) -> None:
        """Wait for the process, not for its pipes: a child that a fixture forked can hold those."""
        try:
            # WNOWAIT leaves the exit status for execnet, which waits for the process as well.
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except (AttributeError, ChildProcessError):
            # No waitid (macOS before Python 3.13, Windows): execnet's end of the connection tells.
            return
        assert ended is not None  # it is, without WNOHANG
        self._exited.set()
        self._heard_all.wait(PIPES_TIMEOUT)  # what it sent before its end
        discard_what_is_sent(self._interpreter.gateway())
        self._ended.set()
        killed = ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
        self._on_down(
            f"its process {self.pid} was killed by signal {ended.si_status}"
            if killed
            else f"its process {self.pid} ended with exit status {ended.si_status}"
        )

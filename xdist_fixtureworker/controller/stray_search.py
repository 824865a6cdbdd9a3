"""Looks for processes that a run left behind; runs in the controller.

It looks when a test worker has crashed, and at the end. While a worker lives, what it started is no
stray; nor is what the controller started. Only a process that a worker started by ``exec`` shows in
its environment which worker that was. A forked one might as well belong to a worker that still
lives, or be a server of a global fixture: so those are looked for at the end only.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from ..roles import FIXTURE_WORKER_ID, RUN
from .escaping import escaped
from .journal import Journal

if TYPE_CHECKING:
    from ..processes.identity import Identity
    from ..processes.strays import Fate, RunIdentity, Stray

_SETTLE = 1.0
"""Seconds in which processes may end that do so by themselves when they notice that their worker is
gone, as helpers of multiprocessing do."""
_CRASHED_TIMEOUT = 20.0
"""Seconds from the end of the connection to that of the process, where execnet ends it after 15."""

_COMMAND_LENGTH = 200


class Mark:
    """Marks all processes that are started from now on with the id of a new run."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self._before = os.environ.get(RUN)  # within a test of another run
        os.environ[RUN] = self.id

    def take_off(self) -> None:
        if self._before is None:
            os.environ.pop(RUN, None)
        else:
            os.environ[RUN] = self._before


class StraySearch:
    """One per run. Make it before the first worker is started.

    :param treatment: what the user wants done: ``"report"``, ``"kill"`` or ``"ignore"``.
    :param worker_id: the fixture worker's, as xdist knows it.
    """

    def __init__(
        self, treatment: str, journal: Journal, worker_id: str = FIXTURE_WORKER_ID
    ) -> None:
        self._worker_id = worker_id
        self.testrun_uid: str | None = None  #: to be set when xdist has chosen one
        self._treatment = treatment
        self._journal = journal
        self._mark = Mark()
        self.run = self._mark.id  #: the id that all its processes carry
        self._crashed: list[threading.Thread] = []
        self._fates: dict[Stray, Fate] = {}
        self._outlived: dict[str, tuple[Identity, Fate]] = {}
        self._finished = False

    def test_worker_crashed(self, worker: str) -> None:
        """Look for what a test worker left, in a thread: tests go on meanwhile."""
        joined = self._journal.test_workers.get(worker)
        if joined is None or self._treatment == "ignore":
            return
        from ..processes.identity import Identity

        identity = Identity(joined.pid, joined.started)
        thread = threading.Thread(
            target=self._after_crash,
            args=(worker, identity),
            name=f"strays of {worker}",
            daemon=True,
        )
        self._crashed.append(thread)
        thread.start()

    def finish(self) -> None:
        """End test workers that are still there, and look for what is left. Call it when the
        fixture worker is gone; does nothing if called again."""
        if self._finished:
            return
        self._finished = True
        try:
            self._end_test_workers()
            for thread in self._crashed:
                thread.join()  # all that it waits for is bounded
            self._look_at_the_end()
        finally:
            self._mark.take_off()

    def lines(self) -> Iterator[str]:
        """Lines for the summary; none if nothing was left."""
        for worker, (identity, fate) in self._outlived.items():
            yield f"process {identity.pid} {fate.value}: test worker {worker} itself"
        yield from stray_lines(self._fates, self._worker_id)
        if self._fates and self._treatment == "report":
            yield "(--fixture-worker-strays=kill ends them, ignore says nothing)"

    def _after_crash(self, worker: str, identity: Identity) -> None:
        from ..processes.identity import wait_gone
        from ..processes.strays import find

        # For xdist it is down when its connection is. Until it is gone, nothing of it is a stray.
        if not wait_gone([identity], _CRASHED_TIMEOUT):
            self._look(lambda: [stray for stray in find(self._run()) if stray.worker == worker])

    def _end_test_workers(self) -> None:
        """End those that are still there.

        xdist has killed its child processes by now; but the one that it started need not be the
        worker itself, and a run that the user abandons does not wait for that.
        """
        from ..processes.identity import Identity, wait_gone

        workers = {
            Identity(joined.pid, joined.started): worker
            for worker, joined in self._journal.test_workers.items()
        }
        left = wait_gone(workers, _SETTLE)
        if not left:
            return
        from ..processes.ending import end
        from ..processes.strays import Fate

        for identity, fate in end(left).items():
            if fate is not Fate.GONE:
                self._outlived[workers[identity]] = (identity, fate)

    def _look_at_the_end(self) -> None:
        from ..processes.strays import Fate, find

        if self._treatment == "ignore":
            return
        me = os.getpid()

        def is_left(stray: Stray) -> bool:
            """What the controller itself started, a plugin in it for instance, is not left."""
            from ..processes.details import descends_from

            return stray.worker is not None or not descends_from(stray, me)

        def look() -> list[Stray]:
            return [stray for stray in find(self._run(), exclude={me}) if is_left(stray)]

        for stray, fate in self._fates.items():
            if fate is Fate.RUNNING:
                self._fates[stray] = Fate.GONE  # unless it is found again
        self._look(look)

    def _look(self, look: Callable[[], list[Stray]]) -> None:
        from ..processes.identity import wait_gone
        from ..processes.strays import Fate

        def settled() -> list[Stray]:
            return wait_gone(look(), _SETTLE)

        if self._treatment == "kill" and look():
            from ..processes.ending import end_all

            self._fates.update(end_all(settled))
        else:
            self._fates.update(dict.fromkeys(settled(), Fate.RUNNING))

    def _run(self) -> RunIdentity:
        from ..processes.strays import RunIdentity

        return RunIdentity(self._mark.id, self.testrun_uid)


def stray_lines(fates: Mapping[Stray, Fate], worker_id: str = FIXTURE_WORKER_ID) -> Iterator[str]:
    """Lines that say which processes were left, who started them, and what became of them."""
    for stray, fate in fates.items():
        yield f"process {stray.pid} {fate.value}: {_short(stray.command)}"
        yield f"  {_origin(stray, worker_id)}"


def _origin(stray: Stray, worker_id: str) -> str:
    if stray.worker is None:
        who = "which worker started it is not known"
    elif stray.worker == worker_id:
        who = "started by the fixture worker"
    else:
        who = f"started by test worker {stray.worker}"
    return who if stray.test is None else f"{who}, in {escaped(stray.test)}"


def _short(command: str) -> str:
    """Put a command on one line, no longer than helps to recognise it."""
    command = escaped(" ".join(command.split()))
    return command if len(command) <= _COMMAND_LENGTH else f"{command[: _COMMAND_LENGTH - 3]}..."

"""Runs one round: starts the suite, kills as planned, waits for the end, looks what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import project
import psutil
from checks import FIXTURE_WORKER, Delivered, Facts, Left, Note
from plans import EXIT, STOP, Kill, Plan

_LOOK = 0.005  # seconds between looks at the notes
_UP_TIMEOUT = 600.0  # seconds until the controller has begun to read the suite
_STACKS_TIMEOUT = 60.0  # seconds for a process that hangs to write its stacks, and end


@dataclass(frozen=True)
class Round:
    """A round that is over."""

    plan: Plan
    facts: Facts
    seconds: float


def run(plan: Plan, bound: float, lanes: int = 1) -> Round:
    """Run a round.

    :param bound: seconds from when the suite is read, after which what is still there hangs.
    :param lanes: how many fixture workers there may be.
    """
    with tempfile.TemporaryDirectory(prefix="soak", ignore_cleanup_errors=True) as directory:
        started = time.monotonic()
        running = _Running(Path(directory), lanes)
        try:
            running.wait_up(bound)
            for kill in plan.kills:
                running.attack(kill)
            facts = running.facts()
        finally:
            running.close()
    return Round(plan, facts, time.monotonic() - started)


class _Running:
    """The suite of a round while it runs."""

    def __init__(self, directory: Path, lanes: int) -> None:
        self._directory = directory
        self._lanes = lanes
        self._deadline = time.monotonic() + _UP_TIMEOUT
        self._id = uuid.uuid4().hex
        self._delivered: list[Delivered] = []
        self._read = 0  # bytes of the notes
        self._notes: list[Note] = []
        self._seen = 0  # notes before the last attack
        self._ended = threading.Event()
        self._ended_at = 0.0
        project.write(directory, lanes)
        command = (*project.COMMAND, *((project.LANES, str(lanes)) if lanes > 1 else ()))
        self._output = directory / "output.txt"
        with self._output.open("wb") as output:  # no pipe: those who are left would hold it
            self._controller = subprocess.Popen(
                [sys.executable, "-m", "pytest", *command, "test_it.py"],
                cwd=directory,
                env=self._environment(
                    {project.ROUND: self._id, project.NOTES: str(directory / "notes.jsonl")}
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        self._controller.wait()
        self._ended_at = time.time()
        self._ended.set()

    @staticmethod
    def _environment(more: dict[str, str]) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if "PYTEST_" not in name}
        return {**ours, **project.ONLY_OURS, "PYTHONFAULTHANDLER": "1", **more}

    def wait_up(self, bound: float) -> None:
        """Wait until something has been noted; from then on, the time is limited."""
        while not self.notes() and time.monotonic() < self._deadline:
            if self._ended.wait(_LOOK):
                break
        self._deadline = time.monotonic() + bound

    def notes(self) -> list[Note]:
        """What the suite noted so far, in order."""
        file = self._directory / "notes.jsonl"
        if file.exists() and file.stat().st_size > self._read:
            with file.open("rb") as unread:
                unread.seek(self._read)
                new = unread.read()
                whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in whole.splitlines():
                data = json.loads(line)
                fields = ("what", "pid", "created", "worker", "time")
                self._notes.append(Note(*(data.pop(name) for name in fields), data))
        return self._notes

    # --- kills

    def attack(self, kill: Kill) -> None:
        """Wait for its moment, and do it to who is there then."""
        if not self._wait_moment(kill):
            return
        victims = self._victims(kill)
        number = signal.SIGUSR1 if kill.how == EXIT else getattr(signal, kill.how)
        hit = self._send_all(kill, victims, number)
        now = time.time()
        self._delivered += [Delivered(kill.how, victim.pid, now) for victim in hit]
        if kill.how == STOP:
            time.sleep(kill.stopped)
            self._send_all(kill, hit, signal.SIGCONT)
        self._seen = len(self.notes())

    def _send_all(
        self, kill: Kill, victims: list[psutil.Process], number: int
    ) -> list[psutil.Process]:
        """Send a signal to the victims, or to their group; returns whom it reached."""
        if kill.victim == "group":
            return victims if victims and self._send_to_group(number) else []
        return [victim for victim in victims if self._send(victim, number)]

    def _wait_moment(self, kill: Kill) -> bool:
        """Whether it came before the run was over."""
        while time.monotonic() < self._deadline:
            notes = self.notes()[self._seen :]
            if sum(kill.event in ("any", note.what) for note in notes) >= kill.count:
                time.sleep(kill.delay)
                return True
            if self._ended.is_set() and not self._workers(FIXTURE_WORKER):
                return False
            time.sleep(_LOOK)
        return False

    def _workers(self, kind: str = "") -> list[psutil.Process]:
        """The workers that run, in the order in which they came up."""
        found = []
        for note in self.notes():
            if note.what == "up" and note.worker.startswith(kind or ("gw", FIXTURE_WORKER)):
                try:
                    process = psutil.Process(note.pid)
                    if process.create_time() == note.created and _is_alive(process):
                        found.append(process)
                except psutil.NoSuchProcess:
                    pass
        return found

    def _victims(self, kill: Kill) -> list[psutil.Process]:
        try:
            controller = [psutil.Process(self._controller.pid)]
        except psutil.NoSuchProcess:
            controller = []
        match kill.victim:
            case "controller":
                return controller
            case "test worker":
                workers = self._workers("gw")
                return workers and [workers[kill.which % len(workers)]]
            case "fixture worker":
                workers = self._workers(FIXTURE_WORKER)
                return workers and [workers[kill.which % len(workers)]]
            case "group":
                return [*self._workers("gw"), *controller]
            case _:
                return [*controller, *self._workers()]

    @staticmethod
    def _send(process: psutil.Process, number: int) -> bool:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return False
        return True

    def _send_to_group(self, number: int) -> bool:
        try:
            os.killpg(self._controller.pid, number)
        except ProcessLookupError:
            return False
        return True

    # --- the end

    def facts(self) -> Facts:
        """Wait until all is over; what there is to see then."""
        hung = self._wait_all_ended()
        all_ended = time.time()
        left = [_left(process) for process in hung]
        if hung:
            self._make_them_show_their_stacks(hung)
        hung_pids = {process.pid for process in hung}
        servers = [_left(one) for one in self._processes() if one.pid not in hung_pids]
        next_run = subprocess.run(
            [sys.executable, "-m", "pytest", *project.NEXT_COMMAND],
            cwd=self._directory,
            env=self._environment({project.NOTES: os.devnull}),
            capture_output=True,
            text=True,
            check=False,
        )
        return Facts(
            notes=tuple(self.notes()),
            delivered=tuple(self._delivered),
            exit_code=None if self._controller.pid in hung_pids else self._controller.returncode,
            output=self._output.read_text(encoding="utf-8", errors="replace"),
            next_code=next_run.returncode,
            next_output=next_run.stdout + next_run.stderr,
            left=(*left, *servers),
            ledger=tuple(
                sorted(
                    file.name
                    for file in (self._directory / ".pytest_cache" / "fixture_worker").glob("*")
                )
            ),
            controller_ended=self._ended_at,
            all_ended=all_ended,
            lanes=self._lanes,
        )

    def _wait_all_ended(self) -> list[psutil.Process]:
        """Wait until only servers of fixtures are left, which nobody ends any more; returns what
        else there is when the time is over."""
        while True:
            others = [one for one in self._processes() if not _left(one).fixture]
            if not others and self._ended.is_set():
                return []
            left = self._deadline - time.monotonic()
            if left <= 0:
                return others
            # Not for the controller, whose exit status psutil would take before us.
            if self._ended.wait(min(left, 1.0)):
                psutil.wait_procs(others, timeout=min(left, 1.0))

    def _processes(self) -> list[psutil.Process]:
        """All processes of this round, wherever they hang in the tree."""
        return [
            process
            for process in psutil.process_iter()
            if _variable(process, project.ROUND) == self._id and _is_alive(process)
        ]

    def _make_them_show_their_stacks(self, hung: list[psutil.Process]) -> None:
        for number in (signal.SIGCONT, signal.SIGABRT):
            for process in hung:
                self._send(process, number)
        others = [process for process in hung if process.pid != self._controller.pid]
        if len(others) < len(hung):
            self._ended.wait(_STACKS_TIMEOUT)
        psutil.wait_procs(others, _STACKS_TIMEOUT)

    def close(self) -> None:
        """End all that is left."""
        left = self._processes()
        for process in left:
            self._send(process, signal.SIGKILL)
        self._ended.wait()
        psutil.wait_procs(left)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _variable(process: psutil.Process, name: str) -> str:
    try:
        return str(process.environ().get(name, ""))
    except psutil.Error:
        return ""  # of another user, or gone


def _left(process: psutil.Process) -> Left:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        command = ""
    return Left(process.pid, command, _variable(process, project.FIXTURE))

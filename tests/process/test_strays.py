"""Finding and ending processes: real ones, which are told by their identity and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import psutil
import pytest

from xdist_fixtureworker.controller.stray_search import Mark
from xdist_fixtureworker.processes import details, ending, strays
from xdist_fixtureworker.processes.identity import Identity, started, wait_gone
from xdist_fixtureworker.processes.strays import Fate, RunIdentity, Stray
from xdist_fixtureworker.roles import RUN
from xdist_fixtureworker.wire.frozen import replace

NEVER = 1200.0
"""Seconds after which a test fails instead of hanging; nothing takes that long."""
SHORT = 0.2
"""Seconds of grace for a process that will not end without being killed."""

SLEEP = ["sleep", "300"]
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(flush=True)
signal.pause()
"""
#: Forks twice, as a daemon does, and says which process is left: one that never called exec.
FORKS = """
import os, signal
if os.fork() == 0:
    os.setsid()
    child = os.fork()
    if child == 0:
        signal.pause()
    print(child, flush=True)
    os._exit(0)
os.wait()
"""
#: When it is to end, it first starts another one in its place.
HYDRA = """
import os, signal, subprocess
def replace(number, frame):
    # Not print(), in the middle of which the signal may have come.
    os.write(1, f"{subprocess.Popen(['sleep', '300']).pid}\\n".encode())
    os._exit(0)
signal.signal(signal.SIGTERM, replace)
os.write(1, b"\\n")
while True: signal.pause()
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes, with the variables given in addition; they are killed after the test."""
    started: list[subprocess.Popen[str]] = []

    def start_one(command: list[str], user: int | None = None, **env: str) -> subprocess.Popen[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        process = subprocess.Popen(
            command, env={**inherited, **env}, user=user, text=True, stdout=subprocess.PIPE
        )
        started.append(process)
        # Popen returns as exec begins, and /proc shows the new environment at its end.
        while process.poll() is None and not psutil.Process(process.pid).environ():
            time.sleep(0.001)
        return process

    yield start_one
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def run() -> RunIdentity:
    """A run that nobody else has."""
    mark = Mark()
    mark.take_off()
    return RunIdentity(mark.id, "uid")


@pytest.fixture
def end_pid() -> Iterator[Callable[[int], None]]:
    """Has a process killed after the test that is no child of ours."""
    identities: list[Identity] = []
    yield lambda pid: identities.append(Identity.of(pid))
    ending.end(identities)


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def has_exited(process: subprocess.Popen[str]) -> int:
    """Its status, which must still be there for whoever started it."""
    return process.wait(NEVER)


# --- looking


def test_what_a_worker_started_is_found_with_worker_and_test(
    run: RunIdentity, start: Start
) -> None:
    process = start(
        [*SLEEP, "0"],
        **{RUN: run.id},
        PYTEST_XDIST_TESTRUNUID="uid",
        PYTEST_XDIST_WORKER="gw7",
        PYTEST_CURRENT_TEST="test_it.py::test_a (call)",
    )
    assert strays.find(run) == [
        Stray(
            pid=process.pid,
            started=started(process.pid) or "",
            command="sleep 300 0",
            worker="gw7",
            test="test_it.py::test_a (call)",
        )
    ]


def test_what_does_not_show_is_not_known(run: RunIdentity, start: Start) -> None:
    start(SLEEP, **{RUN: run.id})
    ((stray),) = strays.find(run)
    assert (stray.worker, stray.test) == (None, None)


def test_a_forked_daemon_shows_the_environment_of_what_it_was_forked_from(
    run: RunIdentity, start: Start, end_pid: Callable[[int], None]
) -> None:
    parent = start(script(FORKS), **{RUN: run.id})
    daemon = int(said(parent))
    end_pid(daemon)
    has_exited(parent)
    assert psutil.Process(daemon).ppid() != parent.pid
    assert [stray.pid for stray in strays.find(run)] == [daemon]


def test_processes_of_others_are_not_found(run: RunIdentity, start: Start) -> None:
    start(SLEEP, **{RUN: "another-run"})
    start(SLEEP)
    start(SLEEP, XDIST_FIXTUREWORKER_RUNS=run.id)
    assert strays.find(run) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start processes of other users")
def test_a_process_of_another_user_is_not_found(run: RunIdentity, start: Start) -> None:
    process = start(SLEEP, user=65534, **{RUN: run.id})
    assert psutil.Process(process.pid).environ()[RUN] == run.id  # so it could be
    assert strays.find(run) == []


def test_a_zombie_is_not_found(run: RunIdentity, start: Start) -> None:
    process = start(SLEEP, **{RUN: run.id})
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert strays.find(run) == []


def test_what_is_excluded_is_not_found(run: RunIdentity, start: Start) -> None:
    processes = [start(SLEEP, **{RUN: run.id}) for _ in range(2)]
    (stray,) = strays.find(run, exclude={processes[0].pid})
    assert stray.pid == processes[1].pid


OURS = {
    "PYTEST_XDIST_TESTRUNUID": "ours",
    "PYTEST_XDIST_WORKER": "gw0",
    "PYTEST_CURRENT_TEST": "test_it.py::test_it (call)",
}


@pytest.mark.parametrize(
    ("testrun_uid", "environment", "worker", "test"),
    [
        ("ours", OURS, "gw0", "test_it.py::test_it (call)"),
        ("inner", OURS, None, None),
        ("ours", {**OURS, "PYTEST_XDIST_TESTRUNUID": "inner"}, None, None),
        ("ours", {"PYTEST_CURRENT_TEST": "test_outer.py::test_it (call)"}, None, None),
        (None, {"PYTEST_XDIST_WORKER": "gw0"}, None, None),
    ],
    ids=["ours", "fork in an inner run", "of an inner run", "within a serial run", "too early"],
)
def test_variables_about_another_run_tell_nothing(
    testrun_uid: str | None,
    environment: Mapping[str, str],
    worker: str | None,
    test: str | None,
) -> None:
    run = RunIdentity("run", testrun_uid)
    assert (run.worker(environment), run.test(environment)) == (worker, test)


def test_this_process_is_known_by_id_and_time() -> None:
    assert Identity.of(os.getpid()) == Identity.of(os.getpid())


def test_descendants(start: Start, end_pid: Callable[[int], None]) -> None:
    child = start(["sh", "-c", "sleep 300 & echo $!; wait"])
    grandchild = int(said(child))
    end_pid(grandchild)
    assert details.descends_from(Identity.of(child.pid), os.getpid())
    assert details.descends_from(Identity.of(grandchild), os.getpid())
    assert not details.descends_from(Identity.of(os.getpid()), child.pid)
    assert not details.descends_from(Identity(grandchild, ""), os.getpid())


# --- ending


def test_a_process_is_terminated(start: Start) -> None:
    process = start(SLEEP)
    identity = Identity.of(process.pid)
    assert ending.end([identity], NEVER) == {identity: Fate.TERMINATED}
    assert has_exited(process) == -signal.SIGTERM


def test_a_process_that_ignores_it_is_killed(start: Start) -> None:
    process = start(script(STUBBORN))
    said(process)
    identity = Identity.of(process.pid)
    assert ending.end([identity], SHORT) == {identity: Fate.KILLED}
    assert has_exited(process) == -signal.SIGKILL


def test_a_stopped_process_is_killed(start: Start) -> None:
    process = start(SLEEP)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    identity = Identity.of(process.pid)
    assert ending.end([identity], SHORT) == {identity: Fate.KILLED}
    assert has_exited(process) == -signal.SIGKILL


def test_who_ends_meanwhile_needs_no_signal(start: Start) -> None:
    process = start(SLEEP)
    identity = Identity.of(process.pid)
    process.kill()
    assert wait_gone([identity], NEVER) == []  # though it is a zombie as yet
    assert ending.end([identity], NEVER) == {identity: Fate.GONE}
    assert has_exited(process) == -signal.SIGKILL
    assert ending.end([identity], NEVER) == {identity: Fate.GONE}


def test_each_is_told_what_was_done_to_it(start: Start) -> None:
    stubborn, easy, gone = start(script(STUBBORN)), start(SLEEP), start(SLEEP)
    said(stubborn)
    identities = [Identity.of(process.pid) for process in (stubborn, easy, gone)]
    gone.kill()
    assert wait_gone(identities[2:], NEVER) == []
    assert wait_gone(identities, SHORT) == identities[:2]
    assert list(ending.end(identities[1:], NEVER).items()) == [
        (identities[1], Fate.TERMINATED),
        (identities[2], Fate.GONE),
    ]
    assert list(ending.end(identities, SHORT).items()) == [
        (identities[0], Fate.KILLED),
        (identities[1], Fate.GONE),
        (identities[2], Fate.GONE),
    ]


def test_a_later_process_with_the_same_id_is_left_alone(start: Start) -> None:
    process = start(SLEEP)
    earlier = Identity(process.pid, Identity.of(os.getpid()).started)
    assert not earlier.runs
    assert wait_gone([earlier], NEVER) == []
    assert ending.end([earlier], NEVER) == {earlier: Fate.GONE}
    assert process.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps the time itself")
def test_when_the_clock_is_set_a_process_stays_the_same(
    run: RunIdentity, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the clock, the time of the boot moves, from which psutil works out when a process was
    started."""
    process = start(SLEEP, **{RUN: run.id})
    (found,) = strays.find(run)
    identity = Identity.of(process.pid)
    created = psutil.Process(process.pid).create_time()
    boot = psutil.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + 3600)
    monkeypatch.setattr(psutil._pslinux, "BOOT_TIME", None, raising=False)
    assert psutil.Process(process.pid).create_time() == pytest.approx(created + 3600)
    assert Identity.of(process.pid) == identity
    assert identity.runs
    assert strays.find(run) == [found]
    assert ending.end([found], NEVER) == {found: Fate.TERMINATED}


def test_a_process_that_executes_another_program_stays_the_same() -> None:
    first = Stray(1, "boot/7", "sleep 300", "gw0", None)
    assert first == replace(first, command="true")
    assert hash(first) == hash(replace(first, command="true"))
    assert first != replace(first, pid=2)
    assert first != replace(first, started="boot/8")


def test_no_process_has_such_an_id() -> None:
    for pid in (-5, 0, 2**31, 2**40):
        assert started(pid) is None
        assert not Identity.of(pid).runs


def test_one_look_finds_the_processes_of_many_runs(run: RunIdentity, start: Start) -> None:
    # Processes of other tests, which run at the same time, may have any other name.
    other, empty = (RunIdentity(f"{run.id}-{name}", None) for name in ("other", "empty"))
    one, two = (start(SLEEP, **{RUN: each.id}) for each in (run, other))
    found = strays.find_each([run, other, empty])
    assert [[stray.pid for stray in found[each]] for each in found] == [[one.pid], [two.pid], []]


def test_without_proc_nothing_is_found_and_nobody_is_hurt(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that has none."""

    def missing(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "listdir", missing)
    assert strays.find(RunIdentity("any", None)) == []


def test_what_is_started_by_what_is_ended_is_ended_as_well(
    run: RunIdentity, start: Start, end_pid: Callable[[int], None]
) -> None:
    process = start(script(HYDRA), **{RUN: run.id})
    said(process)
    fates = ending.end_all(lambda: strays.find(run), NEVER)
    assert [(stray.command == "sleep 300", fate) for stray, fate in fates.items()] == [
        (False, Fate.TERMINATED),
        (True, Fate.TERMINATED),
    ]
    assert {stray.pid for stray in fates} == {process.pid, int(said(process))}
    assert strays.find(run) == []


def test_the_looking_ends_even_if_new_ones_keep_coming(run: RunIdentity, start: Start) -> None:
    def look() -> list[Stray]:
        start(SLEEP, **{RUN: run.id})
        return strays.find(run)

    fates = ending.end_all(look, NEVER)
    assert set(fates.values()) == {Fate.TERMINATED}
    assert len(fates) == 3


# --- the mark


def test_the_mark_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN, raising=False)
    mark = Mark()
    assert os.environ[RUN] == mark.id
    mark.take_off()
    assert RUN not in os.environ


def test_within_another_run_its_mark_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN, "outer")
    mark = Mark()
    assert os.environ[RUN] == mark.id != "outer"
    mark.take_off()
    assert os.environ[RUN] == "outer"

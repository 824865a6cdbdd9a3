"""When the controller looks for strays, and which ones it takes for such; real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from xdist_fixtureworker.controller import stray_search
from xdist_fixtureworker.controller.journal import Journal, WorkerStarted
from xdist_fixtureworker.controller.stray_search import StraySearch
from xdist_fixtureworker.processes import ending
from xdist_fixtureworker.processes.identity import Identity, wait_gone
from xdist_fixtureworker.roles import RUN

NEVER = 1200.0
"""Seconds after which a test fails instead of hanging; nothing takes that long."""
UID = "uid"
OF_THIS_RUN = {"PYTEST_XDIST_TESTRUNUID": UID}
#: Starts another process in a session of its own, and leaves it to whoever adopts such.
ABANDONS = """
import subprocess
print(subprocess.Popen(["sleep", "300"], start_new_session=True).pid, flush=True)
"""


class Processes:
    """What a test started, direct children of this process or not; all are killed after it."""

    def __init__(self) -> None:
        self.children: list[subprocess.Popen[str]] = []
        self.identities: list[Identity] = []

    def start(self, *command: str, **env: str) -> subprocess.Popen[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment = {**inherited, **OF_THIS_RUN, **env}
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def sleep(self, **env: str) -> int:
        return self.start("sleep", "300", **env).pid

    def abandoned(self, **env: str) -> int:
        """One whose parent is gone."""
        parent = self.start(sys.executable, "-c", ABANDONS, **env)
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        self.identities.append(Identity.of(pid))
        parent.wait(NEVER)
        return pid

    def end(self) -> None:
        for child in self.children:
            with child:
                child.kill()
        ending.end(self.identities)


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    processes.end()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for processes that do not end by themselves."""
    monkeypatch.setattr(stray_search, "_SETTLE", 0.01)


@pytest.fixture
def journal() -> Journal:
    return Journal(lambda: 0.0)


@pytest.fixture
def make_search(journal: Journal) -> Iterator[Callable[[str], StraySearch]]:
    searches: list[StraySearch] = []

    def make(treatment: str) -> StraySearch:
        search = StraySearch(treatment, journal)
        search.testrun_uid = UID
        searches.append(search)
        return search

    yield make
    for search in searches:
        search.finish()  # takes its mark off


def started(worker: str, pid: int) -> WorkerStarted:
    identity = Identity.of(pid)
    return WorkerStarted(0.0, worker, identity.pid, identity.started)


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def said(search: StraySearch) -> list[str]:
    search.finish()
    return [line for line in search.lines() if line.startswith("process")]


def wait_until_looked(search: StraySearch) -> None:
    """Until the looks after crashes are over, which are taken in threads."""
    for thread in search._crashed:
        thread.join(NEVER)
        assert not thread.is_alive()


def test_nothing_was_left(make_search: Callable[[str], StraySearch]) -> None:
    search = make_search("report")
    search.finish()
    assert list(search.lines()) == []


def test_whose_worker_is_not_known_and_is_a_child_of_the_controller_is_not_left(
    make_search: Callable[[str], StraySearch], processes: Processes
) -> None:
    search = make_search("kill")
    own, of_gw0, abandoned = (
        processes.sleep(),
        processes.sleep(PYTEST_XDIST_WORKER="gw0"),
        processes.abandoned(),
    )
    assert sorted(said(search)) == sorted(
        f"process {pid} was terminated: sleep 300" for pid in (of_gw0, abandoned)
    )
    assert [lives(pid) for pid in (own, of_gw0, abandoned)] == [True, False, False]


def test_at_a_crash_only_what_is_known_to_be_of_that_worker(
    make_search: Callable[[str], StraySearch], journal: Journal, processes: Processes
) -> None:
    """Another one may be of a worker that lives, or a server of a global fixture."""
    search = make_search("kill")
    worker = processes.sleep()
    journal.append(started("gw0", worker))
    left = processes.abandoned(PYTEST_XDIST_WORKER="gw0")
    others = [
        processes.abandoned(PYTEST_XDIST_WORKER="gw1"),
        processes.abandoned(PYTEST_XDIST_WORKER="fixtureworker"),
        processes.abandoned(),
    ]
    os.kill(worker, signal.SIGKILL)
    search.test_worker_crashed("gw0")
    wait_until_looked(search)
    assert not lives(left)
    assert all(lives(pid) for pid in others)
    assert len(said(search)) == 4  # at the end it is all of them


def test_a_worker_that_lost_its_connection_but_lives_has_left_nothing_yet(
    make_search: Callable[[str], StraySearch], journal: Journal, processes: Processes
) -> None:
    search = make_search("kill")
    worker = processes.sleep()
    journal.append(started("gw0", worker))
    left = processes.abandoned(PYTEST_XDIST_WORKER="gw0")
    search.test_worker_crashed("gw0")
    assert lives(left)
    os.kill(worker, signal.SIGKILL)
    wait_until_looked(search)
    assert not lives(left)


@pytest.mark.parametrize("ended", [True, False])
def test_what_a_crash_left_may_have_ended_by_the_end(
    make_search: Callable[[str], StraySearch], journal: Journal, processes: Processes, ended: bool
) -> None:
    search = make_search("report")
    worker = processes.sleep()
    journal.append(started("gw0", worker))
    left = processes.abandoned(
        PYTEST_XDIST_WORKER="gw0", PYTEST_CURRENT_TEST="test_it.py::test_a (call)"
    )
    os.kill(worker, signal.SIGKILL)
    search.test_worker_crashed("gw0")
    wait_until_looked(search)
    if ended:
        identity = Identity.of(left)
        os.kill(left, signal.SIGKILL)
        assert wait_gone([identity], NEVER) == []
    search.finish()
    assert list(search.lines()) == [
        f"process {left} {'has ended since' if ended else 'is still running'}: sleep 300",
        "  started by test worker gw0, in test_it.py::test_a (call)",
        "(--fixture-worker-strays=kill ends them, ignore says nothing)",
    ]


def test_what_ends_by_itself_right_away_is_not_left(
    make_search: Callable[[str], StraySearch],
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a helper that notices, by its pipe, that its worker is gone: so it takes a moment."""
    monkeypatch.setattr(stray_search, "_SETTLE", NEVER)
    search = make_search("report")
    program = "import sys; print('up', flush=True); sys.stdin.read()"
    helper = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **OF_THIS_RUN, "PYTEST_XDIST_WORKER": "gw0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with helper:
        assert helper.stdout is not None
        assert helper.stdin is not None
        helper.stdout.readline()
        helper.stdin.close()
        assert said(search) == []


@pytest.mark.parametrize("treatment", ["report", "kill", "ignore"])
def test_a_test_worker_that_is_still_there_is_ended_in_any_case(
    make_search: Callable[[str], StraySearch],
    journal: Journal,
    processes: Processes,
    treatment: str,
) -> None:
    search = make_search(treatment)
    worker, gone = processes.sleep(), processes.sleep()
    journal.append(started("gw0", worker))
    journal.append(started("gw1", gone))
    identity = Identity.of(gone)
    os.kill(gone, signal.SIGKILL)
    assert wait_gone([identity], NEVER) == []
    assert said(search) == [f"process {worker} was terminated: test worker gw0 itself"]
    assert not lives(worker)


def test_ignoring(
    make_search: Callable[[str], StraySearch], journal: Journal, processes: Processes
) -> None:
    search = make_search("ignore")
    worker = processes.sleep()
    journal.append(started("gw0", worker))
    left = processes.abandoned(PYTEST_XDIST_WORKER="gw0")
    os.kill(worker, signal.SIGKILL)
    search.test_worker_crashed("gw0")
    assert said(search) == []
    assert lives(left)


def test_a_worker_that_crashed_before_it_could_join(
    make_search: Callable[[str], StraySearch], processes: Processes
) -> None:
    search = make_search("report")
    left = processes.abandoned(PYTEST_XDIST_WORKER="gw0")
    search.test_worker_crashed("gw0")
    assert said(search) == [f"process {left} is still running: sleep 300"]


def test_finishing_twice_is_finishing_once(
    make_search: Callable[[str], StraySearch], processes: Processes
) -> None:
    search = make_search("kill")
    environment = dict(os.environ)
    search.finish()
    later = processes.sleep(**{RUN: environment[RUN]}, PYTEST_XDIST_WORKER="gw0")
    search.finish()
    assert lives(later)
    assert os.environ.get(RUN) != environment[RUN]


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("import time\n\ntime.sleep(300)", "'import time time.sleep(300)'"),
        (f"import time; time.sleep(300) # {'x' * 500}", None),
    ],
    ids=["lines", "long"],
)
def test_a_command_is_shown_on_one_line(
    make_search: Callable[[str], StraySearch], processes: Processes, program: str, shown: str | None
) -> None:
    search = make_search("report")
    processes.start(sys.executable, "-c", program, PYTEST_XDIST_WORKER="gw0")
    (line,) = said(search)
    if shown is None:
        assert line.endswith("xxx...")
        assert len(line) < 250
    else:
        assert line.endswith(f" -c {shown}")


@pytest.mark.parametrize(
    ("env", "origin"),
    [
        ({"PYTEST_XDIST_WORKER": "gw3"}, "started by test worker gw3"),
        ({"PYTEST_XDIST_WORKER": "fixtureworker"}, "started by the fixture worker"),
        ({}, "which worker started it is not known"),
        (
            {"PYTEST_CURRENT_TEST": "test_it.py::test_a (setup)"},
            "which worker started it is not known, in test_it.py::test_a (setup)",
        ),
    ],
    ids=["test worker", "fixture worker", "unknown", "test only"],
)
def test_where_it_comes_from(
    make_search: Callable[[str], StraySearch],
    processes: Processes,
    env: dict[str, str],
    origin: str,
) -> None:
    search = make_search("report")
    processes.abandoned(**env)
    search.finish()
    assert list(search.lines())[1] == f"  {origin}"

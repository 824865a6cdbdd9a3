"""Which process of a run this is, and the keys under which processes find things; every process."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import execnet
    import pytest

HANDOVER = "xdist_fixtureworker"
"""The key in xdist's ``workerinput`` for what :func:`hand_over` puts there."""

LIVE_OUTPUT = "xdist_fixtureworker_live_output"
"""The key in ``workerinput`` for what the fixture worker is to show at once, and the pipe for that;
only where there is something."""

RAN = "xdist_fixtureworker_ran"
"""The key in xdist's ``workeroutput`` for the global fixtures that a test worker set up itself."""

MISUSE = "xdist_fixtureworker_misuse"
"""The key in ``workeroutput`` for ``(error, notes)`` about the names in ``global_fixtures``."""

COLLECTS_EVERYTHING = "xdist_fixtureworker_everything"
"""The key in ``workerinput`` for whether the run is about the whole suite."""

PLAIN_VALUES = "xdist_fixtureworker_plain_values"
"""The key in ``workeroutput`` for digests of the values of session fixtures."""

CHANGED_VALUES = "xdist_fixtureworker_changed_values"
"""The key in ``workeroutput`` for the global fixtures whose values were changed in that worker."""

ON_ANOTHER_HOST = "xdist_fixtureworker_on_another_host"
"""The key in ``workerinput`` that only test workers on other hosts are given."""

OF_ONE_HOST = "xdist_fixtureworker_of_one_host"
"""The key in ``workeroutput`` for what in the values of global fixtures means something else there,
by ``name (file:line)``."""

ANY_MARK = "*"
"""Among the names of marks that hooks ask for: all marks, to look for one."""
MARKS_ASKED = "_xdist_fixtureworker_marks"
"""The attribute of a failed set-up's report that tells which marks hooks asked for."""

FAILED_SET_UP = "xdist_fixtureworker_failed_set_up"
"""The attribute of a test's report that says, in one line, which set-up has failed before it, and
how many sections of output are of that."""

GLOBAL_FIXTURES = "global_fixtures"
"""The ini setting, and the destination of the option, with names of fixtures to make global."""

GLOBAL = "_xdist_fixtureworker_declaration"
"""The attribute of a fixture's function that holds its declaration as a global fixture."""

EAGER = "_xdist_fixtureworker_eager"
"""The attribute of a fixture's function that says that it is declared eager."""

PARALLEL_ONLY = "parallel_only"
SERIAL_ONLY = "serial_only"

GUARD = "_xdist_fixtureworker_guard"
"""The attribute of a fixture's function that names its guard: one of these two."""

SKIPPED_BY = "xdist_fixtureworker_guard"
"""The attribute of an exception, and then of the test's report, that names the guard."""

RUN = "XDIST_FIXTUREWORKER_RUN"
"""The environment variable that all processes of a run inherit."""

CRASH_FILES = "fixture_worker"
"""The folder in pytest's cache directory in which runs note what is set up. It lies beside ``d``
and ``v``, which ``--cache-clear`` empties."""

RUN_FILES = "pytest-fixtureworker-"
"""How the names of the directories for a run's files begin, in memory and among the temporary
files; the run's id follows."""

FIXTURE_WORKER_ID = "fixtureworker"
"""The fixture worker's name within this plugin; and the id that xdist knows it by, unless the ini
setting ``fixture_worker_id`` has another."""


class Role(Enum):
    """What a process is in a run."""

    CONTROLLER = "controller"  #: or the only process, where tests are not distributed
    FIXTURE_WORKER = "fixture worker"
    TEST_WORKER = "test worker"
    UNSERVED_TEST_WORKER = "test worker of a run without a fixture worker"


def role_of(config: pytest.Config) -> Role:
    """The role of this process."""
    workerinput = getattr(config, "workerinput", None)  # set by xdist in each worker
    if workerinput is None:
        return Role.CONTROLLER
    if HANDOVER not in workerinput:
        return Role.UNSERVED_TEST_WORKER
    return Role(workerinput[HANDOVER][0])


def is_fixture_worker(config: pytest.Config) -> bool:
    """Whether this process is the fixture worker, which runs global fixtures and no tests.

    Any process. False in test workers, in the controller and where tests are not distributed.
    """
    return role_of(config) is Role.FIXTURE_WORKER


def is_program(config: pytest.Config) -> bool:
    """Whether pytest is what this process was started for.

    It is not in a worker, in a run within a test, and in a program that calls ``pytest.main()``.
    Unlike the role, this is known before conftests are loaded.
    """
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    name = str(getattr(main, "__file__", "") if spec is None else spec.name).rpartition("/")[2]
    started = name in ("pytest", "py.test", "pytest.__main__")
    return started and tuple(sys.argv[1:]) == tuple(config.invocation_params.args)


def hand_over(workerinput: dict[str, Any], role: Role, channel: execnet.Channel) -> None:
    """Tell a worker its role, and the channel to the controller. Runs in the controller."""
    workerinput[HANDOVER] = (role.value, channel)


def is_fixture_workers(node: Any) -> bool:
    """Whether a node of xdist's is the fixture worker. Runs in the controller."""
    role, *_ = node.workerinput.get(HANDOVER, ("",))
    return bool(role == Role.FIXTURE_WORKER.value)


def handed_over(config: Any) -> execnet.Channel:
    """The channel that a worker was given. Runs in a fixture worker or a served test worker."""
    channel: execnet.Channel = config.workerinput[HANDOVER][1]
    return channel

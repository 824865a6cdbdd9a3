"""How a worker is told what it is; used by every process, and so without any import."""

from __future__ import annotations

HANDOVER = "xdist_fixtureworker"
"""The key in xdist's ``workerinput`` under which a worker finds ``(role, channel)``."""

RAN = "xdist_fixtureworker_ran"
"""The key in xdist's ``workeroutput`` for the global fixtures that a test worker set up itself."""

MISUSE = "xdist_fixtureworker_misuse"
"""The key in ``workeroutput`` for what is wrong with the names that configuration makes global:
``(error, notes)``."""

COLLECTS_EVERYTHING = "xdist_fixtureworker_everything"
"""The key in ``workerinput`` for whether the run is about the whole suite."""

PLAIN_VALUES = "xdist_fixtureworker_plain_values"
"""The key in ``workeroutput`` for digests of the values of session fixtures, by their names and
places."""

RUN = "XDIST_FIXTUREWORKER_RUN"
"""The environment variable by which all processes of a run are known, wherever they end up."""

LEDGERS = "fixture_worker"
"""The folder in pytest's cache directory in which runs note what is set up: beside ``d`` and ``v``,
which ``--cache-clear`` empties."""

TEST_WORKER = "test worker"
FIXTURE_WORKER = "fixture worker"

FIXTURE_WORKER_ID = "fixtureworker"
"""The id of the fixture worker, where test workers have ``gw0`` and so on."""

"""Notes what happens in a run, and writes the timeline at its end; a plugin of the controller."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ...roles import is_fixture_workers
from ...settings import shows_only
from ..escaping import escaped
from ..journal import Journal
from .model import Run
from .recorded import Reported, Worker
from .spans import Timeline

ONLY_PROCESS = "tests"
"""The name of the process that runs the tests, where they are not distributed."""


def _trace_events(timeline: Timeline) -> str:
    from .trace_events import trace

    return trace(timeline)


def _page(timeline: Timeline) -> str:
    from .page import page

    return page(timeline)


_KINDS: Mapping[str, Callable[[Timeline], str]] = {".json": _trace_events, ".html": _page}


def checked(given: str, directory: Path) -> Path:
    """The file that a timeline is to be written to.

    :param directory: where pytest was started.
    :raises pytest.UsageError: if it cannot be.
    """
    file = Path(os.path.abspath(directory / given))  # noqa: PTH100  # links stay as they are
    if file.suffix.lower() not in _KINDS:
        raise pytest.UsageError(unknown_kind(given))
    if not file.parent.is_dir():
        raise pytest.UsageError(no_directory(given, str(file.parent)))
    if file.is_dir():
        raise pytest.UsageError(is_directory(given))
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise pytest.UsageError(not_writable(given))
    return file


def register(config: pytest.Config, given: str) -> None:
    """Have a run recorded, but for one that only shows what there is.

    :raises pytest.UsageError: if ``given`` names no file that can be written.
    """
    file = checked(given, config.invocation_params.dir)
    if shows_only(config):
        return
    supervisor = config.pluginmanager.get_plugin("xdist_fixtureworker_role")
    recorder = Recorder(config, given, file, lambda: getattr(supervisor, "journal", None))
    config.pluginmanager.register(recorder, "xdist_fixtureworker_timeline")


class Recorder:
    """One per run.

    :param given: how the user names the file.
    :param journal: returns that of the run; None: it has no fixture worker.
    """

    def __init__(
        self,
        config: pytest.Config,
        given: str,
        file: Path,
        journal: Callable[[], Journal | None],
    ) -> None:
        self._config = config
        self._given = given
        self._file = file
        self._journal = journal
        self._origin, self._began = time.monotonic(), time.time()
        self._workers: dict[str, Worker] = {}
        self._written = False

    # --- what happens

    def pytest_collection_finish(self) -> None:
        if not self._config.pluginmanager.hasplugin("dsession"):
            worker = self._workers[ONLY_PROCESS] = Worker(ONLY_PROCESS, self._origin, is_local=True)
            worker.up, worker.collected = self._origin, time.monotonic()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if not is_fixture_workers(node):
            spec = node.gateway.spec
            is_local = bool(spec.popen) and not spec.via
            name = node.gateway.id
            self._workers[name] = Worker(name, time.monotonic(), is_local)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        if (worker := self._workers.get(node.gateway.id)) is not None:
            worker.up = time.monotonic()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        if (worker := self._workers.get(node.gateway.id)) is not None:
            worker.collected = time.monotonic()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        if (worker := self._workers.get(node.gateway.id)) is not None:
            worker.down = time.monotonic()
            worker.error = None if error is None else str(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        now, clock = time.monotonic(), time.time()
        worker = self._worker_of(report)
        if worker is None:
            return
        outcome = report.outcome
        if hasattr(report, "wasxfail") and outcome != "failed":
            outcome = "xfailed" if outcome == "skipped" else "xpassed"
        stopped = getattr(report, "stop", 0) or clock
        started = getattr(report, "start", 0) or stopped - getattr(report, "duration", 0)
        of_report = report.nodeid, report.when, outcome, started, stopped
        worker.reports.append(Reported(*of_report, now, clock - now))

    def _worker_of(self, report: Any) -> Worker | None:
        """The worker that ran a test; None for a report of something else, such as a finalizer."""
        node = getattr(report, "node", None)
        if node is not None:
            return self._workers.get(node.gateway.id)
        return self._workers.get(ONLY_PROCESS)

    # --- the end

    @pytest.hookimpl(trylast=True)  # below what is said about global fixtures
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        self._write(terminalreporter)

    # After the supervisor has ended what there is, where no summary is shown.
    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._write(self._config.pluginmanager.get_plugin("terminalreporter"))

    def _write(self, terminal: Any) -> None:
        if self._written:
            return
        self._written = True
        text = _KINDS[self._file.suffix.lower()](self._timeline())
        line = f"timeline: {self._given}"
        verbosity = self._config.get_verbosity()
        try:
            _replace(self._file, text)
        except OSError as error:
            line = cannot_write(self._given, error.strerror or type(error).__name__)
            verbosity = 0  # this is said with -q, too
        if terminal is not None and verbosity >= 0:
            terminal.write_sep("-", escaped(line))

    def _timeline(self) -> Timeline:
        journal = self._journal()
        return Run(
            () if journal is None else list(journal.events),  # another thread may append
            self._workers.values(),
            origin=self._origin,
            end=time.monotonic(),
            began=self._began,
        ).timeline()


def _replace(file: Path, text: str) -> None:
    """Write all of it, or leave what was there."""
    data = text.encode("utf-8", "backslashreplace")
    if file.exists() and not file.is_file():  # a pipe, a device
        file.write_bytes(data)
        return
    file = file.resolve()  # not the link to it
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_bytes(data)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


# --- messages


def unknown_kind(given: str) -> str:
    return (
        f"--fixture-worker-timeline={given}: the name of the file says what is written, a page or "
        f"trace events.\n"
        f"Let it end in .html, which any browser shows, or in .json, which Perfetto opens."
    )


def no_directory(given: str, directory: str) -> str:
    return (
        f"--fixture-worker-timeline={given}: there is no directory {directory}.\n"
        f"Make it, or name a file in one that is there."
    )


def is_directory(given: str) -> str:
    return (
        f"--fixture-worker-timeline={given}: this is a directory.\n"
        f"Name a file, such as timeline.html."
    )


def not_writable(given: str) -> str:
    return (
        f"--fixture-worker-timeline={given}: this cannot be written, for want of permission.\n"
        f"Name a file in a directory that this user may write to."
    )


def cannot_write(file: str, reason: str) -> str:
    return f"timeline: cannot write {file}: {reason}"

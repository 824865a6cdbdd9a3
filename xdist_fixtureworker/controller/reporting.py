"""Shows and logs what became of global fixtures; runs in the controller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from .._compat import add_suite_property
from .fixture_worker_state import FixtureWorkerState
from .journal import Journal, SetUpEnded, SetUpInterrupted
from .lines import Lines
from .set_up_once import set_up_seconds

# These remember failed node ids for the next run, where no test has them.
_REMEMBERING_PLUGINS = ("lfplugin", "stepwiseplugin")


def log_failures(
    session: pytest.Session, failed: Iterable[pytest.TestReport], left: str | None
) -> None:
    """Log what went wrong at the end as reports, as tests do: the exit code follows from them.

    :param failed: reports of finalizers.
    :param left: the text of :func:`what_was_left`.
    """
    for report in failed:
        _log(session, report)
    if left is not None:
        _log(
            session,
            pytest.TestReport(
                nodeid="fixture worker",
                location=("", None, "the fixture worker"),
                keywords={},
                outcome="failed",
                longrepr=left,
                when="teardown",
            ),
        )


def what_was_left(fixture_worker: FixtureWorkerState, journal: Journal) -> str | None:
    """What became of global fixtures whose fixture worker died; None if it did not."""
    if fixture_worker.died is None or not fixture_worker.came_up:  # then that is what ends the run
        return None
    text = f"The fixture worker ended too early: {fixture_worker.died}"
    if journal.undone:
        text += _listed("These global fixtures were undone by recover=:", journal.undone)
    if journal.live:
        text += _listed("These global fixtures were left unfinalized:", journal.unfinalized)
    return text


def failures(failed: Iterable[pytest.TestReport]) -> Iterable[str]:
    """Finalizers that failed, as pytest would show them."""
    for report in failed:
        yield f"ERROR at teardown of {report.head_line}\n{report.longreprtext}"


def _listed(heading: str, names: Iterable[str]) -> str:
    return "\n  ".join((f"\n{heading}", *names))


def report_from(config: pytest.Config, data: Mapping[str, Any]) -> pytest.TestReport:
    """The report that was serialized; pytest changes ``data``, so this can be done once."""
    report: pytest.TestReport = config.hook.pytest_report_from_serializable(
        config=config, data=dict(data)
    )
    return report


def _log(session: pytest.Session, report: pytest.TestReport) -> None:
    session.testscollected += 1  # for the terminal: progress stays at 100 %
    manager = session.config.pluginmanager
    remembering = [manager.get_plugin(name) for name in _REMEMBERING_PLUGINS]
    hook = manager.subset_hook_caller(
        "pytest_runtest_logreport", [plugin for plugin in remembering if plugin is not None]
    )
    hook(report=report)


def add_durations(config: pytest.Config, journal: Journal) -> None:
    """Let ``--durations`` show the set-ups: among the terminal's reports that print nothing."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        reports = [
            report_from(config, done.report) for done in journal.of(SetUpEnded) if done.report
        ]
        terminal.stats.setdefault("", []).extend(reports)


def add_properties(config: pytest.Config, journal: Journal) -> None:
    """Let ``--junitxml`` have the time of each set-up, as a property of the suite."""
    if config.getoption("xmlpath", None):
        for name, seconds in set_up_seconds(journal):
            add_suite_property(config, f"fixture_worker.setup.{name}", f"{seconds:.3f}")


def write_left_behind(terminal: Any, lines: Iterable[str]) -> None:
    """Write the section about processes that were left behind, if there were any."""
    lines = list(lines)
    if lines:
        terminal.section("processes left behind")
        for line in lines:
            terminal.write_line(line)


def changes_elsewhere(journal: Journal, is_promoted: Callable[[str], bool]) -> Iterable[str]:
    """What to say of each global fixture whose set-up changed what no test gets to see.

    :param is_promoted: whether configuration made the fixtures of that name global.
    """
    texts: dict[str, None] = {}  # the same of each instance of a parametrized one
    for done in journal.of(SetUpEnded):
        in_ini = is_promoted(done.fixture) or _is_installed(done.where)
        if done.environment or done.elsewhere:
            changes = done.environment, done.elsewhere
            text = changed_elsewhere(done.fixture, done.where, *changes, in_ini)
            # With env=True, env=False would be no way to say that the rest is not needed.
            silencing = "" if done.is_replayed else f"; {silenced_by(done.fixture, in_ini)}"
            texts[f"{text}{silencing}."] = None
        elif done.is_silent:
            text = is_silent(done.fixture, done.where)
            texts[f"{text}; {silenced_by(done.fixture, in_ini)}."] = None
    return texts


def _is_installed(where: str) -> bool:
    """Whether a fixture is of a plugin, which users do not edit."""
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(where).parts)


def interruptions(journal: Journal) -> Iterable[str]:
    """What to say of each set-up that was cut short."""
    for event in journal.of(SetUpInterrupted):
        yield f"set-up of {event.fixture} ({event.where}) interrupted at {event.place}"


def say_what_is_ended(
    lines: Lines,
    journal: Journal,
    fixture_worker: FixtureWorkerState,
    interrupts_left: int,
) -> None:
    """Say, at once after a signal, what it ends, and what comes then."""
    ended = ["the test workers"]
    if not fixture_worker.came_up:
        ended.append("the fixture worker, which is not up yet")
    elif activity := journal.activity(fixture_worker.name):
        ended.append(activity)
    finalizers = ", ".join(str(live) for live in list(journal.live.values()) if live.is_set_up)
    then = f"; then the finalizers of {finalizers} run" if finalizers else ""
    _say(lines, f"ending {' and '.join(ended)}{then}", interrupts_left)


def say_what_is_waited_for(lines: Lines, journal: Journal, interrupts_left: int) -> None:
    """Say, after a signal, why the run does not end at once."""
    what = ", ".join(journal.unfinalized) or "nothing that was announced"
    text = f"waiting for the test workers and for the finalizers of {what}"
    _say(lines, text, interrupts_left)


def _say(lines: Lines, text: str, interrupts_left: int) -> None:
    times = "once" if interrupts_left == 1 else f"{interrupts_left} times"
    lines.write(f"{text}; Ctrl-C {times} more abandons them")


# --- messages


def killed_at_end(number: int) -> str:
    return (
        f"all is finalized, but the process of the fixture worker did not end by itself: it was "
        f"killed by signal {number}.\n"
        f"A hook pytest_sessionfinish or pytest_unconfigure in it, a thread or an atexit handler "
        f"does not come to its end."
    )


def changed_elsewhere(
    fixture: str, where: str, variables: Sequence[str], others: Sequence[str], in_ini: bool
) -> str:
    changed = [*([f"{', '.join(variables)} in os.environ"] if variables else ()), *others]
    way = f"'{fixture}: env' in global_fixtures" if in_ini else "@global_fixture(env=True)"
    remedies = []
    if variables:
        remedies.append(
            f"{way} changes {'the variables' if others else 'it'} in the test workers too"
        )
    if others:
        remedies.append(
            f"return {'the rest' if variables else 'it'}, and let a session fixture of the test "
            f"workers, which depends on {fixture}, put it there"
        )
    return (
        f"global fixture {fixture} ({where}) changed {', '.join(changed)} of the fixture worker "
        f"only.\nIf tests need it, {'; '.join(remedies)}"
    )


def is_silent(fixture: str, where: str) -> str:
    return (
        f"global fixture {fixture} ({where}) is autouse and has no value: what it changes in its "
        f"own process, no test sees.\n"
        f"If tests need that, make it an ordinary session fixture"
    )


def silenced_by(fixture: str, in_ini: bool) -> str:
    way = f"'{fixture}: env()'" if in_ini else "env=False"
    return f"{way} says that they do not"

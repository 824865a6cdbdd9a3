"""How the page of the timeline says things; controller. Pure."""

from __future__ import annotations

import html

from ..escaping import escaped
from .savings import Parts
from .spans import Death, Doing, Finalizer, SetUp, Start, Test, Wait

_NEEDLESS = 0.0005  # seconds that are not worth telling


def safe(text: str) -> str:
    """Text of others, such as the id of a test, fit to be put into the page: what it would do on a
    terminal is spelled out, and so is what would be markup."""
    return html.escape("\n".join(map(escaped, text.split("\n"))))


def shown(seconds: float) -> str:
    """Seconds, with three digits."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def counted(number: int, noun: str) -> str:
    """As in "1 test", "2 tests"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def took(what: str, start: float, seconds: float) -> str:
    return f"{what}: {shown(seconds)}, from {shown(start)}"


def of_set_up(set_up: SetUp) -> str:
    kind = "set-up" if set_up.is_global else "set-up of a session fixture, in this process,"
    outcome = f" {set_up.outcome}" if set_up.outcome else ""
    head = took(f"{kind}{outcome} of {set_up.fixture}", set_up.start, set_up.seconds)
    return f"{head}\n{set_up.where}"


def of_finalizer(finalizer: Finalizer) -> str:
    kind = "recover= function" if finalizer.is_recovery else "finalizer"
    outcome = f" {finalizer.outcome}" if finalizer.outcome else ""
    name = f"{kind}{outcome} of {finalizer.fixture}"
    return f"{took(name, finalizer.start, finalizer.seconds)}\n{finalizer.where}"


def of_other(doing: Doing) -> str:
    return took(doing.what, doing.start, doing.seconds)


def of_start(start: Start) -> str:
    return took(start.what, start.start, start.seconds)


def of_death(name: str, death: Death) -> str:
    return f"{name} ended too early, at {shown(death.at)}: {death.reason}"


def of_wait(wait: Wait) -> str:
    test = f"\nfor {wait.test}" if wait.test else ""
    end = "" if wait.is_ready else "\nit got an error"
    name = f"{wait.worker} waited for {wait.fixture}"
    return f"{took(name, wait.start, wait.seconds)}{test}{end}"


def of_tests(tests: list[Test], outcome: str) -> str:
    """What is known of one test, or of several that are drawn as one."""
    first, last = tests[0], tests[-1]
    if len(tests) > 1:
        head = took(counted(len(tests), "test"), first.start, last.stop - first.start)
        return f"{head}, the worst {outcome}\n{first.nodeid}\n...\n{last.nodeid}"
    phases = ", ".join(f"{phase.when} {shown(phase.seconds)}" for phase in first.phases)
    head = took(outcome, first.start, first.seconds)
    return f"{first.nodeid}\n{head}{f' ({phases})' if phases else ''}"


def of_parts(parts: Parts) -> str:
    """What waits were made of, without what does not count."""
    named = [
        ("for the fixture worker to start", parts.start),
        ("for the set-up that was wanted", parts.own),
        ("behind independent set-ups", parts.others),
        ("behind related set-ups", parts.related),
        ("for imports and transfer", parts.rest),
    ]
    return ", ".join(f"{shown(seconds)} {text}" for text, seconds in named if seconds > _NEEDLESS)

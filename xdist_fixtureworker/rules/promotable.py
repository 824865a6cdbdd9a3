"""Checks the names in ``global_fixtures`` against the fixtures there are; every process that
collects tests: test workers, or the only process."""

from __future__ import annotations

import difflib
import glob
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from .._compat import all_definitions, is_session_scoped
from ..declared.definitions import Definition, is_promotable
from ..declared.locations import location
from ..declared.promotion import OPTION, Promotion, promotions
from .findings import Findings
from .guard_plugin import names_kept_out
from .not_promotable import refusal, refusal_of_request


def examine(session: pytest.Session, everything: bool) -> Findings:
    """Look at all names, once the tests have been collected.

    :param everything: whether the whole suite was collected, see :func:`collects_everything`.
    """
    if session.testsfailed:
        return Findings()  # what could not be collected may define what is missing
    config = session.config
    wanted, definitions = promotions(config).values(), list(all_definitions(session))
    findings = compare(wanted, definitions, names_kept_out(config), everything)
    if config.option.verbose > 0:
        findings += Findings(notes=tuple(_what_patterns_fit(wanted, definitions)))
    return findings


def compare(
    wanted: Iterable[Promotion],
    definitions: Sequence[Definition],
    kept_out: Collection[str],
    everything: bool,
) -> Findings:
    """Compare the names with the fixture definitions that there are.

    :param kept_out: names of fixtures that a guard keeps out of this run.
    :param everything: whether the definitions are those of the whole suite.
    """
    problems: list[str] = []
    notes: list[str] = []
    for promotion in wanted:
        named = [one for one in definitions if promotion.fits(one.argname)]
        if promotion.is_pattern:  # there may be others that fit, but stay as they are
            named = list(filter(is_session_scoped, named))
        if named or promotion.name == "request":
            problems += _unsuitable(promotion, named)
        elif not any(map(promotion.fits, kept_out)):
            near = _similar_names(promotion.name, definitions)
            if everything or promotion.source == OPTION:
                problems.append(no_such_session_fixture(promotion.name, promotion.source, near))
            elif near:
                notes.append(not_collected(promotion.name, promotion.source, near))
    return Findings("\n".join(problems), tuple(notes))


def _similar_names(name: str, definitions: Iterable[Definition]) -> tuple[str, ...]:
    """The names of session fixtures that ``name`` may be a slip of the pen for."""
    others = {one.argname for one in definitions if is_promotable(one) and not refusal(one)}
    return tuple(difflib.get_close_matches(name, sorted(others)))


def _unsuitable(promotion: Promotion, named: Sequence[Definition]) -> list[str]:
    """What is wrong with a name that there is; empty where one of its definitions can be global."""
    name, source = promotion.name, promotion.source
    if not named:
        of_request = refusal_of_request()
        reason, instead = of_request.reason, of_request.instead
        return [promotion_refused(name, source, "of pytest", reason, instead)]
    # All of them count: an override works in the place of what it overrides.
    for definition in named:
        if (refused := refusal(definition)) is not None:
            where = location(definition.func)
            if promotion.is_pattern:
                return [pattern_refused(name, source, definition.argname, where, refused.reason)]
            return [promotion_refused(name, source, where, refused.reason, refused.instead)]
    if any(map(is_promotable, named)):
        return []
    return [promotion_of_narrower(name, source, tuple(map(_scope, named)))]


def _what_patterns_fit(
    wanted: Iterable[Promotion], definitions: Sequence[Definition]
) -> Iterator[str]:
    promotable = sorted({one.argname for one in definitions if is_promotable(one)})
    for promotion in wanted:
        if promotion.is_pattern:
            fitting = tuple(filter(promotion.fits, promotable))
            yield pattern_fits(promotion.name, promotion.source, fitting)


def _scope(definition: Definition) -> str:
    where = location(definition.func)
    if definition.scope == "session":
        return f"an instance method of a test class ({where})"
    return f"{definition.scope}-scoped ({where})"


def collects_everything(config: pytest.Config) -> bool:
    """Whether this run collects all that a run without arguments would, so that a fixture that it
    does not find is nowhere. Runs where the user's arguments are known: not in a worker."""
    option = config.option
    if option.ignore or option.ignore_glob or option.noconftest or getattr(option, "lf", False):
        return False
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        return True
    given = [config.invocation_params.dir / argument for argument in config.args]
    root = config.rootpath
    patterns = [str(root / each) for each in config.getini("testpaths")]
    # As pytest does it. Path.glob() does not take absolute patterns.
    found = (path for each in patterns for path in glob.iglob(each, recursive=True))  # noqa: PTH207
    default = list(map(Path, found)) or [root]
    return all(any(_within(path, folder) for folder in given) for path in default)


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


# --- messages


def no_such_session_fixture(name: str, source: str, near: tuple[str, ...]) -> str:
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f"{source}: there is no session fixture '{name}'.{meant}\n"
        f"pytest --fixtures lists all. A plugin that is not loaded has none."
    )


def not_collected(name: str, source: str, near: tuple[str, ...]) -> str:
    return (
        f"{source}: there is no session fixture '{name}' in what was collected.\n"
        f"Did you mean {' or '.join(near)}?"
    )


def promotion_of_narrower(name: str, source: str, scopes: tuple[str, ...]) -> str:
    return (
        f"{source}: the fixture '{name}' cannot be global, because a global fixture lives as long "
        f"as the test run. It is {' and '.join(scopes)}.\n"
        f"Name the session fixture that does the work for it, or give it that scope."
    )


def promotion_refused(name: str, source: str, where: str, reason: str, instead: str) -> str:
    return (
        f"{source}: the fixture '{name}' ({where}) cannot be global: {reason}.\n"
        f"Remove it there. {instead}."
    )


def pattern_refused(pattern: str, source: str, name: str, where: str, reason: str) -> str:
    return (
        f"{source}: the pattern '{pattern}' fits the fixture '{name}' ({where}), which cannot be "
        f"global: {reason}.\n"
        f"Write a pattern that does not fit it, or the names one by one."
    )


def pattern_fits(pattern: str, source: str, names: tuple[str, ...]) -> str:
    return f"{source}: {pattern} is {', '.join(names) or 'nothing in what was collected'}"

"""Reads from the command line how many processes will be wanted; runs in the controller."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from ...settings import lanes

_NOT_RUNNING_TESTS = (
    *("collectonly", "showfixtures", "show_fixtures_per_test", "help", "version", "markers"),
    *("cacheshow", "looponfail", "usepdb"),
)


class Plan(NamedTuple):
    """What a run will want."""

    workers: int  #: with fixture workers; 0: tests are not distributed
    fixture_workers: int  #: that there may be
    reason: str | None = None  #: why none of them can be a fork


def plan(config: pytest.Config) -> Plan:
    """How many processes the options ask for, as far as they are known before conftests are."""
    options = config.known_args_namespace
    if any(getattr(options, name, False) for name in _NOT_RUNNING_TESTS):
        return Plan(0, 0)
    served = lanes(config) if _fixture_worker(config) else 0
    if getattr(options, "numprocesses", None) is not None:
        count = _test_workers(config)
        return Plan(count + served if count else 0, served)
    specs = getattr(options, "tx", None) or []
    if not specs or (options.dist == "no" and not options.distload):
        return Plan(0, 0)
    plain = sum(_forkable(spec) for spec in specs)
    return Plan(plain + served, served, None if plain else other_specs(specs))


def _fixture_worker(config: pytest.Config) -> bool:
    option: bool | None = config.known_args_namespace.fixture_worker
    return bool(config.getini("fixture_worker")) if option is None else option


def _test_workers(config: pytest.Config) -> int:
    options = config.known_args_namespace
    count = options.numprocesses
    if not isinstance(count, int):  # "auto" or "logical"
        config.option.numprocesses = count  # where the hook looks, which is asked again later
        count = config.hook.pytest_xdist_auto_num_workers(config=config)
    return int(min(count, options.maxprocesses or count))


def _forkable(text: str) -> int:
    """How many workers of a ``--tx`` can be forks."""
    import execnet

    number, star, spec = text.partition("*")
    if not star:
        number, spec = "1", text
    try:
        return int(number) if can_be_fork(execnet.XSpec(spec)) else 0
    except ValueError:
        return 0  # xdist says what is wrong with it


def can_be_fork(spec: Any) -> bool:
    """Whether a spec of execnet asks for nothing but a Python like this one, on this machine."""
    other = (spec.python, spec.chdir, spec.via, spec.dont_write_bytecode)
    return bool(spec.popen) and not any(other)


# --- messages


def other_specs(specs: list[str]) -> str:
    return f"--tx asks for other workers than this Python can fork: {' '.join(specs)}"

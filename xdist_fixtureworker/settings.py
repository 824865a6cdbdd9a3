"""Reads the ini settings, and the options that overrule them; every process."""

from __future__ import annotations

import math
import string

import pytest

COPIES = "fixture_worker_copies"
TIMEOUT = "fixture_worker_timeout"
LANES = "fixture_worker_lanes"
STRAYS = "fixture_worker_strays"
TIMELINE = "fixture_worker_timeline"
WORKER_ID = "fixture_worker_id"
MAPPED_FROM = "fixture_worker_mapped_from"
MAPPED_FROM_DEFAULT = "1 MB"
WARM_WORKERS = "warm_workers"
WARM_WORKERS_IMPORT = "warm_workers_import"
TREATMENTS_OF_STRAYS = ("report", "kill", "ignore")
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_OF_IDS = frozenset(f"{string.ascii_letters}{string.digits}_.-")
_DIGITS = 18  # of a size
_SHOW_ONLY = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")


def timeout(config: pytest.Config) -> float | None:
    """Seconds that the set-up or the finalizer of a global fixture may take; None: no limit.

    :raises pytest.UsageError: if the option, or else the setting, is not a number of seconds.
    """
    given: float | None = config.getoption(TIMEOUT)
    if given is not None:
        return _limit(given, "--fixture-worker-timeout")
    setting = f"the ini setting {TIMEOUT}"
    try:
        seconds: float | None = config.getini(TIMEOUT)
    except (ValueError, pytest.UsageError) as error:  # from pytest 9.2 on it is the latter
        # Python's float() says what it was given.
        _, found, shown = str(error).partition("could not convert string to float: ")
        if not found:
            raise
        if not shown.strip("'").strip():
            return None
        raise pytest.UsageError(bad_timeout(setting, shown)) from None
    return None if seconds is None else _limit(seconds, setting)


def _limit(seconds: float, setting: str) -> float | None:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise pytest.UsageError(bad_timeout(setting, f"{seconds:g}"))
    return seconds or None


def treatment_of_strays(config: pytest.Config) -> str:
    """How to treat processes that are left behind: ``report``, ``kill`` or ``ignore``.

    :raises pytest.UsageError: if the setting is none of them.
    """
    given: str | None = config.getoption(STRAYS)
    treatment = given or str(config.getini(STRAYS)).strip()
    if treatment not in TREATMENTS_OF_STRAYS:
        raise pytest.UsageError(unknown_treatment_of_strays(treatment))
    return treatment


def lanes(config: pytest.Config) -> int:
    """How many fixture workers there may be.

    :raises pytest.UsageError: if it is no number from 1 on.
    """
    given = getattr(config.known_args_namespace, LANES, None)
    if given is None:  # not given; or a worker has it from the controller
        given = config.getoption(LANES, None)
    shown = str(config.getini(LANES) if given is None else given).strip() or "1"
    if not shown.isdecimal() or not int(shown):
        raise pytest.UsageError(bad_lanes(shown))
    return int(shown)


def lane_id(config: pytest.Config, number: int) -> str:
    """The id of one of several fixture workers; the first has that of the only one.

    :raises pytest.UsageError: as :func:`worker_id`.
    """
    return f"{worker_id(config)}{number or ''}"


def worker_id(config: pytest.Config) -> str:
    """The fixture worker's id, which xdist gives it where test workers have ``gw0`` and so on.

    :raises pytest.UsageError: if it cannot be one.
    """
    chosen = str(config.getini(WORKER_ID)).strip()
    if not chosen or chosen == "master" or not _OF_IDS.issuperset(chosen):
        raise pytest.UsageError(bad_worker_id(chosen))
    return chosen


def shows_prints(config: pytest.Config) -> bool:
    """Whether what is printed is shown at once: with ``-s`` and ``--capture=tee-sys``."""
    return config.getoption("capture") in ("no", "tee-sys")


def shows_logs(config: pytest.Config) -> bool:
    """Whether log messages are shown at once: with ``log_cli`` and ``--log-cli-level``."""
    if not config.pluginmanager.hasplugin("logging-plugin"):
        return False
    return config.getoption("log_cli_level") is not None or bool(config.getini("log_cli"))


def shows_set_ups(config: pytest.Config) -> str:
    """Which set-ups, and their finalizers, are shown when they begin: ``all`` of session fixtures
    with ``--setup-show``, ``global`` ones with ``-v`` and with live logs, or none."""
    if config.getoption("setupshow"):
        return "all"
    return "global" if config.get_verbosity() > 0 or shows_logs(config) else ""


def mapped_from(config: pytest.Config) -> int | None:
    """Bytes from which on a value is in a file that test workers map; None: none is.

    :raises pytest.UsageError: if the setting is not a size.
    """
    chosen = str(config.getini(MAPPED_FROM)).strip()
    if chosen.lower() == "off":
        return None
    if (size := _bytes(chosen.upper())) is None:
        raise pytest.UsageError(bad_size(MAPPED_FROM, chosen))
    return size or None


def _bytes(size: str) -> int | None:
    """What a number with a unit, or without, says; None: it is none."""
    number = size.rstrip("KMGB")
    unit = size[len(number) :]
    number = number.removesuffix(" ") if unit else number
    whole, point, part = number.partition(".")
    is_number = number.isascii() and whole.isdecimal() and (part.isdecimal() or not point)
    is_number = is_number and len(whole) <= _DIGITS
    return int(float(number) * _UNITS[unit]) if is_number and unit in _UNITS else None


def warm_workers(config: pytest.Config) -> bool:
    """Whether workers are to be forked from the controller; known before conftests are loaded."""
    option: bool | None = getattr(config.known_args_namespace, WARM_WORKERS, None)
    if option is None:  # not given; or known by now, where a conftest has loaded this plugin
        option = config.getoption(WARM_WORKERS)
    return bool(config.getini(WARM_WORKERS)) if option is None else option


def warm_workers_import(config: pytest.Config) -> list[str]:
    """The names of the modules to be imported before workers are forked."""
    names: list[str] = config.getini(WARM_WORKERS_IMPORT)
    return names


def shows_only(config: pytest.Config) -> bool:
    """Whether the run shows what there is, and runs no test."""
    return any(config.getoption(name, False) for name in _SHOW_ONLY)


def timeline(config: pytest.Config) -> str | None:
    """The file that the timeline of the run is to be written to; None: there is to be none."""
    file: str | None = config.getoption(TIMELINE)
    return file


# --- messages


def bad_worker_id(value: str) -> str:
    return (
        f"the ini setting fixture_worker_id is '{value}', which cannot be the id of a worker.\n"
        f"Write letters and digits, such as gw99; the default is fixtureworker."
    )


def bad_lanes(shown: str) -> str:
    return (
        f"--fixture-worker-lanes (ini setting fixture_worker_lanes) is {shown}, which is no number "
        f"of processes.\n"
        f"Write a number from 1 on: so many fixture workers set up side by side at most."
    )


def bad_timeout(setting: str, shown: str) -> str:
    return (
        f"{setting} is {shown}, which is not a number of seconds.\n"
        f"Write a number such as 60 or 2.5; 0, or nothing, is no limit."
    )


def bad_size(setting: str, value: str) -> str:
    return (
        f"the ini setting {setting} is '{value}', which is not a size.\n"
        f"Write a number of bytes, or one with a unit, such as 500 KB or 2 MB; off, or 0, maps "
        f"nothing."
    )


def unknown_treatment_of_strays(value: str) -> str:
    return (
        f"the ini setting fixture_worker_strays is '{value}'.\n"
        f"It says what is done about processes that outlive the worker that started them: report, "
        f"kill or ignore."
    )

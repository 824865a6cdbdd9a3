"""What the ini settings say; used by every process."""

from __future__ import annotations

import math

import pytest

from . import errors

TIMEOUT = "fixture_worker_timeout"
STRAYS = "fixture_worker_strays"
_TREATMENTS_OF_STRAYS = ("report", "kill", "ignore")


def timeout(config: pytest.Config) -> float | None:
    """Seconds that the set-up or the finalizer of a global fixture may take; None: no limit.

    :raises pytest.UsageError: if the setting is not a number of seconds.
    """
    text = str(config.getini(TIMEOUT)).strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise pytest.UsageError(errors.bad_timeout(TIMEOUT, text))
    return seconds or None


def treatment_of_strays(config: pytest.Config) -> str:
    """What is done about processes that are left behind: ``report``, ``kill`` or ``ignore``.

    :raises pytest.UsageError: if the setting is none of them.
    """
    treatment = str(config.getini(STRAYS)).strip()
    if treatment not in _TREATMENTS_OF_STRAYS:
        raise pytest.UsageError(errors.unknown_treatment_of_strays(treatment))
    return treatment

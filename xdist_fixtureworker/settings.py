"""What the ini settings say; used by every process."""

from __future__ import annotations

import math

import pytest

from . import errors

TIMEOUT = "fixture_worker_timeout"


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

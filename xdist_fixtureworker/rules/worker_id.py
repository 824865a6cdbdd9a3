"""Recognises errors of code that parses the worker id; fixture worker and controller."""

from __future__ import annotations

from ..roles import FIXTURE_WORKER_ID


def worker_id_hint(text: str) -> str:
    """Advice for an error that comes of parsing the worker id; empty for other errors."""
    if FIXTURE_WORKER_ID not in text or not ("ValueError" in text or "KeyError" in text):
        return ""
    return (
        f'\nThe worker id of the fixture worker is "{FIXTURE_WORKER_ID}", not "gw" and a number. '
        f"Code that computes with it can ask xdist_fixtureworker.is_fixture_worker(config) first."
    )

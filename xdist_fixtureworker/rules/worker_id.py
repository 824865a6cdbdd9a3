"""Notices code that computes with the number of its worker; fixture worker and controller."""

from __future__ import annotations

from ..roles import FIXTURE_WORKER_ID


def worker_id_hint(text: str) -> str:
    """A remedy for code that computes with the worker id; empty where ``text`` shows none."""
    if FIXTURE_WORKER_ID not in text or not ("ValueError" in text or "KeyError" in text):
        return ""
    return (
        f'\nThe worker id of the fixture worker is "{FIXTURE_WORKER_ID}", not "gw" and a number. '
        f"Code that computes with it can ask xdist_fixtureworker.is_fixture_worker(config) first."
    )

"""Recognises errors of code that parses the worker id; fixture worker and controller."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..roles import FIXTURE_WORKER_ID

_COMPUTING = (ValueError, LookupError, AttributeError, TypeError)
_COMPUTING_SHOWN = re.compile(r"\b(Value|Key|Index|Lookup|Attribute|Type)Error\b")
_ASKED_FOR = re.compile(r"\bPYTEST_XDIST_WORKER\b|\bworker_?id\b|\bget_xdist_worker_id\b")
_NOT_USERS = ("_pytest", "pluggy", "xdist", "execnet", "xdist_fixtureworker")


def worker_id_hint(
    text: str, error: BaseException | None = None, worker_id: str = FIXTURE_WORKER_ID
) -> str:
    """Advice for an error that comes of parsing the worker id; empty for other errors.

    :param text: of the traceback, with source lines.
    :param error: the exception, where it is in this process.
    :param worker_id: of the fixture worker, as configured.
    """
    if worker_id != FIXTURE_WORKER_ID:
        return ""  # somebody has chosen one that can be computed with
    in_frames = error is not None and any(map(_has_the_id, _chain(error)))
    asked = FIXTURE_WORKER_ID in text or _ASKED_FOR.search(text) is not None
    if not in_frames and not (asked and _COMPUTING_SHOWN.search(text)):
        return ""
    return (
        f'\nThe worker id of the fixture worker is "{FIXTURE_WORKER_ID}", not "gw" and a number. '
        f"Code that computes with it can ask xdist_fixtureworker.is_fixture_worker(config) first; "
        f"where there is no config, os.environ['PYTEST_XDIST_WORKER'] is \"{FIXTURE_WORKER_ID}\". "
        f"Where the code cannot be changed, the ini setting fixture_worker_id = gw99 gives it a "
        f"number."
    )


def is_computing(error: BaseException) -> bool:
    """Whether it is what code raises that takes a worker's id for a number."""
    return isinstance(error, _COMPUTING)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """``error`` and the exceptions that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _has_the_id(error: BaseException) -> bool:
    """Whether code of the user that failed to compute something has the id in a variable."""
    if not isinstance(error, _COMPUTING):
        return False
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in _NOT_USERS and FIXTURE_WORKER_ID in _texts(frame.f_locals):
            return True
        traceback = traceback.tb_next
    return False


def _texts(variables: dict[str, object]) -> set[str]:
    return {value for value in variables.values() if type(value) is str}

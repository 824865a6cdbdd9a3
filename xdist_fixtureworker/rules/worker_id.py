"""Recognises errors of code that parses the worker id; fixture worker and controller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import CodeType, FrameType

from ..roles import FIXTURE_WORKER_ID

_COMPUTING = (ValueError, LookupError, AttributeError, TypeError)
_COMPUTING_SHOWN = r"\b(Value|Key|Index|Lookup|Attribute|Type)Error\b"
_VARIABLE = "PYTEST_XDIST_WORKER"
_ASKED_FOR = r"\bPYTEST_XDIST_WORKER\b|\bworker_?id\b|\bget_xdist_worker_id\b"
_QUOTED = r"'([a-z]{4,}\d*)'"
_DEFAULT = rf"(?<!\w){FIXTURE_WORKER_ID}\d*"  # with the number of a lane
_OF_TEST_WORKERS = r"\bgw(\b|\d|\\)"  # as in "gw", "gw0", r"gw(\d+)"
_NOT_USERS = ("_pytest", "pluggy", "xdist", "execnet", "xdist_fixtureworker")


def worker_id_hint(
    text: str, error: BaseException | None = None, worker_id: str = FIXTURE_WORKER_ID
) -> str:
    """Advice for an error that comes of parsing the worker id; empty for other errors.

    :param text: of the traceback, with source lines.
    :param error: the exception, where it is in this process.
    :param worker_id: of the fixture worker, as configured.
    """
    if not is_default(worker_id):
        return ""  # somebody has chosen one that can be computed with
    in_frames = error is not None and any(_comes_of_the_id(e, worker_id) for e in _chain(error))
    if not in_frames and not _shows_the_id(text, worker_id):
        return ""
    return (
        f'\nThe worker id of the fixture worker is "{worker_id}", not "gw" and a number. '
        f"Code that computes with it can ask xdist_fixtureworker.is_fixture_worker(config) first; "
        f"where there is no config, os.environ['{_VARIABLE}'] is \"{worker_id}\". "
        f"Where the code cannot be changed, the ini setting fixture_worker_id = gw99 gives it a "
        f"number."
    )


def is_default(worker_id: str) -> bool:
    """Whether it is an id that the fixture worker, or one of several, has if nobody chose one."""
    return re.fullmatch(_DEFAULT, worker_id) is not None


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


def _shows_the_id(text: str, worker_id: str) -> bool:
    """Whether a traceback is about the id, or a part of it."""
    parts = any(worker_id.endswith(part) for part in re.findall(_QUOTED, text))
    if not parts and not re.search(_DEFAULT, text) and not re.search(_ASKED_FOR, text):
        return False
    return bool(re.search(_COMPUTING_SHOWN, text) or re.search(_OF_TEST_WORKERS, text))


def _comes_of_the_id(error: BaseException, worker_id: str) -> bool:
    """Whether code of the user has the id in a variable, where it failed to compute something; or
    where it knows of "gw", and says itself that this is none."""
    frames = [set(_texts(frame)) for frame in _of_users(error)]
    having = [texts for texts in frames if not texts.isdisjoint({worker_id, _VARIABLE})]
    if isinstance(error, _COMPUTING):
        return bool(having)
    innermost = having[-1] if having and having[-1] is frames[-1] else ()
    return any(re.search(_OF_TEST_WORKERS, text) for text in innermost)


def _of_users(error: BaseException) -> Iterator[FrameType]:
    traceback = error.__traceback__
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in _NOT_USERS:
            yield traceback.tb_frame
        traceback = traceback.tb_next


def _texts(frame: FrameType) -> Iterator[str]:
    """All that code has in variables, local and global, and in their attributes or as their keys;
    and what is written in it."""
    variables = list(frame.f_locals.values()) if frame.f_code.co_name != "<module>" else []
    names = frame.f_code.co_names
    variables += [frame.f_globals[name] for name in names if name in frame.f_globals]
    for value in (*variables, *_written_in(frame.f_code)):
        if type(value) is str:
            yield value
        elif type(value) is dict:
            yield from (each for pair in value.items() for each in pair if type(each) is str)
        elif type(getattr(value, "__dict__", None)) is dict:
            yield from (each for each in vars(value).values() if type(each) is str)


def _written_in(code: CodeType) -> Iterator[object]:
    """Constants, but for the fixture worker's id: who writes that knows it."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _written_in(constant)
        elif constant != FIXTURE_WORKER_ID:
            yield constant

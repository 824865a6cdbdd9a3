"""Makes answers of what became of a set-up; fixture worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ..declared import attributes
from ..declared.decorator import Declaration
from ..errors import CannotShareError
from ..rules.worker_id import worker_id_hint
from ..wire import culprit, pickles
from ..wire.messages import Answer, Failed, Inline, Ready
from .set_ups import Result

Serialize = Callable[[pytest.TestReport], Mapping[str, Any]]


def answer_of(result: Result, id_: int, serialize: Serialize) -> Answer:
    """The answer to a request, after the value was pickled, if there is one."""
    if result.error is not None:
        return failed(result.error, result.report, id_, serialize)
    if isinstance(result.packed, CannotShareError):
        return failed(result.packed, None, id_, serialize)
    assert result.packed is not None
    return Ready(id_, Inline(result.packed), result.environment, result.output)


def failed(
    error: BaseException, report: pytest.TestReport | None, id_: int, serialize: Serialize
) -> Failed:
    """The answer that ``error`` came up, and is shown as in ``report``."""
    traceback = report.longreprtext if report is not None else ""
    hint = worker_id_hint(traceback)
    if report is not None and hint:
        report.sections.append(("the fixture worker's id", hint.strip()))
    return Failed(
        id=id_,
        exception=pickles.pack_exception(error),
        text=pickles.describe(error),
        traceback=traceback,
        report=None if report is None else serialize(report),
    )


def share(declaration: Declaration, value: object) -> bytes | CannotShareError:
    """Pickle a value, or the attributes of it that are shared; returns why if that fails.

    Runs code of the value's classes.
    """
    name, where = declaration.name, declaration.where
    shared = value
    try:
        if declaration.share is not None:
            shared = attributes.take(value, name, declaration.share)
    except BaseException as error:  # also of a time-out, and what its class raises
        message = cannot_read(name, where, culprit.type_name(value), pickles.describe(error))
        return CannotShareError(message)
    try:
        packed = pickles.pack(shared)
    except BaseException as error:
        message = cannot_pickle(
            name,
            where,
            culprit.type_name(value),
            pickles.describe(error),
            # A time-out, or Ctrl-C, would come up again.
            culprit.find_culprit(shared) if isinstance(error, Exception) else None,
            declaration.promoted,
        )
        return CannotShareError(message)
    if len(packed) > pickles.LIMIT:
        return CannotShareError(too_large(name, where, len(packed), pickles.LIMIT))
    return packed


# --- messages


def cannot_pickle(  # noqa: PLR0917  # all of one kind
    fixture: str, where: str, type_name: str, cause: str, culprit: str | None, promoted: bool
) -> str:
    remedy = 'share=attrs("url", "port")'
    if promoted:
        remedy = f"{fixture}: attrs(url, port) in global_fixtures"
    place = f"{culprit} is what pickle refuses" if culprit else "pickle refuses it"
    return (
        f"the value of the global fixture '{fixture}' ({where}) cannot be sent to the test "
        f"workers: it is a {type_name}, and {place} ({cause}).\n"
        f"Return what the tests need to make their own: a URL, a path, connection parameters; "
        f"and let a session fixture of the test workers connect with them. Where the object must "
        f"stay as it is, {remedy} sends these attributes of it."
    )


def cannot_read(fixture: str, where: str, type_name: str, cause: str) -> str:
    return (
        f"an attribute of the global fixture '{fixture}' ({where}) cannot be read to be sent to "
        f"the test workers: its value is a {type_name} ({cause}).\n"
        f"Share attributes that it has when it is set up."
    )


def too_large(fixture: str, where: str, size: int, limit: int) -> str:
    return (
        f"the value of the global fixture '{fixture}' ({where}) is too large to be sent to the "
        f"test workers: {size} bytes when pickled, of {limit} at most.\n"
        f"Write it to a file below tmp_path_factory and return the path."
    )

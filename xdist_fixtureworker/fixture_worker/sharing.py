"""Pickles what of a global fixture's value is sent to the test workers; fixture worker."""

from __future__ import annotations

from ..declared import attributes
from ..declared.decorator import Declaration
from ..errors import CannotShareError
from ..wire import culprit, pickles


def share(declaration: Declaration, value: object, module: str = "") -> bytes | CannotShareError:
    """Pickle a value, or the attributes of it that are shared; returns why if that fails.

    Runs code of the value's classes.

    :param module: that defines the fixture, and may have names for what is in the value.
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
        packed = pickles.pack(shared, [module])
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

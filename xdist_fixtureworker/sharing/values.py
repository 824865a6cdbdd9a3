"""Pickles what of a global fixture's value is sent to the test workers; any process."""

from __future__ import annotations

from ..declared import attributes
from ..declared.decorator import Declaration
from ..errors import CannotShareError, in_lines
from ..wire import culprit, pickles
from . import remedies


def share(declaration: Declaration, value: object, module: str = "") -> bytes | CannotShareError:
    """Pickle a value, or the attributes of it that are shared; returns why if that fails.

    Runs code of the value's classes.

    :param module: that defines the fixture, and may have names for what is in the value.
    """
    name, where = declaration.name, declaration.where
    shared = value
    try:
        if isinstance(declaration.share, attributes.Attributes):
            shared = attributes.take(value, name, declaration.share)
    except BaseException as error:  # also of a time-out, and what its class raises
        message = cannot_read(name, where, culprit.type_name(value), pickles.describe(error))
        return CannotShareError(message)
    try:
        packed = pickles.pack(shared, [module])
    except BaseException as error:
        # A time-out, or Ctrl-C, would come up again.
        found = culprit.find_culprit(shared) if isinstance(error, Exception) else None
        return CannotShareError(_refused(declaration, value, shared, error, found))
    if len(packed) > pickles.LIMIT:
        return CannotShareError(too_large(name, where, len(packed), pickles.LIMIT))
    return packed


def _refused(
    declaration: Declaration,
    value: object,
    shared: object,
    error: BaseException,
    found: culprit.Culprit | None,
) -> str:
    path, part = ("the value", value) if found is None else (found.path, found.parts[-1])
    try:
        remedy = remedies.remedy(declaration.name, declaration.promoted, shared, found)
    except Exception:  # it refuses to be inspected
        remedy = remedies.return_what_it_takes(declaration.name, declaration.promoted, False)
    return cannot_pickle(
        f"'{declaration.name}' ({declaration.where})",
        culprit.type_name(part),
        path,
        "" if found is None else culprit.type_name(value),
        pickles.describe(error),
        remedy,
    )


def _a(type_name: str) -> str:
    return f"an {type_name}" if type_name[0] in "aeiouAEIOU" else f"a {type_name}"


# --- messages


def cannot_pickle(  # noqa: PLR0917  # all of one kind
    fixture: str, refused: str, path: str, whole: str, cause: str, remedy: str
) -> str:
    within = f", {_a(whole)}" if whole else ""
    return in_lines(
        f"{_a(refused)} cannot be sent to the test workers: {path} of the global fixture {fixture}"
        f"{within} ({cause}).\n{remedy}"
    )


def cannot_read(fixture: str, where: str, type_name: str, cause: str) -> str:
    return in_lines(
        f"an attribute of the global fixture '{fixture}' ({where}) cannot be read to be sent to "
        f"the test workers: its value is a {type_name} ({cause}).\n"
        f"Share attributes that it has when it is set up."
    )


def too_large(fixture: str, where: str, size: int, limit: int) -> str:
    return in_lines(
        f"the value of the global fixture '{fixture}' ({where}) is too large to be sent to the "
        f"test workers: {size} bytes when pickled, of {limit} at most.\n"
        f"Write it to a file below tmp_path_factory and return the path."
    )

"""What of a global fixture's value is sent to the test workers; runs in the fixture worker."""

from __future__ import annotations

from .. import attributes, errors, values
from ..declare import Declaration
from ..errors import CannotShareError


def share(declaration: Declaration, value: object) -> bytes | CannotShareError:
    """The packed value, or a record of some of its attributes; or why it cannot be sent."""
    name, where = declaration.name, declaration.where
    shared = value
    try:
        if declaration.share is not None:
            shared = attributes.take(value, name, declaration.share)
    except BaseException as error:  # also of a time-out, and what its class raises
        message = errors.cannot_read(name, where, values.type_name(value), values.describe(error))
        return CannotShareError(message)
    try:
        packed = values.pack(shared)
    except BaseException as error:
        message = errors.cannot_pickle(
            name,
            where,
            values.type_name(value),
            values.describe(error),
            # A time-out, or Ctrl-C, would come up again.
            values.find_culprit(shared) if isinstance(error, Exception) else None,
            declaration.promoted,
        )
        return CannotShareError(message)
    if len(packed) > values.LIMIT:
        return CannotShareError(errors.too_large(name, where, len(packed), values.LIMIT))
    return packed

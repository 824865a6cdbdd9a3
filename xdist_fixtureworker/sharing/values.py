"""Pickles what of a global fixture's value is sent to the test workers; any process."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from ..declared import attributes
from ..declared.decorator import Declaration
from ..errors import CannotShareError, CannotWriteError, describe, in_lines, type_name
from ..wire import pickles
from ..wire.messages import Inline, Mapped, Value

if TYPE_CHECKING:
    from pickle import PickleBuffer


class File(pickles.Writable, Protocol):
    """A file for a large value, to which its pickle is written."""

    def finish(self, buffers: Sequence[PickleBuffer]) -> Mapped:
        """Add what is not in the pickle."""


class Files(Protocol):
    """Keeps large values in files."""

    @property
    def mapped_from(self) -> int | None:
        """Bytes that a large value has at least; None: none is large."""

    def new(self) -> AbstractContextManager[File]: ...


def share(
    declaration: Declaration, value: object, module: str = "", files: Files | None = None
) -> Value | CannotShareError:
    """Pickle a value, or what of it is shared; returns why if that fails.

    Runs code of the value's classes, and of the user's function if there is one.

    :param module: that defines the fixture, and may have names for what is in the value.
    :param files: for large values; None: there are none.
    """
    name, where = declaration.name, declaration.where
    try:
        shared = _part_to_send(declaration, value)
    except CannotShareError as error:
        return error
    try:
        return _packed(shared, [module], files)
    except pickles.TooLargeError:
        return CannotShareError(too_large(name, where, pickles.LIMIT))
    except CannotWriteError as error:
        return CannotShareError(cannot_write(name, where, error.file, str(error.cause)))
    except BaseException as error:
        return CannotShareError(_refused(declaration, value, shared, error))


def _packed(shared: object, near: list[str], files: Files | None) -> Value:
    """:raises TooLargeError: if it is too large for a message, and not to be in a file."""
    limit = pickles.LIMIT + 1
    if files is None or files.mapped_from is None:
        return Inline(pickles.pack(shared, near, smaller_than=limit))
    # A value is pickled once: to do so may change it, and takes its time.
    with ExitStack() as stack:
        begun = _Begun(min(files.mapped_from, limit), lambda: stack.enter_context(files.new()))
        buffers = pickles.pack_into(begun, shared, near)
        try:
            if begun.is_small(sum(map(_size, buffers))):
                return Inline(pickles.joined(begun.getvalue(), buffers))
            return begun.file().finish(buffers)
        finally:
            for buffer in buffers:
                buffer.release()


class _Begun(io.BytesIO):
    """A pickle, in memory until it is large, then in a file.

    :param large_from: bytes.
    :param make: makes the file.
    """

    def __init__(self, large_from: int, make: Callable[[], File]) -> None:
        super().__init__()
        self._large_from = large_from
        self._make = make
        self._file: File | None = None

    def is_small(self, more: int) -> bool:
        """Whether it is in memory, and may be with that many bytes more."""
        return self._file is None and self.tell() + more < self._large_from

    def file(self) -> File:
        """The file, with all that was written."""
        if self._file is None:
            self._file = self._make()
            self._file.write(self.getvalue())
        return self._file

    def write(self, data: Any, /) -> Any:
        return super().write(data) if self.is_small(_size(data)) else self.file().write(data)


def _size(data: Any) -> int:
    with memoryview(data) as view:
        return view.nbytes


def _part_to_send(declaration: Declaration, value: object) -> object:
    """The value, or what of it is shared.

    :raises CannotShareError: if it cannot be had.
    """
    try:
        match declaration.share:
            case attributes.Attributes() as wanted:
                return attributes.take(value, declaration.name, wanted)
            case attributes.Computed(function):
                return function(value)
    except BaseException as error:  # also of a time-out, and what its class raises
        message = _not_to_be_had(declaration, value, error)
    else:
        return value
    raise CannotShareError(message)


def _not_to_be_had(declaration: Declaration, value: object, error: BaseException) -> str:
    name, where, share = declaration.name, declaration.where, declaration.share
    if isinstance(share, attributes.Computed):
        function = getattr(share.function, "__name__", type(share.function).__name__)
        return function_raised(name, where, function, describe(error))
    what, cause = "an attribute", error
    if isinstance(error, attributes.CannotTakeError):
        what, cause = f"'{error.name}'", error.__cause__ or error
    return cannot_read(name, where, what, type_name(value), describe(cause))


def _refused(declaration: Declaration, value: object, shared: object, error: BaseException) -> str:
    # Most values are not refused.
    from ..wire.culprit import find_culprit
    from . import remedies

    # A time-out, or Ctrl-C, would come up again.
    found = find_culprit(shared) if isinstance(error, Exception) else None
    path, part = ("the value", value) if found is None else (found.path, found.parts[-1])
    try:
        remedy = remedies.remedy(declaration.name, declaration.promoted, shared, found)
    except Exception:  # it refuses to be inspected
        remedy = remedies.return_what_it_takes(declaration.name, declaration.promoted, False)
    return cannot_pickle(
        f"'{declaration.name}' ({declaration.where})",
        type_name(part),
        path,
        "" if found is None else type_name(value),
        describe(error),
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


def cannot_read(fixture: str, where: str, what: str, type_name: str, cause: str) -> str:
    return in_lines(
        f"{what} of the global fixture '{fixture}' ({where}) cannot be read to be sent to the "
        f"test workers: its value is a {type_name} ({cause}).\n"
        f"Share what it has, and what it can do, right after its set-up."
    )


def function_raised(fixture: str, where: str, function: str, cause: str) -> str:
    return in_lines(
        f"share={function} of the global fixture '{fixture}' ({where}) raised an error when it was "
        f"called with the value, to make what is sent to the test workers ({cause}).\n"
        f"It is called once, right after the set-up."
    )


def too_large(fixture: str, where: str, limit: int) -> str:
    return in_lines(
        f"the value of the global fixture '{fixture}' ({where}) is too large to be sent to the "
        f"test workers: it has more than {limit} bytes when pickled.\n"
        f"Have it mapped by them: give the ini setting fixture_worker_mapped_from a size in the "
        f"place of off."
    )


def cannot_write(fixture: str, where: str, file: str, cause: str) -> str:
    return in_lines(
        f"the value of the global fixture '{fixture}' ({where}) is large, so the test workers are "
        f"to map it, but it cannot be written to {file} ({cause}).\n"
        f"Make room there, or set TMPDIR to a directory that has room."
    )

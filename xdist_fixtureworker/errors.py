"""Exceptions that this plugin raises at run time; every process.

What a user wrote wrongly is a ``pytest.UsageError``. The texts stand beside the features that say
them, in the section "messages" of their modules: what happened, where, why, and what to do next.

Those that users meet name the package as their module, from which they are imported: pytest's
short summary is one line, and begins with it.
"""

from __future__ import annotations

import textwrap
import traceback

_PACKAGE = "xdist_fixtureworker"
_COLUMNS = 99


def in_lines(text: str) -> str:
    """The text with each of its lines broken where it would be too long for a terminal."""
    return "\n".join(
        textwrap.fill(line, _COLUMNS, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def describe(error: BaseException) -> str:
    """Type and message of ``error``, as at the end of a traceback."""
    return "".join(traceback.format_exception_only(type(error), error)).rstrip()


def type_name(value: object) -> str:
    """The name of the value's type, with its module unless it is a builtin."""
    cls = type(value)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


class FixtureWorkerError(Exception):
    """Base of all errors that this plugin raises at run time, in any process."""

    __module__ = _PACKAGE


class ProtocolError(FixtureWorkerError):
    """A message that does not follow :mod:`xdist_fixtureworker.wire.messages`; a bug of ours."""


class FixtureWorkerDiedError(FixtureWorkerError):
    """Raised in a test worker: the fixture worker ended before it could answer."""

    __module__ = _PACKAGE

    def __init__(self, reason: str, what: str = "the global fixture was set up") -> None:
        super().__init__(reason, what)
        self._reason = reason
        self._what = what

    def before(self, fixture: str, where: str) -> FixtureWorkerDiedError:
        """The same for a test that waits for that fixture."""
        return type(self)(self._reason, f"the global fixture '{fixture}' ({where}) was set up")

    def before_call(self, what: str) -> FixtureWorkerDiedError:
        """The same for a test that waits for what it does with a live object."""
        return type(self)(self._reason, f"there was an answer to {what}")

    def __str__(self) -> str:
        return (
            f"the fixture worker ended before {self._what}: {self._reason}.\n"
            f"The end of the report says what is known of it."
        )


class SetUpError(FixtureWorkerError):
    """Raised in a test worker: the set-up of a global fixture failed with an exception that
    cannot be sent, so this one stands in for it."""

    __module__ = _PACKAGE


class CannotShareError(FixtureWorkerError):
    """Raised for the tests that need it: the value of a global fixture cannot be pickled in
    the fixture worker, or not be unpickled in the test worker."""

    __module__ = _PACKAGE


class CannotWriteError(FixtureWorkerError):
    """A file for a large value cannot be written; within the fixture worker only.

    :param file: or the directory that cannot be made.
    """

    def __init__(self, file: str, cause: OSError) -> None:
        super().__init__(file, cause)
        self.file = file
        self.cause = cause


class CallError(FixtureWorkerError):
    """Raised in a test: something cannot be done with a live object (``share="proxy"``); or its
    method raised an exception that cannot be sent, so that this one stands in for it."""

    __module__ = _PACKAGE


class RemoteTraceback(Exception):
    """The ``__cause__`` of an exception that was raised in the fixture worker: its traceback
    there, as text."""

    __module__ = _PACKAGE

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"in the fixture worker:\n{self.text}"

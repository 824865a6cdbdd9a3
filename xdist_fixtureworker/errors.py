"""Exceptions that this plugin raises at run time; every process.

What a user wrote wrongly is a ``pytest.UsageError``. The texts stand beside the features that say
them, in the section "messages" of their modules: what happened, where, why, and what to do next.
"""

from __future__ import annotations


class FixtureWorkerError(Exception):
    """Base of all errors that this plugin raises at run time, in any process."""


class ProtocolError(FixtureWorkerError):
    """A message that does not follow :mod:`xdist_fixtureworker.wire.messages`; a bug of ours."""


class FixtureWorkerDiedError(FixtureWorkerError):
    """Raised in a test worker: the fixture worker ended before it could answer."""

    @classmethod
    def because(cls, reason: str) -> FixtureWorkerDiedError:
        """The error for a test that waits for the fixture worker."""
        return cls(
            f"the fixture worker ended before this global fixture was set up: {reason}.\n"
            f"The end of the report says what is known of it."
        )


class SetUpError(FixtureWorkerError):
    """Raised in a test worker: the set-up of a global fixture failed with an exception that
    cannot be sent, so this one stands in for it."""


class CannotShareError(FixtureWorkerError):
    """Raised for the tests that need it: the value of a global fixture cannot be pickled in
    the fixture worker, or not be unpickled in the test worker."""


class RemoteTraceback(Exception):
    """The ``__cause__`` of an exception that was raised in the fixture worker: its traceback
    there, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"in the fixture worker:\n{self.text}"

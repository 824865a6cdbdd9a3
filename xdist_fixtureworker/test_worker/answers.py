"""Makes values and exceptions of the answers to requests; runs in a test worker."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from .. import errors
from ..declared.attributes import Proxied
from ..declared.decorator import Declaration
from ..roles import FAILED_SET_UP, MARKS_ASKED, OF_ONE_HOST, ON_ANOTHER_HOST
from ..rules.changed_values import Values
from ..wire import pickles
from ..wire.messages import Answer, Failed, Mapped, Ready, Value
from .connection import Connection
from .instances import Fetched
from .live import LiveObjects

if TYPE_CHECKING:
    from .large import LargeValues


class Answers:
    """Reads answers, and knows which of the exceptions that tests raise came with one.

    :param connection: to the controller.
    """

    def __init__(self, config: pytest.Config, connection: Connection[Any]) -> None:
        self._config = config
        self._connection = connection
        self._live = LiveObjects(config, connection)
        self._large: LargeValues | None = None
        self._loading = threading.Lock()
        self._failed: list[Fetched] = []
        self._of_one_host: dict[str, str] | None = None  # by fixture; None: this is that host
        if ON_ANOTHER_HOST in config.workerinput:  # type: ignore[attr-defined]  # set by xdist
            self._of_one_host = config.workeroutput[OF_ONE_HOST] = {}  # type: ignore[attr-defined]
        self.values = Values()

    def read(self, declaration: Declaration, answer: Answer) -> Fetched:
        """Unpickle the value or the exception of an answer."""
        if isinstance(answer, Failed):
            fetched = self._read_failure(declaration, answer)
        else:
            fetched = self._read_value(declaration, answer)
        if fetched.error is not None:
            self._failed.append(fetched)
        return fetched

    def _read_failure(self, declaration: Declaration, answer: Failed) -> Fetched:
        error = pickles.unpack_exception(answer.exception, answer.traceback)
        error = error or errors.SetUpError(answer.text)
        if isinstance(error, errors.FixtureWorkerDiedError):
            error = error.before(declaration.name, declaration.where)
        report = None
        if answer.report is not None:
            report = self._config.hook.pytest_report_from_serializable(
                config=self._config, data=answer.report
            )
        failure = _first_sentence(str(error))
        # One of ours says all itself, unless it stands in for another.
        if not isinstance(error, errors.FixtureWorkerError) or str(error) == answer.text:
            cause = next(iter(answer.text.splitlines()), "")
            failure = set_up_failed(declaration.name, declaration.where, cause)
        return Fetched(error=error, report=report, failure=failure)

    def _read_value(self, declaration: Declaration, answer: Ready) -> Fetched:
        is_proxied = isinstance(declaration.share, Proxied)
        try:
            value = self._unpack(declaration, answer.value)
        except Exception as cause:
            message = self._refused(declaration, answer.value, cause)
            error = errors.CannotShareError(message)
            return Fetched(error=error, failure=_first_sentence(message))
        if not is_proxied and not isinstance(answer.value, Mapped):  # which is too large for that
            self.values.note(f"{declaration.name} ({declaration.where})", value)
        return Fetched(
            value, environment=answer.environment, output=answer.output, asked=answer.asked
        )

    def _note_of_one_host(self, declaration: Declaration, pickled: bytes | memoryview) -> None:
        if self._of_one_host is None:
            return
        from .of_one_host import of_one_host

        if found := of_one_host(pickled):
            self._of_one_host[f"{declaration.name} ({declaration.where})"] = found

    def _unpack(self, declaration: Declaration, value: Value) -> object:
        look = partial(self._note_of_one_host, declaration)
        if isinstance(value, Mapped):
            return self._large_values().unpack(value, look)
        if isinstance(declaration.share, Proxied):
            return self._live.unpack(value.data)
        look(value.data)
        return pickles.unpack(value.data)

    def _large_values(self) -> LargeValues:
        with self._loading:
            if self._large is None:
                from .large import LargeValues

                self._large = LargeValues(self._connection.send)
                self._connection.take_parts(self._large)
            return self._large

    def _refused(self, declaration: Declaration, value: Value, cause: Exception) -> str:
        """Why a value cannot be had."""
        worker: str = self._config.workerinput["workerid"]  # type: ignore[attr-defined]  # set by xdist
        fixture = declaration.name, declaration.where
        if isinstance(value, Mapped):
            from .large import CannotFetchError

            if isinstance(cause, CannotFetchError):
                return cannot_fetch(*fixture, worker, value.file, str(cause))
        if self._of_one_host is not None and isinstance(cause, ModuleNotFoundError):
            return not_importable_there(*fixture, worker, errors.describe(cause))
        return cannot_unpickle(*fixture, worker, errors.describe(cause))

    def show_original(
        self, excinfo: pytest.ExceptionInfo[BaseException], report: pytest.TestReport
    ) -> None:
        """Replace the report of a failed set-up by that from the fixture worker."""
        for fetched in list(self._failed):
            if fetched.error is excinfo.value:
                sections = list(_sections(fetched.report))
                setattr(report, FAILED_SET_UP, [fetched.failure, len(sections)])
                if fetched.report is not None:
                    report.longrepr = fetched.report.longrepr
                    report.sections = [*sections, *report.sections]
                    setattr(report, MARKS_ASKED, getattr(fetched.report, MARKS_ASKED, None))
                    return
        if isinstance(excinfo.value, errors.CallError):
            return  # where the test calls is what counts
        if isinstance(excinfo.value, errors.FixtureWorkerError):
            shown = excinfo.getrepr(style="value")
            if shown.reprcrash is not None:
                # What the short summary has room for: not the name of the class.
                shown.reprcrash.message = str(excinfo.value)
            report.longrepr = shown


def _sections(report: pytest.TestReport | None) -> Iterator[tuple[str, str]]:
    """Those of a failed set-up, with titles that say where it ran."""
    if report is None:
        return
    fixture = report.nodeid.partition("::global fixture ")[2]
    for title, text in report.sections:
        yield re.sub(r"^(Captured \w+ )setup$", rf"\g<1>{set_up_of(fixture)}", title), text


def set_up_of(fixture: str) -> str:
    """In titles of captured output, in the place of "setup"."""
    return f"setup of global fixture {fixture} (fixture worker)"


def _first_sentence(text: str) -> str:
    """That of a message of ours, whose lines are wrapped, as one line."""
    return re.split(r"(?<=[.:])\n", text)[0].replace("\n", " ")


# --- messages


def set_up_failed(fixture: str, where: str, cause: str) -> str:
    return f"the set-up of the global fixture '{fixture}' ({where}) failed: {cause}"


def cannot_fetch(fixture: str, where: str, worker: str, file: str, cause: str) -> str:
    return errors.in_lines(
        f"the value of the global fixture '{fixture}' ({where}) is in {file}, which test worker "
        f"{worker} cannot map, and it cannot be fetched from the fixture worker "
        f"({cause.rstrip('.')}).\n"
        f"The file stays until the run ends, unless something else removes it. A test worker on "
        f"another machine cannot map it, and needs the fixture worker."
    )


def not_importable_there(fixture: str, where: str, worker: str, cause: str) -> str:
    return errors.in_lines(
        f"the value of the global fixture '{fixture}' ({where}) was sent by the fixture worker "
        f"but cannot be unpickled in test worker {worker}, which is on another host ({cause}).\n"
        f"Install there, too, what the suite imports, or have it copied (--rsyncdir)."
    )


def cannot_unpickle(fixture: str, where: str, worker: str, cause: str) -> str:
    remedy = (
        "Its class must be importable there by the same name: define it in a module that both "
        "import, or return plain data."
    )
    if not cause.startswith(("ImportError", "ModuleNotFoundError", "AttributeError")):
        remedy = (
            "Its class does not come back from its own pickle: give it a __reduce__ that returns "
            "what it takes to make it again, or return plain data."
        )
    if "the module 'conftest' is" in cause:
        remedy = (
            "Several conftest.py are imported by one name, each in the place of the one before. "
            "Run pytest with --import-mode=importlib, by which they have different names, or move "
            "the class into a module."
        )
    elif "AuthenticationError" in cause:
        remedy = (
            "The authentication string of a manager does not leave its process. Start the manager "
            'with one of your own (authkey=b"..."), return its address and that string, and let a '
            "session fixture of the test workers connect() another manager to it."
        )
    return errors.in_lines(
        f"the value of the global fixture '{fixture}' ({where}) was sent by the fixture worker "
        f"but cannot be unpickled in test worker {worker} ({cause}).\n{remedy}"
    )

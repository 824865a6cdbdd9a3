"""Runs finalizers and recoveries, each with its own report; fixture worker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

import pytest
from _pytest.fixtures import SubRequest

from .. import errors
from ..wire import pickles
from ..wire.frozen import replace
from ..wire.messages import Finalized, Finalizing, Inline, Recover, Recovery
from .clones import ParameterValue
from .fixture_item import FixtureItem
from .foreign import Foreign
from .forked import ForkGuard
from .items import SESSION, Items, named
from .lookup import Found, Lookup
from .main_thread import MainThread
from .outbox import Outbox
from .reports import finalizer_broke, own_report, plain_report
from .set_ups import SetUpRecord, SetUps
from .surprises import Surprises

_SESSION_NUMBER = 0
"""The session's place among the numbers of set-ups, which start at 1."""


class Finalization:
    """Runs finalizers in the main thread.

    :param outbox: takes messages to the controller.
    """

    def __init__(
        self,
        *,
        session: pytest.Session,
        set_ups: SetUps,
        lookup: Lookup,
        items: Items,
        foreign: Foreign,
        main: MainThread,
        forks: ForkGuard,
        outbox: Outbox,
        surprises: Surprises,
    ) -> None:
        self._session = session
        self._set_ups = set_ups
        self._lookup = lookup
        self._items = items
        self._foreign = foreign
        self._main = main
        self._forks = forks
        self._outbox = outbox
        self._surprises = surprises

    def finalize(self) -> None:
        """Finalize all that is set up, one by one, last set up first. Nothing that is raised on the
        way keeps another finalizer from running."""
        while (record := self._set_ups.next_to_finalize()) is not None:
            try:
                failure = self._finalize(record)
            except BaseException as error:
                failure = _broke(record, self._foreign.shown(error))
            self._end(record, failure)
        try:
            self._finalize_session()
        except BaseException as error:
            self._surprises.tell(error)

    def _finalize(self, record: SetUpRecord) -> pytest.TestReport | None:
        """Run a finalizer; returns the report if it failed."""
        self._set_ups.begin_finalizer(record)
        finish = partial(self._as_finalizer, partial(self._finish, record))
        try:
            self._outbox.send(Finalizing(record.number, record.name, record.where))
            item = self._item(record, finish)
        except BaseException as error:  # of a module that is broken, for instance
            with self._foreign.limited(named("finalizer", record.name, record.where)):
                finish()
            return _broke(record, self._foreign.shown(error))
        told = self._run(item, "finalizer", record.where)
        if record.definition.cached_result is not None:
            self._items.run_finalizer_alone(item, finish, record.where)
        if told:
            self._items.note_hook_error(item, told, "teardown")
        return item.failure

    def _end(self, record: SetUpRecord, failure: pytest.TestReport | None) -> None:
        try:
            self._set_ups.end_finalizer(record, failed=failure is not None)
        except BaseException as error:
            self._surprises.tell(error)
        self._tell_finalized(record.number, failure)

    def _item(self, record: SetUpRecord, finish: Callable[[], None]) -> FixtureItem:
        request = record.request
        assert request is not None
        place = self._lookup.place(record.original, request._pyfuncitem)
        found = replace(place, parameters=_parameters_of(request))
        return self._items.make(record.definition, found, _finalizer_only(finish))

    def _run(self, item: FixtureItem, what: str, where: str) -> str:
        """Run an item that has a finalizer only; returns what to say of hooks that raised, which
        stop no other one."""
        try:
            self._items.run(item, "teardown", what, where)
        except BaseException as error:
            told = finalizer_broke(item.originalname, where, self._foreign.shown(error))
            with contextlib.suppress(BaseException):  # the item notes what its finalizer raises
                self._session._setupstate.teardown_exact(self._items.session_item)
            return told
        return ""

    def _finalize_session(self) -> None:
        """Run what fixtures have added to the session itself, by ``request.node``."""
        where = "request.node"
        self._outbox.send(Finalizing(_SESSION_NUMBER, SESSION, where))
        finish = partial(self._session._setupstate.teardown_exact, None)
        with self._foreign.limited(named("finalizer", SESSION, where)):
            call = pytest.CallInfo.from_call(partial(self._as_finalizer, finish), "teardown")
        failure = None
        if call.excinfo is not None:
            with self._foreign.limited("the report of the test session"):
                failure = own_report(self._items.session_item, call.excinfo.value, "teardown")
        self._tell_finalized(_SESSION_NUMBER, failure)

    def recover(self, message: Recover) -> None:
        """Undo a set-up of a fixture worker that died, with the function given as ``recover=``."""
        instance = message.recovery.instance
        where = f"recover= of {instance.module}"
        self._outbox.send(Finalizing(message.id, instance.name, where))
        failure: pytest.TestReport | None
        try:
            with self._foreign.looking_up(instance.name, instance.module):
                found = self._lookup.find(instance)
            failure = self._recover(found, message)
        except BaseException as error:
            name = f"recovery of global fixture {instance.name}"
            failure = plain_report(name, name, self._foreign.shown(error), "teardown")
        self._tell_finalized(message.id, failure)

    def _recover(self, found: Found, message: Recover) -> pytest.TestReport | None:
        declaration = self._set_ups.of(found.definition).declaration
        if declaration is None or declaration.recover is None:
            raise errors.FixtureWorkerError(f"Internal error: nothing recovers {message.recovery}")
        recover = declaration.recover

        def undo() -> None:
            recover(_unpacked(message.recovery))

        action = _finalizer_only(partial(self._as_finalizer, undo))
        item = self._items.make(found.definition, found, action, "recovery of global")
        if told := self._run(item, "recovery", declaration.where):
            self._items.note_hook_error(item, told, "teardown")
        return item.failure

    def _tell_finalized(self, number: int, failure: pytest.TestReport | None) -> None:
        report = None if failure is None else self._items.serialized(failure)
        self._outbox.hold(Finalized(number, report))

    def _finish(self, record: SetUpRecord) -> None:
        """Finalize a fixture. pytest sees what it sees while the session is torn down: that no node
        is set up any more, and so no fixture can be."""
        __tracebackhide__ = True
        assert record.request is not None
        stack = self._session._setupstate.stack
        nodes = dict(stack)
        stack.clear()
        try:
            record.definition.finish(record.request)
        finally:
            stack.clear()
            stack.update(nodes)

    def _as_finalizer(self, finalizer: Callable[[], object]) -> None:
        __tracebackhide__ = True
        try:
            with self._main.finalizer():
                self._leaving_if_forked(finalizer)
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            # The tests are over and the other finalizers must run: an error like any other.
            raise errors.FixtureWorkerError(f"the finalizer raised {error!r}") from error

    def _leaving_if_forked(self, finalizer: Callable[[], object]) -> None:
        __tracebackhide__ = True
        error: BaseException | None = None
        try:
            finalizer()
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._forks.leave_if_forked(error)


def _unpacked(recovery: Recovery) -> object:
    """The value of a fixture worker that died.

    :raises FixtureWorkerError: if it was in a file that is gone.
    """
    value = recovery.value
    if isinstance(value, Inline):
        return pickles.unpack(value.data)
    from ..sharing.mapping import mapped, unpack_from

    content = mapped(value)
    if content is None:
        raise errors.FixtureWorkerError(value_is_gone(recovery.instance.name, value.file))
    return unpack_from(value, content)


def _broke(record: SetUpRecord, error: str) -> pytest.TestReport:
    """The report that ``error`` came up around a finalizer, or in one that has no item."""
    name = f"global fixture {record.name}"
    text = finalizer_broke(record.name, record.where, error)
    return plain_report(name, name, text, "teardown")


def _finalizer_only(finalizer: Callable[[], None]) -> Callable[[FixtureItem], None]:
    """The action of an item that only has a finalizer."""
    return lambda item: item.addfinalizer(partial(item.noting, finalizer))


def _parameters_of(request: SubRequest) -> dict[str, ParameterValue]:
    if not hasattr(request, "param"):
        return {}
    name = request.fixturename or ""
    return {name: ParameterValue(name, request.param_index, request.param)}


# --- messages


def value_is_gone(fixture: str, file: str) -> str:
    return (
        f"the value of the global fixture '{fixture}', which recover= is called with, was in "
        f"{file}, which was removed."
    )

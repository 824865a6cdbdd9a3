"""The plugin of the fixture worker: an xdist worker that runs global fixtures instead of tests.

The main thread does what the controller asks for, one by one, until it is told to finish or the
connection ends, and then finalizes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import execnet
import pytest

from .._compat import captured, is_session_scoped
from ..errors import ProtocolError
from ..processes.crash_file import CrashFile
from ..processes.identity import Identity
from ..roles import CHANGED_VALUES, LIVE_OUTPUT, MISUSE
from ..rules.debugger import explain_quit
from ..rules.registrations import are_eager
from ..settings import mapped_from, timeout
from ..wire.codec import encode_all, prepare
from ..wire.messages import (
    LANE_BITS,
    Begin,
    Doing,
    Expected,
    Finish,
    Finished,
    Hanging,
    Message,
    Ready,
    Recover,
    Request,
    Serving,
    SettingUp,
    Settle,
    Settled,
    SetUp,
)
from .answers import Answerer
from .elsewhere import Elsewhere
from .finalizing import Finalization
from .fixture_item import FixtureItem
from .foreign import Foreign
from .forked import ForkGuard
from .intake import CONNECTION_LOST, Intake, Work
from .items import Items
from .large import LargeValues
from .lazy_collection import collect_when_read
from .live import LiveObjects
from .lookup import Lookup
from .main_thread import MainThread
from .marks import Marks
from .orphaned import deal_with_strays, wait_test_workers_down
from .outbox import Outbox
from .outcome import take_over
from .reports import shortened
from .running import Runner
from .set_ups import SetUps
from .surprises import Surprises
from .tree import Tree

if TYPE_CHECKING:
    from .live_output import LiveOutput

_TRIES = 100  # of what may be cut short by a timer, but must not hold up the end for ever


class FixtureWorker:
    """Serves until all is finalized, whatever becomes of the controller."""

    def __init__(self, config: Any, channel: execnet.Channel) -> None:
        self._channel = channel
        self._is_lane = False
        self._tests_are_over = False
        self._held: frozenset[int] = frozenset()
        self._main = MainThread()
        self._forks = ForkGuard()
        self._outbox = Outbox(self._deliver)
        self._live = LiveObjects(self._send_from_thread, self._forks.leave_if_forked)
        self._large = LargeValues(self._send_from_thread)
        self._intake = Intake(self._main, self._live.receive, self._large.receive)
        self._output: LiveOutput | None = None
        if LIVE_OUTPUT in config.workerinput:  # set by xdist
            from .live_output import LiveOutput

            self._output = LiveOutput(*config.workerinput[LIVE_OUTPUT])
            self._intake.on_lost = self._output.controller_is_gone
            config.pluginmanager.register(self._output, "xdist_fixtureworker_live_output")

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._live.limit = timeout(session.config)
        self._large.mapped_from = mapped_from(session.config)
        self._foreign = foreign = Foreign(self._main, self._live.limit, self._outbox)
        self._tree = Tree(session, foreign.importing)
        self._set_ups = SetUps(session.config)
        self._surprises = Surprises(session.config, foreign)
        self._forks.use(session.config)
        self._lookup = lookup = Lookup(self._tree, self._set_ups.argnames)
        items = Items(
            session=session,
            set_ups=self._set_ups,
            lookup=lookup,
            foreign=foreign,
            surprises=self._surprises,
        )
        self._assemble(session, foreign, lookup, items)

    def _assemble(
        self, session: pytest.Session, foreign: Foreign, lookup: Lookup, items: Items
    ) -> None:
        """Make what sets fixtures up, what answers, and what finalizes."""
        self._elsewhere = _register_observers(session.config)
        self._runner = Runner(
            set_ups=self._set_ups,
            lookup=lookup,
            items=items,
            foreign=foreign,
            elsewhere=self._elsewhere,
            live=self._live,
            outbox=self._outbox,
            large=self._large,
        )
        self._answerer = Answerer(
            config=session.config,
            set_ups=self._set_ups,
            lookup=lookup,
            foreign=foreign,
            runner=self._runner,
            serialize=items.serialized,
        )
        self._finalization = Finalization(
            session=session,
            set_ups=self._set_ups,
            lookup=lookup,
            items=items,
            foreign=foreign,
            main=self._main,
            forks=self._forks,
            outbox=self._outbox,
            surprises=self._surprises,
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        collect_when_read(session, self._tree)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._channel.setcallback(self._intake.receive, endmarker=CONNECTION_LOST)
        self._outbox.send(Serving())
        prepare(Request, SettingUp, SetUp, Ready)
        try:
            self._insist(partial(self._serve, session))
            self._main.end_of_set_ups()
            if not self._is_lane:  # no other lane may use them
                self._live.finalize()
            output: dict[str, object] = session.config.workeroutput  # type: ignore[attr-defined]  # set by xdist
            output[CHANGED_VALUES] = self._runner.changed_values()
            self._runner.notes.update(dict.fromkeys(self._answerer.untold_failures()))
            if self._runner.notes:
                output[MISUSE] = "", list(self._runner.notes)
            self._insist(partial(self._finalization.finalize, self._wait_freed))
            self._insist(self._large.remove)
            self._tell_raised()
            self._outbox.send(Finished())
            if self._intake.connection_lost:
                uid = _testrun_uid(session.config)
                deal_with_strays(session.config, uid, self._set_ups.crash_file)
        finally:
            self._intake.let_end()
            self._live.close()
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item) -> bool | None:
        if not isinstance(item, FixtureItem):
            return None
        item.run_phases(nextitem)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: Any, request: Any
    ) -> Generator[None, object, object]:
        __tracebackhide__ = True
        if not is_session_scoped(fixturedef):  # as one that a hook of a conftest asks for
            return (yield)
        if self._main.interrupted:
            raise KeyboardInterrupt
        with self._main.protected():
            self._runner.setting_up(fixturedef, request)
        error: BaseException | None = None
        try:
            with self._main.set_up():
                self._main.check()  # since we looked
                return (yield)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._forks.leave_if_forked(error)
            with self._main.protected():
                self._runner.was_set_up(fixturedef, request, error)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, object, object]:
        if not isinstance(item, FixtureItem) or call.excinfo is None:
            return (yield)
        error = call.excinfo.value
        explain_quit(error)
        item.note(error)
        with shortened(error):
            report = yield
        # Another plugin may have another exception reported, as the guards do a skip.
        if item.error is error:
            item.error = call.excinfo.value
        return report

    def _serve(self, session: pytest.Session) -> None:
        """Do what the controller asks for, until it is to finish. Nothing that is raised on the way
        ends that, as finalizers would then run under tests."""
        while not isinstance(work := self._wait_next(session.config), Finish):
            if work is None:
                self._insist(partial(wait_test_workers_down, self._intake.test_workers))
                return
            try:
                self._intake.take(work)
                self._do(work, session)
            except BaseException as error:
                self._surprises.tell(error)
                if isinstance(work, Request):  # the controller drops a second answer
                    self._outbox.send(self._answerer.broken(work, error))
        take_over(session, work)
        self._held = frozenset(work.held)

    def _do(
        self, work: Begin | Request | Recover | Settle | Expected, session: pytest.Session
    ) -> None:
        match work:
            case Begin():
                self._begin(work, session)
            case Request():
                self._outbox.hold(self._answerer.answer(work))
            case Settle():
                self._tests_are_over = True
                self._outbox.send(Settled())
            case Expected() if not (self._main.interrupted or self._tests_are_over):
                self._answerer.prepare(work)
                self._outbox.send(Doing(""))  # there is no answer that would tell
            case Recover():
                self._finalization.recover(work)

    def _wait_next(self, config: pytest.Config) -> Work | None:
        """Wait for the next thing to do. Servers that fixtures run in threads may log each request
        of a test meanwhile: so what is printed is captured, before tests have an answer."""
        while True:
            self._tell_raised()
            try:
                with contextlib.ExitStack() as stack:
                    with contextlib.suppress(ValueError):  # a fixture has closed sys.stdout
                        stack.enter_context(captured(config))
                    self._outbox.flush()
                    self._large.let_go(self._elsewhere)
                    return self._intake.wait_next()
            except ProtocolError:
                raise
            except BaseException as error:
                self._outbox.flush()
                self._surprises.tell(error)

    def _tell_raised(self) -> None:
        for error in self._main.handlers.raised():
            self._surprises.tell(error)

    def _insist(self, action: Callable[[], None]) -> None:
        """Do it, again where something was raised on the way that has nothing to do with it."""
        for _ in range(_TRIES):
            try:
                action()
                return
            except ProtocolError:
                raise
            except BaseException as error:
                self._surprises.tell(error)

    def _begin(self, begin: Begin, session: pytest.Session) -> None:
        config = session.config
        self._large.directories = [Path(each) for each in begin.run_files]
        if begin.lane is None:
            # The controller knows which lane has an object; a test worker has one place to call.
            self._live.directory = begin.run_files[-1]
        if begin.crash_files is not None:
            controller = Identity.of(begin.controller)
            self._set_ups.crash_file = CrashFile(
                Path(begin.crash_files),
                begin.run,
                _testrun_uid(config),
                controller,
                begin.run_files,
            )
        if begin.lane is not None:
            self._be_a_lane(begin.lane)
        if begin.eager and are_eager(config):
            self._expect_eager(session)

    def _expect_eager(self, session: pytest.Session) -> None:
        from .eager import expected, find_eager, grouped

        with self._foreign.running("the look-up of eager fixtures"):
            found = find_eager(session, self._tree, self._lookup)
            messages = [expected(definition, node) for definition, node in found]
            known = grouped(session, self._tree, self._lookup) if self._is_lane else None
        if known is not None:
            self._outbox.send(known)  # so that the controller can spread them
        for message in messages:
            (self._intake.expect if known is None else self._outbox.send)(message)
        self._outbox.send(Doing(""))

    def _wait_freed(self, set_up: int) -> None:
        """Wait until nothing in other lanes depends on a set-up; its object is not theirs then."""
        if self._answerer.other_lanes is None:
            return
        if set_up in self._held:
            self._answerer.other_lanes.wait_freed(set_up)
        self._live.finalize(set_up)

    def _be_a_lane(self, number: int) -> None:
        """Be one of several fixture workers."""
        from .other_lanes import OtherLanes

        other_lanes = OtherLanes(
            set_ups=self._set_ups,
            lookup=self._lookup,
            foreign=self._foreign,
            take_over=self._runner.environment.take_over,
            send=self._outbox.send,
        )
        self._is_lane = True
        self._answerer.other_lanes = self._runner.other_lanes = other_lanes
        self._intake.on_lane = other_lanes.receive
        first = (number << LANE_BITS) + 1
        self._set_ups.number_from(first)
        self._live.first = self._large.first = first

    def _send_from_thread(self, message: Message) -> None:
        """Send what does not concern set-ups and finalizers."""
        self._deliver([message])

    def _deliver(self, messages: Sequence[Message]) -> None:
        self._forks.leave_if_forked()
        if any(isinstance(message, Hanging) for message in messages):
            self._intake.let_end()
        if self._output is not None:
            for message in messages:
                self._output.announce(message)
        try:
            self._channel.send(encode_all(messages))
        except OSError:
            pass  # the controller died; the intake tells


def _register_observers(config: pytest.Config) -> Elsewhere:
    """Register the plugins that look at set-ups; returns the one that is asked later."""
    elsewhere = Elsewhere()
    config.pluginmanager.register(elsewhere, "xdist_fixtureworker_elsewhere")
    config.pluginmanager.register(Marks(), "xdist_fixtureworker_marks")
    return elsewhere


def _testrun_uid(config: Any) -> str:
    return str(config.workerinput["testrunuid"])  # set by xdist

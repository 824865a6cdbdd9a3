"""Gets from other fixture workers what was set up there; fixture worker, where there are several.

The controller knows which of them a global fixture belongs to. Before one is set up here that
nobody has asked this process for, it is asked: the answer is that it belongs here, or the value.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from _pytest.fixtures import SubRequest
from _pytest.nodes import Node

from .. import errors
from .._compat import defining_node, definition_found, set_final
from ..declared.attributes import Proxied
from ..declared.decorator import Declaration
from ..declared.definitions import Definition, global_declaration, instance_of
from ..wire import pickles
from ..wire.messages import (
    Change,
    Failed,
    Freed,
    Mapped,
    Message,
    Needed,
    Raised,
    Ready,
    Returned,
    Value,
    Yours,
)
from .foreign import Foreign
from .lookup import Lookup
from .set_ups import SetUpRecord, SetUps

if TYPE_CHECKING:
    from ..sharing.calls import Calls

Answer: TypeAlias = Ready | Failed | Yours


class OtherLanes:
    """What belongs here, and what others have.

    :param take_over: makes changes to the environment that were made there.
    :param send: sends a message to the controller; must not raise.
    """

    def __init__(
        self,
        *,
        set_ups: SetUps,
        lookup: Lookup,
        foreign: Foreign,
        take_over: Callable[[Change], None],
        send: Callable[[Message], None],
    ) -> None:
        self._set_ups = set_ups
        self._lookup = lookup
        self._foreign = foreign
        self._take_over = take_over
        self._send = send
        self._ids = itertools.count(1)
        self._mine: dict[int, Definition] = {}
        self._elsewhere: dict[int, Ready | Failed] = {}
        self._waiting: dict[int, threading.Event] = {}
        self._answers: dict[int, Answer] = {}
        self._calls: Calls | None = None
        self._freed: set[int] = set()
        self._freeing = threading.Event()
        self._lost = False

    def own(self, definition: Definition) -> None:
        """Note that a fixture belongs here: the controller has asked for it."""
        original = self._set_ups.clones.original(definition)
        self._mine[id(original)] = original

    def settle(
        self, definition: Definition, node: Node, record: SetUpRecord
    ) -> Ready | Failed | None:
        """Have a global fixture be ready if it belongs to another lane; returns its answer.

        :param node: where it is defined.
        :param record: of the set-up that needs it.
        """
        original = self._set_ups.clones.original(definition)
        key = id(original)
        if key in self._elsewhere:
            return self._elsewhere[key]
        if key in self._mine:
            return None
        declaration = global_declaration(original, node.config)
        assert declaration is not None
        instance = instance_of(original, node)
        needed = Needed(next(self._ids), instance, declaration.where, repr(record))
        waits = f"the set-up of {record}, which waits for {declaration.name} ({declaration.where})"
        answer = self._ask(needed, waits)
        if isinstance(answer, Yours):
            self._mine[key] = original
            return None
        self._take(original, declaration, answer)
        self._elsewhere[key] = answer
        return answer

    def look(self, record: SetUpRecord, request: SubRequest, name: str) -> None:
        """Have what a set-up asks for by name be ready, so far as other lanes have it."""
        __tracebackhide__ = True
        self._set_ups.asked[id(record.original)].add(name)
        item: Any = request._pyfuncitem  # a FixtureItem
        definition = definition_found(name, request)
        if definition is None:
            return
        for each in (*self._lookup.dependencies(definition, item.parent), definition):
            if global_declaration(each, item.config) is not None:
                self.settle(each, defining_node(each, item.parent), record)

    def wait_freed(self, set_up: int) -> None:
        """Wait until nothing in other lanes depends on a set-up."""
        while set_up not in self._freed and not self._lost:
            self._freeing.wait()
            self._freeing.clear()

    def receive(self, message: Message | None) -> bool:
        """Take in what another lane sent; returns whether it is that. None: no more comes. Runs in
        execnet's receiver thread."""
        match message:
            case None:
                self._lose()
            case Returned() | Raised():
                if self._calls is not None:
                    self._calls.exchange.answered(message)
            case Ready() | Failed() | Yours():
                self._answers[message.id] = message
                if (waiting := self._waiting.pop(message.id, None)) is not None:
                    waiting.set()
            case Freed():
                self._freed.add(message.id)
                self._freeing.set()
            case _:
                return False
        return True

    def _lose(self) -> None:
        """Wake who waits: there will be no answer."""
        self._lost = True
        self._freeing.set()
        for waiting in list(self._waiting.values()):
            waiting.set()
        if self._calls is not None:
            self._calls.exchange.lose(EOFError())

    def _ask(self, needed: Needed, what: str) -> Answer:
        waiting = self._waiting[needed.id] = threading.Event()
        with self._foreign.waiting(what, partial(self._send, needed)):
            if not self._lost:
                waiting.wait()
        if needed.id not in self._answers:
            raise KeyboardInterrupt  # the controller is gone: nobody wants it any more
        return self._answers.pop(needed.id)

    def _take(
        self, definition: Definition, declaration: Declaration, answer: Ready | Failed
    ) -> None:
        """Have pytest find the outcome, as after a set-up."""
        error: BaseException | None = None
        value: object = None
        if isinstance(answer, Failed):
            error = pickles.unpack_exception(answer.exception, answer.traceback)
            error = error or errors.SetUpError(answer.text)
            if isinstance(error, errors.CannotShareError):
                error = errors.CannotShareError(cannot_share(str(error)))
        else:
            try:
                value = self._unpack(declaration, answer.value)
            except Exception as cause:
                described = errors.describe(cause)
                error = errors.CannotShareError(
                    cannot_unpickle(declaration.name, declaration.where, described)
                )
            for change in answer.environment:
                self._take_over(change)
        set_final(definition, "argnames", ())
        failed = None if error is None else (error, error.__traceback__)
        definition.cached_result = (value, None, None) if failed is None else (None, None, failed)

    def _unpack(self, declaration: Declaration, value: Value) -> object:
        if isinstance(value, Mapped):
            from ..sharing.mapping import mapped, unpack_from

            if (content := mapped(value, private=True)) is None:
                raise OSError("its file cannot be mapped")
            return unpack_from(value, content)
        if not isinstance(declaration.share, Proxied):
            return pickles.unpack(value.data)
        from ..sharing.lines import introduction

        if self._calls is None:
            from ..sharing.calls import Calls

            self._calls = Calls(self._send)
        data, _ = introduction(value.data)
        return self._calls.unpack(data)


# --- messages


def cannot_share(cause: str) -> str:
    return (
        f"{cause}\n"
        f"Or, as it is in another fixture worker, give it and what needs it the same lane: "
        f'@global_fixture(lane="...").'
    )


def cannot_unpickle(fixture: str, where: str, cause: str) -> str:
    return errors.in_lines(
        f"the value of the global fixture '{fixture}' ({where}) was sent by another fixture worker "
        f"but cannot be unpickled here ({cause}).\n"
        f"Its class must be importable there by the same name. Or give both fixtures the same "
        f'lane: @global_fixture(lane="...").'
    )

"""Shares values of global fixtures as between processes, where there is no other process.

With ``fixture_worker_copies = true``, tests get copies and stand-ins in a serial run, and in a
process of a run without a fixture worker; so what would not work with one is seen there.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pickle import PickleBuffer
from typing import Any

import pytest

from ..declared.attributes import Proxied
from ..declared.decorator import Declaration
from ..declared.definitions import Definition, global_declaration, module_of
from ..errors import CannotShareError, describe
from ..wire import pickles
from ..wire.frozen import replace
from ..wire.messages import Inline, Mapped, Message, Raised, Returned, Span
from .calls import Calls
from .host import Host
from .values import share

_WORKER = "this process"


class _Shared:
    """A global fixture that is set up: what pytest keeps as its result, in both views.

    :param result: with the object itself.
    """

    def __init__(self, definition: Definition, declaration: Declaration, result: Any) -> None:
        self.definition = definition
        self.declaration = declaration
        self.result = result
        self.shared: Any = None  #: with what tests get

    def use(self, result: Any) -> None:
        """Have pytest give that one out, unless the fixture has been finalized."""
        kept = self.definition.cached_result
        if kept is self.result or kept is self.shared:
            self.definition.cached_result = result


class _InMemory(io.BytesIO):
    """Stands in for the file in which a large value is, and cannot be written to."""

    def __init__(self, mapped_from: int | None) -> None:
        super().__init__()
        self.mapped_from = mapped_from
        self.buffers: list[bytes] = []

    def new(self) -> AbstractContextManager[_InMemory]:
        return nullcontext(self)

    def finish(self, buffers: Sequence[PickleBuffer]) -> Mapped:
        self.buffers = [bytes(buffer.raw()) for buffer in buffers]
        return Mapped(0, "", b"", Span(0, self.tell()), ())


class SharesInProcess:
    """The plugin that does so. Global fixtures themselves get the objects."""

    def __init__(self, config: pytest.Config, mapped_from: int | None) -> None:
        self._config = config
        self._mapped_from = mapped_from
        self._setting_up = 0
        self._fixtures: dict[int, _Shared] = {}
        self._host = Host(self._receive)
        self._calls = Calls(self._send)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        declaration = global_declaration(fixturedef, self._config)
        if declaration is None:
            return (yield)
        with self._objects_in_use():
            yield
            fixture = _Shared(fixturedef, declaration, fixturedef.cached_result)
            self._fixtures[id(fixturedef)] = fixture
        value, _, error = fixturedef.cached_result
        if error is not None:
            raise error[0]
        return value

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_post_finalizer(self, fixturedef: Any) -> Generator[None, None, None]:
        if self._fixtures.pop(id(fixturedef), None) is not None:
            self._host.finalize(id(fixturedef))
        return (yield)

    def pytest_runtest_logfinish(self) -> None:
        self._calls.release_dropped()

    @contextmanager
    def _objects_in_use(self) -> Iterator[None]:
        """Around the set-up of a global fixture, and of what it needs."""
        if not self._setting_up:
            for fixture in self._fixtures.values():
                fixture.use(fixture.result)
        self._setting_up += 1
        try:
            yield
        finally:
            self._setting_up -= 1
            if not self._setting_up:
                for fixture in list(self._fixtures.values()):
                    fixture.shared = fixture.shared or self._share(fixture)
                    fixture.use(fixture.shared)

    def _share(self, fixture: _Shared) -> Any:
        value, key, _ = fixture.result
        try:
            return self._through_pickle(fixture, value), key, None
        except Exception as error:
            return None, key, (error, error.__traceback__)

    def _through_pickle(self, fixture: _Shared, value: object) -> object:
        definition, declaration = fixture.definition, fixture.declaration
        if isinstance(declaration.share, Proxied):
            data = self._host.share(
                *(value, declaration.name, declaration.where, id(definition)),
                declaration.share.writable,
            )
            return self._calls.unpack(data)
        memory = _InMemory(self._mapped_from)
        packed = share(declaration, value, module_of(definition), memory)
        if isinstance(packed, CannotShareError):
            raise packed
        try:
            return pickles.unpack(
                packed.data if isinstance(packed, Inline) else memory.getvalue(), memory.buffers
            )
        except Exception as error:
            message = cannot_unpickle_here(declaration.name, declaration.where, describe(error))
            raise CannotShareError(message) from error

    def _send(self, message: Message) -> None:
        self._host.receive(replace(message, worker=_WORKER))

    def _receive(self, message: Message) -> None:
        if isinstance(message, (Returned, Raised)):
            self._calls.exchange.answered(message)


# --- messages


def cannot_unpickle_here(fixture: str, where: str, cause: str) -> str:
    return (
        f"the value of the global fixture '{fixture}' ({where}) can be pickled, but not unpickled "
        f"again ({cause}), as a test worker has to (fixture_worker_copies).\n"
        f'Return plain data, or share the object itself: share="proxy".'
    )

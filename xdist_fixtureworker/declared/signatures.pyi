"""The types of what decorators take and return; for type checkers only, in no process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from .._compat import Fixture
from .attributes import Attributes

Function = TypeVar("Function", bound=Callable[..., object])
# What a mark keeps: tests, fixtures, classes, methods.
Marked = TypeVar(
    "Marked",
    bound=Callable[..., object] | type | classmethod[Any, ..., object] | staticmethod[..., object],
)
Value = TypeVar("Value")
Parameters = ParamSpec("Parameters")

Share: TypeAlias = Literal["copy", "proxy"] | Attributes | Callable[[Any], object]
# What has no type of its own to keep: pytest's fixtures, which do not either, and methods.
Untyped: TypeAlias = Fixture | classmethod[Any, ..., object] | staticmethod[..., object]

class GlobalFixture(Fixture, Generic[Function]):
    """A fixture of pytest whose function keeps its type."""

    __wrapped__: Function

# The first of several signatures that fit is taken: pytest's fixtures can be called, too.
class Decorator(Protocol):
    """What ``@global_fixture(...)`` returns."""

    @overload
    def __call__(self, fixture: Untyped, /) -> Fixture: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fixture: Function, /) -> GlobalFixture[Function]: ...

class RecoverableDecorator(Protocol[Value]):
    """The same with a ``recover=`` function, which must take what the fixture returns or yields."""

    @overload
    def __call__(self, fixture: Untyped, /) -> Fixture: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(
        self, fixture: Callable[Parameters, Iterator[Value]], /
    ) -> GlobalFixture[Callable[Parameters, Iterator[Value]]]: ...
    @overload
    def __call__(
        self, fixture: Callable[Parameters, AsyncIterator[Value]], /
    ) -> GlobalFixture[Callable[Parameters, AsyncIterator[Value]]]: ...
    @overload
    def __call__(
        self, fixture: Callable[Parameters, Awaitable[Value]], /
    ) -> GlobalFixture[Callable[Parameters, Awaitable[Value]]]: ...
    @overload
    def __call__(
        self, fixture: Callable[Parameters, Value], /
    ) -> GlobalFixture[Callable[Parameters, Value]]: ...

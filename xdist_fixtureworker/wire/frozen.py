"""The base class of immutable records; every process.

``@dataclass`` generates and compiles code whenever a module is imported, 0.6 ms for each class, in
each process of a run. Subclassing :class:`Frozen` generates none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Any:
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Frozen:
    """Immutable, compared and hashed by its fields: the annotated names of a subclass.

    A value in the class body is the field's default. Types are checked by type checkers only.
    """

    __fields__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = (name for name in cls.__annotations__ if name not in cls.__fields__)
        cls.__fields__ = (*cls.__fields__, *own)
        cls.__match_args__ = cls.__fields__  # type: ignore[attr-defined,misc]  # for match statements

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """:raises TypeError: if a field is missing, unknown, or given twice."""
        names = self.__fields__
        if len(args) == len(names) and not kwargs:
            self.__dict__.update(zip(names, args, strict=True))
            return
        values = dict(zip(names, args, strict=False))
        if len(args) > len(names) or kwargs.keys() - names or kwargs.keys() & values.keys():
            raise TypeError(f"{type(self).__name__} takes {names}, each once")
        values.update(kwargs)
        if len(values) < len(names):
            for name in names:
                if name not in values:
                    values[name] = self._default(name)
        self.__dict__.update(values)

    def _default(self, name: str) -> object:
        try:
            return getattr(type(self), name)
        except AttributeError:
            raise TypeError(f"{type(self).__name__} needs the field '{name}'") from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        return field_values(self) == field_values(other)

    def __hash__(self) -> int:
        return hash((type(self), field_values(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__fields__)
        return f"{type(self).__name__}({shown})"


R = TypeVar("R", bound=Frozen)


def field_names(cls: type[Frozen]) -> tuple[str, ...]:
    """The names of the fields, in the order of the constructor's arguments."""
    return cls.__fields__


def field_values(record: Frozen) -> tuple[Any, ...]:
    """The values of the fields, in the same order."""
    values = record.__dict__
    return tuple([values[name] for name in record.__fields__])


def replace(record: R, **changes: Any) -> R:
    """A record like ``record`` but for the fields in ``changes``."""
    return filled(type(record), {**record.__dict__, **changes})


def filled(cls: type[R], values: dict[str, Any]) -> R:
    """A record with these values, one for each field; which is not checked."""
    record = object.__new__(cls)
    record.__dict__.update(values)
    return record

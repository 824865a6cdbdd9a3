"""``attrs(...)``: of a live object, test workers get a record of some attributes; every process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from . import errors


@dataclass(frozen=True)
class Attributes:
    """What :func:`attrs` returns: which attributes are shared."""

    names: tuple[str, ...]


def attrs(*names: str) -> Attributes:
    """Share some attributes of an object that stays in the fixture worker.

    ``@global_fixture(share=attrs("url", "config.port"))``: right after the set-up, the attributes
    are read once, in the fixture worker. What the test workers get is a read-only record of them,
    with ``record.url`` and ``record.config.port``; a ``recover=`` function gets such a record, too.
    Other global fixtures get the object itself, and so do tests where tests are not distributed.

    :param names: of attributes; with dots, of attributes of attributes. Their values are pickled.
    :raises pytest.UsageError: without names, for what cannot be the name of an attribute, and where
        one name contains another.
    """
    __tracebackhide__ = True
    if not names:
        raise pytest.UsageError(errors.no_attributes())
    for name in names:
        if not _is_path(name):
            raise pytest.UsageError(errors.not_an_attribute(name))
    for name in names:
        for other in names:
            if other.startswith(f"{name}."):
                raise pytest.UsageError(errors.attribute_within_another(other, name))
    return Attributes(tuple(dict.fromkeys(names)))


def _is_path(name: object) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


class Record:
    """A read-only copy of some attributes of the value of a global fixture.

    :param fixture: the name of the fixture.
    :param path: of the object within the value, as in ``config.``; empty for the value itself.
    :param names: of all attributes of the value that are shared.
    :param attributes: of the object.
    """

    # In slots, so that vars() has the attributes and nothing else.
    __slots__ = ("__dict__", "_xdist_fixtureworker_of")
    _xdist_fixtureworker_of: tuple[str, str, tuple[str, ...]]

    def __init__(
        self, fixture: str, path: str, names: Sequence[str], attributes: Mapping[str, object]
    ) -> None:
        object.__setattr__(self, "_xdist_fixtureworker_of", (fixture, path, tuple(names)))
        vars(self).update(attributes)

    def __getattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        fixture, path, names = self._xdist_fixtureworker_of
        raise AttributeError(errors.not_shared(fixture, f"{path}{name}", names))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        __tracebackhide__ = True
        fixture, path, _ = self._xdist_fixtureworker_of
        raise AttributeError(errors.record_is_read_only(fixture, f"{path}{name}"))

    def __delattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        self.__setattr__(name, None)

    def __reduce__(self) -> tuple[Any, ...]:
        return Record, (*self._xdist_fixtureworker_of, dict(vars(self)))

    def __repr__(self) -> str:
        fixture, path, _ = self._xdist_fixtureworker_of
        where = f"{fixture}.{path}".rstrip(".")
        return f"<{where}: {', '.join(f'{name}={value!r}' for name, value in vars(self).items())}>"


def take(value: object, fixture: str, attributes: Attributes) -> Record:
    """Read the attributes of the value of that fixture.

    :raises Exception: whatever reading an attribute raises.
    """

    def record(parent: object, path: str, names: Sequence[str]) -> Record:
        taken: dict[str, object] = {}
        for first in dict.fromkeys(name.partition(".")[0] for name in names):
            below = [
                name.removeprefix(f"{first}.") for name in names if name.startswith(f"{first}.")
            ]
            attribute = getattr(parent, first)
            taken[first] = record(attribute, f"{path}{first}.", below) if below else attribute
        return Record(fixture, path, attributes.names, taken)

    return record(value, "", attributes.names)

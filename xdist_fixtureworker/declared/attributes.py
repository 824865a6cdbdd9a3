"""How an object is shared that stays where it is: by attributes, or by proxy; every process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pytest

from ..wire.frozen import Frozen


class Attributes(Frozen):
    """The names of the attributes to share, as :func:`attrs` returns them."""

    names: tuple[str, ...]


class Proxied(Frozen):
    """The object is shared by proxy."""

    writable: tuple[str, ...] = ()  #: attributes that test workers may set


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
        raise pytest.UsageError(no_attributes())
    for name in names:
        if not _is_path(name):
            raise pytest.UsageError(not_an_attribute(name))
    for name in names:
        for other in names:
            if other.startswith(f"{name}."):
                raise pytest.UsageError(attribute_within_another(other, name))
    return Attributes(tuple(dict.fromkeys(names)))


def _is_path(name: object) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


class AttributeRecord:
    """A read-only copy of some attributes of the value of a global fixture.

    :param fixture: the name of the fixture.
    :param path: of the object within the value, as in ``config.``; empty for the value itself.
    :param names: of all attributes of the value that are shared.
    :param attributes: of the object.
    """

    # A slot, so that vars() holds the attributes only.
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
        raise AttributeError(not_shared(fixture, f"{path}{name}", names))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        __tracebackhide__ = True
        fixture, path, _ = self._xdist_fixtureworker_of
        raise AttributeError(record_is_read_only(fixture, f"{path}{name}"))

    def __delattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        self.__setattr__(name, None)

    def __reduce__(self) -> tuple[Any, ...]:
        return AttributeRecord, (*self._xdist_fixtureworker_of, dict(vars(self)))

    def __repr__(self) -> str:
        fixture, path, _ = self._xdist_fixtureworker_of
        where = f"{fixture}.{path}".rstrip(".")
        return f"<{where}: {', '.join(f'{name}={value!r}' for name, value in vars(self).items())}>"


def take(value: object, fixture: str, attributes: Attributes) -> AttributeRecord:
    """Read the attributes of the value of that fixture.

    :raises Exception: whatever reading an attribute raises.
    """

    def record(parent: object, path: str, names: Sequence[str]) -> AttributeRecord:
        taken: dict[str, object] = {}
        for first in dict.fromkeys(name.partition(".")[0] for name in names):
            below = [
                name.removeprefix(f"{first}.") for name in names if name.startswith(f"{first}.")
            ]
            attribute = getattr(parent, first)
            taken[first] = record(attribute, f"{path}{first}.", below) if below else attribute
        return AttributeRecord(fixture, path, attributes.names, taken)

    return record(value, "", attributes.names)


# --- messages


def no_attributes() -> str:
    return (
        "attrs() without names would share nothing.\n"
        'Name the attributes that the tests need: attrs("url", "config.port").'
    )


def not_an_attribute(name: object) -> str:
    return (
        f"attrs({name!r}): this cannot be the name of an attribute.\n"
        f'Names go in as texts, one by one, with dots for attributes of attributes: attrs("url", '
        f'"config.port").'
    )


def attribute_within_another(name: str, outer: str) -> str:
    return (
        f"attrs() got '{outer}', which is the whole object, and '{name}', which is an attribute of "
        f"it.\nRemove one of the two."
    )


def not_shared(fixture: str, name: str, names: tuple[str, ...]) -> str:
    more = (*names, name)
    quoted = ", ".join(f'"{each}"' for each in more)
    return (
        f"'{name}' of the global fixture '{fixture}' is not shared with the test workers; shared "
        f"are: {', '.join(names)}.\n"
        f"If it is plain data, add it where the fixture is made global: in "
        f"@global_fixture(share=attrs({quoted})), or in global_fixtures: "
        f"{fixture}: attrs({', '.join(more)}). Methods can be called in the fixture worker only."
    )


def record_is_read_only(fixture: str, name: str) -> str:
    return (
        f"'{name}' of the global fixture '{fixture}' cannot be changed here: test workers have a "
        f"read-only record, and the object itself is in the fixture worker.\n"
        f"Change it in the fixture, or in another global fixture that depends on it."
    )

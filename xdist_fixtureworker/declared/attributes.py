"""How an object is shared that stays where it is: by attributes, or by proxy; every process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import pytest

from ..wire.frozen import Frozen
from .steps import Step, of_call, of_item, private_method_in, steps_of


class Attributes(Frozen):
    """What of an object to share, as :func:`attrs` returns it."""

    names: tuple[str, ...]  #: as in ``config.url``, ``port(80)``, ``['key']``


class Proxied(Frozen):
    """The object is shared by proxy."""

    writable: tuple[str, ...] = ()  #: attributes that test workers may set


class Computed(Frozen):
    """What a function makes of the object is shared."""

    function: Callable[[Any], object]


Share: TypeAlias = Attributes | Proxied | Computed | None
"""None: a copy of the value."""


def attrs(*names: str) -> Attributes:
    """Share some attributes of an object that stays in the fixture worker.

    ``@global_fixture(share=attrs("url", "config.port"))``: right after the set-up, the attributes
    are read once, in the fixture worker. What the test workers get is a read-only record of them,
    with ``record.url`` and ``record.config.port``; a ``recover=`` function gets such a record, too.
    Other global fixtures get the object itself, and so do tests where tests are not distributed.

    ``attrs("get_url()", "get_port(80, protocol='tcp')")``: these methods are called once, with
    these arguments, and ``record.get_port(80, protocol='tcp')`` returns what was returned then.
    ``attrs("[1]")`` or ``attrs("['key']")``: ``record[1]`` or ``record['key']``, an item of a list,
    tuple or dict. All of that goes together, as in ``attrs("ports['http'].address()")``.

    :param names: of attributes; with dots, of attributes of attributes. Behind a name, the
        arguments of a call, and items in brackets, as literals. What comes of it is pickled.
    :raises pytest.UsageError: without names, for what is none of that, for a call of a private
        method, and where one name contains another.
    """
    __tracebackhide__ = True
    if not names:
        raise pytest.UsageError(no_attributes())
    found: dict[tuple[str, ...], str] = {}
    for name in names:
        steps = steps_of(name)
        if steps is None:
            raise pytest.UsageError(not_an_attribute(name))
        if (private := private_method_in(steps)) is not None:
            raise pytest.UsageError(private_method(name, private))
        found[tuple(step.text for step in steps)] = _path("", steps)
    _check_that_none_contains_another(found)
    return Attributes(tuple(found.values()))


def _check_that_none_contains_another(names: Mapping[tuple[str, ...], str]) -> None:
    """:param names: by the texts of their steps."""
    __tracebackhide__ = True
    for steps, name in names.items():
        for length in range(1, len(steps)):
            if (outer := names.get(steps[:length])) is not None:
                raise pytest.UsageError(attribute_within_another(name, outer))


def _path(parent: str, steps: Iterable[Step]) -> str:
    for step in steps:
        parent = f"{parent}.{step.text}" if parent and step.is_attribute else f"{parent}{step.text}"
    return parent


class AttributeRecord:
    """A read-only copy of some attributes of the value of a global fixture.

    :param fixture: the name of the fixture.
    :param path: of the object within the value, as in ``config``; empty for the value itself.
    :param names: of all attributes of the value that are shared.
    :param parts: attributes and items of the object, and what its calls returned, by their steps.
    """

    # Slots, so that vars() holds the attributes only.
    __slots__ = ("__dict__", "_xdist_fixtureworker_of", "_xdist_fixtureworker_others")
    _xdist_fixtureworker_of: tuple[str, str, tuple[str, ...]]
    _xdist_fixtureworker_others: dict[str, object]

    def __init__(
        self, fixture: str, path: str, names: Sequence[str], parts: Mapping[str, object]
    ) -> None:
        others = {step: part for step, part in parts.items() if not step.isidentifier()}
        object.__setattr__(self, "_xdist_fixtureworker_of", (fixture, path, tuple(names)))
        object.__setattr__(self, "_xdist_fixtureworker_others", others)
        vars(self).update({step: part for step, part in parts.items() if step not in others})

    def __getattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        fixture, path, names = self._xdist_fixtureworker_of
        raise AttributeError(not_shared(fixture, _path(path, [Step(name)]), names))

    def __getitem__(self, key: object) -> object:
        __tracebackhide__ = True
        return self._xdist_fixtureworker_other(of_item(key))

    def _xdist_fixtureworker_other(self, step: Step) -> object:
        __tracebackhide__ = True
        try:
            return self._xdist_fixtureworker_others[step.text]
        except KeyError:
            fixture, path, names = self._xdist_fixtureworker_of
        raise LookupError(not_shared(fixture, _path(path, [step]), names))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        __tracebackhide__ = True
        fixture, path, _ = self._xdist_fixtureworker_of
        raise AttributeError(record_is_read_only(fixture, _path(path, [Step(name)])))

    def __delattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        self.__setattr__(name, None)

    def __setitem__(self, key: object, value: object) -> NoReturn:
        __tracebackhide__ = True
        fixture, path, _ = self._xdist_fixtureworker_of
        raise TypeError(record_is_read_only(fixture, _path(path, [of_item(key)])))

    def __delitem__(self, key: object) -> NoReturn:
        __tracebackhide__ = True
        self.__setitem__(key, None)

    def __reduce__(self) -> tuple[Any, ...]:
        parts = {**vars(self), **self._xdist_fixtureworker_others}
        return type(self), (*self._xdist_fixtureworker_of, parts)

    def __repr__(self) -> str:
        fixture, path, _ = self._xdist_fixtureworker_of
        where = f"{fixture}.{path}" if path[:1] not in ("", "[") else f"{fixture}{path}"
        parts = {**vars(self), **self._xdist_fixtureworker_others}
        return f"<{where}: {', '.join(f'{name}={value!r}' for name, value in parts.items())}>"


class CallableRecord(AttributeRecord):
    """A record of what can be called: it returns what was returned for the same arguments."""

    __slots__ = ()

    def __call__(self, *args: object, **kwargs: object) -> object:
        __tracebackhide__ = True
        return self._xdist_fixtureworker_other(of_call(args, kwargs))


class CannotTakeError(Exception):
    """An attribute or an item cannot be read, or a method raises, which is the cause.

    :param name: of it, as :func:`attrs` has it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def take(value: object, fixture: str, attributes: Attributes) -> AttributeRecord:
    """Read the attributes of the value of that fixture, and call its methods.

    :raises CannotTakeError: from whatever that raises.
    """
    paths = [steps for name in attributes.names if (steps := steps_of(name)) is not None]

    def record(parent: object, path: str, wanted: Sequence[Sequence[Step]]) -> AttributeRecord:
        parts: dict[str, object] = {}
        steps = {each[0].text: each[0] for each in wanted}
        for text, step in steps.items():
            name = _path(path, [step])
            try:
                part = step.taken_from(parent)
            except BaseException as error:  # also of a time-out, and what its class raises
                raise CannotTakeError(name) from error
            below = [each[1:] for each in wanted if each[0].text == text and len(each) > 1]
            parts[text] = record(part, name, below) if below else part
        is_called = any(step.is_call for step in steps.values())
        kind = CallableRecord if is_called else AttributeRecord
        return kind(fixture, path, attributes.names, parts)

    return record(value, "", paths)


# --- messages


def no_attributes() -> str:
    return (
        "attrs() without names would share nothing.\n"
        'Name the attributes that the tests need: attrs("url", "config.port").'
    )


def not_an_attribute(name: object) -> str:
    return (
        f"attrs({name!r}): this cannot be an attribute, an item, or a call of a method.\n"
        f"They go in as texts, one by one, with literals as arguments and in brackets: "
        f"""attrs("url", "config.port", "get_port(80)", "['key']")."""
    )


def attribute_within_another(name: str, outer: str) -> str:
    return (
        f"attrs() got '{outer}', which is the whole object, and '{name}', which is a part of it.\n"
        f"Remove one of the two."
    )


def private_method(name: str, method: str) -> str:
    return (
        f"attrs({name!r}): '{method}' is private, as its name begins with an underscore, and is "
        f"not called.\n"
        f"Name a method that is meant to be called from outside of its class."
    )


def not_shared(fixture: str, name: str, names: tuple[str, ...]) -> str:
    more = (*names, name)
    quoted = ", ".join(repr(each) if '"' in each else f'"{each}"' for each in more)
    return (
        f"'{name}' of the global fixture '{fixture}' is not shared with the test workers; shared "
        f"are: {', '.join(names)}.\n"
        f"If it is plain data, add it where the fixture is made global: in "
        f"@global_fixture(share=attrs({quoted})), or in global_fixtures: "
        f"{fixture}: attrs({', '.join(more)}). Of a method, what a call "
        f'returns is shared, as by "get_port(80)".'
    )


def record_is_read_only(fixture: str, name: str) -> str:
    return (
        f"'{name}' of the global fixture '{fixture}' cannot be changed here: test workers have a "
        f"read-only record, and the object itself is in the fixture worker.\n"
        f"Change it in the fixture, or in another global fixture that depends on it."
    )

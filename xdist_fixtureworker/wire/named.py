"""Lets an object that is a module's attribute be the same object in another process; any process.

``UNSET = Unset()`` is compared by identity, which a copy does not have. Such an object travels with
its name and with what it consists of: where that name means an object of the same content, it
arrives as this very object, else as a copy, as ever. So nobody gets an object that was changed in
one process only, nor a module's list or dict, nor what consists of more than plain data.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_NOT_SEARCHED = (type, FunctionType, ModuleType)  # pickle knows their names, or refuses them
_PROTOCOL = 5

Content: TypeAlias = tuple[type, tuple[Any, ...], object]
"""Class, arguments of ``__new__``, and state, as pickle takes them."""


class Names:
    """The names of the objects in some modules, and in those of their classes.

    :param near: names of modules to look into as well, such as those that use a fixture.
    """

    def __init__(self, near: Iterable[str] = ()) -> None:
        self._near = tuple(near)
        self._known: dict[str, dict[int, str]] = {}

    def find(self, obj: object) -> tuple[str, str, str] | None:
        """The module, its file if it is a conftest, and the name of an object; None if it has
        none."""
        if isinstance(obj, _NOT_SEARCHED):
            return None
        for module in (type(obj).__module__, *self._near):
            name = self._names_in(module).get(id(obj))
            if name is not None and _look_up(module, name) is obj:
                return module, _conftest(module), name
        return None

    def _names_in(self, module: str) -> dict[int, str]:
        if module not in self._known:
            found = vars(sys.modules.get(module, object))
            self._known[module] = {id(value): name for name, value in found.items()}
        return self._known[module]


def content(obj: object) -> Content | None:
    """What an object consists of; None unless that is plain data, taken in the usual way."""
    cls = type(obj)
    if any(_own(cls, name) for name in ("__reduce_ex__", "__reduce__", "__getstate__")):
        return None
    if hasattr(cls, "__setstate__"):
        return None
    try:
        reduced: Any = obj.__reduce_ex__(_PROTOCOL)
        function, (_, *arguments), state, *elements = reduced
    except Exception:  # it cannot be pickled, and pickle says so
        return None
    usual = function is copyreg.__newobj__ and all(each is None for each in elements)  # type: ignore[attr-defined]  # typeshed lacks it
    if usual and _is_plain(tuple(arguments)) and _is_plain_state(state):
        return cls, tuple(arguments), state
    return None


def _own(cls: type, name: str) -> bool:
    return getattr(cls, name, None) is not getattr(object, name, None)


def _is_plain(value: object) -> bool:
    return all(map(_is_plain, value)) if type(value) is tuple else type(value) in _PLAIN


def _is_plain_state(state: object) -> bool:
    parts = state if type(state) is tuple else (state,)  # the second one is of __slots__
    return all(
        part is None or (type(part) is dict and all(map(_is_plain, part.values())))
        for part in parts
    )


def found_or_made(  # noqa: PLR0917  # as pickle passes them
    module: str, conftest: str, name: str, cls: type, arguments: tuple[Any, ...], state: object
) -> object:
    """The object of that name in this process, if it has the same content; else a copy."""
    found = _look_up(module, name) if _conftest(module) == conftest else None
    wanted = (cls, arguments, state)
    if type(found) is cls and repr(content(found)) == repr(wanted):
        return found
    made: object = cls.__new__(cls, *arguments)
    for part in state if type(state) is tuple else (state,):
        for attribute, value in (part or {}).items():
            object.__setattr__(made, attribute, value)
    return made


def _look_up(module: str, name: str) -> object:
    return vars(sys.modules.get(module, object)).get(name)


def _conftest(module: str) -> str:
    """The file of a conftest, of which several may follow one another in ``sys.modules``."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return file if file.endswith("conftest.py") else ""

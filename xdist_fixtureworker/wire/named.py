"""Lets an object that has a name in a module be the same object in another process; any process.

``UNSET = Unset()`` is compared by identity, which a copy does not have. Such an object travels with
its name and with what it consists of: where that name means an object of the same content, it
arrives as this very object, else as a copy, as ever. So nobody gets an object that was changed in
one process only, nor a module's list or dict, nor what consists of more than plain data.
"""

from __future__ import annotations

import copyreg
import importlib
import operator
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_NOT_SEARCHED = (type, FunctionType, ModuleType)  # pickle knows their names, or refuses them
_PROTOCOL = 5
_UNREADABLE = -1  # in the place of a checksum

Conftest: TypeAlias = tuple[str, int]
"""The path of a conftest, and a checksum of its text."""

Content: TypeAlias = tuple[type, tuple[Any, ...], object]
"""Class, arguments of ``__new__``, and state, as pickle takes them."""


class Everywhere:
    """The names of the objects in all modules that can be imported by name."""

    def __init__(self) -> None:
        self._modules = 0
        self._known: dict[int, tuple[str, str]] = {}

    def find(self, obj: object) -> tuple[str, str] | None:
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._known = {
                id(value): (module, name)
                for module in list(sys.modules)
                for name, value in _everything_in(module)
            }
        return self._known.get(id(obj))


class Names:
    """The names of objects.

    :param near: names of modules to look into first, and into their classes, such as those that
        use a fixture.
    :param everywhere: where to look then.
    """

    def __init__(self, near: Iterable[str] = (), everywhere: Everywhere | None = None) -> None:
        self._near = tuple(near)
        self._everywhere = everywhere or Everywhere()
        self._known: dict[str, dict[int, str]] = {}

    def find(self, obj: object) -> tuple[str, Conftest | None, str] | None:
        """The module, which conftest that is if it is one, and the name of an object; None if it
        has none."""
        if issubclass(type(obj), _NOT_SEARCHED):
            return None
        for module in (type(obj).__module__, *self._near):
            name = self._names_in(module).get(id(obj))
            if name is not None and _look_up(module, name) is obj:
                return module, conftest(module), name
        module, name = self._everywhere.find(obj) or ("", None)
        if name is not None and _look_up(module, name) is obj:
            return module, conftest(module), name
        return None

    def _names_in(self, module: str) -> dict[int, str]:
        if module not in self._known:
            found = _variables(module)
            in_classes = {id(value): name for name, value in _in_classes(module, found)}
            self._known[module] = in_classes | {id(value): name for name, value in found.items()}
        return self._known[module]


def _variables(module: str) -> dict[str, object]:
    found = sys.modules.get(module)
    return dict(vars(found)) if found is not None and issubclass(type(found), ModuleType) else {}


def _everything_in(module: str) -> Iterator[tuple[str, object]]:
    found = _variables(module)
    if getattr(found.get("__spec__"), "name", None) == module:
        if not is_of_library(module):
            yield from _in_classes(module, found)
        yield from found.items()


def _in_classes(module: str, found: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, cls in found.items():
        if issubclass(type(cls), type) and vars(cls).get("__module__") == module:
            for attribute, value in list(vars(cls).items()):
                yield f"{name}.{attribute}", value


def is_of_library(module: str) -> bool:
    """Whether a module is installed, and not of the suite or of what it tests."""
    file = str(getattr(sys.modules.get(module), "__file__", None) or "")
    top = module.partition(".")[0]
    return not file or "-packages" in file or top in sys.stdlib_module_names


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
    module: str,
    conftest: Conftest | None,
    name: str,
    cls: type,
    arguments: tuple[Any, ...],
    state: object,
) -> object:
    """The object of that name in this process, if it has the same content; else a copy."""
    try:
        importlib.import_module(module)
    except Exception:
        found = None
    else:
        found = _look_up(module, name) if is_same(module, conftest) else None
    wanted = (cls, arguments, state)
    if type(found) is cls and repr(content(found)) == repr(wanted):
        return found
    made: object = cls.__new__(cls, *arguments)
    for part in state if type(state) is tuple else (state,):
        for attribute, value in (part or {}).items():
            object.__setattr__(made, attribute, value)
    return made


def found_or_made_if_there(module: str, *more: Any) -> object:
    """Likewise.

    :raises ImportError: if its module cannot be imported, and perhaps not yet.
    """
    importlib.import_module(module)
    return found_or_made(module, *more)


def _look_up(module: str, name: str) -> object:
    try:
        return operator.attrgetter(name)(sys.modules[module])
    except Exception:  # it is not there, or a class refuses to be looked at
        return None


def conftest(module: str) -> Conftest | None:
    """Which conftest a module is, as several may follow one another in ``sys.modules``; None: it is
    none."""
    file = _file(module)
    return (file, _checksum(file)) if file.endswith("conftest.py") else None


def is_same(module: str, there: Conftest | None) -> bool:
    """Whether a module is the conftest that another process means, or is none as there.

    On another host the same conftest may have another path. But not every conftest of the same text
    is the same one: a copy of it may be in another folder of the suite.
    """
    here = _file(module)
    if there is None or here == there[0]:
        return there is not None or not here.endswith("conftest.py")
    path, checksum = Path(there[0]), there[1]
    moved = path.parent.name == Path(here).parent.name or not path.exists()
    return moved and _checksum(here) == checksum != _UNREADABLE


def _file(module: str) -> str:
    return getattr(sys.modules.get(module), "__file__", None) or ""


def _checksum(file: str) -> int:
    from zlib import crc32

    try:
        return crc32(Path(file).read_bytes())
    except OSError:
        return _UNREADABLE

"""What to do about a value that cannot be sent, by what it is; any process."""

from __future__ import annotations

import gc
import inspect
import io
import sys
from collections.abc import Callable, Iterator, Mapping, MappingView, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType, ModuleType
from typing import NamedTuple

from ..declared.attributes import AttributeRecord
from ..errors import type_name
from ..wire.culprit import Culprit, sendable_parts
from ..wire.pickles import found_by_name

_SHOWN = 5  # parts that can be sent
_OF_LOOPS = ("asyncio", "_asyncio", "uvloop", "anyio", "trio")
_OF_INHERITANCE = ("_multiprocessing", "multiprocessing")


class _Kind(NamedTuple):
    applies: Callable[[object], bool]
    advice: Callable[[], str]
    can_be_ordinary: bool  #: whether a session fixture of each test worker would do


def remedy(fixture: str, promoted: bool, shared: object, culprit: Culprit | None) -> str:
    """What to do about a value that pickle refuses.

    :param promoted: whether configuration made the fixture global.
    :param shared: the value, or the record of its attributes that are shared.
    """
    parts = (shared,) if culprit is None else culprit.parts
    kind = _kind(parts)
    advice = []
    if len(parts) > 1 and _is_made_of_parts(shared):
        can_be_sent = sendable_parts(shared)
        if can_be_sent:
            more = ["and more"] if len(can_be_sent) > _SHOWN else []
            shown = [*can_be_sent[:_SHOWN], *more]
            of_attributes = isinstance(shared, AttributeRecord)
            advice.append(
                share_these(shown) if of_attributes else return_these(fixture, promoted, shown)
            )
    if kind is not None:
        ordinary = f" {keep_it_ordinary(fixture, promoted)}" if kind.can_be_ordinary else ""
        advice.append(f"{kind.advice()}{ordinary}")
    if not advice:
        has_attributes = not _is_made_of_parts(shared) and _has_attributes(shared)
        advice.append(return_what_it_takes(fixture, promoted, has_attributes))
    return "\n".join(advice)


def _kind(parts: Sequence[object]) -> _Kind | None:
    """What the culprit is, or what it is in, where that alone is to be blamed."""
    for kind in _kinds_of_wholes():
        if any(map(kind.applies, parts)):
            return kind
    return next((kind for kind in _kinds_of_culprits() if kind.applies(parts[-1])), None)


def _is_made_of_parts(value: object) -> bool:
    return isinstance(value, (Mapping, Sequence, AbstractSet, AttributeRecord))


def _has_attributes(value: object) -> bool:
    """Whether there is more to it than methods."""
    return any(
        not name.startswith("_") and not callable(getattr(type(value), name, None))
        for name in dir(value)
    )


def _module(part: object) -> str:
    return type(part).__module__.partition(".")[0]


def _belongs_to_a_loop(part: object) -> bool:
    return _module(part) in _OF_LOOPS or inspect.iscoroutine(part) or inspect.isasyncgen(part)


def _is_of_a_manager(part: object) -> bool:
    managers = sys.modules.get("multiprocessing.managers")
    return managers is not None and isinstance(part, (managers.BaseManager, managers.BaseProxy))


def _is_inherited(part: object) -> bool:
    return _module(part) in _OF_INHERITANCE and type_name(part) != (
        "multiprocessing.process.AuthenticationString"
    )


def _runs_once(part: object) -> bool:
    return isinstance(part, Iterator) and not isinstance(part, io.IOBase)


def _is_a_file(part: object) -> bool:
    name = getattr(part, "name", None)  # that of a captured stream is none
    return isinstance(part, io.IOBase) and isinstance(name, str) and not name.startswith("<")


def _is_a_view(part: object) -> bool:
    return isinstance(part, (memoryview, MappingView, MappingProxyType))


def _is_a_mock(part: object) -> bool:
    return type(part).__module__ in {"unittest.mock", "mock.mock"}


def _is_local_function(part: object) -> bool:
    names_itself = hasattr(part, "__qualname__") and callable(part)
    return names_itself and not isinstance(part, type) and not found_by_name(part)


def _is_of_local_class(part: object) -> bool:
    cls = part if isinstance(part, type) else type(part)
    module = sys.modules.get(cls.__module__)
    # Types of C modules need not be found by name either, and are not the user's to move.
    in_source = module is None or str(getattr(module, "__file__", "")).endswith(".py")
    return in_source and not found_by_name(cls)


def _is_of_one_of_several_conftests(part: object) -> bool:
    """Whether it, or its class, stands in a conftest in whose place another one was imported."""
    named = part if hasattr(part, "__qualname__") else type(part)
    qualname, module = str(getattr(named, "__qualname__", "")), str(named.__module__)
    if module.rpartition(".")[2] != "conftest" or "<" in qualname or found_by_name(named):
        return False
    return any(
        issubclass(type(each), ModuleType)  # some objects have another __class__
        and each.__name__ == module
        and vars(each).get(qualname.partition(".")[0]) is not None
        for each in gc.get_objects()
        if each is not sys.modules.get(module)
    )


def _kinds_of_wholes() -> tuple[_Kind, ...]:
    return (
        _Kind(inspect.ismethod, call_in_a_session_fixture, True),
        _Kind(inspect.ismodule, import_it, True),
        _Kind(_belongs_to_a_loop, make_it_in_a_loop, True),
        _Kind(_is_of_a_manager, give_an_authkey, False),
        _Kind(_is_inherited, inherited_only, False),
        _Kind(_is_a_mock, mock_in_the_tests, True),
    )


def _kinds_of_culprits() -> tuple[_Kind, ...]:
    return (
        _Kind(_is_a_file, open_it_in_the_tests, False),
        _Kind(_is_a_view, return_a_copy, False),
        _Kind(_runs_once, return_a_list, True),
        _Kind(_is_of_one_of_several_conftests, one_name_for_each_conftest, False),
        _Kind(_is_local_function, keep_the_factory, True),
        _Kind(_is_of_local_class, define_in_a_module, True),
    )


# --- messages


def return_what_it_takes(fixture: str, promoted: bool, has_attributes: bool) -> str:
    attributes = ""
    if has_attributes:
        way = (
            f"{fixture}: attrs(url, port) in global_fixtures"
            if promoted
            else ('share=attrs("url", "port")')
        )
        attributes = f" Where the object must stay as it is, {way} sends these attributes of it."
    return (
        f"Return what the tests need to make their own: a URL, a path, connection parameters; "
        f"and let a session fixture of the test workers connect with them.{attributes}"
    )


def return_these(fixture: str, promoted: bool, parts: Sequence[str]) -> str:
    listed = f"These parts of it can be sent: {', '.join(parts)}."
    if promoted:
        return (
            f"{listed}\nRemove '{fixture}' from global_fixtures, and write a global fixture that "
            f"depends on it and returns only what can be sent and the tests need."
        )
    return (
        f"{listed}\nReturn only those of them that the tests need: the rest can stay in a variable "
        f"of the fixture, until its finalizer."
    )


def share_these(attributes: Sequence[str]) -> str:
    return (
        f"These attributes can be sent: {', '.join(attributes)}.\n"
        f"Leave the other out of attrs(), or name an attribute of it there that is plain data, as "
        f'in attrs("server.port").'
    )


def keep_the_factory() -> str:
    return (
        "A function can be sent if it stands at the top level of a module: move it there, without "
        "what it takes from the fixture around it."
    )


def call_in_a_session_fixture() -> str:
    return (
        "A method takes its object along. Return what it takes to make the object, and call the "
        "method in a session fixture of the test workers."
    )


def return_a_list() -> str:
    return "It runs in one process, once. Return a list of what comes out of it."


def return_a_copy() -> str:
    return "It shows what another object has. Return a copy: bytes(...), list(...) or dict(...)."


def define_in_a_module() -> str:
    return (
        "Define its class at the top level of a module that the test workers can import, not "
        "inside a function."
    )


def one_name_for_each_conftest() -> str:
    return (
        "It stands in one of several conftest.py that are imported by one name, each in the place "
        "of the one before. Run pytest with --import-mode=importlib, by which they have different "
        "names, or move it into a module."
    )


def make_it_in_a_loop() -> str:
    return (
        "It belongs to the event loop of the process that made it. Return what it takes to make "
        "one, and let a fixture of the test workers make it in their loop."
    )


def give_an_authkey() -> str:
    return (
        "The authentication string of a manager does not leave its process. Start the manager with "
        'one of your own (authkey=b"..."), return its address and that string, and let a session '
        "fixture of the test workers connect() another manager to it."
    )


def inherited_only() -> str:
    return (
        "It is shared with the children of the process that made it only, which the test workers "
        "are not. Use a manager with an address and an authkey of its own, or lock a file whose "
        "path the fixture returns."
    )


def import_it() -> str:
    return "Import the module where it is used."


def mock_in_the_tests() -> str:
    return "A mock notes what is done with it in its own process: make it where the tests run."


def open_it_in_the_tests() -> str:
    return "Return its path, and let a fixture of the test workers open it."


def keep_it_ordinary(fixture: str, promoted: bool) -> str:
    if promoted:
        return (
            f"Or remove '{fixture}' from global_fixtures: as an ordinary session fixture, each "
            f"test worker makes its own."
        )
    return "Or keep it an ordinary session fixture, of which each test worker makes its own."

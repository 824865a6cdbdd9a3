"""The live objects of a process, by id, and who still uses them; the process that has them."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable
from types import BuiltinFunctionType, BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import NamedTuple

from .handles import Handle, fields, is_plain
from .lanes import Lane
from .operations import SPECIAL, how_run

_NOT_FOUND_AGAIN = (type, FunctionType, BuiltinFunctionType, BuiltinMethodType, MethodType)
"""Found by their names, or made anew at each look, so that their identity says nothing."""


class LiveObject:
    """An object that test workers have stand-ins for.

    :param root: the set-up that it comes from.
    :param lane: whose turns its calls take.
    :param is_result: of a call, and so dropped when nobody uses it any more.
    """

    def __init__(
        self, value: object, handle: Handle, root: object, lane: Lane, is_result: bool
    ) -> None:
        self.value = value
        self.handle = handle
        self.root = root
        self.lane = lane
        self.is_result = is_result
        self.used: dict[str, int] = {}  #: how often it was sent, by test worker

    @property
    def stands_for(self) -> tuple[object, ...]:
        """What stands for it on the way to a test worker."""
        return fields(self.handle)


class _Description(NamedTuple):
    module: str
    qualname: str
    methods: tuple[str, ...]
    operations: tuple[str, ...]
    local: tuple[str, ...]


class _Handles:
    """Gives ids, and describes classes once."""

    def __init__(self, first: int) -> None:
        self._ids = itertools.count(first)
        self._descriptions: dict[type, _Description] = {}

    def make(self, value: object, label: str, where: str, writable: tuple[str, ...]) -> Handle:
        """Make what a test worker needs to know of an object."""
        cls = type(value)
        if cls not in self._descriptions:
            self._descriptions[cls] = _describe(cls)
        module, qualname, methods, operations, local = self._descriptions[cls]
        return Handle(
            *(next(self._ids), label, where, module, qualname),
            *(methods, operations, local, writable),
        )


class Objects:
    """All live objects. Not safe for threads: the host has a lock around it."""

    def __init__(self, first: int = 1) -> None:
        self._handles = _Handles(first)
        self._objects: dict[int, LiveObject] = {}
        self._by_identity: dict[int, LiveObject] = {}  # by id() of the value, which is kept alive
        self._finalized: set[int] = set()

    def get(self, id_: int) -> LiveObject | None:
        return self._objects.get(id_)

    def known(self, value: object) -> LiveObject | None:
        """The live object that ``value`` is, if it is one."""
        found = self._by_identity.get(id(value))
        return found if found is not None and found.value is value else None

    def is_finalized(self, id_: int) -> bool:
        """Whether the fixture that an object came from was finalized."""
        return id_ in self._finalized

    def add(
        self, value: object, label: str, where: str, root: object, writable: tuple[str, ...] = ()
    ) -> LiveObject:
        """Add the value of a fixture."""
        known = self.known(value)
        lane = Lane() if known is None else known.lane
        handle = self._handles.make(value, label, where, writable)
        return self._keep(LiveObject(value, handle, root, lane, False))

    def add_result(self, value: object, of: LiveObject, label: str, lane: Lane) -> LiveObject:
        """Add what a call returned.

        :param of: the live object that was called.
        """
        handle = self._handles.make(value, label, of.handle.where, ())
        return self._keep(LiveObject(value, handle, of.root, lane, True))

    def use(self, live: LiveObject, worker: str) -> None:
        """Note that it is sent to a test worker."""
        live.used[worker] = live.used.get(worker, 0) + 1
        if live.handle.object not in self._objects:  # the last other one has just dropped it
            self._keep(live)

    def release(self, worker: str, ids: Iterable[int] | None = None) -> list[object]:
        """Note that a test worker has dropped stand-ins; returns what nobody uses any more.

        :param ids: None: the worker is gone.
        """
        dropped: list[object] = []
        for id_ in list(self._objects) if ids is None else ids:
            live = self._objects.get(id_)
            if live is not None and worker in live.used:
                live.used[worker] -= 1
                if ids is None or not live.used[worker]:
                    dropped += self._drop_of(worker, live)
        return dropped

    def finalize(self, root: object = None) -> list[object]:
        """Forget what comes from a set-up, or all; returns it."""
        gone = [each for each in self._objects.values() if root in (None, each.root)]
        for live in gone:
            self._forget(live)
            self._finalized.add(live.handle.object)
        return [live.value for live in gone]

    def lanes(self, root: object = None) -> list[Lane]:
        """The queues of what comes from a set-up, or all; each once."""
        concerned = [each.lane for each in self._objects.values() if root in (None, each.root)]
        return list({id(lane): lane for lane in concerned}.values())

    def _keep(self, live: LiveObject) -> LiveObject:
        self._objects[live.handle.object] = live
        if not (is_plain(live.value) or isinstance(live.value, _NOT_FOUND_AGAIN)):
            self._by_identity[id(live.value)] = live
        return live

    def _drop_of(self, worker: str, live: LiveObject) -> list[object]:
        del live.used[worker]
        if live.used or not live.is_result:
            return []
        self._forget(live)
        return [live.value]

    def _forget(self, live: LiveObject) -> None:
        del self._objects[live.handle.object]
        if self._by_identity.get(id(live.value)) is live:
            del self._by_identity[id(live.value)]


def _describe(cls: type) -> _Description:
    methods: list[str] = []
    local: list[str] = []
    for name in dir(cls):
        found = inspect.getattr_static(cls, name, None)
        runs = how_run(found)
        if runs == "in caller":
            local.append(name)
        elif runs or (not name.startswith("_") and _is_method(found)):
            methods.append(name)
    operations = tuple(name for name in SPECIAL if _has(cls, name))
    return _Description(cls.__module__, cls.__qualname__, tuple(methods), operations, tuple(local))


def _is_method(found: object) -> bool:
    is_callable = callable(found) and not isinstance(found, (type, ModuleType))
    return is_callable or isinstance(found, (classmethod, staticmethod))


def _has(cls: type, name: str) -> bool:
    """Whether instances of ``cls`` have a special method beyond what each object has."""
    found = [vars(base)[name] for base in cls.__mro__ if base is not object and name in vars(base)]
    return bool(found) and found[0] is not None

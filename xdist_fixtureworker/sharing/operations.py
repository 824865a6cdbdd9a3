"""What can be done with a live object from another process; every process."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, Protocol

CALL, GET, SET, ITERATE, TAKE = "call", "get", "set", "iterate", "take"
"""With a method of that name; an attribute; its elements, the first of them, and more of them."""

_CHUNK = 100
_CHUNK_SECONDS = 0.02
"""How many elements come at once, and how long may be waited for more than the first."""
_RUNS = "_xdist_fixtureworker_runs"
_LONGEST = 100  # label
_NAMES: Mapping[str, str] = {"__take__": "lease", "__give_back__": "lease"}


class Operation(Protocol):
    def __call__(self, obj: Any, /, *args: Any, **kwargs: Any) -> object: ...


def _exit(obj: Any, error: BaseException | None) -> object:
    if error is None:
        return type(obj).__exit__(obj, None, None, None)
    return type(obj).__exit__(obj, type(error), error, error.__traceback__)


#: By the special method that an object's class must have for it.
SPECIAL: dict[str, Operation] = {
    "__len__": len,
    "__bool__": bool,
    "__contains__": operator.contains,
    "__eq__": operator.eq,
    "__ne__": operator.ne,
    "__lt__": operator.lt,
    "__le__": operator.le,
    "__gt__": operator.gt,
    "__ge__": operator.ge,
    "__hash__": hash,
    "__str__": str,
    "__int__": int,
    "__float__": float,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
    "__iter__": iter,
    "__next__": next,
    "__call__": lambda obj, *args, **kwargs: obj(*args, **kwargs),
    "__enter__": lambda obj: type(obj).__enter__(obj),
    "__exit__": _exit,
}


def take(iterator: Iterator[object], at_most: int = _CHUNK) -> tuple[list[object], bool]:
    """The next elements; and whether there may be more."""
    elements: list[object] = []
    until = time.monotonic() + _CHUNK_SECONDS
    for element in iterator:
        elements.append(element)
        if len(elements) >= at_most or time.monotonic() > until:
            return elements, True
    return elements, False


def run_in_caller(method: Callable[..., Any]) -> Any:
    """Mark a method of ours that is run in the process of the caller, on the stand-in."""
    setattr(method, _RUNS, "in caller")
    return method


def run_beside(method: Callable[..., Any]) -> Any:
    """Mark a private method of ours that does not hold up other calls while it runs."""
    setattr(method, _RUNS, "beside")
    return method


def wait_beside(method: Callable[..., Any]) -> Any:
    """Mark a private method of ours that waits for others, without a limit of ours."""
    setattr(method, _RUNS, "waits")
    return method


def how_run(method: object) -> str:
    """How a method was marked: "in caller", "beside", "waits"; empty: it was not."""
    return str(getattr(method, _RUNS, "")) if isinstance(method, FunctionType) else ""


def described(label: str, operation: str, name: str) -> str:
    """What is done, or what comes out of it, for messages."""
    match operation:
        case "call":
            text = f"{label}.{_NAMES.get(name, name)}()"
        case "get" | "set":
            text = f"{label}.{name}"
        case "__getitem__" | "__setitem__" | "__delitem__":
            text = f"{label}[...]"
        case "__call__":
            text = f"{label}()"
        case "acquire" | "release":
            text = f"exclusive use of {label}"
        case "iterate" | "take" | "__next__" | "__iter__":
            text = f"an element of {label}"
        case _:
            text = f"{operation.strip('_')}({label})"
    return text if len(text) <= _LONGEST else f"...{text[-_LONGEST:]}"

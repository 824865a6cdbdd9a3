"""Pickles the arguments of calls; in the process that makes them."""

from __future__ import annotations

from functools import partial
from types import FunctionType
from typing import Any

from ..errors import CallError, CannotShareError, describe, in_lines
from ..wire import pickles
from ..wire.named import Everywhere
from ..wire.pickles import found_by_name
from .callers import current_test
from .handles import pack
from .proxy import RemoteMethod, handle_of, is_proxy


def pack_arguments(
    args: tuple[Any, ...], kwargs: dict[str, Any], what: str, everywhere: Everywhere | None = None
) -> bytes:
    """Pickle them, with stand-ins as the ids of their objects.

    :param what: is to be done with them.
    :param everywhere: what is known of the names in modules.
    :raises CallError: if there is a function of the test among them, or they are too large.
    :raises CannotShareError: if pickle refuses them.
    """
    try:
        data = pack((args, kwargs), partial(_stands_for, what), everywhere)
    except (CallError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise CannotShareError(cannot_pickle_arguments(what, describe(error))) from None
    if len(data) > pickles.LIMIT:
        raise CallError(arguments_too_large(what, len(data), pickles.LIMIT))
    return data


def _stands_for(what: str, obj: object) -> object:
    if isinstance(obj, FunctionType):
        if _is_of_test(obj):
            raise CallError(is_callback(what, obj.__qualname__))
    elif is_proxy(obj):
        return handle_of(obj).object  # type: ignore[arg-type]  # it is a proxy
    elif type(obj) is RemoteMethod:
        return handle_of(obj.__self__).object, obj.__name__
    return None


def _is_of_test(function: FunctionType) -> bool:
    """Whether it belongs to the test that runs, or cannot be found in another process."""
    path = current_test().partition("::")[0]
    is_near = bool(path) and function.__code__.co_filename.replace("\\", "/").endswith(f"/{path}")
    return is_near or not found_by_name(function)


# --- messages


def is_callback(what: str, function: str) -> str:
    return (
        f"the function '{function}' cannot be an argument of {what}: it belongs to this test "
        f"worker, and the fixture worker cannot call it.\n"
        f"Send plain data, or write a method that does it there."
    )


def cannot_pickle_arguments(what: str, cause: str) -> str:
    return in_lines(
        f"the arguments of {what} cannot be sent to the fixture worker ({cause}).\n"
        f"Send plain data, or what its method needs to make the object there."
    )


def arguments_too_large(what: str, size: int, limit: int) -> str:
    return (
        f"the arguments of {what} are too large to be sent: {size} bytes when pickled, of {limit} "
        f"at most.\nWrite them to a file and send the path."
    )

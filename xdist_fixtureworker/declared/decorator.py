"""Declares fixtures global, and reads their declarations; every process.

The declaration is an attribute of the fixture's function: pytest keeps the function, whichever way
the fixture is registered.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import pytest

from .._compat import fixture_function, fixture_name, fixture_scope, is_fixture
from ..roles import EAGER, GLOBAL
from ..wire.frozen import Frozen, replace
from .attributes import Attributes, Computed, Proxied
from .attributes import Share as Way
from .guards import take_marks
from .locations import location, unbound

if TYPE_CHECKING:
    from .._compat import Fixture
    from .signatures import (
        Decorator,
        Function,
        GlobalFixture,
        RecoverableDecorator,
        Share,
        Untyped,
        Value,
    )

_OF_TESTS = {"parametrize": "params=...", "usefixtures": "their names as arguments"}
_FIXTURE_ARGUMENTS = ("params", "autouse", "ids", "name")
_ARGUMENTS = ("share", "writable", "env", "eager", "lane", "recover", *_FIXTURE_ARGUMENTS)


class Declaration(Frozen):
    """The arguments and the place of a ``@global_fixture``, or of what stands in for one."""

    name: str
    where: str  #: ``file:line`` of the function
    #: whether changes to the environment are replayed, or which; None: they are told, False: not
    env: bool | tuple[str, ...] | None = None
    recover: Callable[[Any], object] | None = None
    share: Way = None
    promoted: bool = False  #: declared by configuration, not by a decorator
    marks: tuple[pytest.Mark, ...] = ()  #: of the items that set it up and finalize it
    eager: bool = False  #: set up before a test asks for it
    lane: str = ""  #: fixtures of one name are set up in one lane


@overload
def global_fixture(fixture: Untyped, /) -> Fixture: ...  # type: ignore[overload-overlap]  # first


@overload
def global_fixture(fixture: Function, /) -> GlobalFixture[Function]: ...


@overload
def global_fixture(
    *,
    share: Share = ...,
    writable: Iterable[str] = ...,
    env: bool | None = ...,
    eager: bool = ...,
    lane: str | None = ...,
    recover: None = ...,
    params: Iterable[object] | None = ...,
    autouse: bool = ...,
    ids: Sequence[object | None] | Callable[[Any], object | None] | None = ...,
    name: str | None = ...,
) -> Decorator: ...


@overload
def global_fixture(
    *,
    share: Literal["copy"] = ...,
    env: bool | None = ...,
    eager: bool = ...,
    lane: str | None = ...,
    recover: Callable[[Value], object],
    params: Iterable[object] | None = ...,
    autouse: bool = ...,
    ids: Sequence[object | None] | Callable[[Any], object | None] | None = ...,
    name: str | None = ...,
) -> RecoverableDecorator[Value]: ...


@overload
def global_fixture(
    *,
    share: Attributes | Callable[[Any], object],
    env: bool | None = ...,
    eager: bool = ...,
    lane: str | None = ...,
    recover: Callable[[Any], object],
    params: Iterable[object] | None = ...,
    autouse: bool = ...,
    ids: Sequence[object | None] | Callable[[Any], object | None] | None = ...,
    name: str | None = ...,
) -> Decorator: ...


def global_fixture(
    fixture: Any = None,
    /,
    *,
    share: Any = "copy",
    writable: Any = (),
    env: Any = None,
    eager: Any = False,
    lane: Any = None,
    recover: Any = None,
    params: Any = None,
    autouse: Any = False,
    ids: Any = None,
    name: Any = None,
    **unknown: Any,
) -> Any:
    """Declare a fixture that is set up at most once per test run, in the fixture worker.

    With ``pytest -n4 --fixture-worker`` the function runs in the fixture worker when the first
    test of any worker needs it. Every test worker gets the value, and the finalizers run there
    once, after the last test worker is down. In every other run it is a session fixture.

    Use it bare, with arguments, or on top of ``@pytest.fixture(scope="session")``. Marks above it
    are those of its set-up and of its finalizer, as hooks and plugins see them.

    :param share: how the value reaches the test workers. ``"copy"``, the default: pickled once,
        unpickled once in each test worker. :func:`attrs(...) <attrs>`: a record of some attributes
        of an object that cannot be pickled. A function: what it returns for the value, called once
        in the fixture worker, right after the set-up; other global fixtures get the value itself,
        and so do tests where tests are not distributed. ``"proxy"``: the object stays in the
        fixture worker, and test workers get a stand-in, which does there what is done with it.
    :param writable: with ``share="proxy"``, the names of attributes that tests may set.
    :param env: whether what the set-up changes in ``os.environ`` is changed in each test worker
        too, when it gets the value, and taken back at the worker's end. Default: it is not, and
        the terminal summary names what was changed, there and elsewhere in that process. False: no
        test needs it, and nothing is said.
    :param eager: whether it is set up before a test asks for it, and also if none does: as soon as
        the fixture worker is up, while test workers start and collect. If it stands in a test
        module, or in a ``conftest.py`` that pytest does not load at its start, or depends on a
        parameter, it is set up once a test worker has collected. What tests ask for goes first.
    :param lane: with ``--fixture-worker-lanes``, a name of your choice: fixtures with the same name
        are set up in one process, one after the other. Default: those that depend on each other.
    :param recover: a function that undoes what the finalizer would have, if the fixture worker
        died before it ran. It is called with a copy of the value, in another fixture worker of the
        same run, after the last test worker is down; last set up first. Not called if the set-up
        did not end well, or if the controller died too. It may find nothing left to undo, if the
        fixture worker was killed when the finalizer had just ended. Default: None.
    :param params: as in ``pytest.fixture``. Each parameter is set up once and lives until the end.
    :param autouse: as in ``pytest.fixture``.
    :param ids: as in ``pytest.fixture``.
    :param name: as in ``pytest.fixture``.
    :raises pytest.UsageError: on a narrower scope, on a class, for an unknown argument or
        ``share``, for a ``recover`` that cannot be called or has no copy of the value, or when the
        same fixture is declared global twice.
    """
    __tracebackhide__ = True
    if unknown:
        raise pytest.UsageError(unknown_argument(next(iter(unknown)), _ARGUMENTS))
    arguments = {"share": share, "writable": writable, "env": env, "recover": recover}
    arguments |= {"eager": eager, "lane": lane}
    arguments |= {"params": params, "autouse": autouse, "ids": ids, "name": name}
    if fixture is not None:
        return _declare(fixture, arguments)
    return lambda function: _declare(function, arguments)


def _declare(fixture: Any, arguments: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    for_fixture = {
        name: arguments[name]
        for name in _FIXTURE_ARGUMENTS
        if arguments[name] is not None and arguments[name] is not False
    }
    if is_fixture(fixture):
        function, name = fixture_function(fixture), fixture_name(fixture)
        _check_fixture(fixture, for_fixture)
        marks: tuple[pytest.Mark, ...] = ()
    else:
        _check_function(fixture)
        function, name = fixture, for_fixture.get("name") or getattr(fixture, "__name__", fixture)
        take_marks(function, str(name), location(function))
        marks = _marks_below(unbound(function), str(name))
        fixture = pytest.fixture(scope="session", **for_fixture)(function)
    declaration = _declaration(str(name), location(function), arguments)
    setattr(unbound(function), GLOBAL, replace(declaration, marks=marks))
    if declaration.eager:
        setattr(unbound(function), EAGER, True)
    return fixture


def take_mark(fixture: Any, mark: pytest.Mark) -> bool:
    """Add a mark above ``@global_fixture`` to the declaration; False: the fixture is not global.

    :raises pytest.UsageError: for a mark that says something about tests only.
    """
    __tracebackhide__ = True
    function = unbound(fixture_function(fixture))
    declaration = declaration_of(function)
    if declaration is None:
        return False
    _check_mark(mark, declaration.name, declaration.where)
    setattr(function, GLOBAL, replace(declaration, marks=(*declaration.marks, mark)))
    return True


def _marks_below(function: Any, name: str) -> tuple[pytest.Mark, ...]:
    """Take the marks that stand below ``@global_fixture``: pytest refuses them on a fixture."""
    __tracebackhide__ = True
    marks = getattr(function, "pytestmark", None)
    if not isinstance(marks, list):
        return ()
    for mark in marks:
        _check_mark(mark, name, location(function))
    del function.pytestmark
    return tuple(marks)


def _check_mark(mark: pytest.Mark, name: str, where: str) -> None:
    __tracebackhide__ = True
    if mark.name in _OF_TESTS:
        raise pytest.UsageError(mark_of_tests(mark.name, name, where))


def _check_function(function: Any) -> None:
    """Check that ``@pytest.fixture`` can be applied to it."""
    __tracebackhide__ = True
    if inspect.isclass(function):
        raise pytest.UsageError(on_class(function.__name__, location(function)))
    if not (callable(function) or isinstance(function, (classmethod, staticmethod))):
        raise pytest.UsageError(not_a_function(repr(function)))


def _check_fixture(fixture: Any, for_fixture: Mapping[str, object]) -> None:
    """Check that what ``@pytest.fixture`` returned can be made global.

    :param for_fixture: the arguments that ``@pytest.fixture`` takes, too.
    """
    __tracebackhide__ = True
    function, name = fixture_function(fixture), fixture_name(fixture)
    where = location(function)
    if declaration_of(unbound(function)) is not None:
        raise pytest.UsageError(already_global(name, where))
    if for_fixture:
        raise pytest.UsageError(arguments_on_fixture(name, where, tuple(for_fixture)))
    scope = fixture_scope(fixture)
    if callable(scope):
        raise pytest.UsageError(dynamic_scope(name, where))
    if scope != "session":
        raise pytest.UsageError(narrower_scope(name, where, scope))


def _declaration(name: str, where: str, arguments: Mapping[str, Any]) -> Declaration:
    __tracebackhide__ = True
    share, recover = _share(name, where, arguments), arguments.get("recover")
    if recover is not None and not callable(recover):
        raise pytest.UsageError(recover_not_callable(name, where, recover))
    if recover is not None and isinstance(share, Proxied):
        raise pytest.UsageError(proxy_with_recover(name, where))
    env = arguments.get("env")
    lane = arguments.get("lane")
    if lane is not None and not (isinstance(lane, str) and lane.strip()):
        raise pytest.UsageError(wrong_lane(name, where, lane))
    return Declaration(
        *(name, where, None if env is None else bool(env), recover, share),
        eager=bool(arguments.get("eager")),
        lane=lane or "",
    )


def _share(name: str, where: str, arguments: Mapping[str, Any]) -> Way:
    __tracebackhide__ = True
    share, writable = arguments.get("share", "copy"), arguments.get("writable", ())
    if not (share in ("copy", "proxy") or isinstance(share, Attributes) or callable(share)):
        raise pytest.UsageError(unknown_share(name, where, share))
    names = (writable,) if isinstance(writable, str) else tuple(writable)
    wrong = [each for each in names if not (isinstance(each, str) and each.isidentifier())]
    if wrong or (names and share != "proxy"):
        raise pytest.UsageError(wrong_writable(name, where, writable))
    if share == "proxy":
        return Proxied(names)
    if callable(share):
        return Computed(share)
    return share if isinstance(share, Attributes) else None


def declaration_of(function: object) -> Declaration | None:
    """The declaration of a fixture's function, bound or not; None if it is not global."""
    found = getattr(function, GLOBAL, None)
    return found if isinstance(found, Declaration) else None


# --- messages


def narrower_scope(name: str, where: str, scope: str) -> str:
    return (
        f"@global_fixture on the {scope}-scoped fixture '{name}' ({where}): a global fixture lives "
        f"as long as the test run.\n"
        f'Write @pytest.fixture(scope="session") below it, or @global_fixture alone.'
    )


def dynamic_scope(name: str, where: str) -> str:
    return (
        f"@global_fixture on the fixture '{name}' ({where}), whose scope a function decides: a "
        f"global fixture lives as long as the test run.\n"
        f'Write scope="session" instead of the function.'
    )


def on_class(name: str, where: str) -> str:
    return (
        f"@global_fixture on the class '{name}' ({where}): only functions can be fixtures.\n"
        f"Decorate a function that returns an instance of the class."
    )


def not_a_function(what: str) -> str:
    return (
        f"@global_fixture got {what}, which is neither a function nor a pytest fixture.\n"
        f"Options go in by name: @global_fixture(autouse=True)."
    )


def unknown_argument(argument: str, known: tuple[str, ...]) -> str:
    if argument == "scope":
        return (
            "@global_fixture takes no scope: a global fixture lives as long as the test run, and "
            "as a session fixture where tests are not distributed.\n"
            "Leave scope out."
        )
    return f"@global_fixture got an unknown argument '{argument}'.\nIt takes: {', '.join(known)}."


def unknown_share(name: str, where: str, share: object) -> str:
    return (
        f"@global_fixture(share={share!r}) on '{name}' ({where}): this way of sharing does not "
        f"exist.\n"
        f"Leave share out and return connection details instead of a live object, or share some "
        f'attributes of the object: share=attrs("url", "port"), or what a function makes of it: '
        f'share=function, or all of it: share="proxy".'
    )


def wrong_writable(name: str, where: str, writable: object) -> str:
    return (
        f"@global_fixture(writable={writable!r}) on '{name}' ({where}): writable names attributes "
        f"of an object that is shared by proxy.\n"
        f'Write share="proxy", writable=("mode", "level").'
    )


def wrong_lane(name: str, where: str, lane: object) -> str:
    return (
        f"@global_fixture(lane={lane!r}) on '{name}' ({where}): a lane has a name.\n"
        f'Write the same text at all fixtures that belong together: lane="network".'
    )


def proxy_with_recover(name: str, where: str) -> str:
    return (
        f"the global fixture '{name}' ({where}) has a recover= function and is shared by proxy: "
        f"when the fixture worker has died there is no copy of the value to recover with.\n"
        f"Return what recover= needs from another global fixture, on which '{name}' depends, and "
        f"give that one the function."
    )


def recover_not_callable(name: str, where: str, recover: object) -> str:
    return (
        f"@global_fixture(recover={recover!r}) on '{name}' ({where}): recover is a function that "
        f"takes the fixture's value.\n"
        f"Give it the function itself, without calling it."
    )


def arguments_on_fixture(name: str, where: str, arguments: tuple[str, ...]) -> str:
    return (
        f"@global_fixture({', '.join(arguments)}) on top of @pytest.fixture, on '{name}' "
        f"({where}): these arguments belong to the fixture.\n"
        f"Give them to @pytest.fixture, or use @global_fixture alone."
    )


def mark_of_tests(mark: str, name: str, where: str) -> str:
    return (
        f"@pytest.mark.{mark} on the global fixture '{name}' ({where}) has no effect: it says "
        f"something about tests.\n"
        f"Give the fixture {_OF_TESTS[mark]}."
    )


def already_global(name: str, where: str) -> str:
    return f"@global_fixture twice on '{name}' ({where}).\nRemove one of the two."


def instance_method(name: str, where: str) -> str:
    return (
        f"the global fixture '{name}' ({where}) is an instance method: it outlives every instance "
        f"of its test class.\n"
        f"Make it a class method, with @global_fixture above @classmethod, or move it out of the "
        f"class."
    )

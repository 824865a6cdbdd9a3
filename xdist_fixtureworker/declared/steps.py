"""Reads what stands in ``attrs(...)``: a way from an object to a part of it; every process."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ..wire.frozen import Frozen


class Step(Frozen):
    """From an object to an attribute or an item of it, or to what a call of it returns."""

    text: str  #: as in ``name``, ``['key']``, ``(80, protocol='tcp')``; the same for the same step
    key: tuple[Any, ...] | None = None  #: of an item, alone in a tuple
    arguments: tuple[tuple[Any, ...], dict[str, Any]] | None = None  #: of a call

    @property
    def is_call(self) -> bool:
        return self.arguments is not None

    @property
    def is_attribute(self) -> bool:
        return self.arguments is None and self.key is None

    def taken_from(self, parent: Any) -> object:
        """:raises BaseException: whatever that raises."""
        if self.arguments is not None:
            args, kwargs = self.arguments
            return parent(*args, **kwargs)
        return getattr(parent, self.text) if self.key is None else parent[self.key[0]]


def of_item(key: object) -> Step:
    return Step(f"[{key!r}]", key=(key,))


def of_call(args: Sequence[object], kwargs: Mapping[str, object]) -> Step:
    shown = [repr(each) for each in args] + [f"{name}={kwargs[name]!r}" for name in sorted(kwargs)]
    return Step(f"({', '.join(shown)})", arguments=(tuple(args), dict(kwargs)))


def steps_of(name: object) -> tuple[Step, ...] | None:
    """The steps that a text says; None if it says none, or more than steps and literals."""
    if not isinstance(name, str):
        return None
    steps: list[Step] = []
    try:
        # It goes on behind a name that stands for the object.
        node = ast.parse(f"_{name}" if name.startswith("[") else f"_.{name}", mode="eval").body
        while not isinstance(node, ast.Name):
            step, node = _last(node)
            steps.insert(0, step)
    except (SyntaxError, ValueError):
        return None
    return tuple(steps)


def _last(node: ast.expr) -> tuple[Step, ast.expr]:
    """The last step of an expression, and what is before it.

    :raises ValueError: if it ends with no step.
    """
    match node:
        case ast.Attribute(value=before, attr=name):
            return Step(name), before
        case ast.Subscript(value=before, slice=key):
            return of_item(_literal(key)), before
        case ast.Call(func=before, args=args, keywords=words):
            named = {word.arg: _literal(word.value) for word in words if word.arg}
            if len(named) < len(words):  # one is given twice, or by **
                raise ValueError(node)
            return of_call([_literal(each) for each in args], named), before
    raise ValueError(node)


def _literal(node: ast.expr) -> object:
    # The texts of two sets that are the same can differ.
    if any(isinstance(each, (ast.Set, ast.Call)) for each in ast.walk(node)):
        raise ValueError(node)
    return ast.literal_eval(node)


def private_method_in(steps: Sequence[Step]) -> str | None:
    """The first method among the steps that is called and private."""
    for method, call in itertools.pairwise(steps):
        if call.is_call and method.is_attribute and method.text.startswith("_"):
            return method.text
    return None

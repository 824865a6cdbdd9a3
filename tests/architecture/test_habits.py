"""Habits of this code base that a syntax tree shows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

import pytest

from .source import MODULES, Module

MUTABLE_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_TYPES = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "OrderedDict"}

every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def at(module: Module, nodes: Sequence[ast.AST]) -> list[str]:
    return [f"{module.path}:{getattr(node, 'lineno', '?')}" for node in nodes]


@every_module
def test_the_first_line_of_the_docstring_says_what_it_is_for(module: Module) -> None:
    documentation = ast.get_docstring(module.tree, clean=False)
    assert documentation, module.path
    first = documentation.partition("\n")[0]
    assert first == first.strip() != ""
    if module.folder:
        assert module.folder.replace("_", " ") in first, (module.path, first)


@every_module
def test_nothing_is_printed_past_pytests_reporter(module: Module) -> None:
    calls = [
        node
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr"})
    ]
    assert at(module, calls) == []


def module_level(node: ast.AST) -> Iterator[ast.AST]:
    """The statements that run when a module is imported, class bodies included."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from module_level(child)


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in MUTABLE_TYPES
    return isinstance(value, MUTABLE_DISPLAYS)


def is_variable(target: ast.expr) -> bool:
    if not isinstance(target, ast.Name):
        return True  # an attribute or an item of something else: state as well
    return not (target.id.isupper() or target.id.startswith("__"))


@every_module
def test_no_module_level_state(module: Module) -> None:
    state: list[ast.AST] = [n for n in ast.walk(module.tree) if isinstance(n, ast.Global)]
    for node in module_level(module.tree):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets = [node.target]
        else:
            continue
        if is_mutable(node.value) and any(map(is_variable, targets)):
            state.append(node)
    assert at(module, state) == []


@every_module
def test_constants_are_not_changed(module: Module) -> None:
    """A name in capitals may stand for a table, but for one that nobody writes to."""
    writing = {
        "add",
        "append",
        "clear",
        "extend",
        "insert",
        "pop",
        "remove",
        "setdefault",
        "update",
    }
    changes = [
        node
        for node in ast.walk(module.tree)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in writing
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id.isupper()
        )
        or (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, (ast.Store, ast.Del))
            and isinstance(node.value, ast.Name)
            and node.value.id.isupper()
        )
    ]
    assert at(module, changes) == []

"""Habits of this code base that a syntax tree shows."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from .source import MODULES, Module
from .test_imports import PROCESSES

MUTABLE_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_TYPES = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "OrderedDict"}

LONG = 40
METHODS = 12


def everywhere(find: Callable[[Module], Iterable[ast.AST]]) -> list[str]:
    """Where in the package something is found."""
    return [
        f"{module.path}:{getattr(node, 'lineno', '?')}"
        for module in MODULES
        for node in find(module)
    ]


def test_the_first_line_of_the_docstring_says_purpose_and_process() -> None:
    for module in MODULES:
        documentation = ast.get_docstring(module.tree, clean=False)
        assert documentation, module.path
        first = documentation.partition("\n")[0]
        assert first == first.strip() != "", module.path
        process = module.folder.replace("_", " ") if module.folder in PROCESSES else "process"
        named = [process, "controller", "worker"] if process == "process" else [process]
        assert any(name in first for name in named), (module.path, first)


def test_nothing_is_printed_past_pytests_reporter() -> None:
    def printing(module: Module) -> list[ast.AST]:
        return [
            node
            for node in ast.walk(module.tree)
            if (isinstance(node, ast.Name) and node.id == "print")
            or (
                isinstance(node, ast.Attribute)
                and ast.unparse(node) in {"sys.stdout", "sys.stderr"}
            )
        ]

    assert everywhere(printing) == []


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


def state_in(module: Module) -> list[ast.AST]:
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
    return state


def test_no_module_level_state() -> None:
    assert everywhere(state_in) == []


def changes_in(module: Module) -> list[ast.AST]:
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
    return [
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


def test_constants_are_not_changed() -> None:
    assert everywhere(changes_in) == []


def test_classes_and_functions_can_be_read() -> None:
    """A class has a dozen methods at most, and a function can be seen at once."""
    long = [
        f"{module.name}.{node.name}"
        for module in MODULES
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.ClassDef) and methods(node) > METHODS)
        or (
            isinstance(node, ast.FunctionDef)
            and lines(node) > LONG
            and node.name != "add_options"  # a table
        )
    ]
    assert long == []


def methods(node: ast.ClassDef) -> int:
    """Those that do something: not properties, nor hooks and dunders, which others ask for."""
    return sum(
        isinstance(each, ast.FunctionDef)
        and not each.name.startswith(("__", "pytest_"))
        and not any(ast.unparse(decorator) == "property" for decorator in each.decorator_list)
        for each in node.body
    )


def lines(node: ast.FunctionDef) -> int:
    """Without its documentation."""
    documentation = ast.get_docstring(node, clean=False) or ""
    return (node.end_lineno or 0) - node.lineno - documentation.count("\n")

"""The package's source, as syntax trees: what each module imports, and where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xdist_fixtureworker

PACKAGE = xdist_fixtureworker.__name__
ROOT = Path(xdist_fixtureworker.__file__).parent


@dataclass(frozen=True)
class Import:
    module: str  #: absolute; a name imported from a package of ours that is a module: that module
    lazy: bool  #: inside a function, or for type checkers only
    typing: bool  #: for type checkers only
    line: int

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


@dataclass(frozen=True)
class Module:
    name: str  #: below the package, as in ``controller.relay``; the package itself: ``__init__``
    path: Path

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @property
    def folder(self) -> str:
        return self.name.partition(".")[0] if "." in self.name else ""

    @property
    def imports(self) -> list[Import]:
        return list(self._imports(self.tree, lazy=False, typing=False))

    def _imports(self, node: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, lazy, typing, child.lineno)
            elif isinstance(child, ast.ImportFrom):
                base = self._absolute(child)
                for alias in child.names:
                    module = f"{base}.{alias.name}"
                    found = module if is_module(module) else base
                    yield Import(found, lazy, typing, child.lineno)
            checked = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            later = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from self._imports(child, lazy=lazy or later or checked, typing=typing or checked)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if node.level == 0:
            assert node.module is not None
            return node.module
        package = [PACKAGE, *self.name.split(".")][: -node.level]
        return ".".join([*package, *filter(None, [node.module])])


def is_module(name: str) -> bool:
    if not name.startswith(f"{PACKAGE}."):
        return False
    path = ROOT.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


MODULES = [
    Module(".".join(path.relative_to(ROOT).with_suffix("").parts), path)
    for path in sorted(ROOT.rglob("*.py"))
]


def ours(imported: Import) -> str | None:
    """The name below the package of an imported module of ours; None for those of others."""
    if imported.top != PACKAGE:
        return None
    return imported.module.partition(".")[2] or "__init__"

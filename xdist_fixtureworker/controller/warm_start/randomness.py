"""Has each fork of the controller draw other random numbers; controller and its forks.

Python sees to the functions of :mod:`random`. Generators that libraries have made for themselves
would go on where the controller's are: Faker would invent the same names in each worker.
"""

from __future__ import annotations

import ast
import inspect
import random
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType


def generators() -> list[random.Random]:
    """Those that modules have made without a seed: by an assignment such as ``r = Random()``."""
    kinds = {kind for kind in _kinds(random.Random) if kind.seed is random.Random.seed}
    found = []
    modules: list[object] = list(sys.modules.values())
    for module in modules:
        if not isinstance(module, ModuleType) or module is random:
            continue
        names = [name for name, value in list(vars(module).items()) if type(value) in kinds]
        if names:
            found += [vars(module)[name] for name in _made_without_arguments(module, names)]
    return found


def seed(generators: Iterable[random.Random]) -> None:
    """Seed them anew, and that of numpy."""
    for generator in generators:
        generator.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def _made_without_arguments(module: ModuleType, names: Iterable[str]) -> Iterator[str]:
    """Those of the names to which the module's source assigns a call without arguments."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):
        return  # it has no source
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(value, ast.Call) and not value.args and not value.keywords:
            for target in targets:
                if isinstance(target, ast.Name) and target.id in names:
                    yield target.id


def _kinds(kind: type[random.Random]) -> Iterator[type[random.Random]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)

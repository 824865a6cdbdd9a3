"""The import table of the design: each folder is a process, and what may import what."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .source import MODULES, PACKAGE, Import, Module, is_module, ours

PROCESSES = {"controller", "fixture_worker", "test_worker"}
SHARED = {
    "__init__",
    "_compat",
    "attributes",
    "declare",
    "definitions",
    "errors",
    "guarding",
    "guards",
    "ledger_file",
    "locations",
    "plain_values",
    "promotion",
    "protocol",
    "refusals",
    "roles",
    "settings",
    "strays",
    "suitability",
    "values",
}
ENTRY = "plugin"

#: Which modules may import what is not ours, and not of the standard library or pytest's public
#: API. A trailing dot: all modules in that folder.
THIRD_PARTY = {
    "_pytest": {"_compat", "definitions", "fixture_worker.", "test_worker.instances"},
    "execnet": {
        "controller.exits",
        "controller.process",
        "controller.switchboard",
        "fixture_worker.server",
        "test_worker.client",
    },
    "psutil": {"strays"},
    "xdist": {"controller.process"},
}
#: No more than this: they are told what happened, and return what to do.
PURE = {
    "controller.relay": {"errors", "protocol", "roles", "values"},
    "errors": {"roles"},
    "fixture_worker.ledger": set(),
    "protocol": {"errors"},
    "roles": set(),
}
#: psutil takes a while to load, and the controller needs it only when there may be something left.
LOADED_LATER = "strays"

every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def wrong(module: Module, imports: list[Import]) -> list[str]:
    return [f"{module.path}:{imported.line} imports {imported.module}" for imported in imports]


def test_the_modules_are_found() -> None:
    names = {module.name for module in MODULES}
    assert {"__init__", ENTRY, "controller.relay", "fixture_worker.ledger"} <= names
    found = {imported.module for module in MODULES for imported in module.imports}
    assert {f"{PACKAGE}.protocol", f"{PACKAGE}.controller.relay", "pytest", "dataclasses"} <= found
    plugin = next(module for module in MODULES if module.name == ENTRY)
    lazily = {imported.module for imported in plugin.imports if imported.lazy}
    assert f"{PACKAGE}.controller.supervisor" in lazily
    assert all(is_module(imported.module) for imported in plugin.imports if imported.lazy)


def test_every_module_has_a_room() -> None:
    outside = {module.name for module in MODULES if not module.folder}
    assert outside == SHARED | {ENTRY}
    assert {module.folder for module in MODULES if module.folder} == PROCESSES


@every_module
def test_process_folders_do_not_import_each_other(module: Module) -> None:
    others = PROCESSES - {module.folder}
    if module.name == ENTRY:
        imports = [imported for imported in module.imports if not imported.lazy]
    else:
        imports = module.imports
    assert wrong(module, [i for i in imports if (ours(i) or "").partition(".")[0] in others]) == []


@every_module
def test_nobody_imports_the_plugin(module: Module) -> None:
    assert wrong(module, [i for i in module.imports if ours(i) == ENTRY]) == []


@every_module
def test_third_parties(module: Module) -> None:
    def allowed(imported: Import) -> bool:
        if imported.top in {"pytest", PACKAGE} or imported.top in sys.stdlib_module_names:
            return True
        rooms = THIRD_PARTY.get(imported.top, set())
        return module.name in rooms or f"{module.folder}." in rooms

    assert wrong(module, [i for i in module.imports if not allowed(i)]) == []


@every_module
def test_what_needs_xdist_is_imported_lazily(module: Module) -> None:
    """xdist may not be installed, and is not needed to find that out."""
    eager = [i for i in module.imports if not i.lazy and ours(i) == "controller.process"]
    assert wrong(module, eager) == []


#: What every run loads, with a fixture worker or not.
ALWAYS = {
    *SHARED,
    ENTRY,
    "controller.bystander",
    "controller.listing",
    "controller.supervisor",
    "controller.versions",
    "test_worker.unserved",
}


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_what_a_newer_pytest_may_lack_is_not_needed_to_load_the_plugin(name: str) -> None:
    module = next(module for module in MODULES if module.name == name)
    assert wrong(module, [i for i in module.imports if i.top == "_pytest" and not i.lazy]) == []


@pytest.mark.parametrize("name", PURE)
def test_pure_modules(name: str) -> None:
    module = next(module for module in MODULES if module.name == name)
    allowed = {f"{PACKAGE}.{other}" for other in PURE[name]} | sys.stdlib_module_names
    not_pure = {"os", "signal", "socket", "subprocess", "threading", "time"}
    imports = [i for i in module.imports if i.top in not_pure or not ({i.module, i.top} & allowed)]
    assert wrong(module, imports) == []


# --- the same, seen from an interpreter

LAZY = {"execnet", "psutil", "xdist"}


def loaded_by(statement: str, *prefixes: str) -> set[str]:
    """The modules below ``prefixes`` that a fresh interpreter has after ``statement``."""
    program = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    return {
        name
        for name in result.stdout.split()
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
    }


def test_the_plugin_alone_loads_no_role_and_nothing_that_roles_need() -> None:
    loaded = loaded_by(f"import {PACKAGE}.plugin", PACKAGE, *LAZY)
    assert f"{PACKAGE}.plugin" in loaded
    shared = SHARED - {LOADED_LATER}
    allowed = {PACKAGE, f"{PACKAGE}.plugin"} | {f"{PACKAGE}.{name}" for name in shared}
    assert loaded - allowed == set()


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("controller.supervisor", {"xdist", "psutil"}),
        ("controller.bystander", LAZY),
        ("controller.listing", LAZY),
        ("controller.promotions", LAZY),
        ("fixture_worker.server", {"xdist"}),
        ("test_worker.client", {"xdist", "psutil"}),
        ("test_worker.promotions", LAZY),
        ("test_worker.unserved", LAZY),
    ],
)
def test_a_role_loads_no_other_role(module: str, without: set[str]) -> None:
    others = PROCESSES - {module.partition(".")[0]}
    unwanted = {f"{PACKAGE}.{other}" for other in others} | without
    loaded = loaded_by(f"import {PACKAGE}.{module}", f"{PACKAGE}.{module}", *unwanted)
    assert loaded == {f"{PACKAGE}.{module}"}

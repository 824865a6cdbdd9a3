"""The rooms of the package: what each folder may import, and what each process loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from .source import MODULES, PACKAGE, Import, Module, is_module, ours

#: Per folder, the folders and top modules that it may import besides itself.
ROOMS = {
    "wire": {"errors"},
    "processes": {"errors", "roles", "wire"},
    "declared": {"_compat", "roles", "wire"},
    "rules": {"_compat", "declared", "roles", "wire"},
    "sharing": {"declared", "errors", "wire"},
    "controller": {
        *("_compat", "declared", "errors", "processes", "roles", "rules", "settings", "wire"),
    },
    "fixture_worker": {
        *("_compat", "declared", "errors", "processes", "roles", "rules", "settings", "wire"),
        "sharing",
    },
    "test_worker": {
        *("_compat", "declared", "errors", "roles", "rules", "settings", "sharing", "wire"),
    },
}
PROCESSES = {"controller", "fixture_worker", "test_worker"}
#: Per module at the top, what it may import when it is loaded.
TOP = {
    "__init__": {"declared", "errors", "roles"},
    "_compat": {"wire"},
    "errors": set(),
    "on_demand": {"_compat", "declared", "roles", "rules"},
    "plugin": {"options"},
    "options": {"_compat", "declared", "on_demand", "roles", "rules", "settings"},
    "roles": set(),
    "settings": set(),
}
ENTRY = "plugin"
LOADER = "on_demand"  # which imports a role once it is known

#: Which modules may import what is not ours, and not of the standard library or pytest's public
#: API. A trailing dot: all modules in that folder.
THIRD_PARTY = {
    "_pytest": {"_compat", "fixture_worker."},
    "execnet": {
        "controller.other_hosts",
        "controller.process",
        "controller.python_versions",
        "controller.remote_sender",
        "controller.lanes",
        "controller.switchboard",
        "controller.warm_start.able",
        "controller.warm_start.pool",
        "controller.warm_start.wanted",
        "controller.worker_exits",
        "fixture_worker.server",
        "roles",
        "test_worker.client",
        "test_worker.connection",
    },
    "psutil": {"processes.details", "processes.ending", "processes.identity"},
    "typing_extensions": {"wire.frozen"},
    "xdist": {"controller.process"},
}
#: They are told what happened, and return what to do.
PURE = {
    *("controller.fixture_worker_state", "controller.journal", "controller.relay"),
    *("controller.calls", "controller.ties", "declared.groups"),
    *("sharing.handles", "sharing.lanes"),
    *(f"controller.timeline.{name}" for name in ("model", "recorded", "savings", "schedule")),
    *(
        f"controller.timeline.{name}"
        for name in ("drawing", "elements", "spans", "texts", "trace_events")
    ),
    *(
        "controller.recoveries",
        "controller.requests",
        "errors",
        "fixture_worker.ledger",
        "roles",
        "wire.",
    ),
}
IMPURE = {"os", "signal", "socket", "subprocess", "threading", "time"}


def offenders(
    wrong: Callable[[Module, Import], bool], modules: list[Module] = MODULES
) -> list[str]:
    """The imports that break a rule."""
    return [
        f"{module.path}:{imported.line} imports {imported.module}"
        for module in modules
        for imported in module.imports
        if wrong(module, imported)
    ]


def is_in(module: Module, rooms: set[str]) -> bool:
    return module.name in rooms or f"{module.folder}." in rooms


def test_the_modules_are_found() -> None:
    names = {module.name for module in MODULES}
    assert {"__init__", ENTRY, "controller.relay", "fixture_worker.ledger"} <= names
    found = {imported.module for module in MODULES for imported in module.imports}
    assert {f"{PACKAGE}.wire.messages", f"{PACKAGE}.controller.relay", "pytest"} <= found
    plugin = next(module for module in MODULES if module.name == LOADER)
    lazily = {imported.module for imported in plugin.imports if imported.lazy}
    assert f"{PACKAGE}.controller.supervisor" in lazily
    assert all(is_module(imported.module) for imported in plugin.imports if imported.lazy)


def test_every_module_has_a_room() -> None:
    assert {module.name for module in MODULES if not module.folder} == set(TOP)
    assert {module.folder for module in MODULES if module.folder} == set(ROOMS)


def test_rooms_import_what_lies_below_them() -> None:
    def wrong(module: Module, imported: Import) -> bool:
        name = ours(imported)
        if name is None or (imported.lazy and module.name in (LOADER, "__init__")):
            return False
        room = name.partition(".")[0]
        return room != module.folder and room not in (ROOMS | TOP)[module.folder or module.name]

    assert offenders(wrong) == []


def test_nobody_imports_the_plugin() -> None:
    assert offenders(lambda module, imported: ours(imported) == ENTRY) == []


def test_there_is_no_circle_of_imports() -> None:
    """Not even one that works, because one of its imports is lazy."""
    imports = {
        module.name: {name for each in module.imports if (name := ours(each)) and not each.typing}
        for module in MODULES
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in imports.get(name, ()):
                visit(other, (*way, name))
            done.add(name)

    for name in imports:
        visit(name, ())


def test_nobody_needs_the_warm_start() -> None:
    """It can be deleted, with the place where it is registered, and needs next to nothing itself."""
    room = "controller.warm_start"

    def wrong(module: Module, imported: Import) -> bool:
        name = ours(imported) or ""
        inside = module.name.startswith(room)
        if name.startswith(room):
            return not inside and module.name != LOADER
        return inside and name not in ("", "settings")

    assert any(module.name.startswith(room) for module in MODULES)
    assert offenders(wrong) == []


def test_nobody_needs_the_timeline() -> None:
    """It can be deleted, with the place where it is registered."""
    room = "controller.timeline"

    def wrong(module: Module, imported: Import) -> bool:
        outside = not module.name.startswith(room) and module.name != LOADER
        return outside and (ours(imported) or "").startswith(room)

    assert any(module.name.startswith(room) for module in MODULES)
    assert offenders(wrong) == []


def test_third_parties() -> None:
    def wrong(module: Module, imported: Import) -> bool:
        if imported.top in {"pytest", PACKAGE} or imported.top in sys.stdlib_module_names:
            return False
        return not is_in(module, THIRD_PARTY.get(imported.top, set()))

    assert offenders(wrong) == []


def test_what_needs_xdist_is_imported_lazily() -> None:
    """xdist may not be installed, and is not needed to find that out."""
    assert offenders(lambda _, each: not each.lazy and ours(each) == "controller.process") == []


def test_what_a_newer_pytest_may_lack_is_not_needed_to_load_the_plugin() -> None:
    """Nor to run without a fixture worker."""
    alone = {"controller.promotion_check", "test_worker.no_fixture_worker"}
    always = {"controller.listing", "controller.supervisor", "controller.versions", *alone}
    loaded = [each for each in MODULES if each.folder not in PROCESSES or each.name in always]
    assert offenders(lambda _, each: each.top == "_pytest" and not each.lazy, loaded) == []


def test_pure_modules() -> None:
    pure = [module for module in MODULES if is_in(module, PURE)]
    assert len(pure) > 4
    assert offenders(lambda _, imported: imported.top in IMPURE, pure) == []


# --- the same, seen from an interpreter

LAZY = {"execnet", "psutil", "xdist"}


def loaded_by(statement: str, *prefixes: str) -> set[str]:
    """The modules below ``prefixes`` that a fresh interpreter has after ``statement``."""
    program = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=600
    )
    return {
        name
        for name in result.stdout.split()
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
    }


def test_the_plugin_alone_loads_no_role_and_nothing_that_roles_need() -> None:
    loaded = loaded_by(f"import {PACKAGE}.plugin", PACKAGE, *LAZY)
    assert f"{PACKAGE}.plugin" in loaded
    rooms = {name.split(".")[1] for name in loaded if name.startswith(f"{PACKAGE}.")}
    assert rooms <= set(TOP) | {"declared", "rules", "wire"}
    assert {name for name in loaded if name.partition(".")[0] != PACKAGE} == set()


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("controller.supervisor", {"xdist", "psutil"}),
        ("controller.listing", LAZY),
        ("controller.promotion_check", LAZY),
        ("controller.warm_start.start", LAZY),
        ("fixture_worker.server", {"xdist", "psutil"}),
        ("test_worker.client", {"xdist", "psutil"}),
        ("test_worker.promotion_check", LAZY),
        ("test_worker.no_fixture_worker", LAZY),
    ],
)
def test_a_role_loads_no_other_role(module: str, without: set[str]) -> None:
    others = PROCESSES - {module.partition(".")[0]}
    unwanted = {f"{PACKAGE}.{other}" for other in others} | without
    loaded = loaded_by(f"import {PACKAGE}.{module}", f"{PACKAGE}.{module}", *unwanted)
    assert loaded == {f"{PACKAGE}.{module}"}

"""Environments in which the rivals are installed: one for each, made once and kept."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .rivals import OURS, OURS_PACKAGE, OURS_PLUGIN, Rival

ROOT = Path(__file__).parents[2]
IGNORED = ("PYTEST_", "PYTHON", "COVERAGE_", "COV_", "VIRTUAL_ENV")
PACKAGES = (
    *("pytest", "pytest-xdist", "execnet", OURS_PACKAGE),
    *("filelock", "pytest-shared-session-scope", "pytest-parallex"),
)
VERSIONS = f"""
import json
from importlib.metadata import PackageNotFoundError, version
found = {{}}
for name in {PACKAGES}:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Environment:
    """An interpreter, and how pytest runs in it."""

    python: str
    path: tuple[str, ...] = ()
    autoload: bool = True  #: what is installed is loaded; else it has to be named

    def command(self, rival: Rival, workers: int) -> list[str]:
        """Get the command that runs pytest."""
        named = [] if self.autoload else [f"-p{plugin}" for plugin in rival.plugins]
        return [self.python, "-m", "pytest", "-q", *named, *rival.arguments(workers)]

    def variables(self, path: Iterable[str] = ()) -> dict[str, str]:
        """Get the variables of a run, without those that would change it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(IGNORED)}
        if found := os.pathsep.join([*path, *self.path]):
            kept["PYTHONPATH"] = found
        if not self.autoload:
            kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        return kept

    def output(self, *arguments: str) -> str:
        """Get what the interpreter prints, without what the current directory has."""
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run(
                [self.python, *arguments],
                env=self.variables(),
                cwd=empty,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
        return done.stdout


class Environments:
    """Those of all rivals, in a directory that is kept between runs."""

    def __init__(self, directory: Path, *, here: bool) -> None:
        """:param here: whether this interpreter is taken for all, with what is installed in it."""
        self._directory = directory.resolve()
        self._here = here
        self._made: dict[str, Environment] = {}

    def of(self, rival: Rival) -> Environment:
        """Get the environment of a rival; the first time, make it."""
        if rival.environment not in self._made:
            if self._here:
                made = Environment(sys.executable, tuple(filter(None, sys.path)), autoload=False)
            else:
                made = self._make(rival.environment, rival.requirements)
            self._made[rival.environment] = made
        return self._made[rival.environment]

    def _make(self, name: str, requirements: Sequence[str]) -> Environment:
        folder = self._directory / name
        environment = Environment(str(folder / "bin" / "python"))
        wanted = [str(ROOT) if each == OURS_PACKAGE else each for each in requirements]
        stamp = json.dumps([platform.python_version(), wanted, _sources(wanted)])
        if not _is_made(folder, stamp):
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            _install(environment, wanted)
            (folder / "made").write_text(stamp)
        return environment

    def libraries(self, requirements: Sequence[str]) -> tuple[str, ...]:
        """Get the folder of what heavy suites import, for the ``PYTHONPATH`` of all rivals.

        Beside the environments, so that other suites run without it."""
        if all(find_spec(each) for each in requirements):
            return ()
        folder = self._directory / "libraries"
        stamp = json.dumps([platform.python_version(), list(requirements)])
        if not _is_made(folder, stamp):
            shutil.rmtree(folder, ignore_errors=True)
            _install(self.of(OURS), ["--target", str(folder), *requirements])
            (folder / "made").write_text(stamp)
        return (str(folder),)

    def can(self, rival: Rival) -> bool:
        """Tell whether pytest has the options of a rival: some of ours are newer than others."""
        environment = self.of(rival)
        named = [] if environment.autoload else [f"-p{plugin}" for plugin in rival.plugins]
        if self._here and any(not _is_installed(plugin) for plugin in rival.plugins):
            return False
        known = environment.output("-m", "pytest", *named, "--help")
        wanted = [option.partition("=")[0] for option in rival.options]
        return all(option in known for option in wanted if option.startswith("--"))

    def versions(self) -> dict[str, str]:
        """Get the versions of what is installed in them.

        :raises SystemExit: if that is not the same pytest and xdist in all of them.
        """
        found: dict[str, str] = {"python": platform.python_version()}
        for environment in self._made.values():
            for package, version in json.loads(environment.output("-c", VERSIONS)).items():
                if found.setdefault(package, version) != version:
                    sys.exit(
                        f"{package} is {version} in one environment and {found[package]} in another:"
                        f" remove {self._directory}, so that all of them are made anew"
                    )
        return found


def _is_installed(plugin: str) -> bool:
    return find_spec(plugin.replace("-", "_")) is not None


def _is_made(folder: Path, stamp: str) -> bool:
    made = folder / "made"
    return made.is_file() and made.read_text() == stamp


def _install(environment: Environment, requirements: Sequence[str]) -> None:
    print(f"installing {' '.join(requirements)}", file=sys.stderr)
    command = [environment.python, "-m", "pip", "install", "--quiet", *requirements]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"this failed: {' '.join(command)}; --rivals chooses which ones are needed")


def _sources(requirements: Sequence[str]) -> str:
    """Get a hash of our package, where it is installed."""
    digest = hashlib.sha256()
    if str(ROOT) in requirements:
        for file in (ROOT / "pyproject.toml", *sorted((ROOT / OURS_PLUGIN).rglob("*.py"))):
            digest.update(file.read_bytes())
    return digest.hexdigest()

"""What is run: suites of some size, of one rival each; and what a benchmark is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .environments import Environments
from .rivals import Rival
from .runs import Run, Usage

Measured = dict[str, list[float]]  #: per measurement one figure, or one per test worker


@dataclass(frozen=True)
class Sizes:
    """How large the suites are."""

    test_workers: int = 4
    empty_tests: int = 200
    set_up_seconds: float = 2.0
    many: tuple[int, int] = (50, 400)  #: fixtures and tests
    heavy: tuple[str, ...] = ("numpy", "pandas", "sqlalchemy", "django")
    memory_workers: int = 16
    tests: tuple[int, ...] = (10, 1_000, 10_000)
    fixtures: tuple[int, ...] = (1, 100, 1_000)
    tests_of_fixtures: int = 1_000
    workers: tuple[int, ...] = (2, 8, 32)
    array: str = "numpy.ones(25_000_000)"
    frame: str = "pandas.DataFrame({f'c{n}': numpy.arange(6_250_000.0) for n in range(10)})"


_FEW = "bytearray(2_000_000)"
QUICK = Sizes(2, 8, 1.0, (3, 8), ("sqlite3", "decimal"), 2, (8, 16), (1, 4), 8, (2, 3), _FEW, _FEW)


@dataclass(frozen=True)
class Case:
    """A suite of one rival, in its environment."""

    rival: Rival
    environments: Environments
    sizes: Sizes
    workers: int
    heavy: bool = False
    size: int | None = None  #: of what grows, where something does

    def start(self, suite: Path, *, path: Sequence[str] = (), **more: str) -> Run:
        """Start a run of the suite.

        :param path: what comes first in the ``PYTHONPATH``
        :param more: variables of the run
        """
        environment = self.environments.of(self.rival)
        heavy = self.environments.libraries(self.sizes.heavy) if self.heavy else ()
        variables = environment.variables((*path, *heavy)) | more
        return Run(environment.command(self.rival, self.workers), suite, variables)

    def run(self, suite: Path) -> Usage:
        """Run the suite, to its end."""
        with self.start(suite) as run:
            return run.end()


@dataclass(frozen=True)
class Plan:
    """What to measure with."""

    rivals: Sequence[Rival]
    environments: Environments
    sizes: Sizes
    rounds: int

    def cases(self, *, workers: int | None = None, heavy: bool = False) -> list[Case]:
        """Get a case for each rival."""
        count = self.sizes.test_workers if workers is None else workers
        return [Case(rival, self.environments, self.sizes, count, heavy) for rival in self.rivals]


@dataclass(frozen=True)
class Benchmark:
    """A question, and how it is answered for one case after the other."""

    key: str
    cases: Callable[[Plan], list[Case]]  #: what is run in each round
    write: Callable[[Path, Case], None]
    measure: Callable[[Path, Case], Measured | None]  #: None: this round does not count
    most_rounds: int = 1_000  #: fewer than others where a run takes long and figures hardly vary

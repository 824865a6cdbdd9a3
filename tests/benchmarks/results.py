"""What was measured: kept as JSON, so that tables and pictures can be made of it again."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path

Figures = dict[str, list[float]]  #: per measurement one figure per round, or per round and worker


@dataclass(frozen=True)
class Row:
    """The figures of one rival, or of one kind of process."""

    of: str  #: the key of a rival; in "imports", the process
    size: int | None = None  #: of what grows, where something does
    figures: Figures = field(default_factory=dict)

    def add(self, measured: Figures) -> None:
        """Add what one round measured."""
        for name, values in measured.items():
            self.figures.setdefault(name, []).extend(round(value, 4) for value in values)


@dataclass(frozen=True)
class Result:
    """What one benchmark measured, and where."""

    benchmark: str
    rounds: int
    sizes: dict[str, object]
    where: dict[str, str]  #: machine and versions
    rows: list[Row]

    def row(self, of: str, size: int | None = None) -> Row | None:
        """Get the figures of a rival."""
        return next((row for row in self.rows if (row.of, row.size) == (of, size)), None)


def machine() -> dict[str, str]:
    """Tell what absolute times depend on."""
    return {
        "machine": f"{os.cpu_count()} CPUs ({_processor()}), {platform.system()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load(file: Path) -> dict[str, Result]:
    """Get what a file has, by benchmark; nothing if there is none."""
    if not file.exists():
        return {}
    results = {}
    for key, data in json.loads(file.read_text()).items():
        data["rows"] = [Row(**row) for row in data["rows"]]
        results[key] = Result(**data)
    return results


def save(file: Path, results: dict[str, Result]) -> None:
    """Write results to a file, one row a line."""
    file.parent.mkdir(parents=True, exist_ok=True)
    parts = []
    for key, result in results.items():
        data = asdict(result)
        rows = ",\n  ".join(json.dumps(row) for row in data.pop("rows"))
        parts.append(f'"{key}": {json.dumps(data)[:-1]}, "rows": [\n  {rows}\n]}}')
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n")

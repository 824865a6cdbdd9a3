"""How much memory is left on this machine, and in the container; fixture worker, Linux.

What is in a file system in memory cannot be written to a disk, where there is no swap. So whoever
takes more than there is ends a process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT = 1 << 60
"""Bytes; a larger number is what control groups of the first version say for no limit."""


def available(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """Bytes that this process may still take; ``sys.maxsize`` where nobody says it."""
    return min(_left(proc, cgroups), default=sys.maxsize)


def _left(proc: Path, cgroups: Path) -> Iterator[int]:
    """Of the machine, and of each control group that this process is in."""
    for line in _lines(proc / "meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) << 10
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _left_in_groups(cgroups, path, ("memory.max", "memory.current", ""))
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
            yield from _left_in_groups(cgroups / "memory", path, names)


def _left_in_groups(root: Path, path: str, names: tuple[str, str, str]) -> Iterator[int]:
    """Of a group and those that it is in.

    :param path: in a container, perhaps of the machine that it is on; the container's is the root.
    :param names: of limit and usage, and how those of numbers for all groups within it begin.
    """
    limit, usage, prefix = names
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        for most in _lines(folder / limit):
            if most != "max" and int(most) < _NO_LIMIT:
                # Of the cache of files, the system takes back what nobody has used lately.
                numbers = dict(line.split() for line in _lines(folder / "memory.stat"))
                used = sum(map(int, _lines(folder / usage)))
                yield int(most) - used + int(numbers.get(f"{prefix}inactive_file", 0))
        if folder == root:
            break


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:  # another version of the system, or a container that hides it
        return []

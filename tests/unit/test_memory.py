"""How much memory is left: of the machine, and of the container."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xdist_fixtureworker.processes.memory import available

MB = 1 << 20
MEMINFO = "MemTotal:       24684084 kB\nMemAvailable:       8192 kB\n"


def written(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    written(tmp_path / "proc", meminfo=MEMINFO)
    return tmp_path / "proc"


def left(proc: Path, groups: str) -> int:
    written(proc / "self", cgroup=groups)
    return available(proc, proc.parent / "cgroup")


def test_of_the_machine(proc: Path) -> None:
    assert left(proc, "0::/") == 8 * MB
    (proc / "meminfo").unlink()
    assert left(proc, "0::/") == sys.maxsize
    (proc / "self" / "cgroup").unlink()
    assert available(proc, proc) == sys.maxsize


def test_of_a_control_group(proc: Path) -> None:
    root = proc.parent / "cgroup"
    stat = f"anon 1\ninactive_file {MB}"
    written(root / "a" / "b", memory__max="max", memory__current=3 * MB, memory__stat=stat)
    assert left(proc, "0::/a/b") == 8 * MB
    written(root / "a", memory__max=5 * MB, memory__current=4 * MB, memory__stat=stat)
    assert left(proc, "0::/a/b") == 2 * MB
    assert left(proc, "0::/a/not/seen/here") == 2 * MB
    written(root / "a" / "b", memory__max=3 * MB)
    assert left(proc, "0::/a/b") == MB
    assert left(proc, "0::/") == 8 * MB
    assert left(proc, "0::/../..") == 8 * MB


def test_of_a_control_group_of_the_first_version(proc: Path) -> None:
    """In a container, the path is that of the machine, and the root is the container's."""
    written(
        proc.parent / "cgroup" / "memory",
        memory__limit_in_bytes=6 * MB,
        memory__usage_in_bytes=4 * MB,
        memory__stat=f"inactive_file 5\ntotal_inactive_file {MB}",
    )
    groups = "9:name=systemd:/\n4:cpu,memory:/docker/5f0c\n0::/"
    assert left(proc, groups) == 3 * MB
    written(proc.parent / "cgroup" / "memory", memory__limit_in_bytes=0x7FFFFFFFFFFFF000)
    assert left(proc, groups) == 8 * MB


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_really() -> None:
    """Within a group of the first or the second version, where one can be made."""
    assert 0 < available() < sys.maxsize
    paths = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().split())
    second = Path("/sys/fs/cgroup" + paths.get("", "/")), "memory.max"
    first = Path("/sys/fs/cgroup/memory" + paths.get("memory", "/")), "memory.limit_in_bytes"
    for parent, limit in (first, second):
        group = parent / f"xdist_fixtureworker-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(100 * MB))
            script = (
                f"open('{group}/cgroup.procs', 'w').write('0')\n"
                f"from xdist_fixtureworker.processes.memory import available\n"
                f"print(available())\n"
            )
            shown = subprocess.run(
                [sys.executable, "-c", script], capture_output=True, text=True, check=True
            )
        except OSError:
            continue
        finally:
            group.rmdir()
        assert 50 * MB < int(shown.stdout) < 100 * MB
        return
    pytest.skip("no control group can be made here")

"""Test workers behind each kind of gateway: what they get, and where it comes from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite import FIXTURE_WORKER, Suite

from .gateways import sockets
from .sshd import Sshd, far

CONFTEST = """
from dataclasses import dataclass
from xdist_fixtureworker import Pool, attrs

@dataclass
class Point:
    x: int

class Refused(Exception):
    pass

class Counter:
    def __init__(self):
        self.count = 0
    def next(self):
        self.count += 1
        return self.count

class Server:
    def __init__(self):
        self.port, self.lock = 1234, __import__("threading").Lock()

@pytest.fixture(scope="session")
def base():
    note("base")
    return 40

@global_fixture
def number(base):
    print("said in the set-up")
    note("number")
    yield base + 2
    note("number down")

@global_fixture
def point():
    note("point")
    return {"it": Point(3), "data": b"x" * 300_000}

@global_fixture(params=["a", "b"])
def letter(request):
    note(f"letter {request.param}")
    return request.param

@global_fixture
def refused():
    note("refused")
    raise Refused("no")

@global_fixture
def skipped():
    note("skipped")
    pytest.skip("not today")

@global_fixture(share="proxy")
def counter():
    return Counter()

@global_fixture(share="proxy")
def accounts():
    return Pool(["ann", "bob"])

@global_fixture(share=attrs("port"))
def server():
    return Server()

@global_fixture
def place(tmp_path_factory):
    return {"files": tmp_path_factory.getbasetemp(), "url": "http://localhost:80"}

@global_fixture(env=True)
def settings():
    os.environ["FROM_SET_UP"] = "yes"
"""
TESTS = """
@pytest.mark.parametrize("i", range(4))
def test_number(number, i):
    note("test")
    assert number == 42
def test_number_by_request(request):
    assert request.getfixturevalue("number") == 42
@pytest.mark.parametrize("i", range(2))
def test_point(point, i):
    from conftest import Point
    assert type(point["it"]) is Point and point["it"].x == 3 and len(point["data"]) == 300_000
def test_letter(letter):
    note(f"test {letter}")
def test_refused(refused): pass
def test_skipped(skipped): pass
@pytest.mark.parametrize("i", range(4))
def test_counter(counter, i):
    note("counted", count=counter.next())
@pytest.mark.parametrize("i", range(4))
def test_accounts(accounts, i):
    with accounts.lease() as account:
        assert account in ("ann", "bob")
@pytest.mark.parametrize("i", range(2))
def test_place(place, i):
    assert place["url"]
def test_server(server):
    assert server.port == 1234
def test_settings(settings):
    assert os.environ["FROM_SET_UP"] == "yes"
"""


@pytest.fixture
def options(request: pytest.FixtureRequest, suite: Suite) -> Iterator[list[str]]:
    """Two test workers behind a kind of gateway."""

    def sshd() -> Sshd:
        server: Sshd = request.getfixturevalue("sshd")
        return server

    match request.param:
        case "ssh":
            yield [sshd().tx(2)]
        case "socket":
            with sockets(suite, 2) as found:
                yield found
        case "python":
            yield [f"--tx=2*popen//python={sys.executable}"]
        case "via popen":
            yield ["--px=id=proxy//popen//execmodel=thread", "--tx=2*popen//via=proxy"]
        case "via ssh":
            way = f"--px=id=proxy//{sshd().gateway()}//execmodel=thread"
            yield [way, f"--tx=2*popen//via=proxy//chdir={sshd().folder / 'home'}"]


@pytest.mark.parametrize(
    ("options", "hosts"),
    [("ssh", 2), ("socket", 2), ("python", 0), ("via popen", 0), ("via ssh", 2)],
    indirect=["options"],
)
def test_what_tests_get(suite: Suite, options: list[str], hosts: int) -> None:
    """The number is that of test workers that are not known to be on this machine."""
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*far(suite), *options, "-rA")
    assert result.outcomes == {"passed": 21, "skipped": 1, "errors": 1}, result.output
    once = ["base", "number", "point", "letter a", "letter b", "refused", "skipped"]
    assert sorted(result.noted(*once)) == sorted(once)
    assert result.workers("number") == {FIXTURE_WORKER}
    assert result.workers("test") == {"gw0", "gw1"}
    counts = [note.more["count"] for note in result.notes if note.what == "counted"]
    assert sorted(map(str, counts)) == ["1", "2", "3", "4"]
    assert result.noted()[-1] == "number down"
    assert "said in the set-up" in result.output
    assert result.lines(r"^E +conftest\.Refused: no$")
    assert re.search(r"SKIPPED \[1\] .*: not today", result.output)
    lines = result.lines("^test workers on other hosts")
    assert len(lines) == bool(hosts), result.output
    for line in lines:
        assert re.match(
            r"test workers on other hosts \(gw\d(, gw\d)?\) were sent what means something else there: "
            r"a path and 'localhost' in place \(\S*conftest\.py:\d+\)\.$",
            line,
        )


def test_a_checkout_there(suite: Suite, sshd: Sshd) -> None:
    """In the place of what xdist copies."""
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    there = sshd.folder / "checkout"
    shutil.copytree(suite.path, there)
    result = suite.run("-d", sshd.tx(2, chdir=str(there)), "--tx=popen", "--fixture-worker")
    assert result.outcomes == {"passed": 21, "skipped": 1, "errors": 1}, result.output
    assert result.workers("test") <= {"gw0", "gw1", "gw2"}
    assert result.noted("number", "number down") == ["number", "number down"]


def another_python() -> str | None:
    """An interpreter of a newer version, which needs nothing that is not installed for this one;
    None if there is none."""
    names = [f"python3.{minor}" for minor in range(sys.version_info.minor + 1, 15)]
    beside = Path(sys.base_prefix).parent  # where pyenv, for one, has all versions
    found = [shutil.which(name) for name in names]
    found += [str(path) for name in names for path in beside.glob(f"*/bin/{name}")]
    for python in filter(None, found):
        # What is called so may be a shim of pyenv, for a version that is not chosen.
        if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    return None


def test_another_python_there(suite: Suite, sshd: Sshd) -> None:
    python = another_python()
    if python is None:
        pytest.skip("there is no other version of Python here")
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*far(suite), sshd.tx(python=python), "--max-worker-restart=0")
    assert result.code == 4, result.output
    assert "--fixture-worker needs one Python version for all workers" in result.errors
    assert "test worker gw0 runs" in result.errors
    assert result.notes == []

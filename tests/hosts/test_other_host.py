"""Test workers on a host that has a network and temporary files of its own, and a link that is cut."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import pytest

from tests.running import count, running, until
from tests.suite import Suite

from .conftest import OtherHost
from .sshd import far
from .test_deaths import CONFTEST, assert_lived_once

VALUES = """
@global_fixture
def large(folder):
    # In a file, which a test worker of this host maps.
    return {"data": bytes(range(256)) * 12_000, "from": folder / "rows"}

@global_fixture
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    (path / "rows").write_text("1")
    return path

@global_fixture
def of_a_module_here():
    module = sys.modules["only_here"] = type(sys)("only_here")
    exec("class Thing: pass", vars(module))
    return module.Thing()
"""
TESTS = """
import socket
@pytest.mark.parametrize("i", range(2))
def test_it(served, large, folder, request, i):
    note("test", host=socket.gethostname(), here=os.path.exists(folder / "rows"))
    assert served == "value"
    assert large == {"data": bytes(range(256)) * 12_000, "from": folder / "rows"}
    if socket.gethostname() == "other-host":
        with pytest.raises(Exception) as caught: request.getfixturevalue("of_a_module_here")
        said = " ".join(str(caught.value).split())
        assert "gw1, which is on another host (ModuleNotFoundError: No module" in said
"""


def test_nothing_is_shared(suite: Suite, other_host: Callable[[], OtherHost]) -> None:
    """What comes over the channel is all there; the file of a path is not."""
    suite.write({"conftest.py": CONFTEST + VALUES, "test_it.py": TESTS})
    host = other_host()
    result = suite.run(*far(suite), "--tx=popen", host.sshd.tx(chdir="/tmp/home"))
    assert result.outcomes == {"passed": 2}, result.output
    tests = {str(note.more["host"]): note for note in result.notes if note.what == "test"}
    assert len(tests) == 2
    there = tests.pop("other-host")
    [here] = tests.values()
    assert (here.worker, here.more["here"]) == ("gw0", True)
    assert (there.worker, there.more["here"]) == ("gw1", False)
    assert_lived_once(result.noted("up", "down"))
    [line] = result.lines(r"^test workers on other hosts \(gw1\) were sent")
    assert re.search(r": a path in folder \(\S+\), a path in large \(\S+\)\.$", line)


WAITING = """
from conftest import wait_for
def test_it(served):
    note("test")
    wait_for("for ever")
"""


def test_the_link_is_cut(suite: Suite, other_host: Callable[[str], OtherHost]) -> None:
    """ssh finds out, if it is told to look: then the test worker has died."""
    suite.write({"conftest.py": CONFTEST, "test_it.py": WAITING})
    host = other_host("ServerAliveInterval 1\nServerAliveCountMax 2\n")
    options = *far(suite), host.sshd.tx(chdir="/tmp/home"), "--max-worker-restart=0"
    with running(suite, *options) as controller:
        until(suite, count("test"))
        host.network.cut()
        code, output = controller.end()
    assert code == 1, output
    assert "worker 'gw0' crashed while running 'test_it.py::test_it'" in output
    assert_lived_once(controller.noted("up", "down"))


ON_ITS_WAY = """
@global_fixture
def large():
    note("large")
    wait_for("go")
    return b"x" * 20_000_000

@global_fixture
def other():
    return "other value"
"""
#: Of two test workers, the one on the other host waits for what cannot come.
ONE_WAITS = """
@pytest.mark.parametrize("i", range(4))
def test_it(served, request, i):
    if os.environ["PYTEST_XDIST_WORKER"] == "gw1":
        assert len(request.getfixturevalue("large")) == 20_000_000
    else:
        wait_for("go")
        assert request.getfixturevalue("other") == "other value"
        note("went on")
"""


@pytest.mark.parametrize("then", ["mended", "interrupted"])
def test_the_link_is_cut_under_a_value(
    suite: Suite, other_host: Callable[[], OtherHost], then: str
) -> None:
    """Nobody notices, and what is on its way holds up nobody else."""
    suite.write({"conftest.py": CONFTEST + ON_ITS_WAY, "test_it.py": ONE_WAITS})
    host = other_host()
    options = *far(suite), "--tx=popen", host.sshd.tx(chdir="/tmp/home")
    with running(suite, *options, "-o", "fixture_worker_mapped_from=off") as controller:
        until(suite, count("large"))
        host.network.cut()
        (host.shared / "go").touch()
        until(suite, count("went on", 2))
        if then == "mended":
            host.network.mend()
        else:
            controller.send_signal(signal.SIGINT)
        code, output = controller.end()
    assert code == (0 if then == "mended" else 2), output
    assert_lived_once(controller.noted("up", "down"))

"""A pool when a test worker dies, or its tests wait."""

from __future__ import annotations

from ..running import running
from ..suite import DISTRIBUTED, ONE, Suite

CONFTEST = """
from xdist_fixtureworker import Pool
@global_fixture(share="proxy")
def accounts():
    return Pool(["a"], on_return=lambda item: note(f"{item} returned"))
"""


def test_a_lease_of_a_test_worker_that_dies(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST,
            "test_it.py": """
import signal
def test_dies(accounts):
    accounts.lease().__enter__()
    os.kill(os.getpid(), signal.SIGKILL)
def test_next(accounts):
    with accounts.lease(timeout=600) as item: note(f"{item} leased")
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"failed": 1, "passed": 1}, result.output
    assert result.noted() == ["a returned", "a leased", "a returned"]


def test_what_is_waited_for(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": CONFTEST,
            "test_it.py": """
import time
@pytest.mark.parametrize("i", range(2))
def test_it(accounts, i):
    with accounts.lease():
        wait_for("told")
""",
        }
    )
    with running(suite, *DISTRIBUTED, "-o", "fixture_worker_timeout=1") as controller:
        said = controller.read_until("waiting for")
        (suite.path / "told").touch()
        code, rest = controller.end()
    assert code == 0, said + rest
    line = said.splitlines()[-1]
    assert "waiting for accounts.lease() (conftest.py:6), asked for by gw" in line
    assert ", held by gw" in line
    assert " (test_it.py::test_it[" in line

"""A fixture worker that cannot start ends the run with the reason and the exit code of usage errors."""

from __future__ import annotations

import pytest

from ..suite import ONE, Suite, sampled

FAILURES = {
    "raise pytest.UsageError('configured wrongly')": "UsageError: configured wrongly",
    "raise ImportError('not in this process')": "ImportError: not in this process",
    "int(os.environ['PYTEST_XDIST_WORKER'].replace('gw', ''))": "is_fixture_worker",
    "os._exit(7)": "exit status 7",
    "os.kill(os.getpid(), 9)": "signal 9",
    "pytest.exit('no more')": "could not start",
}


WHERES = ("conftest", "hook", "sessionstart")


@pytest.mark.parametrize(
    ("failure", "where"),
    sampled(
        lambda failure, where: list(FAILURES).index(failure) % 3 == WHERES.index(where),
        FAILURES,
        WHERES,
    ),
)
def test_fixture_worker_that_cannot_start(suite: Suite, failure: str, where: str) -> None:
    guarded = f"if os.environ.get('PYTEST_XDIST_WORKER') == 'fixtureworker': {failure}"
    indented = {
        "conftest": f"\n{guarded}",
        "hook": f"\ndef pytest_configure():\n    {guarded}",
        "sessionstart": f"\ndef pytest_sessionstart():\n    {guarded}",
    }[where]
    suite.write(
        {
            "conftest.py": "@global_fixture\ndef it(): return 1" + indented,
            "test_it.py": "@pytest.mark.parametrize('i', range(4))\ndef test_it(it, i): pass",
        }
    )
    result = suite.run(*ONE)
    assert "the fixture worker could not start" in result.errors
    assert FAILURES[failure] in result.errors
    assert result.code == 4
    assert not result.lines("INTERNALERROR")

"""The lines that say with ``-v`` what begins in the fixture worker."""

from __future__ import annotations

import pytest

from xdist_fixtureworker.controller.as_it_happens import AsItHappens
from xdist_fixtureworker.controller.journal import (
    FinalizerBegun,
    FinalizerEnded,
    Journal,
    RecoveryBegun,
    SetUpBegun,
    SetUpEnded,
)

FW = "fixtureworker"


@pytest.mark.parametrize("everything", [False, True])
def test_lines(everything: bool) -> None:
    journal, shown = Journal(lambda: 0.0), list[str]()
    journal.on_event = AsItHappens("gw99", everything, shown.append).entered
    journal.append(SetUpBegun(0.0, FW, 1, "server", "conftest.py:3", True))
    journal.append(SetUpBegun(0.0, FW, 2, "plain", "conftest.py:9", False))
    journal.append(SetUpEnded(1.0, FW, 2, "plain", "conftest.py:9", None, ()))
    journal.append(SetUpEnded(1.0, FW, 1, "server", "conftest.py:3", None, ()))
    for id_, fixture, line in ((2, "plain", 9), (1, "server", 3)):
        journal.append(FinalizerBegun(2.0, FW, id_, fixture, f"conftest.py:{line}"))
        journal.append(FinalizerEnded(3.0, FW, id_, None))
    journal.append(FinalizerBegun(4.0, FW, 0, "the test session", "request.node"))
    assert shown == [
        "[gw99] SETUP server (conftest.py:3)",
        *(["[gw99] SETUP plain (conftest.py:9)"] if everything else []),
        *(["[gw99] TEARDOWN plain (conftest.py:9)"] if everything else []),
        "[gw99] TEARDOWN server (conftest.py:3)",
    ]


def test_what_another_fixture_worker_undoes() -> None:
    journal, shown = Journal(lambda: 0.0), list[str]()
    journal.on_event = AsItHappens(FW, False, shown.append).entered
    journal.append(SetUpBegun(0.0, FW, 1, "server", "conftest.py:3", True))
    journal.append(RecoveryBegun(0.0, "recovery", 1, "server", "recover= of conftest"))
    assert shown[1:] == ["[fixtureworker] RECOVER server (recover= of conftest)"]

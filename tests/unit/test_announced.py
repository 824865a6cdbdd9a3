"""The lines that say with ``-v`` what begins in the fixture worker."""

from __future__ import annotations

import pytest

from xdist_fixtureworker.fixture_worker.live_output import Announced
from xdist_fixtureworker.wire.messages import Finalized, Finalizing, Message, SettingUp

RUN: list[Message] = [
    SettingUp(1, "server", "conftest.py:3", True),
    SettingUp(2, "plain", "conftest.py:9", False),
    Finalizing(2, "plain", "conftest.py:9"),
    Finalized(2, None),
    Finalizing(1, "server", "conftest.py:3"),
    Finalizing(0, "the test session", "request.node"),
]
OF_GLOBAL = ["SETUP server (conftest.py:3)", "TEARDOWN server (conftest.py:3)"]
OF_ALL = [
    *(OF_GLOBAL[0], "SETUP plain (conftest.py:9)"),
    *("TEARDOWN plain (conftest.py:9)", OF_GLOBAL[1]),
]


@pytest.mark.parametrize(("which", "lines"), [("", []), ("global", OF_GLOBAL), ("all", OF_ALL)])
def test_lines(which: str, lines: list[str]) -> None:
    announced = Announced(which)
    assert [*filter(None, map(announced.line, RUN))] == lines


@pytest.mark.parametrize(("which", "shown"), [("", False), ("global", True), ("all", True)])
def test_what_another_fixture_worker_undoes(which: str, shown: bool) -> None:
    line = Announced(which).line(Finalizing(7, "server", "recover= of conftest"))
    assert line == ("RECOVER server (recover= of conftest)" if shown else None)

"""What to do about a value that cannot be sent fits what it is."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import subprocess
import sys
import threading
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from multiprocessing.managers import SyncManager
from pathlib import Path
from unittest.mock import Mock

import pytest

from xdist_fixtureworker.declared.attributes import attrs, take
from xdist_fixtureworker.sharing import remedies
from xdist_fixtureworker.sharing.remedies import remedy
from xdist_fixtureworker.wire.culprit import find_culprit


class Engine:
    url = "here"

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def connect(self) -> None: ...


def local_class() -> type:
    class Local: ...

    return Local


def numbers() -> Iterator[int]:
    yield 1


async def wait() -> None: ...


@pytest.fixture
def of_loops() -> Iterator[dict[str, object]]:
    async def make() -> dict[str, object]:
        task = asyncio.ensure_future(asyncio.sleep(0))
        return {"loop": asyncio.get_running_loop(), "task": task, "future": asyncio.Future()}

    coroutine = wait()
    yield {**asyncio.run(make()), "coroutine": coroutine}
    coroutine.close()


def advice(value: object, promoted: bool = False) -> str:
    return remedy("thing", promoted, value, find_culprit(value))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda: 0, remedies.keep_the_factory),
        (lru_cache(lambda: 0), remedies.keep_the_factory),
        (partial(lambda: 0), remedies.keep_the_factory),
        (defaultdict(lambda: 0), remedies.keep_the_factory),
        (numbers(), remedies.return_a_list),
        (local_class(), remedies.define_in_a_module),
        (local_class()(), remedies.define_in_a_module),
        (types.SimpleNamespace(inner=local_class()()), remedies.define_in_a_module),
        (Engine().connect, remedies.call_in_a_session_fixture),
        (types.SimpleNamespace(connect=Engine().connect), remedies.call_in_a_session_fixture),
        (sys, remedies.import_it),
        (Mock(), remedies.mock_in_the_tests),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_each_test_worker_can_make_itself(value: object, kind: Callable[[], str]) -> None:
    assert advice(value) == f"{kind()} {remedies.keep_it_ordinary('thing', False)}"
    assert advice(value, True) == f"{kind()} {remedies.keep_it_ordinary('thing', True)}"


@pytest.mark.parametrize("name", ["loop", "task", "future", "coroutine"])
def test_what_belongs_to_an_event_loop(of_loops: dict[str, object], name: str) -> None:
    value = of_loops[name]
    assert advice(value).startswith(remedies.make_it_in_a_loop())
    assert advice(types.SimpleNamespace(x=value)).startswith(remedies.make_it_in_a_loop())


def test_what_is_shared_by_inheritance() -> None:
    assert advice(multiprocessing.Lock()) == remedies.inherited_only()
    assert advice(SyncManager(authkey=b"k")) == remedies.give_an_authkey()


def test_an_open_file(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w", encoding="utf-8") as file:
        assert advice(file) == remedies.open_it_in_the_tests()


def test_attributes_are_advised_where_there_are_any() -> None:
    assert advice(Engine()) == remedies.return_what_it_takes("thing", False, True)
    assert advice(Engine(), True) == remedies.return_what_it_takes("thing", True, True)
    with socket.socket() as sock:
        assert advice(sock) == remedies.return_what_it_takes("thing", False, True)
    for value in (threading.Lock(), [threading.Lock()], {"a": threading.Lock()}, (Engine(),)):
        assert advice(value) == remedies.return_what_it_takes("thing", False, False)


def test_parts_of_a_container() -> None:
    """As in datasette's, which is a server's process and the path of its socket."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pair = (process, "path")
        assert advice(pair) == remedies.return_these("thing", False, ["the value[1]"])
        assert advice(pair, True) == remedies.return_these("thing", True, ["the value[1]"])
    made = {"make": lambda: 0, "url": "u"}
    assert advice(made).splitlines()[-1].startswith(remedies.keep_the_factory())
    assert advice(made).startswith(remedies.return_these("thing", False, ["the value['url']"]))
    many = [*range(9), threading.Lock()]
    assert "the value[4], and more." in advice(many)


def test_attributes_that_are_shared() -> None:
    record = take(Engine(), "thing", attrs("url", "lock"))
    assert advice(record) == remedies.share_these(["the value.url"])


def test_one_of_several_conftests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each conftest.py without a package is imported by the name "conftest"."""
    connection = type("Connection", (), {"__module__": "conftest"})
    other = types.ModuleType("conftest")
    other.__file__ = "conftest.py"
    monkeypatch.setitem(sys.modules, "conftest", other)
    assert (
        advice(connection())
        == f"{remedies.define_in_a_module()} {remedies.keep_it_ordinary('thing', False)}"
    )
    before = types.ModuleType("conftest")  # where it is found
    before.Connection = connection  # type: ignore[attr-defined]
    assert advice(connection()) == remedies.one_name_for_each_conftest()
    assert advice(connection) == remedies.one_name_for_each_conftest()

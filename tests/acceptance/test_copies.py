"""``fixture_worker_copies``: what tests get without a fixture worker, as if there were one."""

from __future__ import annotations

import pytest

from ..suite import Suite

CONFTEST = """
import threading
from xdist_fixtureworker import attrs

class Server:
    def __init__(self):
        self.url, self.lock, self.requests = "http://here", threading.Lock(), []
    def get(self, path):
        self.requests.append(path)
        return self.requests
    def clear(self): self.requests.clear()

@global_fixture(share=attrs("url"))
def server(): return Server()

@global_fixture(share="proxy")
def live(server):
    assert type(server) is Server
    yield server
    note("requests", requests=server.requests)

@global_fixture
def rows(): return ["a"]

@global_fixture
def more_rows(rows):
    rows.append("b")
    return rows

@global_fixture
def lock(): return threading.Lock()

@global_fixture(params=[1, 2])
def number(request):
    yield [request.param]

@pytest.fixture(scope="session")
def plain(): return threading.Lock()
"""
TESTS = """
from conftest import Server

def test_attributes(server):
    assert type(server).__name__ == "AttributeRecord"
    with pytest.raises(AttributeError): server.get("/")

def test_proxy(live):
    assert repr(live).startswith("<proxy of conftest.Server in the fixture worker: live (conf")
    assert isinstance(live, Server)
    requests = live.get("/a")
    requests.append("mine")
    assert live.requests == ["/a"]

def test_copy(rows):
    rows.append("mine")

def test_object_of_a_global_fixture(more_rows, rows):
    assert more_rows == ["a", "b"]
    assert rows == ["a", "mine"]

def test_name(request):
    assert request.getfixturevalue("live").requests == ["/a"]
    assert request.getfixturevalue("rows") == ["a", "mine"]

def test_number(number): assert number in ([1], [2])

@pytest.mark.parametrize("i", range(2))
def test_cannot_be_sent(lock, i): pass

def test_other_fixtures(plain): assert not plain.locked()
"""


@pytest.mark.parametrize("mode", [(), ("-n1",)], ids=["serial", "no fixture worker"])
def test_copies(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    result = suite.run(*mode, "-o", "fixture_worker_copies=true")
    assert result.outcomes == {"passed": 8, "errors": 2}, result.output
    assert len(result.lines("^E +.*a _thread.lock cannot be sent to the test workers")) == 2
    (end,) = result.notes
    assert end.more == {"requests": ["/a"]}


def test_after_the_finalizer(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": """
class Box:
    def next(self): return 1
@global_fixture(share="proxy")
def box(): return Box()
kept = []
def pytest_sessionfinish():
    from xdist_fixtureworker import CallError
    with pytest.raises(CallError) as caught:
        kept[0].next()
    note(str(caught.value))
""",
            "test_it.py": "def test_it(box, request):\n    from conftest import kept\n    kept.append(box)",
        }
    )
    result = suite.run("-o", "fixture_worker_copies=true")
    assert result.outcomes == {"passed": 1}, result.output
    assert result.noted() == [
        "box.next() (conftest.py:7) comes too late: its fixture has been finalized."
    ]

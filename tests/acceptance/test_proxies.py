"""Live objects in whole runs; what can be done with one is in ``tests/unit/test_live_objects.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..suite import FIXTURE_WORKER, MODES, ONE, ONE_MODES, Suite

CONFTEST = """
import threading
from accounts import Accounts

@global_fixture(share="proxy", writable=("mode",))
def accounts():
    made = Accounts()
    yield made
    note("end", numbers=sorted(made.numbers), mode=made.mode)

@global_fixture(share="proxy")
def other(accounts):
    assert type(accounts) is Accounts
    return Accounts(accounts)

@pytest.fixture(scope="session")
def plain():
    return Accounts()
"""
ACCOUNTS = """
import os, threading
from notes import note

class Account:
    def __init__(self, number):
        self.number, self.lock = number, threading.Lock()
    def close(self): return f"closed {self.number}"

class Accounts:
    def __init__(self, other=None):
        self.lock, self.numbers, self.mode, self.other = threading.Lock(), [], "new", other
    def next(self):
        number = len(self.numbers)
        self.numbers.append(number)
        return number
    def account(self, number): return Account(number)
    def owner(self, account): return account.number
    def pid(self): return os.getpid()
    def thread(self): return threading.current_thread().name
    def address(self):
        import gc
        return next(x for x in gc.get_objects() if type(x).__name__ == "Listener").introduction[0]
    def first_of_other(self): return self.other.numbers[:1]
    def refuse(self): raise LookupError("none left")
    def __len__(self): return len(self.numbers)
"""
TESTS = """
from accounts import Account, Accounts

@pytest.mark.parametrize("i", range(20))
def test_argument(accounts, i):
    note("number", number=accounts.next(), pid_of_object=accounts.pid())

def test_name(request):
    accounts = request.getfixturevalue("accounts")
    assert isinstance(accounts, Accounts)
    account = accounts.account(7)
    assert isinstance(account, Account)
    assert (account.close(), accounts.owner(account)) == ("closed 7", 7)
    accounts.mode = "old"
    assert accounts.mode == "old"

def test_error(accounts):
    with pytest.raises(LookupError, match="none left"):
        accounts.refuse()

def test_a_global_fixture_has_the_object_itself(accounts, other):
    accounts.next()
    assert other.first_of_other() == [0]

def test_promoted(plain):
    assert plain.next() >= 0
    note("plain", pid_of_object=plain.pid())
"""


@pytest.fixture
def accounts(suite: Suite) -> Suite:
    suite.write({"conftest.py": CONFTEST, "test_it.py": TESTS})
    (suite.path / "accounts.py").write_text(ACCOUNTS)
    return suite


@MODES
def test_one_object_for_all(accounts: Suite, mode: tuple[str, ...]) -> None:
    """In the end, the socket for calls is gone as well."""
    if mode:
        way = WAY.format(way="live object by socket")
        address = "\ndef test_address(accounts): note('address', path=accounts.address())"
        accounts.write({"test_way.py": way + address})
    result = accounts.run(*mode, "--global-fixture=plain: proxy")
    assert result.outcomes == {"passed": 26 if mode else 24}, result.output
    sockets = [Path(str(note.more["path"])) for note in result.notes if note.what == "address"]
    assert [path.name for path in sockets] == (["calls"] if mode else [])
    assert not any(path.parent.exists() for path in sockets)
    numbers = [note.more["number"] for note in result.notes if note.what == "number"]
    assert len(set(map(str, numbers))) == 20
    (end,) = [note for note in result.notes if note.what == "end"]
    assert end.more == {"numbers": list(range(21)), "mode": "old"}
    assert end.worker == (FIXTURE_WORKER if mode else "")
    pids = {note.more["pid_of_object"] for note in result.notes if "pid_of_object" in note.more}
    assert pids == {end.pid}


def test_where_calls_cannot_go_by_socket(accounts: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of the socket would be too long."""
    long = accounts.path / ("long" * 30)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    accounts.write({"test_it.py": TESTS, "test_way.py": WAY.format(way="live object")})
    result = accounts.run(*ONE, "--global-fixture=plain: proxy")
    assert result.outcomes == {"passed": 25}, result.output
    assert not [path for path in long.iterdir() if path.name.startswith("fixtureworker")]


WAY = """
def test_way(accounts): assert accounts.thread() == "{way}"
"""


def test_without_a_fixture_worker_each_test_worker_has_its_own(accounts: Suite) -> None:
    result = accounts.run("-n2", "--global-fixture=plain: proxy")
    assert result.outcomes == {"passed": 24}
    assert len({note.pid for note in result.notes if note.what == "end"}) == 2


def test_how_errors_are_shown(suite: Suite) -> None:
    """The exception of the call at the line of the test, with where it came from as its cause."""
    suite.write(
        {
            "conftest.py": """
class Pool:
    def take(self): return self._take()
    def _take(self): raise LookupError("none left")
@global_fixture(share="proxy")
def pool(): return Pool()
@global_fixture(share="proxy")
def nothing(): pass
@global_fixture(share="proxy")
def module(): return os
@global_fixture(share="proxy")
def broken(): raise ValueError("no pool")
""",
            "test_it.py": """
def test_call(pool): pool.take()
def test_none(nothing): assert nothing is None
def test_module(module): pass
def test_broken(broken): pass
def test_shown(pool): assert pool == 7
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1, "failed": 2, "errors": 2}
    output = result.output
    assert output.index("in the fixture worker:") < output.index("def test_call(pool): pool.take()")
    assert result.lines(r'File ".*conftest.py", line \d, in _take')
    assert result.lines("^E +LookupError: none left$")
    assert result.lines(r"^the global fixture 'module' \(conftest.py:\d+\) is the module 'os'")
    assert result.lines("^E +ValueError: no pool$")
    assert result.lines(
        r"^E +assert <proxy of conftest.Pool in the fixture worker: pool \(conftest.py:8\)> == 7"
    )
    assert "performing.py" not in output


@ONE_MODES
def test_instances_by_parameter(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
class Counter:
    def __init__(self, start): self.count = start
    def next(self):
        self.count += 1
        return self.count
@global_fixture(share="proxy", params=[10, 20])
def counter(request): return Counter(request.param)
""",
            "test_it.py": """
@pytest.mark.parametrize("i", range(3))
def test_it(counter, i): note(str(counter.next()))
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 6}
    assert sorted(result.noted()) == ["11", "12", "13", "21", "22", "23"]


def test_a_proxy_with_recover_by_configuration(suite: Suite) -> None:
    suite.write(
        {
            "conftest.py": "@global_fixture(recover=print)\ndef pool(): return 1",
            "test_it.py": "def test_it(pool): pass",
        }
    )
    result = suite.run(*ONE, "--global-fixture=pool: proxy")
    assert result.code == 4
    assert "the global fixture 'pool' (conftest.py:4) has a recover= function" in result.errors


def test_threads_of_a_test(suite: Suite) -> None:
    """A set-up that runs, and a call that does, hold up no call of another object."""
    suite.write(
        {
            "conftest.py": """
import threading
class Gate:
    def __init__(self): self.event = threading.Event()
    def wait(self): return self.event.wait(1200)
    def open(self): self.event.set()
class Opener:
    def __init__(self): self.gates = [Gate(), Gate()]
    def open(self, number): self.gates[number].open()
@global_fixture(share="proxy")
def opener(): return Opener()
@global_fixture(share="proxy")
def closed(opener): return opener.gates[0]
@global_fixture
def slow(opener):
    note("slow")
    return opener.gates[1].wait()
""",
            "test_it.py": """
from concurrent.futures import ThreadPoolExecutor
def test_it(request, closed, opener):
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(closed.wait)
        set_up = pool.submit(request.getfixturevalue, "slow")
        wait_for("notes.jsonl")
        opener.open(1)
        assert set_up.result() is True
        assert not waiting.done()
        opener.open(0)
        assert waiting.result() is True
""",
        }
    )
    result = suite.run(*ONE)
    assert result.outcomes == {"passed": 1}, result.output


def test_nothing_is_loaded_where_nothing_is_shared_by_proxy(suite: Suite) -> None:
    """In no process of the run."""
    suite.write(
        {
            "conftest.py": """
def loaded(): return [name for name in sys.modules if "sharing." in name or name.endswith(".controller.calls")]
@global_fixture
def it():
    yield 1
    note("fixture worker", loaded=loaded())
def pytest_unconfigure():
    note("end", loaded=loaded())
""",
            "test_it.py": "def test_it(it): assert it == 1",
        }
    )
    result = suite.run(*ONE, subprocess=True)
    assert result.outcomes == {"passed": 1}
    assert sorted(result.noted()) == ["end", "end", "end", "fixture worker"]
    modules = {name for note in result.notes for name in note.more["loaded"]}  # type: ignore[attr-defined]
    expected = {"xdist_fixtureworker.sharing.values", "xdist_fixtureworker.sharing.remedies"}
    assert modules <= expected, modules

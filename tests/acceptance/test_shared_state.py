"""Counters, journals and pools in whole runs."""

from __future__ import annotations

from ..suite import FIXTURE_WORKER, MODES, Suite


@MODES
def test_shared_by_all_tests(suite: Suite, mode: tuple[str, ...]) -> None:
    suite.write(
        {
            "conftest.py": """
from xdist_fixtureworker import Counter, Journal, Pool, exclusive

@global_fixture(share="proxy")
def numbers(): return Counter()

@global_fixture(share="proxy")
def journal():
    yield (made := Journal())
    note("journal", entries=made.snapshot())

@global_fixture(share="proxy")
def accounts():
    yield Pool([{"name": "a", "role": "user"}, {"name": "b", "role": "admin"}])

class Balance:
    def __init__(self): self.amount = 0

@global_fixture(share="proxy", writable=("amount",))
def balance():
    yield (made := Balance())
    note("balance", amount=made.amount)
""",
            "test_it.py": """
from xdist_fixtureworker import exclusive

@pytest.mark.parametrize("i", range(20))
def test_argument(numbers, journal, accounts, balance, i):
    with accounts.lease(timeout=600) as account:
        journal.append([i, account["name"]])
        file = f"in use {account['name']}"
        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
        note("number", number=numbers.next())
        os.unlink(file)
    with exclusive(balance):
        amount = balance.amount
        balance.amount = amount + 1

def test_name(request):
    accounts = request.getfixturevalue("accounts")
    with accounts.lease(where={"role": "admin"}) as account: assert account["name"] == "b"
    with accounts.exclusive(): pass
""",
        }
    )
    result = suite.run(*mode)
    assert result.outcomes == {"passed": 21}, result.output
    numbers = [note.more["number"] for note in result.notes if note.what == "number"]
    assert sorted(map(int, map(str, numbers))) == list(range(1, 21))
    ends = {note.what: note for note in result.notes if note.what in ("journal", "balance")}
    assert ends["balance"].more == {"amount": 20}
    entries = ends["journal"].more["entries"]
    assert sorted(i for i, _ in entries) == list(range(20))  # type: ignore[attr-defined]
    assert {note.worker for note in ends.values()} == {FIXTURE_WORKER if mode else ""}

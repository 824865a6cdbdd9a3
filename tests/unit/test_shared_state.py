"""Counters, journals and pools, used directly and through stand-ins."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import xdist_fixtureworker
from xdist_fixtureworker import CallError, Counter, Journal, Pool
from xdist_fixtureworker.wire.messages import WorkerLeft

from .test_live_objects import NEVER, Ends, ends, make_ends, threads, until

__all__ = ["ends", "make_ends", "threads"]  # fixtures

Share = Callable[[Any], Callable[..., Any]]


@pytest.fixture(params=["object", "proxy"])
def share(request: pytest.FixtureRequest, ends: Ends) -> Share:
    """Returns what gives a test worker its view of an object."""
    if request.param == "object":
        return lambda value: lambda worker="gw0": value
    return ends.share


def in_threads(action: Callable[[int], object], number: int = 8) -> list[Any]:
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(action, range(number)))


def test_a_counter_gives_each_number_once(share: Share) -> None:
    of_worker = share(Counter())
    found = in_threads(lambda n: [of_worker(f"gw{n % 2}").next() for _ in range(50)])
    assert sorted(number for each in found for number in each) == list(range(1, 401))
    assert of_worker().value == 400
    assert Counter(10).next() == 11


def test_a_journal_keeps_all_entries(share: Share) -> None:
    of_worker = share(Journal())
    in_threads(lambda n: [of_worker(f"gw{n % 2}").append((n, i)) for i in range(50)])
    in_threads(lambda n: of_worker(f"gw{n % 2}").extend([n, "one behind the other", n]))
    entries = of_worker().snapshot()
    added, extended = entries[:400], entries[400:]
    assert sorted(added) == [(n, i) for n in range(8) for i in range(50)]
    assert [i for n, i in added if n == 3] == list(range(50))
    assert {tuple(extended[at : at + 3]) for at in range(0, 24, 3)} == {
        (n, "one behind the other", n) for n in range(8)
    }
    entries.clear()
    assert of_worker().snapshot()


@pytest.mark.parametrize("make", [Counter, Journal, lambda: Pool([1])])
def test_exclusive_use(share: Share, make: Callable[[], Any]) -> None:
    mine = share(make())()
    with mine.exclusive(), mine.exclusive(timeout=NEVER) as same:
        assert same is mine


def test_the_module_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Queue'"):
        xdist_fixtureworker.Queue  # type: ignore[attr-defined]  # noqa: B018  # that is the point


# --- pools


def test_nobody_else_has_an_item(share: Share) -> None:
    of_worker = share(Pool(["a", "b", "c"]))
    busy: list[str] = []
    most: list[int] = []

    def use(number: int) -> None:
        for _ in range(20):
            with of_worker(f"gw{number % 3}").lease() as item:
                assert item not in busy
                busy.append(item)
                most.append(len(busy))
                busy.remove(item)

    in_threads(use)
    assert len(most) == 160
    assert max(most) <= 3


def test_items_are_given_out_in_the_order_of_asking(
    share: Share, threads: ThreadPoolExecutor
) -> None:
    pool = Pool(["only"])
    of_worker = share(pool)
    order: list[int] = []

    def use(number: int) -> None:
        with of_worker("gw1").lease():
            order.append(number)

    with of_worker().lease():
        waiting = []
        for number in range(5):
            waiting.append(threads.submit(use, number))
            until(lambda: len(pool._shelf._requests) == len(waiting))
    for each in waiting:
        each.result(NEVER)
    assert order == list(range(5))


def test_items_by_what_they_are(share: Share) -> None:
    class Account:
        def __init__(self, role: str) -> None:
            self.role, self.lock = role, threading.Lock()

    of_worker = share(Pool([{"role": "user", "n": 1}, Account("admin"), {"role": "user", "n": 2}]))
    with of_worker().lease(where={"role": "admin"}) as admin:
        assert admin.role == "admin"
        with of_worker().lease(where={"role": "user", "n": 2}) as user:
            assert user["n"] == 2
    with pytest.raises(LookupError, match="no item of the pool has role='guest', n=1"):
        of_worker().lease(where={"role": "guest", "n": 1}).__enter__()
    with pytest.raises(LookupError, match="the pool has no items"):
        share(Pool([]))().lease().__enter__()


def test_who_waits_for_another_kind_is_passed_by(share: Share, threads: ThreadPoolExecutor) -> None:
    pool = Pool([{"role": "user"}, {"role": "admin"}])
    of_worker = share(pool)
    with of_worker().lease(where={"role": "admin"}):
        waiting = threads.submit(of_worker("gw1").lease(where={"role": "admin"}).__enter__)
        until(lambda: len(pool._shelf._requests) == 1)
        with of_worker("gw2").lease() as item:
            assert item == {"role": "user"}
    assert waiting.result(NEVER) == {"role": "admin"}


def test_a_time_out_says_who_has_the_items(ends: Ends) -> None:
    of_worker = ends.share(Pool([1, 2]))
    with of_worker("gw0").lease(), of_worker("gw1").lease():
        with pytest.raises(TimeoutError) as caught:
            of_worker("gw2").lease(timeout=0.1).__enter__()
        here = os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0]
        text = str(caught.value)
        assert text.startswith("no item of the pool was free within 0.1 s: gw0 (")
        assert text.endswith(f"{here}) had them.")
        assert f"{here}), gw1 (" in text
        if ends.listener is None:  # else not within the first second
            assert [held.worker for held in ends.held] == ["gw2"]
            assert ends.held[0].by.startswith("gw0 (")
    with of_worker("gw2").lease(timeout=NEVER) as item:
        assert item in (1, 2)


def test_items_are_prepared_when_they_come_back(share: Share) -> None:
    returned: list[str] = []
    of_worker = share(Pool(["a"], on_return=returned.append))
    for _ in range(2):
        with of_worker().lease():
            pass
    assert returned == ["a", "a"]


def test_an_item_that_cannot_be_prepared_is_not_given_out_again(share: Share) -> None:
    def refuse(item: str) -> None:
        if item == "a":
            raise ValueError("cannot be cleaned")

    of_worker = share(Pool(["a", "b"], on_return=refuse))
    with pytest.raises(ValueError, match="cannot be cleaned"), of_worker().lease() as item:
        assert item == "a"
    for _ in range(3):
        with of_worker().lease() as item:
            assert item == "b"


class Made:
    """Pickle refuses it."""

    def __init__(self, number: int) -> None:
        self.number, self.lock = number, threading.Lock()


def test_items_are_made_up_to_a_maximum(ends: Ends) -> None:
    made: list[Made] = []
    disposed: list[Made] = []

    def make() -> Made:
        made.append(Made(len(made)))
        return made[-1]

    pool = Pool.of(make, maximum=2, dispose=disposed.append)
    of_worker = ends.share(pool)
    assert made == []
    with of_worker().lease() as one:
        assert (one.number, len(made)) == (0, 1)
        with of_worker("gw1").lease() as two:
            assert two.number == 1
            with pytest.raises(TimeoutError):
                of_worker("gw2").lease(timeout=0.1).__enter__()
    with of_worker().lease() as again:
        assert again.number in (0, 1)
    assert len(made) == 2
    with pytest.raises(CallError, match=r"close\(\) disposes of the items"):
        of_worker().close()
    pool.close()
    assert disposed == made or disposed == made[::-1]
    with pytest.raises(LookupError):
        of_worker().lease().__enter__()


def test_an_item_that_cannot_be_made(share: Share) -> None:
    attempts: list[int] = []

    def make() -> int:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("no server")
        return 7

    of_worker = share(Pool.of(make, maximum=1))
    with pytest.raises(ValueError, match="no server"):
        of_worker().lease().__enter__()
    with of_worker().lease() as item:
        assert item == 7


def test_a_lease_of_a_worker_that_dies_is_taken_back(
    ends: Ends, threads: ThreadPoolExecutor
) -> None:
    returned: list[str] = []
    pool = Pool(["a"], on_return=returned.append)
    of_worker = ends.share(pool)
    of_worker("gw0").lease().__enter__()
    waiting = [threads.submit(of_worker(worker).lease().__enter__) for worker in ("gw1",)]
    until(lambda: len(pool._shelf._requests) == 1)
    ends.host.receive(WorkerLeft("gw0"))
    assert waiting[0].result(NEVER) == "a"
    assert returned == ["a"]
    ends.host.receive(WorkerLeft("gw1"))
    until(lambda: returned == ["a", "a"])


def test_a_worker_that_dies_while_it_waits_gets_nothing(
    ends: Ends, threads: ThreadPoolExecutor
) -> None:
    pool = Pool(["a"])
    of_worker = ends.share(pool)
    lease = of_worker("gw0").lease()
    lease.__enter__()
    waiting = threads.submit(of_worker("gw1").lease().__enter__)
    until(lambda: len(pool._shelf._requests) == 1)
    ends.host.receive(WorkerLeft("gw1"))
    until(lambda: not pool._shelf._requests)
    lease.__exit__()
    with of_worker("gw2").lease(timeout=NEVER) as item:
        assert item == "a"
    ends.worker("gw1").exchange.lose(EOFError())
    assert waiting.exception(NEVER) is not None


def test_given_back_twice(share: Share) -> None:
    pool = Pool(["a"])
    view = share(pool)()
    number, _ = view.__take__(None, None)
    view.__give_back__(number)
    view.__give_back__(number)
    assert pool._shelf._free == ["a"]

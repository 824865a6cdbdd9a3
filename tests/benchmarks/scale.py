"""What the controller does for many test workers: its CPU time per value, per megabyte and per event.

``python -m tests.benchmarks.scale [--workers 16 64 256]`` prints tables. The test workers are thin: processes that
ask for values, with the plugin's own side of the connection, and run no pytest. So is the fixture worker, which answers.
Between them are the plugin's switchboard and relay, with execnet's gateways, as in a run. It takes about three minutes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import execnet

from xdist_fixtureworker.controller.journal import Journal
from xdist_fixtureworker.controller.relay import Relay
from xdist_fixtureworker.controller.switchboard import Switchboard
from xdist_fixtureworker.wire.messages import Begin, Call, Held, Instance, Request, Serving

SMALL = 200  # bytes
SIZES = (1_000, 10_000, 100_000, 1_000_000)
VOLUME = 400_000_000  # bytes, of values of each of these sizes
VALUES = 20_000  # at most, of each of these sizes
FIXTURES = 1_000


def instance(number: int) -> Instance:
    return Instance((), f"fixture_{number}", "conftest", f"fixture_{number}", 0, ())


def thin_test_worker(channel: Any) -> None:
    """Asks for as many fixtures as it is told, one after the other. Runs in a process of its own."""
    from xdist_fixtureworker.test_worker.connection import Connection

    connection: Connection[int] = Connection(channel.receive())
    for begin, end in iter(channel.receive, None):
        latencies = []
        for number in range(begin, end):
            before = time.perf_counter()
            connection.ask(instance(number), lambda answer: len(answer.value.data)).wait_read()
            latencies.append(time.perf_counter() - before)
        channel.send(latencies)


def thin_fixture_worker(channel: Any) -> None:
    """Answers each request with as many bytes as it was told last. Runs in a process of its own."""
    from xdist_fixtureworker.wire.codec import decode, encode_all
    from xdist_fixtureworker.wire.messages import (
        Inline,
        Message,
        Ready,
        Request,
        Serving,
        SettingUp,
        SetUp,
    )

    size = [0]

    def received(data: Any) -> None:
        match decode(data, "the controller"):
            case Request() as request:
                what = request.id, request.instance.name, "conftest.py:1"
                send(SettingUp(*what, True))
                value = Inline(bytes(size[0]))
                send(SetUp(*what, None, (), None), Ready(request.id, value, (), ()))

    def send(*messages: Message) -> None:
        ours.send(encode_all(messages))

    ours = channel.receive()
    send(Serving())
    ours.setcallback(received)
    for number in iter(channel.receive, None):
        size[0] = number
        channel.send(number)


class Farm:
    """Thin workers, and the relay between them."""

    def __init__(self, group: execnet.Group, workers: int) -> None:
        self._relay = Relay(Journal(time.monotonic))
        self.switchboard = Switchboard(self._relay, lambda: None, lambda _: None)
        self._fixture_worker, ours = self._start(group, thin_fixture_worker)
        self.switchboard.connect_fixture_worker(ours, Begin("", 1, None, ("",)))
        self._test_workers = []
        for number in range(workers):
            channel, ours = self._start(group, thin_test_worker)
            self.switchboard.connect_test_worker(f"gw{number}", ours)
            self._test_workers.append(channel)
        self._asked = 0
        self.fetch(1, SMALL)  # until all have imported all

    @staticmethod
    def _start(group: execnet.Group, function: Callable[..., None]) -> tuple[Any, Any]:
        gateway = group.makegateway("popen")
        ours = gateway.newchannel()
        name = function.__name__
        channel = gateway.remote_exec(f"from {__spec__.name} import {name}; {name}(channel)")
        channel.send(ours)
        return channel, ours

    def fetch(self, count: int, size: int) -> tuple[float, float, float]:
        """Have all test workers fetch as many values that nobody has asked for; returns seconds,
        CPU seconds of this process, and the median of the latencies."""
        self._fixture_worker.send(size)
        self._fixture_worker.receive()
        wall, cpu = time.perf_counter(), time.process_time()
        for channel in self._test_workers:
            channel.send((self._asked, self._asked + count))
        latencies = [latency for channel in self._test_workers for latency in channel.receive()]
        self._asked += count
        taken = time.perf_counter() - wall, time.process_time() - cpu
        return *taken, statistics.median(latencies)


@contextmanager
def farm(workers: int) -> Iterator[Farm]:
    group = execnet.Group(execmodel="thread")
    made = Farm(group, workers)
    try:
        yield made
    finally:
        made.switchboard.close()
        group.terminate(1)


# --- the relay alone


def relay_with(workers: int) -> Relay:
    """A relay that serves; each test worker waits for a fixture of its own."""
    relay = Relay(Journal(time.monotonic))
    relay.from_fixture_worker(Serving())
    for number in range(FIXTURES):
        relay.from_test_worker(f"gw{number % workers}", Request(number, instance(number)))
    return relay


def seconds_of_ends(workers: int) -> float:
    """How long it takes per test worker when all are down, while all fixtures are waited for."""
    relay = relay_with(workers)
    before = time.perf_counter()
    for number in range(workers):
        relay.test_worker_down(f"gw{number}")
    return (time.perf_counter() - before) / workers


def seconds_of_events(workers: int) -> float:
    """How long one event takes while all test workers wait for what one of them has, as of a pool."""
    relay = Relay(Journal(time.monotonic))
    relay.from_fixture_worker(Serving())
    for number in range(workers):
        relay.from_test_worker(f"gw{number}", Call("", 1, 1, "call", "lease", b"", "lease", "test"))
        relay.from_fixture_worker(Held(f"gw{number}", 1, "gw0 (test)"))
    count = 2_000
    before = time.perf_counter()
    for _ in range(count):
        relay.from_fixture_worker(Held("gw0", 1, "gw1 (test)"))
        # As after each event:
        assert relay.activity is not None
        assert relay.waits_for_tests
    return (time.perf_counter() - before) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--volume", type=int, default=VOLUME)
    parser.add_argument("--fixtures", type=int, default=FIXTURES)
    options = parser.parse_args()
    small, large = [], []
    for workers in options.workers:
        with farm(workers) as made:
            wall, cpu, latency = made.fetch(options.fixtures, SMALL)
            values = workers * options.fixtures
            small.append(
                f"| {workers} | {values:,} | {wall:.1f} | {cpu:.1f} | {cpu / values * 1e6:.0f} | "
                f"{cpu / workers * 1e3:.0f} | {latency * 1e3:.1f} |"
            )
            for size in SIZES:
                count = max(1, min(options.volume // size, VALUES) // workers)
                wall, cpu, _ = made.fetch(count, size)
                megabytes = count * workers * size / 1e6
                large.append(
                    f"| {workers} | {size // 1000:,} | {megabytes / wall:.0f} | "
                    f"{cpu / megabytes * 1e3:.2f} | {cpu / megabytes * 100:.2f} |"
                )
    alone = [
        f"| {workers:,} | {seconds_of_ends(workers) * 1e6:.0f} | "
        f"{seconds_of_events(workers) * 1e6:.1f} |"
        for workers in (*options.workers, 1_000)
    ]
    print(f"{options.fixtures:,} fixtures of {SMALL} bytes, each fetched by all test workers\n")
    print(
        "| test workers | values | s | CPU s | µs of CPU per value | ms per worker | ms, median |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    print(*small, sep="\n")
    print("\nLarger values\n")
    print("| test workers | KB | MB/s | ms of CPU per MB | CPUs at 100 MB/s |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    print(*large, sep="\n")
    print("\nThe relay alone\n")
    print("| test workers | µs per worker that ends | µs per event while all wait |")
    print("| ---: | ---: | ---: |")
    print(*alone, sep="\n")


if __name__ == "__main__":
    main()

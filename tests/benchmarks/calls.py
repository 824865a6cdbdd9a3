"""Calls per second of a live object: by proxy, beside ``BaseManager`` and RPyC on the same work.

``python -m tests.benchmarks.calls [--seconds 2] [--workers 1 4]`` prints a table. RPyC is left out
where it is not installed. Each of the clients is a process; they begin at once and call as fast as
they can. Latencies are those of all calls, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any


class Box:
    """What is called."""

    def __init__(self) -> None:
        self.count = 0
        self.data = os.urandom(10_000)

    def number(self) -> int:
        self.count += 1
        return self.count

    def bytes(self) -> bytes:
        return self.data


METHODS = {"int": "number", "10 KB": "bytes"}


def measure(call: Callable[[], object], seconds: float) -> list[float]:
    """Call for so long; returns the seconds of each call."""
    for _ in range(50):
        call()
    latencies = []
    end = time.perf_counter() + seconds
    before = time.perf_counter()
    while before < end:
        call()
        after = time.perf_counter()
        latencies.append(after - before)
        before = after
    return latencies


# --- by proxy

CONFTEST = """
import sys
sys.path.insert(0, {root!r})
from tests.benchmarks.calls import Box
from xdist_fixtureworker import global_fixture

@global_fixture(share="proxy")
def box():
    return Box()
"""
TESTS = """
import json, os, time
import pytest
from tests.benchmarks.calls import measure

@pytest.mark.parametrize("worker", range({workers}))
def test_calls(box, worker, tmp_path):
    method = getattr(box, {method!r})
    method()
    open(f"ready {{worker}}", "w").close()
    while not all(os.path.exists(f"ready {{other}}") for other in range({workers})):
        time.sleep(0.001)
    with open(f"latencies {{worker}}", "w") as file:
        json.dump(measure(method, {seconds}), file)
"""


def by_proxy(method: str, workers: int, seconds: float) -> list[list[float]]:
    root = str(Path(__file__).parents[2])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "pytest.ini").write_text("[pytest]\n")
        (place / "conftest.py").write_text(CONFTEST.format(root=root))
        text = TESTS.format(workers=workers, method=method, seconds=seconds)
        (place / "test_calls.py").write_text(text)
        command = [sys.executable, "-m", "pytest", f"-n{workers}", "--fixture-worker"]
        environment = {
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        plugins = ["-p", "xdist", "-p", "xdist_fixtureworker.plugin"]
        subprocess.run(
            [*command, *plugins], cwd=folder, check=True, env=environment, capture_output=True
        )
        files = (place / f"latencies {number}" for number in range(workers))
        return [json.loads(file.read_text()) for file in files]


# --- by others: one server process, and clients that begin together


def in_clients(client: Callable[..., None], workers: int, *arguments: object) -> list[list[float]]:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(workers), context.Queue()
    clients = [
        context.Process(target=client, args=(barrier, results, *arguments)) for _ in range(workers)
    ]
    for each in clients:
        each.start()
    found = [results.get() for _ in clients]
    for each in clients:
        each.join()
    return found


class Manager(BaseManager):
    pass


def manager_client(barrier: Any, results: Any, address: str, method: str, seconds: float) -> None:
    Manager.register("box")
    manager = Manager(address=address, authkey=b"key")
    manager.connect()
    box = manager.box()  # type: ignore[attr-defined]  # as registered
    call = getattr(box, method)
    barrier.wait()
    results.put(measure(call, seconds))


def manager_server(address: str, is_up: Any) -> None:
    box = Box()
    Manager.register("box", callable=lambda: box, exposed=["number", "bytes"])
    server = Manager(address=address, authkey=b"key").get_server()
    is_up.set()
    server.serve_forever()


def by_manager(method: str, workers: int, seconds: float) -> list[list[float]]:
    return by_server(manager_server, manager_client, method, workers, seconds)


def rpyc_client(barrier: Any, results: Any, address: str, method: str, seconds: float) -> None:
    import rpyc

    connection = rpyc.utils.factory.unix_connect(address)
    call = getattr(connection.root, method)
    barrier.wait()
    results.put(measure(call, seconds))


def rpyc_server(address: str, is_up: Any) -> None:
    import rpyc
    from rpyc.utils.server import ThreadedServer

    box = Box()

    class Service(rpyc.Service):  # type: ignore[misc]  # without types
        exposed_number = staticmethod(box.number)
        exposed_bytes = staticmethod(box.bytes)

    server = ThreadedServer(Service, socket_path=address)
    is_up.set()
    server.start()


def by_rpyc(method: str, workers: int, seconds: float) -> list[list[float]]:
    return by_server(rpyc_server, rpyc_client, method, workers, seconds)


def by_server(
    server: Callable[..., None],
    client: Callable[..., None],
    method: str,
    workers: int,
    seconds: float,
) -> list[list[float]]:
    context = multiprocessing.get_context("spawn")
    is_up = context.Event()
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/socket"
        process = context.Process(target=server, args=(address, is_up))
        process.start()
        is_up.wait()
        while not Path(address).exists():
            time.sleep(0.01)
        try:
            return in_clients(client, workers, address, method, seconds)
        finally:
            process.terminate()
            process.join()


def row(name: str, size: str, found: list[list[float]], seconds: float) -> str:
    latencies = sorted(latency * 1000 for each in found for latency in each)
    last = latencies[int(len(latencies) * 0.99)]
    return (
        f"| {name:12} | {size:6} | {len(found):7} | {len(latencies) / seconds:10.0f} | "
        f"{statistics.median(latencies):6.3f} | {last:6.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4])
    options = parser.parse_args()
    ways = {"proxy": by_proxy, "BaseManager": by_manager}
    if find_spec("rpyc"):
        ways["RPyC"] = by_rpyc
    print("| way          | result | workers | calls in s | median | 99 %   |")
    print("|--------------|--------|---------|------------|--------|--------|")
    for workers in options.workers:
        for size, method in METHODS.items():
            for name, way in ways.items():
                found = way(method, workers, options.seconds)
                print(row(name, size, found, options.seconds), flush=True)


if __name__ == "__main__":
    main()

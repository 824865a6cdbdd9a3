"""Test workers on other hosts: where they are, and what they were sent; runs in the controller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from ..processes.identity import Identity
from ..roles import OF_ONE_HOST, ON_ANOTHER_HOST
from ..wire.messages import WorkerJoined
from .summary import Note, summary_of

_NONE = Identity(0, "")
_PLUGIN = "xdist_fixtureworker_other_hosts"
_SHOWN = 5


def joined(node: Any) -> WorkerJoined:
    """Tell where a test worker is that xdist has started by ssh, a socket, or another gateway.

    What is on the way from here by local processes only is on this machine.
    """
    gateway = node.gateway
    way = [gateway]  # from the test worker's gateway to that which the controller talks to
    while way[-1].spec.via:
        way.append(node.nodemanager.group[way[-1].spec.via])
    pid: int = gateway._rinfo().pid
    host = next((name for each in way if (name := _host(each.spec))), "")
    # The process of ssh ends when the command on the other host has ended; a socket has none.
    holder = getattr(way[-1]._io, "popen", None)
    process = Identity.of(pid) if not host else _NONE if holder is None else Identity.of(holder.pid)
    return WorkerJoined(gateway.id, process.pid, process.started, host, pid, len(way))


def _host(spec: Any) -> str:
    """The host that a gateway leads to, as ``--tx`` or ``--px`` names it; empty: none."""
    kinds = ("ssh", "vagrant_ssh", "socket")
    return next((f"{kind}={name}" for kind in kinds if (name := getattr(spec, kind))), "")


def look_at_values(node: Any) -> None:
    """Have a test worker on another host look at the values that it gets, and the summary tell."""
    node.workerinput[ON_ANOTHER_HOST] = True
    plugins = node.config.pluginmanager
    if not plugins.has_plugin(_PLUGIN):
        values = ValuesOfOneHost()
        plugins.register(values, _PLUGIN)
        summary_of(node.config).add(values.notes)


class ValuesOfOneHost:
    """Collects what means something else on other hosts, and says it in the summary."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._workers: set[str] = set()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        found: Mapping[str, str] = getattr(node, "workeroutput", {}).get(OF_ONE_HOST, {})
        if found:
            self._found.update(found)
            self._workers.add(node.gateway.id)

    def notes(self) -> Iterator[Note]:
        """For the summary."""
        if self._found:
            yield Note(of_one_host(self._found, self._workers))


# --- messages


def of_one_host(found: Mapping[str, str], workers: Iterable[str]) -> str:
    values = [f"{what} in {fixture}" for fixture, what in sorted(found.items())]
    more = f", and in {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return (
        f"test workers on other hosts ({', '.join(sorted(workers))}) were sent what means "
        f"something else there: {', '.join(values[:_SHOWN])}{more}.\n"
        f"Files of this host are not there, and 'localhost' is another host: return what tests "
        f"need of a file, and an address that all hosts can reach."
    )

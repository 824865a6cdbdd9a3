"""Stand-ins for live objects in the fixture worker; loaded with the first of them; test worker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from .connection import Connection

if TYPE_CHECKING:
    from ..sharing.calls import Calls
    from ..sharing.lines import Introduction


class LiveObjects:
    """What global fixtures share by proxy.

    :param connection: to the controller, by way of which calls are made.
    """

    def __init__(self, config: pytest.Config, connection: Connection[Any]) -> None:
        self._config = config
        self._connection = connection
        self._lock = threading.Lock()
        self._calls: Calls | None = None

    def unpack(self, data: bytes) -> object:
        """Unpickle the value of a fixture that is shared by proxy."""
        from ..sharing.lines import introduction

        data, introduced = introduction(data)
        with self._lock:
            calls = self._calls
            if calls is None:
                calls = self._calls = self._begin(introduced)
        return calls.unpack(data)

    def _begin(self, introduced: Introduction) -> Calls:
        from ..sharing.calls import Calls
        from ..sharing.dialling import Lines

        calls = Calls(self._connection.send)
        self._connection.take_calls(calls.exchange)
        worker: str = self._config.workerinput["workerid"]  # type: ignore[attr-defined]  # set by xdist
        calls.exchange.connect(Lines(introduced, worker))
        plugin = ReleasesDropped(calls)
        self._config.pluginmanager.register(plugin, "xdist_fixtureworker_release")
        return calls


class ReleasesDropped:
    """The plugin that releases, after each test, the objects that nothing uses any more."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        self._calls.release_dropped()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._calls.exchange.close()

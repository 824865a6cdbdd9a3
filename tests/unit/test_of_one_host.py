"""Values with something in them that is only on the host where they were made."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

import pytest

from xdist_fixtureworker.controller import other_hosts
from xdist_fixtureworker.test_worker.of_one_host import of_one_host
from xdist_fixtureworker.wire.pickles import pack


@dataclass
class Server:
    root: object
    url: str = "http://db.example.com"


HERE = pathlib.Path("/here/data")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (HERE, "a path"),
        ({"all": [1, (HERE, HERE)]}, "a path"),
        (Server(HERE), "a path"),
        (Server(HERE, "http://localhost:80"), "a path and 'localhost'"),
        (Server(None, "postgresql://me@127.0.0.1:5432/db"), "'127.0.0.1'"),
        ("http://[::1]/", "'[::1]'"),
        ("x" * 60 + "localhost", "'localhost'"),
        ({"data": b"x" * 3_000_000, "at": HERE}, "a path"),
        ([pathlib.PurePosixPath("a"), HERE], "a path"),  # the module is not named again
        ([ValueError(HERE)], "a path"),
        ("unix:///run/me.sock", "'unix:/'"),
        ("sqlite+pysqlite:////data.db", "'sqlite+pysqlite:///'"),
        ("sqlite:///:memory:", ""),
        ("https://profile/unix", ""),
        (Server(None), ""),
        (str(HERE), ""),  # as any text
        ("pathlib.PosixPath", ""),
        (["pathlib", "PosixPath"], ""),
        (pathlib.PurePosixPath("a/b"), ""),
        (b"\x00" * 100, ""),
        (None, ""),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_found(value: object, found: str) -> None:
    assert of_one_host(pack(value)) == found


def test_a_long_line_is_cut() -> None:
    found = {f"root_{number} (conftest.py:{number})": "a path" for number in range(8)}
    line = other_hosts.of_one_host(found, {"gw1"})
    assert "a path in root_4 (conftest.py:4), and in 3 more.\n" in line
    assert "root_5" not in line

"""One misuse each; type checkers find an error at each line that says so, and at no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import xdist_fixtureworker
from xdist_fixtureworker import attrs, global_fixture, is_fixture_worker


def drop(schema: str) -> None:
    print(schema)


@global_fixture(scope="session")  # error: it takes no scope
def scoped() -> str:
    return "scoped"


@global_fixture(share="clone")  # error: no such way to share
def shared() -> str:
    return "shared"


@global_fixture(share=("url", "port"))  # error: attrs() is missing
def attributes() -> str:
    return "attributes"


@global_fixture(share=attrs(1))  # error: not a name
def numbered() -> str:
    return "numbered"


@global_fixture(env="DATABASE_URL")  # error: not a bool
def environment() -> None:
    pass


@global_fixture(recover="drop")  # error: not a function
def recovered() -> str:
    return "recovered"


@global_fixture(recover=drop)  # error: it returns another type
def returned() -> int:
    return 1


@global_fixture(recover=drop)  # error: it yields another type
def yielded() -> Iterator[int]:
    yield 1


@global_fixture(recover=drop)  # error: it yields another type
async def yielded_asynchronously() -> AsyncIterator[int]:
    yield 1


@global_fixture(params=1)  # error: not a list
def parameters() -> str:
    return "parameters"


@xdist_fixtureworker.parallel_only("-n4")  # error: a guard takes no arguments
def test_guarded() -> None:
    pass


@global_fixture
def number() -> int:
    return 1


@xdist_fixtureworker.serial_only
@global_fixture
def guarded() -> int:
    return 1


def used(request: pytest.FixtureRequest) -> None:
    global_fixture("session")  # error: neither a function nor a fixture
    is_fixture_worker(request)  # error: not a config
    text: str = number.__wrapped__()  # error: it is an int
    other: str = guarded.__wrapped__()  # error: it is an int
    print(text, other)

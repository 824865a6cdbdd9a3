"""A conftest that uses all that there is; type checkers have nothing to say about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

import xdist_fixtureworker
from xdist_fixtureworker import attrs, global_fixture, is_fixture_worker


@dataclass(frozen=True)
class Schema:
    name: str


class Tables(Schema):
    pass


def drop(schema: Schema) -> None:
    print(schema.name)


def forget(value: object) -> bool:
    return value is None


# --- the forms


@global_fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bare")


@global_fixture()
def called() -> Iterator[str]:
    yield "called"


@global_fixture(
    share="copy", env=True, params=[1, 2], autouse=False, ids=["one", "two"], name="all"
)
def with_arguments(request: pytest.FixtureRequest) -> Generator[int, None, None]:
    yield int(request.param)


@global_fixture(params=[Schema("a")], ids=lambda schema: str(schema.name), env=None)
async def asynchronous() -> AsyncIterator[str]:
    yield "asynchronous"


@global_fixture
@pytest.fixture(scope="session")
def on_top() -> str:
    return "on top"


@global_fixture(env=False, recover=drop)
@pytest.fixture(scope="session", params=[1])
def on_top_with_arguments() -> Schema:
    return Schema("on top")


class TestClass:
    @global_fixture
    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @global_fixture(name="static")
    @staticmethod
    def of_nobody() -> str:
        return "static"


# --- share and recover


@global_fixture(share=attrs("server_name", "server_port"))
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as made:
        yield made


@global_fixture(share=attrs("fileno()"))
def server_by_method() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as made:
        yield made


def port_of(server: HTTPServer) -> int:
    return server.server_port


@global_fixture(share=port_of, recover=forget)
def server_by_function() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as made:
        yield made


@global_fixture(share=attrs("server_port"), recover=forget)
def another_server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as made:
        yield made


@global_fixture(recover=drop)
def returned() -> Schema:
    return Schema("returned")


@global_fixture(recover=drop)
def yielded() -> Generator[Tables, None, None]:
    yield Tables("yielded")


@global_fixture(recover=drop)
async def awaited() -> Schema:
    return Schema("awaited")


@global_fixture(recover=drop)
async def yielded_asynchronously() -> AsyncIterator[Tables]:
    yield Tables("yielded")


@global_fixture(recover=forget)
def anything() -> Iterator[int]:
    yield 1


# --- guards and marks


@pytest.mark.parallel_only
@global_fixture(name="database")
def shared_database() -> str:
    return "shared"


@pytest.mark.serial_only
@pytest.fixture(scope="session", name="database")
def private_database() -> str:
    return "private"


@xdist_fixtureworker.parallel_only
@global_fixture
def guarded() -> str:
    return "guarded"


@pytest.mark.filterwarnings("ignore")
@global_fixture
@xdist_fixtureworker.serial_only
def guarded_below() -> str:
    return "guarded"


@xdist_fixtureworker.serial_only
def test_guarded(guarded_below: str) -> None:
    assert guarded_below


@xdist_fixtureworker.serial_only
class TestGuarded:
    number = 1


# --- what keeps its type


def kept(config: pytest.Config, factory: pytest.TempPathFactory) -> None:
    path: Path = bare.__wrapped__(factory)
    text: str = next(called.__wrapped__())
    guarded_text: str = guarded.__wrapped__()
    schema: Schema = returned.__wrapped__()
    number: int = TestGuarded().number
    test_guarded("guarded")
    worker: bool = is_fixture_worker(config)
    print(path, text, guarded_text, schema, number, worker)

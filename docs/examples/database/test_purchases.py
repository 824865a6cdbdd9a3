"""Purchases: what a test inserts is rolled back, so that the next one starts from nothing."""

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from tables import customer, purchase


def count(connection):
    return connection.scalar(select(func.count()).select_from(purchase))


@pytest.fixture
def customer_id(dbtransaction, request):
    row = insert(customer).values(email=f"{request.node.name}@purchases.example")
    return dbtransaction.scalar(row.returning(customer.c.id))


@pytest.mark.parametrize("number", range(1, 13))
def test_insert_many(dbtransaction, customer_id, number):
    assert count(dbtransaction) == 0
    rows = [{"customer_id": customer_id, "cents": 100 * n} for n in range(1, number + 1)]
    dbtransaction.execute(insert(purchase), rows)
    assert count(dbtransaction) == number


@pytest.mark.parametrize("number", range(1, 7))
def test_sum(dbtransaction, customer_id, number):
    rows = [{"customer_id": customer_id, "cents": 250}] * number
    dbtransaction.execute(insert(purchase), rows)
    assert dbtransaction.scalar(select(func.sum(purchase.c.cents))) == 250 * number


def test_needs_a_customer(dbtransaction):
    with pytest.raises(IntegrityError), dbtransaction.begin_nested():
        dbtransaction.execute(insert(purchase).values(customer_id=-1, cents=100))
    assert count(dbtransaction) == 0

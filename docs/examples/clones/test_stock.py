"""Each test commits what it likes: the next one has a database as new."""

import pytest


def count(connection):
    return connection.execute("SELECT count(*), sum(stock) FROM item").fetchone()


@pytest.mark.parametrize("turn", range(24))
def test_each_turn_starts_from_the_template(database, turn):
    assert count(database) == (500, 5000)
    database.execute("INSERT INTO item VALUES ('the same in every turn', 1)")
    database.execute("DELETE FROM item WHERE name LIKE 'item 1%'")
    database.commit()
    assert count(database)[0] == 390


@pytest.mark.parametrize("number", range(1, 9))
def test_sell(database, number):
    database.execute("UPDATE item SET stock = stock - %s", [number])
    database.commit()
    assert count(database) == (500, 500 * (10 - number))


def test_lock(database):
    """What would keep all other tests waiting in a database that they share."""
    database.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
    assert count(database) == (500, 5000)

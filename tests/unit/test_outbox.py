"""What the fixture worker sends together."""

from __future__ import annotations

from xdist_fixtureworker.fixture_worker.outbox import Outbox
from xdist_fixtureworker.wire.messages import Doing, Message


def test_what_is_held_goes_with_the_next_one() -> None:
    delivered: list[list[Message]] = []
    outbox = Outbox(lambda messages: delivered.append([*messages]))
    first, second, third, fourth = (Doing(str(number)) for number in range(4))
    outbox.send(first)
    outbox.hold(second)
    assert delivered == [[first]]
    outbox.send(third)
    outbox.hold(fourth)
    outbox.flush()
    outbox.flush()
    assert delivered == [[first], [second, third], [fourth]]

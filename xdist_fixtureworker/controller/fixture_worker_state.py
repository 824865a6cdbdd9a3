"""States of one fixture worker, and the moves between them; runs in the controller.

Pure: no channel, clock or thread in it. The table has every move there is; any other is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from ..roles import FIXTURE_WORKER_ID


class State(Enum):
    STARTING = "starting"
    CALLED_OFF = "starting, and to finish as soon as it is up"
    SERVING = "serving"
    HANGING = "hanging"  #: no exception reaches what it runs
    FINISHING = "finishing"  #: finalizes what it has set up
    FINISHED = "finished"
    GIVEN_UP = "given up"  #: as if it had died, but it hung: its process has to be killed
    DIED = "died"  #: after pytest had come up in it
    DID_NOT_START = "did not start"
    START_GIVEN_UP = "given up while it started"  #: likewise, but its process has to be killed


class Move(Enum):
    COMES_UP = "comes up"  #: its first message
    SENDS = "sends a message"  #: any of the others: so it does not hang, or not any more
    HANGS = "hangs"  #: or is not to start any more
    IS_TO_FINISH = "is to finish"
    HAS_FINISHED = "has finished"  #: its last message
    IS_DOWN = "is down"  #: its process ended, or the user does not want to wait for it


#: Its end may be noticed before messages are read that it sent earlier. So a dead one still sends.
MOVES: Mapping[State, Mapping[Move, State]] = {
    State.STARTING: {
        Move.COMES_UP: State.SERVING,
        Move.HANGS: State.START_GIVEN_UP,
        Move.IS_TO_FINISH: State.CALLED_OFF,
        Move.IS_DOWN: State.DID_NOT_START,
    },
    State.CALLED_OFF: {
        Move.COMES_UP: State.FINISHING,
        Move.HANGS: State.START_GIVEN_UP,
        Move.IS_DOWN: State.DID_NOT_START,
    },
    State.SERVING: {
        Move.SENDS: State.SERVING,
        Move.HANGS: State.HANGING,
        Move.IS_TO_FINISH: State.FINISHING,
        Move.IS_DOWN: State.DIED,
    },
    State.HANGING: {
        Move.SENDS: State.SERVING,
        Move.HANGS: State.HANGING,
        Move.IS_TO_FINISH: State.GIVEN_UP,
        Move.IS_DOWN: State.GIVEN_UP,
    },
    State.FINISHING: {
        Move.SENDS: State.FINISHING,
        Move.HANGS: State.GIVEN_UP,
        Move.HAS_FINISHED: State.FINISHED,
        Move.IS_DOWN: State.DIED,
    },
    State.FINISHED: {
        Move.SENDS: State.FINISHED,
        Move.HANGS: State.FINISHED,
        Move.IS_DOWN: State.FINISHED,
    },
    State.GIVEN_UP: {
        Move.SENDS: State.DIED,  # it can end by itself again
        Move.HANGS: State.GIVEN_UP,
        Move.IS_TO_FINISH: State.GIVEN_UP,
        Move.HAS_FINISHED: State.DIED,
        Move.IS_DOWN: State.GIVEN_UP,
    },
    State.DIED: {
        Move.SENDS: State.DIED,
        Move.HANGS: State.GIVEN_UP,
        Move.IS_TO_FINISH: State.DIED,
        Move.HAS_FINISHED: State.DIED,
        Move.IS_DOWN: State.DIED,
    },
    State.DID_NOT_START: {
        Move.COMES_UP: State.DIED,
        Move.HANGS: State.DID_NOT_START,
        Move.IS_TO_FINISH: State.DID_NOT_START,
        Move.IS_DOWN: State.DID_NOT_START,
    },
    State.START_GIVEN_UP: {
        Move.COMES_UP: State.DIED,  # just now
        Move.HANGS: State.START_GIVEN_UP,
        Move.IS_TO_FINISH: State.START_GIVEN_UP,
        Move.IS_DOWN: State.START_GIVEN_UP,
    },
}
NOT_UP = frozenset({State.STARTING, State.CALLED_OFF, State.DID_NOT_START, State.START_GIVEN_UP})
ENDED_EARLY = frozenset({State.GIVEN_UP, State.DIED, State.DID_NOT_START, State.START_GIVEN_UP})


class IllegalMove(Exception):
    """Internal error: the state of a fixture worker does not allow what happened to it."""


class FixtureWorkerState:
    """One fixture worker as the controller knows it.

    :param name: distinguishes the fixture workers of a run.
    """

    def __init__(self, name: str = FIXTURE_WORKER_ID) -> None:
        self.name = name
        self.state = State.STARTING
        self.hangs_in = ""  #: what hangs, with all stacks; when it hung last
        self.died: str | None = None  #: why it ended too early

    @property
    def came_up(self) -> bool:
        """Whether pytest came up in it, whatever became of it later."""
        return self.state not in NOT_UP

    @property
    def hangs(self) -> bool:
        """Whether it cannot end by itself."""
        return self.state in (State.HANGING, State.GIVEN_UP, State.START_GIVEN_UP)

    @property
    def ended(self) -> bool:
        """Whether nothing is to be expected of it any more."""
        return self.state is State.FINISHED or self.state in ENDED_EARLY

    def move(self, move: Move, text: str = "") -> None:
        """Go into the next state.

        :param text: what hangs, or why the fixture worker is down.
        :raises IllegalMove: if the table does not have this move.
        """
        after = MOVES[self.state].get(move)
        if after is None:
            raise IllegalMove(
                f"Internal error: the fixture worker {move.value}, but it is {self.state.value}"
            )
        self.state = after
        if move is Move.HANGS:
            self.hangs_in = text
        if after in ENDED_EARLY and self.died is None:
            self.died = text if move is Move.IS_DOWN else self.hangs_in.partition("\n")[0]

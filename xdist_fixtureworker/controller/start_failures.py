"""Says why the fixture worker could not start, or must not; runs in the controller."""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..errors import describe
from ..rules.worker_id import is_computing, is_default, worker_id_hint
from ..settings import lane_id, lanes
from ..wire.frozen import Frozen

_FRAME = r'  File "(?P<file>[^"]+)", line (?P<line>\d+)'
_CHAINED = (
    r"\n\n((?:The above exception was the direct cause of|During handling of the above exception,)"
    r"[^\n]*)\n\n"
)
_NOT_USERS = ("_pytest", "pluggy", "xdist", "execnet", __name__.partition(".")[0])


def check_worker_id(config: pytest.Config) -> None:
    """Check that no test worker has an id that was chosen for a fixture worker.

    :raises pytest.UsageError: if one has.
    """
    named: list[str] = []
    unnamed = 0
    for tx in map(str, config.getoption("tx")):
        times, star, _ = tx.partition("*")
        if "id=" in tx and (id_ := re.search(r"\bid=([^/]+)", tx)):
            named.append(id_[1])
        else:
            unnamed += int(times) if star and times.isdecimal() else 1
    taken = {*named, *(f"gw{number}" for number in range(unnamed))}
    for chosen in (lane_id(config, number) for number in range(lanes(config))):
        if chosen in taken:
            raise pytest.UsageError(worker_id_is_taken(chosen, len(taken)))


@contextmanager
def configure_nodes(config: pytest.Config, id_: str) -> Generator[None, None, None]:
    """Around the hooks ``pytest_configure_node`` for the fixture worker.

    :raises pytest.UsageError: in the place of what they raise, which would be an internal error.
    """
    try:
        yield
    except (pytest.UsageError, pytest.exit.Exception):
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        users = [frame for frame in frames if _is_users_file(frame.filename)]
        if not users:
            raise  # of execnet, as its process has ended
        place = f"{_shown(users[-1].filename, config.rootpath)}:{users[-1].lineno}"
        computes = is_default(id_) and is_computing(error)
        text = hook_does_not_expect_it(place, describe(error), id_, computes)
        raise pytest.UsageError(text) from error


def could_not_start(reason: str, root: Path, id_: str) -> str:
    """What to say if the fixture worker did not come up.

    :param reason: with a traceback, or several, or none.
    :param root: paths below it are shown from there.
    """
    hint = worker_id_hint(reason, worker_id=id_).strip()
    parts = [part for part in _parts(reason.rstrip()) if part.place]
    if not parts:
        return did_not_start("", "", reason.rstrip(), hint)
    last = parts[-1]
    file, _, line = last.place.rpartition(":")
    shown = "\n\n".join(part.text for part in parts)
    return did_not_start(f"{_shown(file, root)}:{line}", last.error, shown, hint)


class _Part(Frozen):
    """One of the exceptions of a traceback."""

    place: str  #: the last one in code of the user; empty if there is none
    error: str
    text: str  #: without frames that are not the user's


def _parts(text: str) -> Iterator[_Part]:
    for part in re.split(_CHAINED, text)[::2]:
        place, kept, lines, error = "", True, [], ""
        for line in part.splitlines():
            if frame := re.match(_FRAME, line):
                kept = _is_users_file(frame["file"])
                place = f"{frame['file']}:{frame['line']}" if kept else place
            elif not line.startswith(" "):
                kept, error = True, error if line.startswith("Traceback ") else error or line
            if kept:
                lines.append(line)
        yield _Part(place, error, "\n".join(lines))


def _is_users_file(file: str) -> bool:
    modules = [importlib, *(sys.modules[name] for name in _NOT_USERS if name in sys.modules)]
    folders = [f"{Path(str(module.__file__)).parent}{os.sep}" for module in modules]
    return not file.startswith(("<", *folders))


def _shown(file: str, root: Path) -> str:
    path = Path(file)
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


# --- messages


def did_not_start(place: str, error: str, details: str, hint: str) -> str:
    first = (
        f"the fixture worker could not start: {error} ({place})."
        if place
        else ("the fixture worker could not start.")
    )
    return "\n".join(filter(None, (first, hint, details)))


def hook_does_not_expect_it(place: str, error: str, id_: str, computes: bool) -> str:
    remedy = "Do there what the fixture worker needs as well, or return for that id."
    if computes:
        remedy = (
            "Code that computes with the id can return for that one. Where it cannot be changed, "
            "the ini setting fixture_worker_id = gw99 gives the fixture worker a number."
        )
    return (
        f'pytest_configure_node failed for the fixture worker, whose node.gateway.id is "{id_}": '
        f"{error} ({place}).\n{remedy}"
    )


def ended_too_early(cause: str) -> str:
    return f"its process ended, or was killed, before pytest could be started in it ({cause})"


def worker_id_is_taken(id_: str, number: int) -> str:
    return (
        f"the ini setting fixture_worker_id is {id_}, which is the id of a test worker as well: "
        f"there are {number}.\n"
        f"Choose another one, with a number that no test worker comes to: gw{max(99, 10 * number)}."
    )

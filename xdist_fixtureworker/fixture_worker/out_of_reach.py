"""Recognises a set-up that lacks a parameter of the test; runs in the fixture worker.

A test's parameters for what a global fixture depends on are sent with the request. What the set-up
asks for by ``getfixturevalue()`` is not known then.
"""

from __future__ import annotations

import re

import pytest

from .._compat import definition_in_force
from ..declared.locations import location
from .fixture_item import FixtureItem

_PYTESTS_WORDS = (
    r"(?s)The requested fixture has no parameter defined for test:.*Requested fixture '(\w+)'"
)


def parameter_out_of_reach(error: BaseException | None, item: FixtureItem, where: str) -> str:
    """What to say in the place of ``error``; empty if that is about something else.

    :param item: of the set-up that failed.
    :param where: the global fixture is defined.
    """
    name = _fixture_without(error)
    definition = definition_in_force(name, item) if name else None
    if definition is None or name in item.fixturenames:
        return ""
    return out_of_reach(item.originalname, where, name, location(definition.func))


def _fixture_without(error: BaseException | None) -> str:
    """The name of the fixture whose parameter is not there."""
    if isinstance(error, AttributeError) and error.name == "param":
        if isinstance(error.obj, pytest.FixtureRequest):
            return error.obj.fixturename or ""
    elif isinstance(error, pytest.fail.Exception):
        found = re.match(_PYTESTS_WORDS, str(error))
        return found[1] if found else ""
    return ""


# --- messages


def out_of_reach(fixture: str, where: str, asked_for: str, its_place: str) -> str:
    return (
        f"the set-up of the global fixture '{fixture}' ({where}) asks for '{asked_for}' "
        f"({its_place}) by getfixturevalue(), and so without the parameter that the test may have "
        f"for it.\n"
        f"Name '{asked_for}' as an argument of '{fixture}': then the parameter is sent with the "
        f"test's request."
    )

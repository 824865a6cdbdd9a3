"""Reads from the configuration which session fixtures to make global; every process.

``global_fixtures`` and ``--global-fixture`` name them. The name alone counts, wherever a fixture is
defined: definitions are known only once conftest files have been loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import pytest

from ..wire.frozen import Frozen
from .attributes import Attributes, attrs

_WORDS = ("copy", "proxy", "attrs", "env")
INI = "global_fixtures"
OPTION = "--global-fixture"
_LINE = re.compile(r"(?P<name>[^\s:]+)\s*(:\s*(?P<ways>.*))?")
# A word, and what may be in parentheses behind it: texts, and words of the same kind.
_TEXT = r"""'[^']*'|"[^"]*\""""
_WAY = re.compile(
    rf"""(?P<word>\w+)\s*(?P<arguments>\((?:[^()'"]|{_TEXT}|\((?:[^()'"]|{_TEXT})*\))*\))?[\s,]*"""
)


class Promotion(Frozen):
    """A line of the configuration that makes a session fixture global."""

    name: str
    share: Attributes | None  #: which attributes to share; None: a copy of the value
    source: str  #: the ini setting or the option, for messages
    env: bool | tuple[str, ...] | None = None  #: as in ``Declaration``


Promotions: TypeAlias = Mapping[str, Promotion]
_KEY = pytest.StashKey[Promotions]()


def read_promotions(config: pytest.Config) -> Promotions:
    """Parse the ini setting and the option, and keep the result for :func:`promotions`.

    A later line wins over an earlier one of the same name, and the command line over the file.

    :raises pytest.UsageError: if a line cannot be understood.
    """
    lines = [(line, INI) for line in config.getini(INI)]
    lines += [(line, OPTION) for line in config.getoption(INI) or ()]
    found = [_parse(line, source) for line, source in lines]
    config.stash[_KEY] = {promotion.name: promotion for promotion in found}
    return config.stash[_KEY]


def promotions(config: pytest.Config) -> Promotions:
    """The promotions of this run, by the names of the fixtures."""
    return config.stash.get(_KEY, {})


def _parse(line: str, source: str) -> Promotion:
    line = line.strip()
    match = _LINE.fullmatch(line)
    ways = None if match is None else _ways(match["ways"] or "")
    if match is None or ways is None:
        raise pytest.UsageError(unknown_promotion(line, source))
    if "proxy" in ways:
        raise pytest.UsageError(promotion_by_proxy(line, source))
    if ("copy" in ways and "attrs" in ways) or ways.get("copy"):
        raise pytest.UsageError(unknown_promotion(line, source))
    share = None
    if "attrs" in ways:
        try:
            share = attrs(*(ways["attrs"] or ()))
        except pytest.UsageError as error:
            raise pytest.UsageError(wrong_promotion(line, source, str(error))) from None
    return Promotion(match["name"], share, source, _env(ways))


def _ways(text: str) -> dict[str, tuple[str, ...] | None] | None:
    """The words behind a name, with what is in parentheses behind each; None if that cannot be
    understood."""
    found: dict[str, tuple[str, ...] | None] = {}
    position = 0
    while position < len(text):
        match = _WAY.match(text, position)
        if match is None or match["word"] not in _WORDS or match["word"] in found:
            return None
        arguments = match["arguments"]
        parts = [part.strip().strip("\"'") for part in (arguments or "")[1:-1].split(",")]
        found[match["word"]] = None if arguments is None else tuple(filter(None, parts))
        position = match.end()
    return found


def _env(ways: Mapping[str, tuple[str, ...] | None]) -> bool | tuple[str, ...] | None:
    if "env" not in ways:
        return None
    names = ways["env"]
    return True if names is None else names or False


# --- messages


def unknown_promotion(line: str, source: str) -> str:
    return (
        f"{source}: '{line}' is not understood.\n"
        f"Write the name of a session fixture, alone or with the attributes of it that are shared: "
        f"docker_services, or httpbin: attrs(url, host); and with env, or env(NAME, OTHER), if it "
        f"sets environment variables that tests need."
    )


def wrong_promotion(line: str, source: str, cause: str) -> str:
    return f"{source}: '{line}' is not right: {cause}"


def promotion_by_proxy(line: str, source: str) -> str:
    return (
        f"{source}: '{line}' asks for share=\"proxy\", which comes with a later version.\n"
        f"Until then, share the attributes that the tests need, as in httpbin: attrs(url, host), "
        f"or leave the fixture out: each test worker then sets it up for itself."
    )

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

INI = "global_fixtures"
OPTION = "--global-fixture"
_LINE = re.compile(r"(?P<name>[^\s:]+)\s*(:\s*(?P<share>.*))?")
_ATTRS = re.compile(r"attrs\s*\((?P<names>[^()]*)\)")


class Promotion(Frozen):
    """A line of the configuration that makes a session fixture global."""

    name: str
    share: Attributes | None  #: which attributes to share; None: a copy of the value
    source: str  #: the ini setting or the option, for messages


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
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise pytest.UsageError(unknown_promotion(line, source))
    name, share = match["name"], (match["share"] or "").strip()
    if share == "proxy":
        raise pytest.UsageError(promotion_by_proxy(line.strip(), source))
    if share in {"", "copy"}:
        return Promotion(name, None, source)
    names = _ATTRS.fullmatch(share)
    if names is None:
        raise pytest.UsageError(unknown_promotion(line.strip(), source))
    try:
        parts = (part.strip().strip("\"'") for part in names["names"].split(","))
        wanted = attrs(*filter(None, parts))
    except pytest.UsageError as error:
        raise pytest.UsageError(wrong_promotion(line.strip(), source, str(error))) from None
    return Promotion(name, wanted, source)


# --- messages


def unknown_promotion(line: str, source: str) -> str:
    return (
        f"{source}: '{line}' is not understood.\n"
        f"Write the name of a session fixture, alone or with the attributes of it that are shared: "
        f"docker_services, or httpbin: attrs(url, host)"
    )


def wrong_promotion(line: str, source: str, cause: str) -> str:
    return f"{source}: '{line}' is not right: {cause}"


def promotion_by_proxy(line: str, source: str) -> str:
    return (
        f"{source}: '{line}' asks for share=\"proxy\", which comes with a later version.\n"
        f"Until then, share the attributes that the tests need, as in httpbin: attrs(url, host), "
        f"or leave the fixture out: each test worker then sets it up for itself."
    )

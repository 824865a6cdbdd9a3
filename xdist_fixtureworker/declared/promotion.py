"""Reads from the configuration which session fixtures to make global; every process.

``global_fixtures`` and ``--global-fixture`` name them. The name alone counts, wherever a fixture is
defined: definitions are known only once conftest files have been loaded.
"""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Mapping
from typing import TypeAlias

import pytest

from .._compat import new_mark
from ..roles import GLOBAL_FIXTURES
from ..wire.frozen import Frozen
from .attributes import Proxied, Share, attrs

_WORDS = ("copy", "proxy", "writable", "attrs", "env", "marks", "eager", "lane")
_SHARES = ("copy", "proxy", "attrs")
_WITHOUT_PARENTHESES = ("copy", "proxy", "eager")
OPTION = "--global-fixture"
_LINE = r"(?P<name>[^\s:]+)\s*(:\s*(?P<ways>.*))?"
_WORD = r"\w+"
_PATTERN = frozenset("*?[")


class Promotion(Frozen):
    """A line of the configuration that makes a session fixture global."""

    name: str  #: or a pattern of names
    share: Share
    source: str  #: the ini setting or the option, for messages
    env: bool | tuple[str, ...] | None = None  #: as in ``Declaration``
    marks: tuple[pytest.Mark, ...] = ()  #: likewise
    eager: bool = False  #: likewise
    lane: str = ""  #: likewise

    @property
    def is_pattern(self) -> bool:
        return not _PATTERN.isdisjoint(self.name)

    def fits(self, name: str) -> bool:
        return name == self.name or (self.is_pattern and fnmatch.fnmatchcase(name, self.name))


Promotions: TypeAlias = dict[str, Promotion]
_KEY = pytest.StashKey[Promotions]()


def read_promotions(config: pytest.Config) -> Promotions:
    """Parse the ini setting and the option, and keep the result for :func:`promotions`.

    A later line wins over an earlier one of the same name, and the command line over the file.

    :raises pytest.UsageError: if a line cannot be understood.
    """
    lines = [(line, GLOBAL_FIXTURES) for line in config.getini(GLOBAL_FIXTURES)]
    lines += [(line, OPTION) for line in config.getoption(GLOBAL_FIXTURES) or ()]
    found: dict[str, Promotion] = {}
    for line, source in lines:
        promotion = _parse(line, source)
        if promotion.is_pattern:
            found.pop(promotion.name, None)  # to be the last
        found[promotion.name] = promotion
    config.stash[_KEY] = found
    return found


def promotions(config: pytest.Config) -> Promotions:
    """The promotions of this run, by the names of the fixtures, or patterns of names."""
    return config.stash.get(_KEY, {})


def promotion_of(name: str, config: pytest.Config) -> Promotion | None:
    """The promotion of the fixtures of that name: by itself, or by the last pattern that fits."""
    found = promotions(config)
    if name in found:
        return found[name]
    return next((each for each in reversed(found.values()) if each.fits(name)), None)


def _parse(line: str, source: str) -> Promotion:
    line = line.strip()
    match = re.fullmatch(_LINE, line)
    ways = None if match is None else _ways(match["ways"] or "")
    if match is None or ways is None:
        raise pytest.UsageError(unknown_promotion(line, source))
    marks = _marks(ways["marks"]) if "marks" in ways else ()
    if marks is None or not _agree(ways):
        raise pytest.UsageError(unknown_promotion(line, source))
    share: Share = None
    if "proxy" in ways:
        share = Proxied(_names(ways.get("writable", "")))
    elif "attrs" in ways:
        try:
            share = attrs(*_names(ways["attrs"]))
        except pytest.UsageError as error:
            raise pytest.UsageError(wrong_promotion(line, source, str(error))) from None
    env: bool | tuple[str, ...] | None = None
    if "env" in ways:
        env = True if not ways["env"] else _names(ways["env"]) or False
    lane = "".join(_names(ways.get("lane", "")))
    return Promotion(match["name"], share, source, env, marks, "eager" in ways, lane)


def _agree(ways: Mapping[str, str]) -> bool:
    """Whether a line has at most one way of sharing, and parentheses where they mean something."""
    if sum(word in ways for word in _SHARES) > 1 or any(map(ways.get, _WITHOUT_PARENTHESES)):
        return False
    if "lane" in ways and len(_names(ways["lane"])) != 1:
        return False
    return "writable" not in ways or ("proxy" in ways and bool(ways["writable"]))


def _ways(text: str) -> dict[str, str] | None:
    """The words behind a name, with the parentheses behind each; None if that is not understood."""
    found: dict[str, str] = {}
    text = text.strip()
    while text:
        match = re.match(_WORD, text)
        if match is None or match[0] not in _WORDS or match[0] in found:
            return None
        text = text[match.end() :].lstrip()
        end = _end_of_parentheses(text)
        found[match[0]], text = text[:end], text[end:].lstrip(" ,")
        if found[match[0]] and not found[match[0]].endswith(")"):
            return None
    return found


def _end_of_parentheses(text: str) -> int:
    """Where the parentheses end with which a text begins; 0 if it begins with none."""
    depth, quote = 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character == "(") - (character == ")")
        if depth <= 0:
            return position + 1 if position else 0
    return len(text)


def _names(parentheses: str) -> tuple[str, ...]:
    """What commas separate, but for those in quotes or in parentheses within."""
    parts, depth, quote = [""], 0, ""
    for character in parentheses[1:-1]:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character in "([{") - (character in ")]}")
        if character == "," and not (depth or quote):
            parts.append("")
        else:
            parts[-1] += character
    return tuple(filter(None, (part.strip().strip("\"'") for part in parts)))


def _marks(parentheses: str) -> tuple[pytest.Mark, ...] | None:
    """The marks in parentheses, written as behind ``@pytest.mark.``; None if one is not."""
    marks = []
    try:
        call = ast.parse(f"marks{parentheses}", mode="eval").body
        for each in call.args if isinstance(call, ast.Call) and not call.keywords else (None,):
            function = each.func if isinstance(each, ast.Call) else each
            if not isinstance(function, ast.Name):
                return None
            arguments = each if isinstance(each, ast.Call) else ast.Call(function, [], [])
            args = map(ast.literal_eval, arguments.args)
            kwargs = {str(word.arg): ast.literal_eval(word.value) for word in arguments.keywords}
            marks.append(new_mark(function.id, *args, **kwargs))
    except (SyntaxError, ValueError):
        return None
    return tuple(marks) or None


# --- messages


def unknown_promotion(line: str, source: str) -> str:
    return (
        f"{source}: '{line}' is not understood.\n"
        f"Write the name of a session fixture, or a pattern such as docker_*, alone or with "
        f"the attributes of it that are shared: docker_services, or httpbin: attrs(url, host); or "
        f"httpbin: proxy, with writable(mode) for attributes that tests may set; and with env, or "
        f"env(NAME, OTHER), if it sets environment variables that tests need; and with "
        f"marks(a, b(1)) for its set-up; and with eager, to be set up before a test asks; "
        f"and with lane(name), to be set up in one lane with others."
    )


def wrong_promotion(line: str, source: str, cause: str) -> str:
    return f"{source}: '{line}' is not right: {cause}"

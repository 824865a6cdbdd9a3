"""Tells whether plain data is the same in two processes; all workers.

A session fixture that a global fixture depends on runs in the fixture worker, and also in each test
worker where a test uses it. Some have a different value there, such as those that use the process
id. So workers note the values, as digests: a value may be a password. Parameters are compared
themselves: the ids of tests show them anyway.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Any

from ..declared.definitions import Definition
from ..declared.locations import location
from ..roles import PLAIN_VALUES
from .not_promotable import refusal

_SCALARS = (bool, int, float, str, bytes)
_SHOWN = 200  # characters of a parameter, which travels with each request, and into messages


def note_value(config: Any, definition: Definition) -> None:
    """Note the value of a session fixture for the controller, if it is plain data. Only of plain
    data can processes tell whether it is the same."""
    if definition.cached_result is None or definition.cached_result[2] is not None:
        return
    value = definition.cached_result[0]
    if refusal(definition) is None and _is_plain(value):
        noted = config.workeroutput.setdefault(PLAIN_VALUES, {})
        digests = noted.setdefault(f"{definition.argname} ({location(definition.func)})", [])
        digest = hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()
        if digest not in digests:
            digests.append(digest)


def comparable(parameter: object) -> str:
    """Write a parameter as a text that is the same in every process and unique; empty where that
    cannot be, as for sets and most objects."""
    if not _is_written_alike(parameter):
        return ""
    try:
        text = repr(parameter)
    except ValueError:  # an int with more digits than Python converts
        return ""
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]}... (SHA-256 {hashlib.sha256(text.encode()).hexdigest()})"


def _is_written_alike(parameter: object) -> bool:
    if type(parameter) is tuple:
        return all(map(_is_written_alike, parameter))
    return type(parameter) in (*_SCALARS, type(None))


def _is_plain(value: object) -> bool:
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))  # type: ignore[call-overload]  # it is iterable
    if type(value) is dict:
        return all(_is_plain(key) and _is_plain(element) for key, element in value.items())
    return type(value) in _SCALARS or isinstance(value, PurePath)

"""Tells whether a process that has a value in a file can do without the object; fixture worker.

The object is in memory beside the file, and is hardly used again: only by other global fixtures
that need it. Of arrays and tables, what is made from the file is as good, as long as nobody has the
object itself.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

from ..wire.messages import Mapped

_LIBRARIES = ("numpy", "pandas", "pyarrow")
"""Whose objects are what their pickles say: nothing is left out."""
_SMALL = 65_536
"""Bytes of a pickle that has little besides buffers."""


def is_replaceable(kept: tuple[Any, ...], value: Mapped) -> bool:
    """Whether the first element of ``kept`` can be replaced by what is in its file.

    :param kept: the only reference to the object that may exist, but for those of this call.
    """
    if type(kept[0]).__module__.partition(".")[0] not in _LIBRARIES:
        return False
    if not value.buffers or value.pickle.size > _SMALL:
        return False  # it would take as much again
    calls_at_its_end = (each.__callback__ for each in weakref.getweakrefs(kept[0]))
    alone = (object(),)
    return (
        sys.getrefcount(kept[0]) <= sys.getrefcount(alone[0])
        and not any(calls_at_its_end)
        and getattr(kept[0], "base", None) is None  # of an array: whose memory it uses
    )

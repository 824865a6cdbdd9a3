"""Describes processes, by psutil; controller and fixture worker."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

import psutil

from .identity import Identity

LOST = (psutil.Error, OSError)
"""What is raised of a process that is gone: psutil translates most errors of the system only."""


def pids() -> list[int]:
    """The ids of all processes that can be seen."""
    return list(psutil.pids())


def environment(pid: int) -> Mapping[str, str]:
    """The environment that a process was executed with; empty where it cannot be seen."""
    try:
        return dict(psutil.Process(pid).environ())
    except LOST:
        return {}


def own_command(pid: int) -> str | None:
    """The command line of a process of this user; None if it is gone, or somebody else's."""
    try:
        process = psutil.Process(pid)
        if hasattr(os, "getuid") and process.uids().real != os.getuid():
            return None
        return shlex.join(process.cmdline()) or process.name()
    except LOST:
        return None


def descends_from(process: Identity, pid: int) -> bool:
    """Whether ``pid`` is at present an ancestor of ``process``."""
    found = living(process)
    if found is None:
        return False
    try:
        return any(parent.pid == pid for parent in found.parents())
    except LOST:
        return False


def living(process: Identity) -> psutil.Process | None:
    """The living process of that identity."""
    try:
        found = psutil.Process(process.pid)
    except LOST:
        return None
    # Asked afterwards: psutil notices itself when an object's process id is used again.
    return found if process.runs else None

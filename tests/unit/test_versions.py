"""What a newer pytest, xdist or execnet may lack is found, and told with what to do."""

from __future__ import annotations

import configparser
import threading
from importlib.metadata import version
from pathlib import Path

import pytest

from xdist_fixtureworker.controller import versions

ROOT = Path(__file__).parents[2]


class Base:
    inherited = 1


class Example(Base):
    annotated: int

    def __init__(self) -> None:
        self.given = 1

    def method(self) -> None:
        self.given_later = 1


@pytest.mark.parametrize(
    "name", ["inherited", "annotated", "given", "method", "given_later", "absent or given"]
)
def test_names_that_a_class_or_its_instances_have(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {"execnet": {f"{__name__}.Example": (name,)}}
    monkeypatch.setattr(versions, "NEEDED", needed)
    versions.check()


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {
        "pytest": {f"{__name__}.Example": ("inherited",)},
        "execnet": {
            f"{__name__}.Example": ("given", "absent", "gone or renamed"),
            f"{__name__}.Missing": (),
            "no_such_module.Missing": ("absent",),
        },
    }
    monkeypatch.setattr(versions, "NEEDED", needed)
    with pytest.raises(pytest.UsageError) as excinfo:
        versions.check()
    assert str(excinfo.value) == versions.version_unfit(
        "execnet",
        version("execnet"),
        "2.1",
        [
            f"{__name__}.Example.absent",
            f"{__name__}.Example.gone or renamed",
            f"{__name__}.Missing",
            "no_such_module.Missing",
        ],
    )


def test_versions_that_were_tested_need_no_word() -> None:
    assert versions.untested() == []


@pytest.mark.parametrize(
    ("newest", "said"), [((9999, 0), False), ((0, 9999), True), ((1, 0), True)]
)
def test_newer_versions(
    newest: tuple[int, int], said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "NEWEST", {"execnet": newest})
    line = (
        f"fixture worker: not tested with execnet {version('execnet')} "
        f"(tested up to {newest[0]}.{newest[1]})"
    )
    assert versions.untested() == ([line] if said else [])


def test_the_newest_versions_are_those_of_the_matrix() -> None:
    """The newest that tox.ini asks for by a factor of its own; execnet comes with xdist."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    factors = {factor for name in tox["tox"]["env_list"].split() for factor in name.split("-")}
    newest = {
        name: max(
            (int(factor[len(short)]), int(factor[len(short) + 1 :]))
            for factor in factors
            if factor.startswith(short) and factor[len(short) :].isdigit()
        )
        for name, short in {"pytest": "pytest", "pytest-xdist": "xdist"}.items()
    }
    assert newest == {name: versions.NEWEST[name] for name in newest}


def test_threads_that_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    versions.check_threads()
    monkeypatch.setattr(threading, "Lock", Example)
    with pytest.raises(pytest.UsageError, match=f"controller are of {__name__}"):
        versions.check_threads()

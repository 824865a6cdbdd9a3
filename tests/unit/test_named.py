"""Objects that are a module's attribute, and arrive as this very object, or as a copy."""

from __future__ import annotations

import enum
import importlib
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from xdist_fixtureworker.wire import culprit
from xdist_fixtureworker.wire.pickles import pack, unpack, unpack_if_there


class Unset:
    pass


class Sentinel:
    def __init__(self, name: str, more: object = None) -> None:
        self.name = name
        self.more = more


class WithOne:
    MISSING = Sentinel("missing")
    UNSET = object()


class Slots:
    __slots__ = ("name", "unset")

    def __init__(self, name: str) -> None:
        self.name = name


class Text(str):
    __slots__ = ()


class Pair(NamedTuple):
    one: int
    two: object


@dataclass(frozen=True)
class Config:
    url: str
    ports: tuple[int, ...] = (1, 2)


class Reduced:
    def __reduce__(self) -> Any:
        return Reduced, ()


class Color(enum.Enum):
    RED = 1


UNSET = Unset()
NAMED = Sentinel("named")
SLOTS = Slots("named")
TEXT = Text("named")
PAIR = Pair(1, "two")
CONFIG = Config("here")
OBJECT = object()
MUTABLE = Sentinel("mutable", [1])
REDUCED = Reduced()
A_LIST = [1]
HERE = __name__


@pytest.mark.parametrize(
    "value",
    [UNSET, NAMED, SLOTS, TEXT, PAIR, CONFIG, OBJECT, Color.RED],
    ids=lambda v: type(v).__name__,
)
def test_the_very_object(value: object) -> None:
    one, (other, _) = unpack(pack([value, (value, value)], [HERE]))  # type: ignore[misc]
    assert one is other is value


@pytest.mark.parametrize("value", [MUTABLE, REDUCED, A_LIST], ids=lambda v: type(v).__name__)
def test_a_copy_of_what_is_more_than_plain_data(value: object) -> None:
    assert unpack(pack(value, [HERE])) is not value


def test_a_copy_of_what_has_no_name() -> None:
    assert unpack(pack(Sentinel("other"), [HERE])) is not NAMED
    assert type(unpack(pack(object(), [HERE]))) is object


def test_in_any_module_that_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unpack(pack(OBJECT)) is OBJECT
    made_by_hand = types.ModuleType("made_by_hand")
    made_by_hand.MISSING = missing = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_by_hand", made_by_hand)
    assert unpack(pack(missing)) is not missing


def test_attributes_of_classes() -> None:
    assert unpack(pack(WithOne.MISSING)) is WithOne.MISSING
    assert unpack(pack(WithOne.UNSET)) is WithOne.UNSET


def test_a_module_that_is_not_imported_yet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = "with_a_late_sentinel"
    (tmp_path / f"{name}.py").write_text("MISSING = object()")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        packed = pack(importlib.import_module(name).MISSING)
        del sys.modules[name]
        assert unpack(packed) is sys.modules[name].MISSING
        del sys.modules[name]
    with pytest.raises(ImportError, match=name):
        unpack_if_there(packed)
    assert type(unpack(packed)) is object


@pytest.mark.parametrize("value", [NAMED, SLOTS, TEXT, PAIR, CONFIG])
def test_a_copy_where_the_name_means_something_else(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = pack(value)
    name = next(name for name, each in globals().items() if each is value)
    monkeypatch.delitem(globals(), name)
    copy: Any = unpack(packed)
    assert copy is not value
    assert type(copy) is type(value)
    if isinstance(value, Slots):
        assert copy.name == "named"
    elif isinstance(value, Sentinel):
        assert vars(copy) == vars(value)
    else:
        assert copy == value


def test_a_copy_where_it_has_other_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was changed in one process: who gets it sees what it was there."""
    monkeypatch.setattr(NAMED, "name", "changed")
    packed = pack(NAMED)
    monkeypatch.undo()
    copy: Any = unpack(packed)
    assert copy is not NAMED
    assert copy.name == "changed"


def test_a_module_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("with_a_sentinel")
    module.MISSING = missing = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "with_a_sentinel", module)
    packed = pack(missing, ["with_a_sentinel", "not_imported"])
    assert unpack(packed) is missing
    monkeypatch.delitem(sys.modules, "with_a_sentinel")
    assert type(unpack(packed)) is object


def test_another_conftest_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them is in ``sys.modules`` may differ between processes."""
    conftests = [types.ModuleType("conftest"), types.ModuleType("conftest")]
    for folder, module in zip("ab", conftests, strict=True):
        module.__file__ = f"/{folder}/conftest.py"
        module.MISSING = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "conftest", conftests[0])
    packed = pack(conftests[0].MISSING, ["conftest"])
    assert unpack(packed) is conftests[0].MISSING
    monkeypatch.setitem(sys.modules, "conftest", conftests[1])
    assert unpack(packed) is not conftests[1].MISSING


CLASS = "class Mine: pass"


def conftest(file: Path, text: str = CLASS) -> types.ModuleType:
    """A conftest, which has been imported."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    module = types.ModuleType("conftest")
    module.__file__ = str(file)
    exec(text, vars(module))
    return module


@pytest.mark.parametrize(
    ("here", "text", "is_same"),
    [
        ("elsewhere/suite/a/conftest.py", CLASS, True),
        ("elsewhere/suite/a/conftest.py", f"{CLASS}  # another version", False),
        ("elsewhere/suite/b/conftest.py", CLASS, False),
    ],
)
def test_a_conftest_that_has_another_path_on_another_host(
    here: str, text: str, is_same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = conftest(tmp_path / "suite/a/conftest.py")
    monkeypatch.setitem(sys.modules, "conftest", there)
    packed = pack(there.Mine)
    found = conftest(tmp_path / here, text)
    monkeypatch.setitem(sys.modules, "conftest", found)
    if is_same:
        assert unpack(packed) is found.Mine
    else:
        with pytest.raises(ImportError, match=r"^the module 'conftest' is .* here, not .*$"):
            unpack(packed)


def test_a_conftest_in_a_checkout_of_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is no copy in another folder is known where the path of the other is not there."""
    there = conftest(tmp_path / "project/conftest.py")
    monkeypatch.setitem(sys.modules, "conftest", there)
    packed = pack(there.Mine)
    found = conftest(tmp_path / "project-2/conftest.py")
    monkeypatch.setitem(sys.modules, "conftest", found)
    with pytest.raises(ImportError):
        unpack(packed)
    (tmp_path / "project/conftest.py").unlink()
    assert unpack(packed) is found.Mine


def test_what_pickle_refuses_is_refused() -> None:
    assert culprit.find_culprit({"a": Sentinel("x", lambda: 1)}) is not None

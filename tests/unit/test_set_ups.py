"""One record per set-up, whatever becomes of it; told of fixtures that pytest has collected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xdist_fixtureworker._compat import visible_definitions
from xdist_fixtureworker.declared.definitions import Definition
from xdist_fixtureworker.errors import CannotShareError
from xdist_fixtureworker.fixture_worker.clones import ParameterValues
from xdist_fixtureworker.fixture_worker.ledger import IllegalMove
from xdist_fixtureworker.fixture_worker.set_ups import Result, SetUpRecord, SetUps
from xdist_fixtureworker.processes.crash_file import CrashFile
from xdist_fixtureworker.processes.strays import Identity

SOURCE = """
import pytest
from xdist_fixtureworker import global_fixture

@pytest.fixture(scope="session")
def engine(): ...

@global_fixture
def tables(engine): ...

@global_fixture
def server(request): return request.param

def test_it(): ...
"""


class Collected:
    """A suite with three fixtures, and the records of their set-ups."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._item = pytester.getitem(SOURCE, "test_it")
        self._values = ParameterValues()
        self.set_ups = SetUps(self._item.config)

    def definition(self, name: str) -> Definition:
        return visible_definitions(name, self._item)[-1]

    def record(self, name: str) -> SetUpRecord:
        return self.set_ups.of(self.definition(name))

    def copy(self, name: str, value: object) -> Definition:
        parameters = {name: self._values.get(name, 0, value)}
        return self.set_ups.clones.get(self.definition(name), self._item, parameters)


@pytest.fixture
def collected(pytester: pytest.Pytester) -> Collected:
    return Collected(pytester)


def test_a_definition_has_one_record(collected: Collected) -> None:
    tables, engine = collected.record("tables"), collected.record("engine")
    assert collected.record("tables") is tables
    assert (tables.number, engine.number) == (1, 2)


def test_names_and_places(collected: Collected) -> None:
    tables, engine = collected.record("tables"), collected.record("engine")
    file = "test_names_and_places.py"
    assert (repr(tables), tables.is_global) == (f"tables ({file}:7)", True)
    assert (repr(engine), engine.is_global) == (f"engine ({file}:4)", False)


def test_a_copy_has_a_record_of_its_own_which_knows_the_original(collected: Collected) -> None:
    one, other = collected.copy("server", 1), collected.copy("server", 2)
    records = [collected.set_ups.of(definition) for definition in (one, other)]
    assert records[0] is not records[1]
    assert {record.original for record in records} == {collected.definition("server")}
    original = collected.record("server")
    assert original.original is original.definition


def test_dependencies_are_hidden_from_pytest_only(collected: Collected) -> None:
    tables = collected.definition("tables")
    record = collected.set_ups.of(tables)
    assert collected.set_ups.argnames(tables) == ("engine",)
    for _ in range(2):
        record.hide_argnames()
        assert tables.argnames == ()
        assert collected.set_ups.argnames(tables) == ("engine",)


def set_up(collected: Collected, name: str, error: BaseException | None = None) -> SetUpRecord:
    record = collected.record(name)
    collected.set_ups.begin(record)
    collected.set_ups.end(record, error)
    return record


def test_the_last_one_is_finalized_first_failed_ones_too(collected: Collected) -> None:
    set_ups = collected.set_ups
    engine = set_up(collected, "engine")
    tables = set_up(collected, "tables", ValueError("no"))
    order = []
    while (record := set_ups.next_to_finalize()) is not None:
        order.append(record)
        set_ups.begin_finalizer(record)
        assert not set_ups.is_finalized(record)
        set_ups.end_finalizer(record, failed=record is tables)
    assert order == [tables, engine]
    assert set_ups.is_finalized(tables)
    assert set_ups.is_finalized(engine)


def test_none_is_set_up_twice(collected: Collected) -> None:
    engine = set_up(collected, "engine")
    with pytest.raises(IllegalMove, match="engine"):
        collected.set_ups.begin(engine)


def listed(directory: Path) -> list[Any]:
    """The fixtures that the next run would be told of."""
    return [
        fixture["fixture"]
        for file in directory.iterdir()
        for fixture in json.loads(file.read_text(encoding="utf-8"))["fixtures"]
    ]


def test_global_fixtures_are_noted_for_the_next_run(collected: Collected, tmp_path: Path) -> None:
    set_ups = collected.set_ups
    set_ups.crash_file = CrashFile(tmp_path, "run", "uid", Identity(1, ""))
    set_up(collected, "engine")
    assert listed(tmp_path) == []
    tables = set_up(collected, "tables")
    assert listed(tmp_path) == ["tables"]
    set_ups.begin_finalizer(tables)
    assert listed(tmp_path) == ["tables"]
    set_ups.end_finalizer(tables, failed=False)
    assert listed(tmp_path) == []


@pytest.mark.parametrize("packed", [b"value", CannotShareError("no")])
def test_what_only_the_answer_needed_is_dropped(packed: bytes | CannotShareError) -> None:
    error = ValueError("no")
    result = Result(error)
    result.packed = packed
    result.note_answer(7)
    assert (result.answered, result.packed, result.report, result.error) == (7, None, None, error)

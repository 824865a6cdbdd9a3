"""Keeps a record of each set-up; fixture worker.

A session fixture is set up once, or once per combination of the parameters that it depends on: a
record stands for one of these, global or not. It is found by the identity of the definition, which
for parameters is a copy (see :mod:`.clones`).
"""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from _pytest.fixtures import SubRequest

from .._compat import set_final
from ..declared.definitions import Definition, global_declaration
from ..declared.locations import location
from ..errors import CannotShareError
from ..processes.crash_file import CrashFile
from ..wire.messages import Change, Output, Value
from .clones import Clones
from .environment import Before
from .ledger import Ledger, State
from .marks import AgreedMarks


class Result:
    """How the set-up of a global fixture ended, for all that want its value.

    :param report: of the failure.
    :param environment: what it changed, to be replayed.
    :param output: what it printed, to be shown.
    """

    def __init__(
        self,
        error: BaseException | None = None,
        report: pytest.TestReport | None = None,
        environment: tuple[Change, ...] = (),
        output: tuple[Output, ...] = (),
    ) -> None:
        self.error = error
        self.report = report
        self.environment = environment  #: later with those of its dependencies
        self.output = output  #: likewise
        self.packed: Value | CannotShareError | None = None  #: what is shared, once pickled
        self.answered: int | None = None  #: the first request for it that was answered

    def note_answer(self, request: int) -> None:
        """Drop what only the answer needed: the controller keeps the answer."""
        self.answered = request
        self.packed = self.report = None


class SetUpRecord:
    """What is known of one set-up.

    :param number: identifies it in messages.
    :param original: the definition that ``definition`` was copied from, or itself.
    """

    def __init__(
        self, number: int, definition: Definition, original: Definition, config: pytest.Config
    ) -> None:
        self.number = number
        self.definition = definition
        self.original = original
        self.declaration = global_declaration(definition, config)
        if self.declaration is not None:
            self.name, self.where = self.declaration.name, self.declaration.where
        else:
            self.name, self.where = definition.argname, location(definition.func)
        self.hidden_argnames: tuple[str, ...] | None = None
        self.before: Before | None = None  #: while it is being set up
        self.request: SubRequest | None = None  #: that set it up, for its finalizers
        self.result: Result | None = None  #: of a global fixture
        self.needs: list[int] = []  #: the numbers of global fixtures that it depends on

    def __repr__(self) -> str:
        return f"{self.name} ({self.where})"

    @property
    def is_global(self) -> bool:
        return self.declaration is not None

    @property
    def is_promoted(self) -> bool:
        return self.declaration is not None and self.declaration.promoted

    @property
    def value(self) -> object:
        assert self.definition.cached_result is not None
        return self.definition.cached_result[0]

    def hide_argnames(self) -> None:
        """Hide the dependencies from pytest, which looks them up even for a fixture that has its
        value, and would do so from the place of whoever asks."""
        if self.hidden_argnames is None:
            self.hidden_argnames = self.definition.argnames
        set_final(self.definition, "argnames", ())


class SetUps:
    """All records of this process, and the states that their fixtures are in."""

    def __init__(self, config: pytest.Config) -> None:
        self.crash_file: CrashFile | None = None
        self.clones = Clones(self.argnames)
        self.agreed_marks = AgreedMarks()
        self.asked: defaultdict[int, set[str]] = defaultdict(set)
        """The names that set-ups ask for, by the identity of the original definition."""
        self._config = config
        self._records: dict[int, SetUpRecord] = {}
        self._numbers = itertools.count(1)
        self._ledger: Ledger[SetUpRecord] = Ledger()

    def of(self, definition: Definition) -> SetUpRecord:
        """The record of ``definition``; a new one where there is none yet."""
        key = id(definition)  # it stays the same: the record keeps the definition alive
        if key not in self._records:
            original = self.clones.original(definition)
            number = next(self._numbers)
            self._records[key] = SetUpRecord(number, definition, original, self._config)
        return self._records[key]

    def argnames(self, definition: Definition) -> tuple[str, ...]:
        """The names that ``definition`` asks for, also where they are hidden from pytest."""
        record = self._records.get(id(definition))
        if record is None or record.hidden_argnames is None:
            return definition.argnames
        return record.hidden_argnames

    def is_finalized(self, record: SetUpRecord) -> bool:
        return self._ledger.state(record) in (State.FINALIZED, State.FINALIZER_FAILED)

    def next_to_finalize(self) -> SetUpRecord | None:
        """The one that was set up last among those not finalized yet; None if all are."""
        return self._ledger.next_to_finalize()

    def begin(self, record: SetUpRecord) -> None:
        """Note that its set-up begins."""
        self._ledger.move(record, State.SETTING_UP)
        if self.crash_file is not None and record.is_global:
            self.crash_file.add(record.number, record.name, record.where)

    def end(self, record: SetUpRecord, error: BaseException | None) -> None:
        """Note that its set-up ended."""
        self._ledger.move(record, State.READY if error is None else State.FAILED)

    def begin_finalizer(self, record: SetUpRecord) -> None:
        """Note that its finalizer begins."""
        self._ledger.move(record, State.FINALIZING)

    def end_finalizer(self, record: SetUpRecord, *, failed: bool) -> None:
        """Note that its finalizer ended."""
        self._ledger.move(record, State.FINALIZER_FAILED if failed else State.FINALIZED)
        if self.crash_file is not None:
            self.crash_file.remove(record.number)

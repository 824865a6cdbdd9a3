"""Large values, which are in files; loads what they need with the first of them; fixture worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ..declared.definitions import Definition
from ..wire.messages import Fetch, Mapped, Message, Part

if TYPE_CHECKING:
    from ..processes.run_files import RunFile, RunFiles
    from .elsewhere import Elsewhere


class LargeValues:
    """The values of global fixtures that are not sent through the controller.

    :param send: sends a message to the controller; must not raise.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self.mapped_from: int | None = None  #: bytes that one has at least; None: there are none
        self.first = 1  #: number of a file
        self.directories: Sequence[Path] = ()  #: where they are to be, as the controller says
        self._send = send
        self._files: RunFiles | None = None
        self._sent: list[tuple[Definition, Mapped]] = []

    def new(self) -> AbstractContextManager[RunFile]:
        """Write a value to a file; if that raises, there is none.

        :raises CannotWriteError: as on a full disk.
        """
        if self._files is None:
            from ..processes.run_files import RunFiles

            self._files = RunFiles(self.directories, self.first)
        return self._files.new()

    def receive(self, message: Fetch) -> None:
        """Send a part of a file to a test worker that cannot map it. Runs in execnet's receiver
        thread."""
        data, error = b"", ""
        try:
            if self._files is None:
                raise FileNotFoundError(f"no file {message.file}")
            data = self._files.read(message.file, message.part)
        except OSError as caught:
            error = f"{type(caught).__name__}: {caught}"
        self._send(Part(message.worker, message.id, data, error))

    def note_sent(self, definition: Definition, value: Mapped) -> None:
        """Note that the value of a fixture is on its way to test workers."""
        self._sent.append((definition, value))

    def let_go(self, elsewhere: Elsewhere) -> None:
        """Have global fixtures that need a value that was sent use its file, too, in the place of
        an object that nobody refers to: so it is in memory once. What they write is theirs.

        :param elsewhere: refers to the values of all global fixtures.
        """
        while self._sent:
            from ..sharing.letting_go import is_replaceable
            from ..sharing.mapping import mapped, unpack_from

            definition, value = self._sent.pop()
            if (kept := definition.cached_result) is None:
                continue
            elsewhere.forget_shared(kept[0])
            if is_replaceable(kept, value) and (content := mapped(value, private=True)) is not None:
                kept = definition.cached_result = (unpack_from(value, content), kept[1], None)
            elsewhere.note_shared(kept[0])

    def remove(self) -> None:
        """Remove all files: nobody needs them any more."""
        if self._files is not None:
            self._files.remove()

"""A book as all workers of a server serve it: read from its folder once, so that none of them can read something else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.signals.evaluator import open_evaluator
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.rulebook.load import LoadedBook, load_files, load_sources
from engine.rulebook.text import files
from engine.server.book.reload import objection
from engine.server.listen import CannotServe


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A book that was found good."""

    files: Mapping[str, bytes]
    version: str
    objected: str | None
    """Why its signals are evaluated in plain Python; None if durable-rules passed the trial of its rules."""

    def compiled(self) -> CompiledBook:
        """The book; raises CannotServe where it reads as another one, since the program on the disk is another one."""
        book = load_files(self.files).book
        if book is None or book.version != self.version:
            found = "is wrong" if book is None else f"has version {book.version}"
            raise CannotServe(
                f"the book {found} here, while the supervisor read version {self.version}: was the program changed?"
            )
        return compile_book(book, open_evaluator if self.objected is None else PythonEvaluator)


def read_snapshot(folder: Path) -> BookSnapshot | LoadedBook:
    """The edition in the folder, its signals tried; or what is wrong with it."""
    sources = files.read_folder(folder)
    loaded = load_sources(sources, str(folder))
    if loaded.book is None:
        return loaded
    signals = compile_book(loaded.book, PythonEvaluator).signals
    objected = None if signals is None else objection(signals.compiled)
    return BookSnapshot(sources.files, loaded.book.version, objected)

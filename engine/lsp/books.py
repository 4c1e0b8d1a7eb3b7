"""The books that an editor has open: their files as typed, and what the newest analysis says of them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from engine.authoring.analyse import Analysis, analyse, read_contents
from engine.authoring.documents import Documents
from engine.authoring.fixes import Fix
from engine.authoring.mends import sound_fixes
from engine.authoring.quick import changed_diagnostics, is_large
from engine.authoring.scenario_names import in_scenarios, read_scenarios
from engine.authoring.schema import schema
from engine.authoring.schema_of_shapes import Schema
from engine.lsp.convert import EditedText
from engine.rulebook.report.diagnostics import Diagnostic
from engine.rulebook.report.findings import Superseded
from engine.rulebook.text import files

DEBOUNCE = 0.15
"""Seconds without a change after which a book is analysed."""

_HEAD = re.compile(rb"^(?:\xef\xbb\xbf)?[\"']?book[\"']?\s*:", re.MULTILINE)


@dataclass(slots=True)
class OpenBook:
    """A book of which a file is open. The event loop owns it; analyses are made in a thread, of a copy."""

    folder: Path
    units: Callable[[str], int]
    publish: Callable[["OpenBook"], Awaitable[None]]
    """What is done after each analysis."""
    typed: dict[str, str] = field(default_factory=dict)
    """The texts of open files by name; those of others are on disk."""
    analysis: Analysis | None = None
    """The newest; None before the first."""
    good: Analysis | None = None
    """The newest of a book without errors."""
    shown: tuple[Diagnostic, ...] = ()
    """Of the newest analysis, or sooner of what was changed since."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """The files that `shown` is of."""
    _documents: Documents = field(default_factory=Documents)
    _schema: tuple[Analysis, Schema] | None = None
    _changed: bool = False
    _work: asyncio.Task[None] | None = None
    _texts: dict[str, EditedText] = field(default_factory=dict)
    _fixing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Fixes are tried one after the other, so that other requests are answered between them."""

    def change(self) -> None:
        """Analyse the book soon; what is being analysed is thrown away."""
        self._changed = True
        if self._work is None or self._work.done():
            self._work = asyncio.get_running_loop().create_task(self._analyse())

    async def settled(self) -> Analysis:
        """The analysis of what is typed by now."""
        while self._work is not None and not self._work.done():
            await asyncio.wait([self._work])
        if self.analysis is None:
            self.change()
            return await self.settled()
        return self.analysis

    async def _analyse(self) -> None:
        while self._changed:
            self._changed = False
            await asyncio.sleep(DEBOUNCE)
            if self._changed:
                continue
            typed = {name: text.encode("utf-8", "surrogatepass") for name, text in self.typed.items()}
            if self.analysis is not None and is_large(self.analysis):
                await self._show_changed(typed, self.analysis)
            if self._changed:
                continue
            whole = partial(_analysed, self.folder, typed, self._documents, lambda: self._changed)
            try:
                contents, analysis = await asyncio.to_thread(whole)
            except Superseded:
                continue
            if not self._changed:
                self.analysis, self.contents, self._texts = analysis, contents, {}
                self.shown = analysis.diagnostics
                self.good = analysis if analysis.book is not None else self.good
                await self.publish(self)

    async def _show_changed(self, typed: dict[str, bytes], before: Analysis) -> None:
        """Publish the errors of what was changed, before the whole book is analysed."""
        quick = partial(_quickly, self.folder, typed, before, self._documents)
        contents, diagnostics = await asyncio.to_thread(quick)
        if not self._changed:
            self.contents, self._texts, self.shown = contents, {}, diagnostics
            await self.publish(self)

    async def fixes(self, analysis: Analysis, shown: Sequence[Diagnostic]) -> list[tuple[Diagnostic, Fix]]:
        """The fixes of the diagnostics that mend them, each tried on a copy of the book; none if there is newer text."""

        def analyse_again(contents: Mapping[str, bytes]) -> Analysis:
            return analyse(contents, documents=Documents(), superseded=lambda: self._changed)

        def find() -> list[tuple[Diagnostic, Fix]]:
            scenarios = read_scenarios(self.folder)
            return [
                (diagnostic, fix)
                for diagnostic in shown
                for fix in sound_fixes(analysis, contents, diagnostic, analyse_again)
                if not (fix.deleted and any(in_scenarios(scenarios, fix.deleted, analysis.data)))
            ]

        contents = self.contents
        async with self._fixing:
            try:
                return await asyncio.to_thread(find)
            except Superseded:
                return []

    def schema(self) -> Schema:
        """The schema with the names of the newest analysis; before it that of any book."""
        if self.analysis is None:
            return schema()
        if self._schema is None or self._schema[0] is not self.analysis:
            self._schema = self.analysis, schema(self.analysis.data)
        return self._schema[1]

    def text(self, name: str) -> EditedText:
        """The text of a file as it was analysed."""
        if name not in self._texts:
            self._texts[name] = EditedText(
                self.contents.get(name, b"").decode("utf-8-sig", "replace"), self.units
            )
        return self._texts[name]

    def uri(self, name: str) -> str:
        """The address of a file."""
        return (self.folder / name).as_uri()


def _analysed(
    folder: Path, typed: dict[str, bytes], documents: Documents, superseded: Callable[[], bool]
) -> tuple[dict[str, bytes], Analysis]:
    contents = {**read_contents(folder), **typed}
    return contents, analyse(contents, documents=documents, superseded=superseded)


def _quickly(
    folder: Path, typed: dict[str, bytes], before: Analysis, documents: Documents
) -> tuple[dict[str, bytes], tuple[Diagnostic, ...]]:
    contents = {**read_contents(folder), **typed}
    return contents, changed_diagnostics(contents, before, documents)


def folder_of(path: Path, text: str, roots: list[Path]) -> Path | None:
    """The folder of the book that the file belongs to: the nearest one with a file that has a section `book`.

    roots: the folders of the workspace, beyond which it is not looked for. None for a file of no book, and for scenarios.
    """
    if _HEAD.search(text.encode("utf-8", "surrogatepass")):
        return path.parent if files.belongs(path.name) else None
    around = [root for root in roots if path.is_relative_to(root)]
    for folder in path.parents:
        if any(_is_head(file) for pattern in ("*.yaml", "*.yml") for file in sorted(folder.glob(pattern))):
            return folder if files.belongs(path.relative_to(folder).as_posix()) else None
        if folder in around or not around:
            break
    return None


def _is_head(file: Path) -> bool:
    with suppress(OSError), file.open("rb") as stream:
        return bool(_HEAD.search(stream.read(files.MAX_FILE_BYTES)))
    return False

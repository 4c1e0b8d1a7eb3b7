"""The manifest of an export: which files are whole, and of what they were made."""

import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

NAME = "manifest.json"
FORMAT = 2
"""Version of the layout and of the columns; an export of another one is made anew."""


class ExportIncomplete(ValueError):
    """The folder holds no export, one that was interrupted, or one of whose files some are others."""


class FilePart(NamedTuple):
    """A file of a table."""

    rows: int
    fingerprint: str
    """Of what it was made: the number of rows of the log, and the sum of their hashes."""


@dataclass
class Manifest:
    """The files of an export by table and part: a month such as `2026-03`, or `all`."""

    folder: Path
    parts: dict[str, dict[str, FilePart]] = field(default_factory=lambda: defaultdict(dict))
    attribution: str = ""
    """The version of the book by whose `attribution` credits were made; empty: by the defaults."""
    credited_from: str = ""
    """A hash of all that credits were made of; empty: they are not whole."""

    @classmethod
    def read(cls, folder: Path, *, complete: bool = False) -> "Manifest":
        """The manifest in the folder, empty if there is none that can be gone on with.

        complete: only that of an export that was not interrupted, with all of its files and no others.
        Raises ExportIncomplete, also where the manifest is that of something else.
        """
        manifest = cls(folder)
        document = _document(folder / NAME)
        if complete and not document.get("complete"):
            raise ExportIncomplete(f"{folder} holds no complete export: run `tact export` again")
        if complete and document["format"] != FORMAT:
            raise ExportIncomplete(f"{folder} holds the export of another version: run `tact export` again")
        # sums of hashes are only comparable within one version of what hashes
        if document.get("format") == FORMAT and (complete or document.get("duckdb") == duckdb.__version__):
            manifest.attribution, manifest.credited_from = document["attribution"], document["credited_from"]
            for table, parts in document["tables"].items():
                manifest.parts[table] = {name: FilePart(*part) for name, part in parts.items()}
        if complete:
            manifest.check_files()
        return manifest

    def check_files(self) -> None:
        """Raises ExportIncomplete where a file is missing, or one is there that is not of the export."""
        for table, parts in sorted(self.parts.items()):
            present = {path.stem for path in (self.folder / table).glob("*.parquet")}
            for part in sorted(parts.keys() - present):
                raise ExportIncomplete(
                    f"{self.file(table, part)} is missing: run `tact export` again, which writes it"
                )
            for part in sorted(present - parts.keys()):
                raise ExportIncomplete(
                    f"{self.file(table, part)} is not of the export: move it elsewhere, or run `tact export` again,"
                    " which deletes it"
                )

    def file(self, table: str, part: str) -> Path:
        """Where a part of a table lies."""
        return self.folder / table / f"{part}.parquet"

    def is_current(self, table: str, part: str, fingerprint: str) -> bool:
        """Whether the file is there, and made of the same."""
        known = self.parts[table].get(part)
        return known is not None and known.fingerprint == fingerprint and self.file(table, part).exists()

    def write(self, *, complete: bool = False) -> None:
        """Replaces the manifest on disk, all of it or nothing."""
        document = {
            "format": FORMAT,
            "duckdb": duckdb.__version__,
            "complete": complete,
            "attribution": self.attribution,
            "credited_from": self.credited_from,
            "tables": {table: parts for table, parts in sorted(self.parts.items()) if parts},
        }
        path = self.folder / NAME
        temporary = path.with_suffix(".json.new")
        temporary.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        sync(temporary)
        temporary.replace(path)
        sync(self.folder)


def _document(path: Path) -> dict[str, Any]:
    """The manifest's JSON, empty where there is none; an export replaces it whole, so that it is never half written."""
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        document = None
    if not isinstance(document, dict) or not {"format", "complete", "tables"} <= document.keys():
        raise ExportIncomplete(f"{path} is not the manifest of an export: name another folder")
    return document


def sync(path: Path) -> None:
    """Writes a file, or the entries of a folder, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The manifest of an export: which files are whole, and of what they were made."""

import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb

NAME = "manifest.json"
FORMAT = 2
"""Version of the layout and of the columns; an export of another one is made anew."""


class ExportIncomplete(ValueError):
    """The folder holds no export, or one that was interrupted."""


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

        complete: only that of an export that was not interrupted. Raises ExportIncomplete.
        """
        manifest = cls(folder)
        path = folder / NAME
        document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if complete and not document.get("complete"):
            raise ExportIncomplete(f"{folder} holds no complete export: run `tact export` again")
        # sums of hashes are only comparable within one version of what hashes
        if document.get("format") == FORMAT and (complete or document.get("duckdb") == duckdb.__version__):
            manifest.attribution, manifest.credited_from = document["attribution"], document["credited_from"]
            for table, parts in document["tables"].items():
                manifest.parts[table] = {name: FilePart(*part) for name, part in parts.items()}
        return manifest

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


def sync(path: Path) -> None:
    """Writes a file, or the entries of a folder, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

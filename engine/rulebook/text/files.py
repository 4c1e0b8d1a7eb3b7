"""Read the files of a book from a folder that is not trusted."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from engine.rulebook.report.diagnostics import Code, Diagnostic, quote

MAX_FILE_BYTES = 1 << 20
MAX_BOOK_BYTES = 64 << 20
MAX_FILES = 5_000
_SUFFIXES = (".yaml", ".yml")
_TABLE = ".csv"
_ALMOST = re.compile(r"\.(ya?ml([^a-z0-9].*)?|ymal|yalm|yam|yaml[0-9])$", re.IGNORECASE)


@dataclass(slots=True)
class Sources:
    """The files of a book by name (relative to it, with slashes), and what could not be read."""

    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    """Names that look like YAML files of the book, and are not read. Hidden files are left out on purpose."""
    tables: dict[str, bytes] = field(default_factory=dict)
    """Tables that are at hand; a folder's are read when the book names them, which puts them among the files."""
    root: Path | None = None
    """The folder in which tables are looked for; None: nowhere."""

    def problem(self, file: str, code: Code, message: str, hint: str = "") -> None:
        """Add an error about a whole file."""
        self.problems.append(Diagnostic(file, 1, 1, code, message, hint=hint))

    def table(self, name: str) -> tuple[bytes | None, str]:
        """The content of a table, which belongs to the files from now on; or None, and why it cannot be read."""
        if not is_table(name) or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            return (
                None,
                "a table is a .csv file in the book's folder, by its path from there, and not below tests/",
            )
        content = self.tables.get(name)
        if content is None and self.root is not None:
            read = Sources()
            _read(name, self.root / name, self.root, read)
            if read.problems:
                return None, read.problems[0].message
            content = read.files[name]
        if content is None:
            return None, "there is no such file in the book's folder"
        self.files[name] = content
        return content, ""

    def table_names(self) -> list[str]:
        """The tables in the book's folder itself, for hints."""
        here = [] if self.root is None else [path.name for path in self.root.glob(f"*{_TABLE}")]
        return sorted({*self.tables, *here})


def belongs(name: str) -> bool:
    """Whether a file of this name may be part of the book: YAML or a table, not hidden, not a scenario below tests/."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") for part in parts)
    return name.lower().endswith((*_SUFFIXES, _TABLE)) and not hidden and parts[0] != "tests"


def is_table(name: str) -> bool:
    """Whether a file of this name is a table that a book may name."""
    return belongs(name) and name.lower().endswith(_TABLE)


def looks_like_yaml(name: str) -> bool:
    """Whether a file that does not belong to the book has a name as if it should: `a.yaml.txt`, `a.yml~`, `a.ymal`."""
    last = PurePosixPath(name).name
    return not last.startswith(".") and bool(_ALMOST.search(last))


def read_folder(folder: Path) -> Sources:
    """The book's files below the folder; whatever cannot be read is among the problems, never raised."""
    sources = Sources()
    try:
        root = folder.resolve()
        if not root.is_dir():
            reason = "is not a folder" if root.exists() else "does not exist"
            sources.problem(str(folder), Code.FILE, f"the folder of the book {reason}")
            return sources
        sources.root = root
        room = MAX_BOOK_BYTES
        for name, path in _walk(root, sources):
            if len(sources.files) == MAX_FILES:
                sources.problem(name, Code.TOO_LARGE, f"a book has at most {MAX_FILES:,} files")
                break
            _read(name, path, root, sources)
            room -= len(sources.files.get(name, b""))
            if room < 0:
                break  # merging reports it
    except (OSError, ValueError, RuntimeError) as error:
        sources.problem(str(folder), Code.FILE, f"the folder cannot be read: {_reason(error)}")
    return sources


def _walk(root: Path, sources: Sources) -> Iterator[tuple[str, Path]]:
    def unreadable(error: OSError) -> None:
        name = Path(error.filename or root).relative_to(root).as_posix()
        sources.problem(name, Code.FILE, f"the folder cannot be read: {_reason(error)}")

    for where, folders, names in os.walk(root, onerror=unreadable):
        here = Path(where)
        for name in sorted(folders):
            if (here / name).is_symlink() and not name.startswith("."):
                message = "a link to a folder is not followed"
                sources.problem((here / name).relative_to(root).as_posix(), Code.FILE, message)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here != root or name != "tests")
        )
        for name in sorted(names):
            relative = (here / name).relative_to(root).as_posix()
            if belongs(relative) and not is_table(relative):
                yield relative, here / name
            elif looks_like_yaml(name):
                sources.ignored.append(relative)


def _read(name: str, path: Path, root: Path, sources: Sources) -> None:
    try:
        if not path.resolve().is_relative_to(root):
            sources.problem(name, Code.FILE, "a link that leaves the book's folder")
            return
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            sources.problem(name, Code.FILE, "not a regular file")
            return
        with path.open("rb") as file:
            sources.files[name] = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError, RuntimeError) as error:
        sources.problem(name, Code.FILE, f"the file cannot be read: {_reason(error)}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or quote(str(error))

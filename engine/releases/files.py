"""The files of a release: those of its book, and those of its scenarios below tests/."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath

from engine.rulebook.model.book import Book
from engine.rulebook.text.files import MAX_BOOK_BYTES, MAX_FILE_BYTES, MAX_FILES, belongs
from engine.scenario.sources import BUDGETS, FOLDER, read_folder

MOST_NOTE = 2_000
"""Characters of a note."""


_LONGEST_NAME, _LONGEST_PART = 300, 255
"""Characters of a file's name with its folders, and bytes of each of them, as on most disks."""


class WrongFile(ValueError):
    """A file that is none of a book's. name: the file's, empty for all of them together."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(f"{name}: {description}" if name else description)
        self.name, self.description = name, description


def is_test(name: str) -> bool:
    """Whether a file of this name is a scenario file, or the budgets."""
    parts = PurePosixPath(name).parts
    return len(parts) > 1 and parts[0] == FOLDER and belongs("/".join(parts[1:]))


def check_release_files(files: Mapping[str, bytes]) -> None:
    """Raises WrongFile for names, sizes and encodings that no release has; what they say is not read."""
    if not files:
        raise WrongFile("", "there are no files: a book is a folder of *.yaml files")
    if len(files) > MAX_FILES:
        raise WrongFile("", f"a book has at most {MAX_FILES:,} files, its scenarios included")
    if sum(map(len, files.values())) > MAX_BOOK_BYTES:
        raise WrongFile("", "the book is larger than 64 MiB")
    for name, content in files.items():
        _check_name(name)
        if any(str(folder) in files for folder in PurePosixPath(name).parents):
            raise WrongFile(name, "another file has the name of its folder; no disk takes both")
        if len(content) > MAX_FILE_BYTES:
            raise WrongFile(name, "the file is larger than 1 MiB; split it into several")
        if not _is_utf_8(content):
            raise WrongFile(name, "the file is not UTF-8")


def _check_name(name: str) -> None:
    if len(name) > _LONGEST_NAME or not name.isprintable() or "\\" in name:
        raise WrongFile(name[:60], f"a name is printable, without \\, of at most {_LONGEST_NAME} characters")
    path = PurePosixPath(name)
    if any(len(part.encode()) > _LONGEST_PART for part in path.parts):
        raise WrongFile(name[:60], f"each part of a name has at most {_LONGEST_PART} bytes")
    if path.is_absolute() or ".." in path.parts or str(path) != name:
        raise WrongFile(name, "a name is a path below the book's folder, such as campaigns/spring.yaml")
    if not belongs(name) and not is_test(name):
        raise WrongFile(name, "is no file of a book: these are *.yaml and *.csv, not hidden")


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def release_files(folder: Path, book: Book) -> dict[str, bytes]:
    """The files of the book that was loaded from the folder, with its scenarios and budgets. Raises OSError."""
    own: dict[str, str] = json.loads(book.text)
    files = {name: text.encode() for name, text in own.items()}
    files.update(read_folder(folder).files)
    budgets = folder / FOLDER / BUDGETS
    if budgets.is_file():
        files[f"{FOLDER}/{BUDGETS}"] = budgets.read_bytes()
    return files


def digest_of_files(files: Mapping[str, bytes]) -> str:
    """SHA-256 of the files with their names, whatever their order."""
    contents = {name: sha256(content).hexdigest() for name, content in sorted(files.items())}
    return sha256(json.dumps(contents).encode()).hexdigest()


def text_of_files(files: Mapping[str, bytes]) -> str:
    """The files as the log keeps them: a JSON object by name."""
    return json.dumps({name: files[name].decode() for name in sorted(files)}, ensure_ascii=False)


def check_note(note: str) -> None:
    """Raises ValueError for a note that is too long, or would control a terminal."""
    if len(note) > MOST_NOTE:
        raise ValueError(f"a note has at most {MOST_NOTE:,} characters, not {len(note):,}")
    if not all(character.isprintable() or character == "\n" for character in note):
        raise ValueError("a note is printable text")

"""`tact schema`: the JSON Schema of books, for editors that complete and check YAML by one."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.authoring.analyse import analyse, read_contents
from engine.authoring.schema import schema as schema_of
from engine.cli.exits import BOOK, USAGE, complain, fail

FILE = Path(".tact") / "book.schema.json"
SETTINGS = Path(".vscode") / "settings.json"
_PATTERNS = ["*.yaml", "*.yml", "!tests/**"]


def schema(
    book: Annotated[
        Path | None,
        typer.Argument(help="Folder of the book whose names are listed; without it any names are allowed."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help=f"Write BOOK/{FILE}, and the setting of VS Code that names it.")
    ] = False,
) -> None:
    """Print the JSON Schema of the files of a book, with the book's own names."""
    if book is None:
        if write:
            fail("--write needs BOOK, the folder in which it writes", USAGE)
        typer.echo(_text(schema_of()))
        return
    if not book.is_dir():
        fail(f"{book} is not the folder of a book", BOOK)
    text = _text(schema_of(analyse(read_contents(book)).data))
    if not write:
        typer.echo(text)
        return
    try:
        _write(book / FILE, text)
        _set(book / SETTINGS)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")


def _text(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")
    complain(f"wrote {path}")


def _set(path: Path) -> None:
    """Add the schema to the settings; a file that is no plain JSON object is left alone, as it may have comments."""
    key, value = "yaml.schemas", {f"./{FILE.as_posix()}": _PATTERNS}
    settings: Any = {}
    if path.exists():
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            settings = None
    if not isinstance(settings, dict) or not isinstance(settings.get(key, {}), dict):
        complain(f"{path} is left as it is; add to it: {json.dumps({key: value})}")
        return
    settings[key] = {**settings.get(key, {}), **value}
    _write(path, json.dumps(settings, indent=2, ensure_ascii=False))

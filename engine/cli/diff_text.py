"""The part of `tact diff` that compares what books say, by names and lines, instead of what they decide."""

from collections.abc import Mapping
from pathlib import Path

import typer
from rich.text import Text

from engine.api.v1 import rulebooks_pb2 as pb
from engine.cli.books import loaded_book
from engine.cli.exits import BOOK, USAGE, fail
from engine.cli.releasing import Desk, print_message
from engine.cli.screen import screen
from engine.releases import compare_releases, diff_response, release_files, short_version

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def both_named(old: str | None, new: str | None, *, others: bool) -> tuple[str, str]:
    """The two sides; ends the command where one is missing, or there are other options that do not go with it."""
    if not (old and new) or others:
        fail("--text compares two books, with --server too, and goes with no other option than --log", USAGE)
    return old, new


def compared_texts(desk: Desk, old: str, new: str) -> pb.DiffResponse:
    """What differs between two published versions, or folders of books."""
    if not (Path(old).is_dir() or Path(new).is_dir()):
        return desk.diff(pb.DiffRequest(old=old, new=new))
    (before, old_files), (after, new_files) = _side(desk, old), _side(desk, new)
    return diff_response(before, after, compare_releases(old_files, new_files))


def _side(desk: Desk, name: str) -> tuple[str, Mapping[str, str]]:
    """The version and the files of a side; ends the command where a folder's book does not load."""
    folder = Path(name)
    if not folder.is_dir():
        response = desk.get(pb.GetRequest(version=name))
        return response.release.version, {file.name: file.content.decode() for file in response.files}
    book = loaded_book(folder)
    try:
        files = release_files(folder, book)
        return book.version, {file: content.decode() for file, content in files.items()}
    except (OSError, UnicodeDecodeError) as error:
        fail(f"the scenarios of {folder} cannot be read: {error}", BOOK)


def show_texts(response: pb.DiffResponse, *, as_json: bool) -> None:
    """Prints it: the names first, then the lines."""
    if as_json:
        print_message(response)
        return
    console = screen()
    count = len(response.names)
    console.print(
        f"{short_version(response.old)} against {short_version(response.new)}:"
        f" {count:,} name{'' if count == 1 else 's'} changed",
        markup=False,
    )
    for name in response.names:
        console.print(f"    {name.change:<8} {name.section} {name.name}", markup=False)
    for line in response.lines:
        console.print(Text(line, _STYLES.get(line[:1], "")))
    if response.cut:
        console.print("and more lines, which are left out", markup=False)
    if not response.lines:
        typer.echo("the files are the same")

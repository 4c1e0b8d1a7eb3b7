"""`tact publish`: checks a book and keeps it as a version that can be activated."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.api.v1 import rulebooks_pb2 as pb
from engine.cli.books import in_color, loaded_book
from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.exits import BOOK, SCENARIO, complain, fail
from engine.cli.options import LogUrl
from engine.cli.releasing import AsJson, ReleaseNote, ServerTarget, Timeout, desk_of, print_message
from engine.model.instant import from_datetime
from engine.model.shown import printable_lines
from engine.releases import (
    CheckedRelease,
    WrongFile,
    check_release,
    check_release_files,
    release_files,
    short_version,
)
from engine.rulebook.report.diagnostics import Severity, render

_GIT_SECONDS = 10.0


def publish(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    note: ReleaseNote = "",
    check_only: Annotated[
        bool,
        typer.Option("--check-only", help="Check it, with --server by that server too, and publish nothing."),
    ] = False,
    server: ServerTarget = "",
    log: LogUrl = None,
    as_json: AsJson = False,
    timeout: Timeout = 60.0,
    tls: WithTls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = "",
    token_file: TokenFile = None,
) -> None:
    """Check a book and play its scenarios, and keep it as a version; nothing becomes live by it.

    Exit code 3: the book or its scenarios do not load; 4: a scenario failed; 1: it was refused.
    """
    access = Access(tls, ca, cert, key, server_name, token_file)
    files = _files(book)
    checked = _checked(book, files)
    messages = [pb.BookFile(name=name, content=content) for name, content in sorted(files.items())]
    if check_only:
        if server:
            with desk_of(server, log, access, timeout) as desk:
                _show_checked(desk.check(pb.CheckRequest(files=messages)), as_json=as_json)
        elif not as_json:
            typer.echo(f"{checked.name}: version {short_version(checked.version)} may be published")
        else:
            print_message(
                pb.CheckResponse(ok=True, name=checked.name, version=checked.version, passed=checked.passed)
            )
        return
    request = pb.PublishRequest(files=messages, note=note, source=_source(book))
    with desk_of(server, log, access, timeout, creates=True) as desk:
        response = desk.publish(request)
    if as_json:
        print_message(response)
        return
    release = response.release
    for warning in response.warnings:
        complain(f"warning: {warning}")
    done = "is published" if response.is_new else f"was published before, by {release.author}"
    number = release.scenarios
    passed = f"{number:,} scenario{'' if number == 1 else 's'} passed"
    typer.echo(printable_lines(f"{release.name}: version {release.version} {done}; {passed}"))


def _files(folder: Path) -> dict[str, bytes]:
    """The files of the book; ends the command where it does not load, or they are none of a release."""
    book = loaded_book(folder)
    try:
        files = release_files(folder, book)
        check_release_files(files)
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror}", BOOK)
    except WrongFile as error:
        fail(str(error), BOOK)
    return files


def _checked(folder: Path, files: dict[str, bytes]) -> CheckedRelease:
    """What the check found; ends the command where that keeps the book from being published."""
    checked = check_release(files, from_datetime(datetime.now(UTC)))
    shown = [remark for remark in checked.diagnostics if remark.severity is not Severity.NOTE]
    typer.echo(render(shown, color=in_color(sys.stderr)), nl=False, err=True)
    if checked.errors:
        fail(f"the scenarios of {folder} do not load", BOOK)
    for failed in checked.failed:
        complain(
            f"{failed.file}:{failed.line}: the scenario '{failed.name}' fails: {'; '.join(failed.unmet)}"
        )
    if checked.failed:
        number = len(checked.failed)
        fail(f"{number} of {number + checked.passed} scenarios of {folder} fail", SCENARIO)
    return checked


def _show_checked(response: pb.CheckResponse, *, as_json: bool) -> None:
    """Prints what the server's check found; ends the command where it found more than this program."""
    if as_json:
        print_message(response)
    if not response.ok:
        for remark in response.diagnostics:
            complain(
                f"{remark.file}:{remark.line}:{remark.column}: {remark.code}: {remark.message} ({remark.severity})"
            )
        for failed in response.failed:
            complain(
                f"{failed.file}:{failed.line}: the scenario '{failed.name}' fails: {'; '.join(failed.unmet)}"
            )
        fail("the server would not publish it", SCENARIO if response.failed else BOOK)
    if not as_json:
        typer.echo(f"{response.name}: version {short_version(response.version)} may be published")


def _source(folder: Path) -> pb.ReleaseSource | None:
    """The commit of git in which the folder is, and whether it was changed since; None where that is not known."""
    commit = _git(folder, "rev-parse", "HEAD")
    status = _git(folder, "status", "--porcelain", "--", ".")
    if not commit or status is None:
        return None
    return pb.ReleaseSource(commit=commit, dirty=bool(status))


def _git(folder: Path, *words: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(  # noqa: S603 our own words
            command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.strip()

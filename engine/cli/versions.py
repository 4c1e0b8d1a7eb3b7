"""`tact versions`: lists the published versions of a book, what is live, and who did what."""

from typing import Annotated

import typer
from rich.console import Console

from engine.api.v1 import rulebooks_pb2 as pb
from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.options import LogUrl
from engine.cli.releasing import AsJson, ServerTarget, Timeout, desk_of, moment_text, print_message
from engine.cli.screen import screen, table
from engine.releases import short_version


def versions(
    name: Annotated[str, typer.Argument(help="The book's name, where several are published.")] = "",
    audit: Annotated[
        bool, typer.Option("--audit", help="List who did what, and what was refused, instead of versions.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, max=1000, help="List at most so many, the newest first.")] = 50,
    server: ServerTarget = "",
    log: LogUrl = None,
    as_json: AsJson = False,
    timeout: Timeout = 10.0,
    tls: WithTls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = "",
    token_file: TokenFile = None,
) -> None:
    """List the published versions of a book, the newest first, and where each stands."""
    access = Access(tls, ca, cert, key, server_name, token_file)
    with desk_of(server, log, access, timeout) as desk:
        response = desk.list(pb.ListRequest(name=name, most=most, audit=audit))
    if as_json:
        print_message(response)
    elif audit:
        _show_audit(response, screen())
    else:
        _show_releases(response, screen())


def _show_releases(response: pb.ListResponse, console: Console) -> None:
    if not response.names:
        console.print("no book is published", markup=False)
        return
    if not response.releases:
        console.print(f"name one of the books that are published: {', '.join(response.names)}", markup=False)
        return
    last = response.activations[0] if response.activations else None
    staged = f"staged {100 * last.share:g} %" if last is not None and last.HasField("share") else "staged"
    listing = table("version", "state", "published", "by", "approvals", "note", "commit")
    for release in response.releases:
        listing.add_row(
            short_version(release.version),
            staged if release.state == "staged" else release.state,
            moment_text(release.published_at),
            release.author,
            _approvals(release),
            release.note,
            f"{release.source.commit[:12]}{' dirty' if release.source.dirty else ''}",
        )
    console.print(listing, soft_wrap=False)


def _approvals(release: pb.Release) -> str:
    last = {said.approver: said.verdict for said in release.approvals}
    return ", ".join(
        name if verdict == pb.RELEASE_VERDICT_APPROVED else f"not {name}" for name, verdict in last.items()
    )


def _show_audit(response: pb.ListResponse, console: Console) -> None:
    listing = table("at", "who", "by", "what", "book", "version", "result", "note")
    for entry in response.audit:
        listing.add_row(
            moment_text(entry.at),
            entry.actor,
            entry.via,
            entry.action,
            entry.name,
            short_version(entry.version),
            entry.result,
            entry.note,
        )
    console.print(listing, soft_wrap=False)

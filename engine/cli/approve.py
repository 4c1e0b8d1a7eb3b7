"""`tact approve`: says of a version that others published that it may go live, or that it may not."""

from typing import Annotated

import typer

from engine.api.v1 import rulebooks_pb2 as pb
from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.options import LogUrl
from engine.cli.releasing import AsJson, ReleaseNote, ServerTarget, Timeout, desk_of, print_message
from engine.model.shown import printable_lines
from engine.releases import short_version


def approve(
    version: Annotated[str, typer.Argument(help="The version, or its first six characters or more.")],
    reject: Annotated[bool, typer.Option("--reject", help="Say that it may not go live.")] = False,
    note: ReleaseNote = "",
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
    """Approve a version that somebody else published, or reject it; the last word of each counts."""
    access = Access(tls, ca, cert, key, server_name, token_file)
    verdict = pb.RELEASE_VERDICT_REJECTED if reject else pb.RELEASE_VERDICT_APPROVED
    with desk_of(server, log, access, timeout) as desk:
        release = desk.get(pb.GetRequest(version=version)).release
        response = desk.approve(pb.ApproveRequest(version=release.version, verdict=verdict, note=note))
    if as_json:
        print_message(response)
        return
    last = {said.approver: said.verdict for said in response.release.approvals}
    number = sum(verdict == pb.RELEASE_VERDICT_APPROVED for verdict in last.values())
    said = "rejected" if reject else "approved"
    needed = f", of {response.needed} that it needs" if response.needed else ""
    typer.echo(
        printable_lines(
            f"{release.name}: version {short_version(release.version)} {said};"
            f" {number} approval{'' if number == 1 else 's'}{needed}"
        )
    )

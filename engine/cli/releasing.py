"""What commands of releases share: a server or a log to work on, and how refusals are shown."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeAlias

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from engine.api.v1 import rulebooks_pb2 as pb
from engine.cli.connect import Access
from engine.cli.exits import USAGE, fail
from engine.cli.logged import check_log, system_user
from engine.cli.options import settings_of
from engine.client import InvalidRequest, Overloaded, RulebooksClient, TactError
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import check_url
from engine.model.shown import printable_lines
from engine.releases import LogDesk, short_version
from engine.wire.violations import InvalidMessage

ServerTarget: TypeAlias = Annotated[
    str, typer.Option("--server", metavar="HOST:PORT", help="Ask this server, instead of working on the log.")
]


ReleaseNote: TypeAlias = Annotated[str, typer.Option(help="What changes and why; kept with it.")]


BookName: TypeAlias = Annotated[
    str, typer.Option("--name", help="The book's name, where it has to be this one.")
]


ExpectedVersion: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--expect",
        metavar="VERSION",
        help="Refuse if another version is live than this one; '' for none.",
    ),
]


Timeout: TypeAlias = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the server's answer.")]


AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]


Desk: TypeAlias = LogDesk | RulebooksClient


@contextmanager
def desk_of(
    server: str, log: str | None, access: Access, timeout: float = 60.0, *, creates: bool = False
) -> Iterator[Desk]:
    """The server's service, or the log itself, for the length of a block; refusals in it end the command.

    creates: whether a log that is not there is made.
    """
    if server and log is not None:
        fail("give one of --server and --log", USAGE)
    if not server and access != Access():
        fail("the options of TLS and tokens are for --server", USAGE)
    with _shown_refusals():
        if server:
            with access.rulebooks(server, timeout) as client:
                yield client
            return
        settings = settings_of(log=log)
        try:
            (check_url if creates else check_log)(settings.log)
        except ValueError as error:
            fail(str(error), USAGE)
        yield LogDesk(settings.log, system_user(), settings.approvals)


@contextmanager
def _shown_refusals() -> Iterator[None]:
    try:
        yield
    except InvalidRequest as error:
        lines = [f"{violation.field}: {violation.description}" for violation in error.violations]
        fail("\n".join(lines) or str(error))
    except Overloaded as error:
        hint = "; the server's TACT_MESSAGE_BYTES bounds it" if "larger than max" in str(error) else ""
        fail(f"{error}{hint}")
    except (TactError, LedgerError, InvalidMessage) as error:
        fail(str(error))


def print_message(message: Message) -> None:
    """Prints the message as JSON."""
    document = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    typer.echo(printable_lines(json.dumps(document, ensure_ascii=False, indent=2)))


def show_activation(response: pb.ActivationResponse, *, as_json: bool) -> None:
    """Prints what is live now."""
    if as_json:
        print_message(response)
        return
    row = response.activation
    before = f", instead of {short_version(row.previous)}" if row.previous else ""
    words: dict[str, str] = {
        "activate": f"{short_version(row.version)} is live{before}",
        "rollback": f"{short_version(row.version)} is live again{before}",
        "stage": f"{short_version(row.version)} decides for {100 * row.share:g} % of the persons,"
        f" {short_version(row.previous)} for the others",
        "unstage": f"nothing is staged any more; {short_version(row.version)} is live",
    }
    same = "" if response.is_new else " (it was so already)"
    typer.echo(printable_lines(f"{row.name}: {words[row.action]}{same}"))


def moment_text(timestamp: Any) -> str:
    """The moment of a message."""
    text: str = timestamp.ToDatetime().isoformat(sep=" ", timespec="seconds")
    return f"{text}Z"

"""`tact explain`: why a decision came out as it did, and what would change it."""

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from engine.api.v1.decisions_pb2 import ExplainResponse
from engine.cli.books import loaded_book
from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.exits import USAGE, fail
from engine.cli.explained import show
from engine.cli.local import look_back, read_context, try_out
from engine.cli.screen import screen
from engine.client import Client, InvalidRequest, NotFound, TactError
from engine.decide.compiled import CompiledBook, compile_book
from engine.explain import NoSuchDecision
from engine.ledger.errors import LedgerError
from engine.model.shown import printable
from engine.scenario.context_file import GivenContext
from engine.wire.explain import check_explained, respond_explained
from engine.wire.violations import InvalidMessage, Unsupported, did_you_mean

_SECONDS = 10.0
"""Timeout of the server's answer."""


def explain(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    context: Annotated[Path | None, typer.Option(help="The customer, as a JSON or YAML file.")] = None,
    decision: Annotated[
        str | None, typer.Option(help="Instead of a customer: the id of a logged decision.")
    ] = None,
    log: Annotated[
        str | None, typer.Option(help="URL of the log that holds the decision, if no --server is given.")
    ] = None,
    campaign: Annotated[
        list[str] | None, typer.Option(help="Explain only this campaign; may be given several times.")
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="Ask the server at HOST:PORT, which knows the customer's history.")
    ] = None,
    sentences: Annotated[bool, typer.Option("--sentences", help="Print plain sentences only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
    tls: WithTls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = "",
    token_file: TokenFile = None,
) -> None:
    """Explain for each campaign at which stage it was rejected, why, and what would change that; nothing is kept.

    For the customer in a file, as in `tact decide`; without a server, as if they had never been contacted. Or for a logged
    decision, with the contacts of its time.
    """
    compiled = compile_book(loaded_book(book))
    only = campaign or []
    try:
        subject = _subject(compiled, context, decision)
        if server is not None:
            client = Access(tls, ca, cert, key, server_name, token_file).client(server, _SECONDS)
            response = _explained_by_server(client, server, subject, only)
        else:
            response = _explained_here(compiled, subject, log, only)
    except (ValueError, InvalidMessage, Unsupported, NoSuchDecision) as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))
    if as_json:
        typer.echo(MessageToJson(response, preserving_proto_field_name=True))
    elif sentences:
        lines = [*response.notes, *(campaign.sentence for campaign in response.campaigns)]
        typer.echo("\n".join(map(printable, lines)))
    else:
        show(screen(), response, compiled.book.timezone)


def _subject(compiled: CompiledBook, context: Path | None, decision: str | None) -> GivenContext | str:
    if context is not None and decision is None:
        return read_context(context, compiled)
    if decision is not None and context is None:
        return decision
    raise ValueError("give either --context, for a customer, or --decision, for a logged decision")


def _explained_here(
    compiled: CompiledBook, subject: GivenContext | str, log: str | None, only: list[str]
) -> ExplainResponse:
    if isinstance(subject, str):
        if log is None:
            raise ValueError("a decision is in a log: give --log, or ask the --server that made it")
        explained = look_back(compiled, subject, log, only=only)
        check_explained(only, explained, compiled.book)
    else:
        unknown = [name for name in only if name not in compiled.book.campaigns]
        if unknown:
            hint = did_you_mean(unknown[0], compiled.book.campaigns)
            raise ValueError(f"there is no campaign {unknown[0]!r} in the book{hint}")
        explained = try_out(compiled, subject, only=only, counterfactuals=True)
    return respond_explained(explained, compiled.book)


def _explained_by_server(
    client: Client, server: str, subject: GivenContext | str, only: list[str]
) -> ExplainResponse:
    if isinstance(subject, GivenContext) and subject.prices:
        raise ValueError(
            "a server decides by the prices in its log: take `prices` out of the context, or --server away"
        )
    try:
        with client:
            asked_for = subject.message if isinstance(subject, GivenContext) else subject
            return client.explain(asked_for, campaigns=only)
    except (InvalidRequest, NotFound) as error:  # a name, or an id, that the server does not know
        fail(f"{server}: {error}", USAGE)
    except TactError as error:
        fail(f"{server}: {error}")

"""`tact due`: lists whose blocked proposals become allowed, by when."""

from collections.abc import Iterator
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict

from engine.api.v1.decisions_pb2 import DueResponse
from engine.cli.exits import USAGE, fail
from engine.cli.logged import check_log, moment_of
from engine.cli.options import LogUrl, settings_of
from engine.cli.tail import json_line
from engine.ledger.errors import LedgerError
from engine.ledger.queries.due import due_decisions
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.model.shown import printable
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text.durations import parse as parse_duration
from engine.wire.feed import LONGEST_AHEAD, due_response

_PAGE = 1000


def due(
    log: LogUrl = None,
    within: Annotated[str, typer.Option(help="How far ahead to look: 30m, 24h, 7d. At most 31d.")] = "24h",
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="Look ahead from this moment, such as 2026-03-10T00:00Z, instead of now."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, for machines.")
    ] = False,
) -> None:
    """List the persons whose latest decision was blocked and who may be contacted soon, by when.

    Decide for each of them at that moment, instead of asking again and again. Who was contacted since, or decided about
    again, is not listed by the older decision.
    """
    url = settings_of(log=log).log
    try:
        check_log(url)
        start = moment_of("--from", since)
        until = start + _ahead(within)
    except ValueError as error:
        fail(str(error), USAGE)
    try:
        store = open_store(url)
        try:
            number = _print(_listed(store, start, until), as_json=as_json)
        finally:
            store.close()
    except LedgerError as error:
        fail(str(error))
    if not as_json:
        typer.echo(f"{number:,} become due within {within}")


def _ahead(within: str) -> int:
    """The microseconds of the option; raises ValueError."""
    try:
        ahead = parse_duration(within)
    except ParseError as error:
        raise ValueError(f"--within {within!r}: {error}; {error.hint}") from None
    if ahead > LONGEST_AHEAD:
        raise ValueError(f"--within must be at most 31d, not {within}")
    return ahead


def _listed(store: Store, since: Instant, until: Instant) -> Iterator[DueResponse]:
    after: tuple[Instant, str] = (since, "")
    while True:
        with store.transaction(writes=False):
            page = due_decisions(store, since, until, after, _PAGE)
        for decision in page:
            yield due_response(decision)
            after = decision.key
        if len(page) < _PAGE:
            return


def _print(listed: Iterator[DueResponse], *, as_json: bool) -> int:
    number = 0
    for number, response in enumerate(listed, start=1):  # noqa: B007 -- the last is the number of all
        if as_json:
            typer.echo(json_line(response))
        else:
            fields = MessageToDict(response)
            campaigns, rules = ", ".join(response.campaigns[:3]), ", ".join(response.blocked_by)
            typer.echo(
                printable(
                    f"{fields['nextAllowedAt']}  {response.customer_id}  {campaigns}  (blocked by {rules})"
                )
            )
    return number

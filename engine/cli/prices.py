"""`tact prices`: lists the prices of what is scarce, and sets them from a preview."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.exits import USAGE, fail
from engine.cli.logged import check_log, moment_of
from engine.cli.options import settings_of
from engine.cli.price_file import read_prices
from engine.cli.screen import screen, table
from engine.ledger.errors import LedgerError
from engine.ledger.queries.prices import AHEAD, price_rows, write_prices
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import PriceRow
from engine.model.instant import Instant, from_datetime, to_datetime


def prices(
    log: Annotated[
        str | None,
        typer.Argument(
            help="URL of the decision log: sqlite:///FILE or postgresql://USER@HOST/DATABASE. Or TACT_LOG."
        ),
    ] = None,
    new: Annotated[
        Path | None,
        typer.Option(
            "--set", help="Set them from this file: what tact presend --preview --scarce WAY --json printed."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="MOMENT", help="When they begin; in two minutes by default."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="MOMENT", help="When they end; by default with the period of each counter."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """List the prices of stock, capacities and budgets by which a book with `scarce: prices` decides, or set them."""
    now = from_datetime(datetime.now(UTC))
    try:
        url = settings_of(log=log).log
        check_log(url)
        begins = moment_of("--from", since, now + AHEAD + AHEAD // 60)
        ends = None if until is None else moment_of("--until", until, now)
        if ends is not None and ends <= begins:
            fail("--until has to be later than --from", USAGE)
        previewed = None if new is None else read_prices(new, begins, ends)
        with closing(open_store(url)) as store:
            if previewed is not None:
                with store.transaction():
                    write_prices(store, previewed.prices, run=previewed.run, now=now)
            with store.transaction(writes=False):
                rows = price_rows(store)
    except ValueError as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))
    _show(rows, as_json=as_json)


def _show(rows: list[PriceRow], *, as_json: bool) -> None:
    if as_json:
        listed = [
            {
                **row._asdict(),
                "since": _text(row.since),
                "until": _text(row.until),
                "created_at": _text(row.created_at),
            }
            for row in rows
        ]
        typer.echo(json.dumps({"schema": 1, "prices": listed}, ensure_ascii=False, indent=2))
        return
    console = screen()
    if not rows:
        console.print("there are no prices: what is scarce goes to who comes first")
        return
    listing = table("counter", "price", "only above score", "tier", "from", "until", "found by")
    for row in rows:
        listing.add_row(
            row.counter,
            f"{row.price:.6g}" if row.tier is not None and row.cut_off is None else "",
            "" if row.cut_off is None else f"{row.cut_off:.6g}",
            "" if row.tier is None else str(row.tier),
            _text(row.since) or "",
            _text(row.until) or "",
            row.run,
        )
    console.print(listing, soft_wrap=False)


def _text(moment: Instant | None) -> str | None:
    return None if moment is None else to_datetime(moment).isoformat(timespec="seconds")

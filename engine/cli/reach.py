"""`tact reach`: what editors show above each campaign, computed once from a log and the scenarios of the book."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from engine.authoring.analyse import read_contents
from engine.authoring.lenses import summary_of, summary_text, write_summary
from engine.authoring.scenario_names import read_scenarios
from engine.cli.exits import BOOK, USAGE, complain, fail
from engine.cli.logged import check_log, moment_of
from engine.cli.options import LogUrl, settings_of
from engine.ledger.errors import LedgerError
from engine.ledger.queries.reached import count_persons, reached_by_campaign
from engine.ledger.store.open import open_store
from engine.model.instant import DAY


def reach(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    log: LogUrl = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="Length of the period.")] = 7,
    until: Annotated[
        str | None, typer.Option("--to", help="End of the period, such as 2026-03-10T00:00Z; by default now.")
    ] = None,
) -> None:
    """Write into the folder of a book whom each campaign reached, for the lenses of `tact lsp`."""
    if not book.is_dir():
        fail(f"{book} is not the folder of a book", BOOK)
    url = settings_of(log=log).log
    try:
        check_log(url)
        end = moment_of("--to", until)
    except ValueError as error:
        fail(str(error), USAGE)
    period = (end - days * DAY, end)
    try:
        with closing(open_store(url)) as store:
            persons, reached = count_persons(store, *period), reached_by_campaign(store, *period)
    except LedgerError as error:
        fail(str(error))
    summary = summary_of(
        read_contents(book), read_scenarios(book), days=days, persons=persons, reached=reached
    )
    try:
        path = write_summary(book, summary_text(summary))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    complain(f"wrote {path}: {len(summary.campaigns):,} campaigns, {persons:,} persons in {days:,} days")

"""`tact presend-status`: the runs of a log, and how far each is."""

import json
from contextlib import closing
from typing import Annotated

import typer

from engine.cli.exits import USAGE, fail
from engine.cli.logged import check_log
from engine.cli.options import LogUrl, settings_of
from engine.cli.screen import screen, table
from engine.ledger.errors import LedgerError
from engine.ledger.queries import presends
from engine.ledger.store.open import open_store
from engine.model.instant import to_datetime


def presend_status(
    run: Annotated[str, typer.Argument(help="Name of a run; without it all runs are listed.")] = "",
    log: LogUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """List the runs that sent to a population, or show one: how far it is, and what it sent."""
    from engine.cli.presend_run import show  # noqa: PLC0415 - loads arrays
    from engine.presend.run import summary  # noqa: PLC0415 - as above

    url = settings_of(log=log).log
    try:
        check_log(url)
        with closing(open_store(url)) as store:
            if run:
                made = summary(store, run)
                if made is None:
                    fail(f"there is no run {run} in the log", USAGE)
                show(made, {}, as_json=as_json)
                return
            with store.transaction(writes=False):
                runs = [(row, presends.committed(store, row.run)) for row in presends.runs(store)]
    except ValueError as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))
    listed = [
        {
            "run": row.run,
            "book_version": row.book_version,
            "started_at": to_datetime(row.started_at).isoformat(timespec="seconds"),
            "people": row.people,
            "decided": decided,
            "is_finished": row.finished_at is not None,
        }
        for row, decided in runs
    ]
    if as_json:
        typer.echo(json.dumps({"schema": 1, "runs": listed}, indent=2))
        return
    rows = table("run", "started", "book")
    for header in ("people", "decided"):
        rows.add_column(header, justify="right")
    rows.add_column("state")
    for row, decided in runs:
        started = to_datetime(row.started_at).isoformat(timespec="minutes")
        state = "done" if row.finished_at is not None else "not finished"
        rows.add_row(row.run, started, row.book_version[:8], f"{row.people:,}", f"{decided:,}", state)
    if runs:
        screen().print(rows, soft_wrap=False)
    else:
        typer.echo("there are no runs in the log")

"""`tact prune`: deletes what is older than it has to be kept."""

from collections.abc import Mapping
from contextlib import closing
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from engine.cli.exits import USAGE, fail
from engine.cli.logged import check_log, system_user
from engine.cli.options import LogUrl, settings_of
from engine.cli.screen import screen, table
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.instant import to_datetime
from engine.privacy.record import present
from engine.privacy.retention import PrunePlan, books_of, counts_of, kept_text, parse_retention, plan_of
from engine.privacy.retention import prune as prune_log


def prune(
    log: LogUrl = None,
    retention: Annotated[
        str | None,
        typer.Option(
            help="How long to keep what, such as 'decisions: 400d, events: 90d, outcomes: 2y'. Or TACT_RETENTION."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """Delete decisions, events and outcomes that are older than they are to be kept, beside running servers.

    Never what caps, pauses and conditions of the books in the log still count, nor what decisions that stay are made again
    from: the output says where something is kept longer for that. What the retention does not name stays.
    """
    settings = settings_of(log=log, retention=retention)
    if not settings.retention:
        fail("say how long to keep what: --retention 'decisions: 400d, events: 90d, outcomes: 2y'", USAGE)
    try:
        spans = parse_retention(settings.retention)
        check_log(settings.log)
    except ValueError as error:
        fail(str(error), USAGE)
    try:
        with closing(open_store(settings.log)) as store:
            plan = plan_of(spans, books_of(store), present())
            rows = counts_of(store, plan) if dry_run else _pruned(store, plan)
    except LedgerError as error:
        fail(str(error))
    if as_json:
        typer.echo(orjson.dumps(_document(plan, rows, dry_run=dry_run), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(plan, rows, dry_run=dry_run)


def _pruned(store: Store, plan: PrunePlan) -> Mapping[str, int]:
    """Deletes, with a bar on standard error where that is a terminal."""
    console = Console(stderr=True)
    total = sum(counts_of(store, plan).values()) if console.is_terminal else None
    columns = (TextColumn("deleting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        return prune_log(store, plan, system_user(), lambda rows: bar.advance(task, rows))


def _document(plan: PrunePlan, rows: Mapping[str, int], *, dry_run: bool) -> dict[str, Any]:
    return {
        "schema": 1,
        "dry_run": dry_run,
        "kept": [
            {
                "kind": kept.kind,
                "wanted": kept_text(kept.wanted),
                "kept": kept_text(kept.span),
                "reason": kept.reason,
            }
            for kept in plan.kept
        ],
        "before": {name: to_datetime(at).isoformat() for name, at in plan.cut_offs.items()},
        "rows": dict(rows),
    }


def _show(plan: PrunePlan, rows: Mapping[str, int], *, dry_run: bool) -> None:
    console = screen()
    for kept in plan.kept:
        longer = f": {kept.reason}" if kept.reason else ""
        console.print(Text(f"{kept.kind} are kept up to {kept_text(kept.span)}{longer}"))
    shown = table("table", "before", "would be deleted" if dry_run else "deleted")
    for name, number in rows.items():
        shown.add_row(name, f"{to_datetime(plan.cut_offs[name]):%Y-%m-%d %H:%M} UTC", f"{number:,}")
    console.print(shown, soft_wrap=False)
    if not dry_run and any(rows.values()):
        console.print(
            Text("A file of SQLite does not shrink: what is free is used again; VACUUM gives it back.")
        )

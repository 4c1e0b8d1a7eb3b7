"""`tact prune`: deletes what is older than it has to be kept, and packs decisions that are old."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Annotated, Any, NamedTuple

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
from engine.model.instant import Microseconds, to_datetime
from engine.privacy.packing import (
    CannotPack,
    PackingResult,
    check_servers,
    count_unpacked,
    pack_decisions,
    parse_age,
    with_requests,
)
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
    pack: Annotated[
        str | None,
        typer.Option(help="Pack decisions of this age, such as 40d; at least 31d. Or TACT_PACK."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted and packed; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """Delete decisions, events and outcomes that are older than they are to be kept, and pack old decisions, beside servers.

    Never what caps, pauses and conditions of the books in the log still count, nor what decisions that stay are made again
    from: the output says where something is kept longer for that. What the retention does not name stays. Packed decisions
    are read by every command as before, and take half of the room; statements in SQL see no inputs, trace and answer of them.
    """
    settings = settings_of(log=log, retention=retention, pack=pack)
    if not settings.retention and not settings.pack:
        fail(
            "say how long to keep what: --retention 'decisions: 400d, events: 90d, outcomes: 2y';"
            " or from which age on decisions are packed: --pack 40d",
            USAGE,
        )
    try:
        spans = parse_retention(settings.retention) if settings.retention else {}
        age = parse_age(settings.pack) if settings.pack else None
        check_log(settings.log)
    except ValueError as error:
        fail(str(error), USAGE)
    try:
        with closing(open_store(settings.log)) as store:
            done = _done(store, plan_of(spans, books_of(store), present()), age, dry_run=dry_run)
            is_file = settings.log.startswith("sqlite:")
    except (LedgerError, CannotPack) as error:
        fail(str(error))
    if as_json:
        typer.echo(orjson.dumps(_document(done, dry_run=dry_run), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(done, dry_run=dry_run, is_file=is_file)


class _Done(NamedTuple):
    """What was done, or would be."""

    plan: PrunePlan
    rows: Mapping[str, int]
    """That are deleted, by table."""
    packed: PackingResult | None
    """None: nothing was to be packed."""


def _done(store: Store, plan: PrunePlan, age: Microseconds | None, *, dry_run: bool) -> _Done:
    """Deletes first, so that nothing is packed that goes; or counts what would be done."""
    if age is not None:
        check_servers(store, plan.now)
        plan = with_requests(plan, age)
    if dry_run:
        would = None if age is None else PackingResult(count_unpacked(store, age, plan.now), 0, 0)
        return _Done(plan, counts_of(store, plan), would)
    actor, counts = system_user(), partial(counts_of, store, plan)
    with _bar("deleting", lambda: sum(counts().values())) as advance:
        rows = prune_log(store, plan, actor, advance)
    if age is None:
        return _Done(plan, rows, None)
    with _bar("packing", partial(count_unpacked, store, age, plan.now)) as advance:
        return _Done(plan, rows, pack_decisions(store, age, plan.now, actor, advance))


@contextmanager
def _bar(doing: str, count: Callable[[], int]) -> Iterator[Callable[[int], object]]:
    """A bar on standard error where that is a terminal; count: gives the total, which only a bar wants."""
    console = Console(stderr=True)
    total = count() if console.is_terminal else None
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda rows: bar.advance(task, rows)


def _document(done: _Done, *, dry_run: bool) -> dict[str, Any]:
    plan, rows, packed = done
    document = {
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
    if packed is not None:
        document["packed"] = {"decisions": packed.decisions} if dry_run else packed._asdict()
    return document


def _show(done: _Done, *, dry_run: bool, is_file: bool) -> None:
    plan, rows, packed = done
    console = screen()
    for kept in plan.kept:
        longer = f": {kept.reason}" if kept.reason else ""
        console.print(Text(f"{kept.kind} are kept up to {kept_text(kept.span)}{longer}"))
    shown = table("table", "before", "would be deleted" if dry_run else "deleted")
    for name, number in rows.items():
        shown.add_row(name, f"{to_datetime(plan.cut_offs[name]):%Y-%m-%d %H:%M} UTC", f"{number:,}")
    console.print(shown, soft_wrap=False)
    if packed is not None and dry_run:
        console.print(Text(f"{packed.decisions:,} decisions would be packed"))
    elif packed is not None:
        sizes = f"{_megabytes(packed.bytes_after)} in place of {_megabytes(packed.bytes_before)}"
        console.print(Text(f"{packed.decisions:,} decisions were packed: their texts take {sizes}"))
    if not dry_run and packed is not None and packed.decisions:
        console.print(Text(_PACKED_IN_FILE if is_file else _PACKED_IN_DATABASE))
    elif not dry_run and any(rows.values()):
        console.print(Text(_DELETED))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.2f} MB"


_DELETED = "A file of SQLite does not shrink: what is free is used again; VACUUM gives it back."

_PACKED_IN_FILE = "The file of SQLite becomes smaller when somebody makes VACUUM, while nobody can write."

_PACKED_IN_DATABASE = (
    "The table decisions becomes smaller by VACUUM FULL, which locks it, or the partitions that it names."
)

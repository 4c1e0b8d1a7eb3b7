"""`tact counters`: what all customers share of a book, such as stock and budgets: used and left, in the current period."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, fail
from engine.cli.logged import check_log, moment_of
from engine.cli.options import LogUrl, settings_of
from engine.cli.screen import screen, table
from engine.decide.compiled import compile_book
from engine.decide.pressure.quotas import QuotaRule
from engine.explain.words import money_text
from engine.ledger.commit.new_counters import counts_at, place_counts_at
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.model.decision import RuleKind
from engine.model.instant import Instant, to_datetime
from engine.model.shown import printable
from engine.rulebook.model.book import MICROS, Book


def counters(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    log: LogUrl = None,
    on: Annotated[
        str | None, typer.Option(help="A moment with its zone, such as 2026-03-10T10:00Z; by default now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
) -> None:
    """Print stocks, totals, capacities and budgets of the book: how much is used and left of each.

    Reads the log alone, and changes nothing. A budget that the log does not have yet counts what contacts of its period cost.
    Of places with a capacity each, those that have taken nothing are only counted; with --json they are listed, too.
    """
    url = settings_of(log=log).log
    try:
        check_log(url)
        now = moment_of("--on", on)
    except ValueError as error:
        fail(str(error), USAGE)
    compiled = compile_book(loaded_book(book))
    rules = compiled.pressure.shared
    of_places = [rule for places in compiled.pressure.places.values() for rule in places.rules.values()]
    try:
        store = open_store(url)
        try:
            with store.transaction(writes=False):
                counts = counts_at(store, rules, now)
                place_counts = place_counts_at(store, of_places, now)
        finally:
            store.close()
    except LedgerError as error:
        fail(str(error))
    rows = [_row(rule, counts[rule.name], compiled.book, now) for rule in rules]
    rows += [_row(rule, place_counts[rule.key(now)], compiled.book, now) for rule in of_places]
    if as_json:
        report = {"schema": 1, "book_version": compiled.book.version, "counters": rows}
        typer.echo(printable(orjson.dumps(report).decode()))
    else:
        _show(rows, compiled.book)


def _row(rule: QuotaRule, used: int, book: Book, now: Instant) -> dict[str, Any]:
    """A counter as a document; amounts of budgets are in the book's currency."""
    is_budget, ends = rule.kind is RuleKind.BUDGET, rule.ends(now)
    left = max(0, rule.limit - used)
    used_, limit, left_ = ((n / MICROS if is_budget else n) for n in (used, rule.limit, left))
    return {
        "rule": rule.name,
        **({"place": rule.site} if rule.site else {}),
        "kind": str(rule.kind),
        "used": used_,
        "limit": limit,
        "left": left_,
        **({"currency": book.currency} if is_budget else {}),
        "per": rule.span.text if rule.span else None,
        "begins_anew": None if ends is None else to_datetime(ends).astimezone(book.timezone).isoformat(),
    }


def _show(rows: Sequence[Mapping[str, Any]], book: Book) -> None:
    console = screen()
    if not rows:
        console.print("the book has no stock, total, capacity or budget")
        return
    shown = table("rule", "kind", "used", "limit", "left", "per", "begins anew")
    unused = [row for row in rows if "place" in row and not row["used"]]
    for row in rows:
        if "place" in row and not row["used"]:
            continue
        name = f"{row['rule']} at {row['place']}" if "place" in row else row["rule"]
        numbers = (_number(row, row[name], book) for name in ("used", "limit", "left"))
        shown.add_row(name, row["kind"], *numbers, row["per"] or "all time", row["begins_anew"] or "never")
    console.print(shown)
    for rule, number in Counter(row["rule"] for row in unused).items():
        console.print(f"{rule}: {number:,} more places, of which none has taken anything")


def _number(row: Mapping[str, Any], value: float, book: Book) -> str:
    return money_text(round(value * MICROS), book.currency) if "currency" in row else f"{value:,}"

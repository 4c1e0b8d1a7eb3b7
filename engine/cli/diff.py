"""`tact diff`: what another book would have decided on the decisions of a log."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from engine.cli.books import check_attribute, in_color, loaded_book
from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.diff_text import both_named, compared_texts, show_texts
from engine.cli.exits import BOOK, SCENARIO, USAGE, fail
from engine.cli.logged import check_log, moment_of, progress
from engine.cli.options import LogUrl, settings_of
from engine.cli.releasing import Timeout, desk_of
from engine.cli.screen import screen, table
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.explain.books import Books
from engine.ledger.commit.replay import logged_book
from engine.ledger.errors import LedgerError
from engine.ledger.queries.books import versions_like
from engine.ledger.queries.challenges import count_challenged
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.challenges import challenges_document, read_challenges
from engine.measure.diff import diff_document, diff_log
from engine.measure.population.budgets import LoadedBudgets, read_budgets
from engine.measure.population.logged import LoggedTallies, logged_budget_document
from engine.measure.replay import END
from engine.model.instant import Instant
from engine.rulebook.report.diagnostics import render

_MOST_SHOWN = 20
_SHORTEST = 6
"""Characters of a version that name it."""

LIMITS = "one step ahead; what customers would do after more or fewer contacts is not in it"


def diff(
    old: Annotated[str | None, typer.Argument(help="Folder of a book, or a version in the log.")] = None,
    new: Annotated[str | None, typer.Argument(help="Folder of a book, or a version in the log.")] = None,
    log: LogUrl = None,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Only decisions from this moment on, such as 2026-03-10T00:00Z."),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only decisions before this moment.")] = None,
    by: Annotated[
        str, typer.Option(metavar="ATTRIBUTE", help="Count changed decisions by its logged value.")
    ] = "",
    challenger: Annotated[
        bool,
        typer.Option("--challenger", help="What the challenger of a server decided, instead of OLD and NEW."),
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Print what the books say differently, and decide nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
    server: Annotated[
        str,
        typer.Option("--server", metavar="HOST:PORT", help="With --text: of versions that this server has."),
    ] = "",
    timeout: Timeout = 60.0,
    tls: WithTls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = "",
    token_file: TokenFile = None,
) -> None:
    """Make the decisions of a log by two books, and print what changes; nothing is kept.

    Exit code 4: a budget in NEW/tests/budgets.yaml is exceeded.
    """
    if text or server:
        names = both_named(old, new, others=any((not text, challenger, by, since, until)))
        access = Access(tls, ca, cert, key, server_name, token_file)
        with desk_of(server, log, access, timeout) as desk:
            show_texts(compared_texts(desk, *names), as_json=as_json)
        return
    url = settings_of(log=log).log
    if challenger and (old or by):
        fail("--challenger compares what the log has: it takes no books and no --by", USAGE)
    try:
        check_log(url)
        period = (moment_of("--from", since, 0), moment_of("--to", until, END))
    except ValueError as error:
        fail(str(error), USAGE)
    try:
        if challenger:
            report = _read_challenges(url, period)
        elif old and new:
            report = _compare(url, (old, new), period, by)
        else:
            fail("name two books, or --challenger", USAGE)
    except LedgerError as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    elif challenger:
        _show_challenges(report)
    else:
        _show(report)
    if not all(budget["ok"] for budget in report.get("budgets", ())):
        raise typer.Exit(SCENARIO)


def _read_challenges(url: str, period: tuple[Instant, Instant]) -> dict[str, Any]:
    store = open_store(url)
    try:
        with progress(store, period, "comparing", count_challenged) as advance:
            return challenges_document(read_challenges(store, period, advance))
    finally:
        store.close()


def _show_challenges(report: Mapping[str, Any]) -> None:
    console = screen()
    for book in report["challenges"]:
        console.print(
            f"{book['live'][:12]} challenged by {book['challenger'][:12]}: {book['decisions']:,} decisions of"
            f" {book['persons']:,} persons; {book['changed']:,} changed, {book['agreed']:,} the same",
            markup=False,
        )
        _show_changes(book["changes"], console)
    if not report["challenges"]:
        console.print("the log has no decisions of a challenger", markup=False)
    console.print(f"note: {LIMITS}", markup=False)


def _compare(
    url: str, names: tuple[str, str], period: tuple[Instant, Instant], segment: str
) -> dict[str, Any]:
    store = open_store(url)
    try:
        pair = book_named(store, names[0]), book_named(store, names[1])
        if segment:
            check_attribute(segment, pair[0].book.attributes.keys() | pair[1].book.attributes.keys())
        loaded = _budgets(names[1], pair[1])
        tallies = None if loaded.plan is None else LoggedTallies.of(pair[1], loaded.plan.watched)
        with progress(store, period, "comparing") as advance:
            compared = diff_log(
                store,
                pair,
                books=Books(store),
                period=period,
                segment=segment,
                tallies=tallies,
                advance=advance,
            )
        document = diff_document(compared, (pair[0].book.version, pair[1].book.version))
        results = [] if tallies is None else tallies.check(loaded.budgets)
        return {**document, "budgets": [logged_budget_document(result) for result in results]}
    finally:
        store.close()


def _budgets(name: str, compiled: CompiledBook) -> LoadedBudgets:
    """The budgets of the new book, none where it is named by its version; ends the command where they do not load."""
    if not Path(name).is_dir():
        return LoadedBudgets(None, ())
    loaded = read_budgets(Path(name), compiled)
    if loaded.diagnostics:
        typer.echo(render(loaded.diagnostics, color=in_color(sys.stderr)), nl=False, err=True)
        fail(f"the budgets of {name} do not load", BOOK)
    return loaded


def book_named(store: Store, name: str) -> CompiledBook:
    """The book in the folder, or of the version that begins so; ends the command where there is none."""
    if Path(name).is_dir():
        return compile_book(loaded_book(Path(name)), PythonEvaluator)
    with store.transaction(writes=False):
        versions = versions_like(store, name) if len(name) >= _SHORTEST else []
        book = logged_book(store, versions[0]) if len(versions) == 1 else None
    if book is None:
        several = f": {len(versions)} versions begin so" if len(versions) > 1 else ""
        fail(f"{name} is no folder, and no version in the log that this program can read{several}", USAGE)
    return compile_book(book, PythonEvaluator)


def _show(report: Mapping[str, Any]) -> None:
    console = screen()
    undecidable = sum(report["undecidable"].values())
    console.print(
        f"{report['old'][:12]} against {report['new'][:12]}: {report['decisions']:,} decisions of"
        f" {report['persons']:,} persons, and {undecidable:,} undecidable",
        markup=False,
    )
    for reason, decisions in report["undecidable"].items():
        console.print(f"    {decisions:,}: {reason}", markup=False)
    for key, title in (("one_step", "one step, at the logged history"), ("rolled_on", "rolled on")):
        _show_compared(title, report[key], console)
    for counter in report["stock"]:
        sides = [
            f"{side} {counter[side]['left']:,} of {counter[side]['limit']:,}"
            for side in ("old", "new")
            if counter[side]
        ]
        console.print(f"left of {counter['counter']}, rolled on: {', '.join(sides)}", markup=False)
    _show_budgets(report["budgets"], console)
    console.print(f"note: {LIMITS}", markup=False)


def _show_budgets(budgets: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Each budget of the new book with its figures, rolled on and one step; the former decides."""
    for budget in budgets:
        word, style = ("ok", "green") if budget["ok"] else ("EXCEEDED", "bold red")
        console.print(Text.assemble((f"{word:<10}", style), budget["budget"]))
        console.print(Text(f"    rolled on {budget['figures']}"))
        console.print(Text(f"    one step, at the logged history, {budget['one_step']['figures']}"))
    if budgets:
        exceeded = sum(not budget["ok"] for budget in budgets)
        kept = f"{len(budgets) - exceeded} of {len(budgets)} budgets kept, rolled on"
        console.print(Text(kept, "bold red" if exceeded else "green"))


def _show_changes(changes: Sequence[Mapping[str, Any]], console: Console) -> None:
    rows = table("from", "to")
    rows.add_column("decisions", justify="right")
    for change in changes[:_MOST_SHOWN]:
        rows.add_row(change["from"], change["to"], f"{change['decisions']:,}")
    if changes:
        console.print(rows, soft_wrap=False)
    if len(changes) > _MOST_SHOWN:
        console.print(f"and {len(changes) - _MOST_SHOWN:,} more kinds of changes", markup=False)


def _show_compared(title: str, compared: Mapping[str, Any], console: Console) -> None:
    extra, contacts = compared["extra_contacts_a_person_week"], compared["contacts"]
    weekly = "" if extra is None else f" ({extra:+.3f} a person-week)"
    console.print(
        f"{title}: {compared['changed']:,} changed, {compared['same']:,} the same;"
        f" {contacts['old']:,} contacts, then {contacts['new']:,}{weekly}",
        markup=False,
    )
    _show_changes(compared["changes"], console)
    for segment in compared["segments"]:
        total = segment["changed"] + segment["same"]
        console.print(f"    {segment['value']}: {segment['changed']:,} of {total:,} changed", markup=False)

"""`tact simulate`: decides a population from a file by a book, without side effects."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, fail
from engine.cli.population import simulated
from engine.cli.price_file import read_prices
from engine.cli.screen import screen, table
from engine.decide.compiled import CompiledBook, compile_book, keep_loaded
from engine.decide.experiments.bid_prices import PreviewedPrices
from engine.measure.population.document import document
from engine.measure.population.simulate import SimulationPlan
from engine.measure.population.visits import Visits
from engine.rulebook.model.book import ScarceKind
from engine.wire.violations import did_you_mean

_MOST_LOST = 4
_MOST_CONTACTS = 6
_YEARS = 2, 9998
"""Of days that can be simulated: in any time zone they are of the calendar."""


def simulate(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    people: Annotated[Path, typer.Argument(help="Persons: a .csv, .parquet, .jsonl or .ndjson file.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="Days to simulate.")] = 7,
    seed: Annotated[int, typer.Option(help="Draws order and times; the same seed, the same result.")] = 0,
    start: Annotated[
        str, typer.Option(metavar="DAY", help="First day, on the book's clock; by default today.")
    ] = "",
    visits: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="When each person is decided: N/day@HH:MM or N/week@HH:MM, or with a range @HH:MM-HH:MM.",
        ),
    ] = "1/day@10:00",
    placement: Annotated[str, typer.Option(help="Fill this placement instead of sending.")] = "",
    channel: Annotated[
        list[str] | None, typer.Option(help="Allow only this channel; may be repeated.")
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Decide by these prices of what is scarce: what tact presend --preview --scarce WAY --json printed.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write every decision to this file.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write every decision to this Parquet file.")
    ] = None,
) -> None:
    """Decide everybody in PEOPLE for some days, and print who would get what; nothing is sent or kept.

    Exit code 5: PEOPLE does not fit the book. 6: columns and the engine decided somebody differently.
    """
    compiled = compile_book(loaded_book(book))
    check_request(compiled, placement, channel or ())
    _check_outputs(people, csv, parquet)
    keep_loaded()
    plan = SimulationPlan(
        _day(start, days, compiled), days, seed, _visits(visits), placement, tuple(channel or ())
    )
    if prices is not None:
        plan = replace(plan, prices=_prices(prices, compiled, plan))
    result = simulated(compiled, people, plan, csv=csv, parquet=parquet)
    report = document(result.tally, result.people, plan)
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _show(report)


def check_request(compiled: CompiledBook, placement: str, channels: Sequence[str]) -> None:
    """Ends the command where the book has no such placement or channel, or the placement is on another channel."""
    book = compiled.book
    if placement and placement not in book.placements:
        fail(f"the book has no placement {placement!r}{did_you_mean(placement, book.placements)}", USAGE)
    for name in channels:
        if name not in book.channels:
            fail(f"the book has no channel {name!r}{did_you_mean(name, book.channels)}", USAGE)
    if placement and channels and book.placements[placement].channel not in channels:
        fail(f"{placement!r} is on the channel {book.placements[placement].channel!r}", USAGE)


def _check_outputs(people: Path, csv: Path | None, parquet: Path | None) -> None:
    """Ends the command where a file of decisions would be written over the people, or over the other one."""
    for option, path in (("--csv", csv), ("--parquet", parquet)):
        if path is not None and path.resolve() == people.resolve():
            fail(f"{option} {path}: is the file of the people: name another", USAGE)
    if csv is not None and parquet is not None and csv.resolve() == parquet.resolve():
        fail(f"--csv and --parquet are both {csv}: name two files", USAGE)


def _day(text: str, days: int, compiled: CompiledBook) -> date:
    """The first of so many days."""
    try:
        first = date.fromisoformat(text) if text else datetime.now(compiled.book.timezone).date()
    except ValueError:
        fail(f"--start {text}: is no day such as 2026-03-02", USAGE)
    if first.year < _YEARS[0] or (date(_YEARS[1], 12, 31) - first).days < days:
        fail(
            f"--start {text}: {days:,} days from then on are not all in the years {_YEARS[0]} to {_YEARS[1]}",
            USAGE,
        )
    return first


def _visits(text: str) -> Visits:
    try:
        return Visits.parse(text)
    except ValueError as error:
        fail(f"--visits {error}", USAGE)


def _prices(path: Path, compiled: CompiledBook, plan: SimulationPlan) -> PreviewedPrices:
    """The prices in the file, from before the first visit on; ends the command where none of them can change anything."""
    book, counters = compiled.book, compiled.pressure.counters
    if book.scarce is not ScarceKind.PRICES:
        fail(
            "--prices: this book gives what is scarce to who comes first, and reads no prices; add"
            " `arbitration: {scarce: prices}` to `book`",
            USAGE,
        )
    previewed = read_prices(path, 0)
    known = [price for price in previewed.prices if price.counter in counters]
    if not known:
        there = ", ".join(sorted(counters)) or "none"
        fail(f"--prices: {path} has no price of a counter of {book.name}; its counters are: {there}", USAGE)
    begins = plan.begins(book.timezone)
    if all(price.until is not None and price.until <= begins for price in known):
        fail(
            f"--prices: all prices in {path} end before {plan.start}, with the periods of their counters; begin with"
            " --start on a day for which they were found, or find them anew",
            USAGE,
        )
    return previewed


def _show(report: Mapping[str, Any]) -> None:
    console = screen()
    days = "1 day" if report["days"] == 1 else f"{report['days']} days"
    console.print(
        f"{report['book']}: {report['people']:,} people, {days} from {report['start']}, visits"
        f" {report['visits']}, seed {report['seed']}: {report['decisions']:,} decisions",
        markup=False,
    )
    outcomes = ", ".join(f"{count:,} {name}" for name, count in report["outcomes"].items() if count)
    reached = report["reached"]
    console.print(f"{outcomes}; reached {reached['persons']:,} people ({reached['share']:.1%})", markup=False)
    _show_prices(report, console)
    _show_forms(report, console)
    _show_campaigns(report, console)
    _show_rules(report, console)
    _show_contacts(report, console)
    _show_stock(report, console)
    for column, meant in report["ignored_columns"].items():
        hint = f"; did you mean {meant}?" if meant else ""
        console.print(
            f"the column {column} is not read: the book declares no such attribute{hint}", markup=False
        )
    for note in report["notes"]:
        console.print(f"note: {note}", markup=False)


def _show_prices(report: Mapping[str, Any], console: Console) -> None:
    asked = [price for price in report["prices"] if price["tier"] is not None]
    rows = table(
        "counter", "price", "only above score", "tier", "until", title="prices", title_justify="left"
    )
    for price in asked:
        cut = price["cut_off"]
        amounts = (f"{price['price']:.6g}", "") if cut is None else ("", f"{cut:.6g}")
        rows.add_row(price["counter"], *amounts, str(price["tier"]), price["until"] or "")
    if asked:
        console.print(rows, soft_wrap=False)
    if report["prices"]:
        console.print(f"prices were found by {report['prices'][0]['run']}", markup=False)


def _show_forms(report: Mapping[str, Any], console: Console) -> None:
    rows = table("campaign", "variant", "channel", title="contacts", title_justify="left")
    for header in ("contacts", "people", "withheld"):
        rows.add_column(header, justify="right")
    for form in report["forms"]:
        counts = (f"{form[key]:,}" for key in ("contacts", "persons", "withheld"))
        rows.add_row(form["campaign"], form["variant"], form["channel"], *counts)
    if report["forms"]:
        console.print(rows, soft_wrap=False)


def _show_campaigns(report: Mapping[str, Any], console: Console) -> None:
    rows = table("campaign", title="decisions of those who were eligible", title_justify="left")
    rows.add_column("eligible", justify="right")
    rows.add_column("contacts", justify="right")
    rows.add_column("lost to", overflow="fold")
    rows.add_column("blocked by", overflow="fold")
    for campaign in report["campaigns"]:
        lost = [
            f"{' '.join(filter(None, (loss['reason'], loss['name'])))} {loss['decisions']:,}"
            for loss in campaign["lost"]
        ]
        blocked = [f"{blocked['rule']} {blocked['decisions']:,}" for blocked in campaign["blocked_by"]]
        counts = f"{campaign['eligible']:,}", f"{campaign['contacts']:,}"
        rows.add_row(campaign["campaign"], *counts, _listed(lost), _listed(blocked))
    console.print(rows, soft_wrap=False)


def _listed(texts: Sequence[str]) -> str:
    more = [f"and {len(texts) - _MOST_LOST} more"] if len(texts) > _MOST_LOST else []
    return ", ".join([*texts[:_MOST_LOST], *more])


def _show_rules(report: Mapping[str, Any], console: Console) -> None:
    rows = table("rule", title="rules, by decisions", title_justify="left")
    for header in ("evaluated", "blocked"):
        rows.add_column(header, justify="right")
    for rule in report["rules"]:
        rows.add_row(rule["rule"], f"{rule['evaluated']:,}", f"{rule['blocked']:,}")
    if report["rules"]:
        console.print(rows, soft_wrap=False)


def _show_contacts(report: Mapping[str, Any], console: Console) -> None:
    rows = table("channel", title="share of person-weeks by number of contacts", title_justify="left")
    numbers = [str(number) for number in range(_MOST_CONTACTS)]
    for header in (*numbers, "more", "p95", "max"):
        rows.add_column(header, justify="right")
    for channel in report["contacts"]:
        shares = [channel["shares"].get(number, 0.0) for number in numbers]
        more = sum(share for number, share in channel["shares"].items() if int(number) >= _MOST_CONTACTS)
        counts = f"{channel['p95']:,}", f"{channel['max']:,}"
        rows.add_row(channel["channel"], *(f"{share:.1%}" for share in (*shares, more)), *counts)
    console.print(rows, soft_wrap=False)


def _show_stock(report: Mapping[str, Any], console: Console) -> None:
    rows = table("shared by all", title="most taken in one period", title_justify="left")
    for header in ("taken", "limit", "share"):
        rows.add_column(header, justify="right")
    for counter in report["stock"]:
        share = "" if counter["share"] is None else f"{counter['share']:.1%}"
        rows.add_row(counter["counter"], f"{counter['taken']:,}", f"{counter['limit']:,}", share)
    if report["stock"]:
        console.print(rows, soft_wrap=False)
    if report["cost"]["total"]:
        console.print(f"cost of the contacts: {report['cost']['total']:,.2f}")

"""The figures of a simulation as one JSON document, and its decisions as rows of a CSV or Parquet file."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import PreviewedPrices
from engine.measure.database import open_database
from engine.measure.population.files import MissingExtra
from engine.measure.population.simulate import OnRow, SimulatedRow, SimulationPlan, StagedPeople
from engine.measure.population.tally import (
    CampaignCount,
    PersonSet,
    Tally,
    form_order,
)
from engine.model.decision import Outcome
from engine.model.instant import Instant, to_datetime
from engine.rulebook.model.book import MICROS, ScarceKind

SCHEMA = 1
"""Rises when a key changes its meaning or goes."""

_NOTES = (
    "nothing is reported in a simulation: no outcome, conversion or event, but the events of the file; learned values are at"
    " their priors",
)
_CUT = "{} candidates beyond the first 50 of their decisions are not counted by campaign"

_NO_PRICES = (
    "the book gives what is scarce by prices (`arbitration: {scarce: prices}`), and this simulation has no plan of prices:"
    " whoever comes first gets it; `--prices FILE` decides by what `tact presend --preview --scarce value --json` printed"
)
_ENDED = (
    "what is asked for {} ends at {}, with the counter's period, as it does after `tact prices --set`: from then on whoever"
    " comes first gets it"
)
_UNKNOWN = "the book has no counter {}, whose prices change nothing"


def document(tally: Tally, people: StagedPeople, plan: SimulationPlan) -> dict[str, Any]:
    """The document of `tact simulate --json`: the same file, book and options give the same bytes."""
    book = tally.compiled.book
    notes = [*_NOTES, *([_CUT.format(tally.more_candidates)] if tally.more_candidates else [])]
    if book.scarce is ScarceKind.PRICES:
        notes += _price_notes(tally.compiled, plan) if plan.prices.prices else [_NO_PRICES]
    return {
        "schema": SCHEMA,
        "book": book.name,
        "version": book.version,
        "people": people.persons,
        "start": plan.start.isoformat(),
        "days": plan.days,
        "weeks": tally.weeks,
        "visits": str(plan.visits),
        "seed": plan.seed,
        "placement": plan.placement,
        "channels": list(plan.channels),
        "prices": _prices(plan.prices),
        "decisions": tally.decisions,
        "outcomes": {str(outcome): tally.outcomes[outcome] for outcome in Outcome},
        "reached": {"persons": tally.reached.count, "share": tally.reached.count / people.persons},
        "forms": _forms(tally),
        "campaigns": _campaigns(tally),
        "rules": [
            {"rule": rule, "evaluated": tally.evaluated[rule], "blocked": tally.binding[rule]}
            for rule in book.rules
        ],
        "contacts": [_contacts(channel, tally) for channel in sorted(tally.by_week)],
        "stock": _stock(tally),
        "cost": {
            "total": sum(tally.cost_micros.values()) / MICROS,
            "by_channel": {
                channel: tally.cost_micros[channel] / MICROS for channel in sorted(tally.cost_micros)
            },
        },
        "ignored_columns": dict(sorted(people.ignored.items())),
        "notes": notes,
    }


def _prices(previewed: PreviewedPrices) -> list[dict[str, Any]]:
    return [
        {
            "counter": price.counter,
            "tier": price.tier,
            "price": price.price,
            "cut_off": price.cut_off,
            "until": None if price.until is None else to_datetime(price.until).isoformat(timespec="seconds"),
            "run": previewed.run,
        }
        for price in previewed.prices
    ]


def _price_notes(compiled: CompiledBook, plan: SimulationPlan) -> list[str]:
    """Which prices change nothing, and which end before the simulation does."""
    known = compiled.pressure.counters
    unknown = [price.counter for price in plan.prices.prices if price.counter not in known]
    asked = [price for price in plan.prices.prices if price.counter in known and price.tier is not None]
    ended: dict[Instant, list[str]] = {}
    for price in asked:
        if price.until is not None and price.until < plan.ends(compiled.book.timezone):
            ended.setdefault(price.until, []).append(price.counter)
    notes = [
        _ENDED.format(
            ", ".join(names), to_datetime(until).astimezone(compiled.book.timezone).isoformat(" ", "minutes")
        )
        for until, names in sorted(ended.items())
    ]
    return [*notes, *([_UNKNOWN.format(", ".join(unknown))] if unknown else [])]


def _forms(tally: Tally) -> list[dict[str, Any]]:
    return [
        {
            **form._asdict(),
            "contacts": tally.forms[form].contacts,
            "persons": tally.forms[form].persons.count,
            "withheld": tally.forms[form].withheld,
        }
        for form in sorted(tally.forms, key=form_order)
    ]


def _campaigns(tally: Tally) -> list[dict[str, Any]]:
    """Every campaign of the book, also one for which nobody was eligible."""
    campaigns = []
    for name in tally.compiled.book.campaigns:
        count = tally.campaigns.get(name) or CampaignCount(PersonSet())
        forms = [form for key, form in tally.forms.items() if key.campaign == name]
        campaigns.append(
            {
                "campaign": name,
                "eligible": count.eligible,
                "eligible_persons": count.persons.count,
                "contacts": sum(form.contacts for form in forms),
                "lost": [
                    {"reason": code, "name": reason, "decisions": decisions}
                    for (code, reason), decisions in sorted(count.lost.items(), key=_most_first)
                ],
                "blocked_by": [
                    {"rule": rule, "decisions": decisions}
                    for rule, decisions in sorted(count.blocked.items(), key=_most_first)
                ],
            }
        )
    return campaigns


def _most_first(counted: tuple[Any, int]) -> tuple[int, Any]:
    return -counted[1], counted[0]


def _contacts(channel: str, tally: Tally) -> dict[str, Any]:
    distribution = tally.distribution(channel)
    return {
        "channel": channel or "all",
        "person_weeks": distribution.person_weeks,
        "contacts": distribution.contacts,
        "mean": distribution.mean,
        "p50": distribution.percentile(50),
        "p95": distribution.percentile(95),
        "max": distribution.most,
        "shares": {
            str(number): weeks / distribution.person_weeks for number, weeks in distribution.histogram.items()
        },
    }


def _stock(tally: Tally) -> list[dict[str, Any]]:
    """Each shared counter: what was taken in its fullest period, and its limit."""
    return [
        {
            "counter": name,
            "limit": limit,
            "taken": tally.most_taken(name),
            "share": tally.most_taken(name) / limit if limit else None,
        }
        for name, limit in sorted(tally.rule_limits().items())
    ]


_COLUMNS = {
    "person": "VARCHAR",
    "time": "TIMESTAMP",
    "book_version": "VARCHAR",
    "outcome": "VARCHAR",
    "placement": "VARCHAR",
    "campaign": "VARCHAR",
    "offer": "VARCHAR",
    "variant": "VARCHAR",
    "channel": "VARCHAR",
    "score": "DOUBLE",
    "selection_probability": "DOUBLE",
    "next_allowed_at": "TIMESTAMP",
    "expires_at": "TIMESTAMP",
}
"""Of the decisions' file, as in an export of a log. Times are UTC; the id of a decision is left out, being random."""


def _moment(instant: int | None) -> str | None:
    return (
        None
        if instant is None
        else to_datetime(instant).replace(tzinfo=None).isoformat(timespec="microseconds")
    )


@contextmanager
def decisions_csv(path: Path) -> Iterator[OnRow]:
    """Writes a row for each decision that the yielded function is given."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)

        def write(row: SimulatedRow) -> None:
            times = {name: _moment(getattr(row, name)) for name in ("time", "next_allowed_at", "expires_at")}
            writer.writerow({**row._asdict(), **times}.values())

        yield write


def check_parquet() -> None:
    """Raises MissingExtra if Parquet files cannot be written."""
    try:
        import duckdb  # noqa: F401, PLC0415 -- of the extra `measure`
    except ModuleNotFoundError as error:
        raise MissingExtra("Parquet files need DuckDB: install tact[measure]") from error


@contextmanager
def decisions_parquet(path: Path, folder: Path) -> Iterator[OnRow]:
    """The same as Parquet, by way of a CSV file in the folder."""
    written = folder / "decisions.csv"
    with decisions_csv(written) as write:
        yield write
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())
    quoted = [str(file).replace("'", "''") for file in (written, path)]
    with open_database(threads=1, spill=folder) as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{quoted[0]}', header = true, columns = {{{columns}}}))"  # noqa: S608 -- names of files
            f" TO '{quoted[1]}' (FORMAT parquet, COMPRESSION zstd)"
        )

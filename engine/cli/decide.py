"""`tact decide`: decides a customer with a book, without a server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from rich.table import Table

from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, fail
from engine.cli.local import read_context, try_out
from engine.cli.screen import screen, table
from engine.decide.compiled import CompiledBook, compile_book
from engine.explain import CampaignExplained, Explained
from engine.explain.words import rule_in_words, score_text
from engine.model.decision import ChosenOffer, Decision, RuleReading
from engine.model.instant import to_datetime
from engine.wire.explain import respond_explained
from engine.wire.violations import InvalidMessage, Unsupported


def decide(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    context: Annotated[Path, typer.Option(help="The customer, as a JSON or YAML file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for machines.")] = False,
) -> None:
    """Decide for the customer in a file, and explain the decision; nothing is kept.

    The file holds customer, and as far as known aliases, profile, location, weather, events, consents and
    preferred_channels; of the call channels, placement, max_offers, mode and now; and prices of what is scarce.
    """
    compiled = compile_book(loaded_book(book))
    try:
        explained = try_out(compiled, read_context(context, compiled))
    except (ValueError, InvalidMessage, Unsupported) as error:
        fail(str(error), USAGE)
    if as_json:
        typer.echo(
            MessageToJson(respond_explained(explained, compiled.book), preserving_proto_field_name=True)
        )
    else:
        _show(explained, compiled)


def _show(explained: Explained, compiled: CompiledBook) -> None:
    console = screen()
    decision = explained.decision
    console.print(
        f"[bold]{decision.outcome.upper()}[/bold] at {to_datetime(decision.at).astimezone(compiled.book.timezone)}"
    )
    for offer in decision.offers:
        console.print(_line(offer))
        for name, text in offer.content.items():
            console.print(f"    {name}: {text}", markup=False)
    if decision.next_allowed_at is not None:
        console.print(
            f"next allowed at {to_datetime(decision.next_allowed_at).astimezone(compiled.book.timezone)}"
        )
    if decision.next_any_at is not None:
        console.print(f"next any at {to_datetime(decision.next_any_at).astimezone(compiled.book.timezone)}")
    for signal in explained.signals:
        led = f", from {', '.join(signal.led_by)}" if signal.led_by else ""
        console.print(f"signal {signal.name}{led}")
    console.print(_table(decision, explained.campaigns), soft_wrap=False)
    readings = [reading for campaign in explained.campaigns for reading in campaign.readings]
    if readings:
        console.print(_pressure(readings, compiled), soft_wrap=False)


def _line(offer: ChosenOffer) -> str:
    where = f"{offer.channel} ({offer.placement})" if offer.placement else offer.channel
    what = f"{offer.campaign}: {offer.offer}" if offer.campaign else f"fallback: {offer.offer}"
    variant = f", variant {offer.variant}" if offer.variant else ""
    return f"  {what}{variant}, on {where}, score {score_text(offer.score)}"


def _pressure(readings: Sequence[RuleReading], compiled: CompiledBook) -> Table:
    rows = table("campaign", "channel", "rule", "", "state", title="contact pressure", title_justify="left")
    for reading in readings:
        effect = "blocks" if reading.blocks else "lets pass"
        rows.add_row(
            reading.campaign,
            reading.channel,
            f"{reading.kind} {reading.rule}",
            effect,
            rule_in_words(reading, compiled.book.timezone),
        )
    return rows


def _reason_name(campaign: CampaignExplained) -> str:
    """The name that the reason carries, unless it is the campaign's own."""
    return "" if campaign.reason.name == campaign.campaign else campaign.reason.name


def _table(decision: Decision, campaigns: tuple[CampaignExplained, ...]) -> Table:
    rows = table(
        "campaign",
        "stage",
        "score",
        "what else stood in the way",
        title=f"book {decision.book_version[:12]}",
        title_justify="left",
    )
    for campaign in campaigns:
        score = "" if campaign.score is None else score_text(campaign.score)
        lost = ", ".join(
            f"{detail.name} {detail.code}" for detail in campaign.details if detail != campaign.reason
        )
        rows.add_row(
            campaign.campaign, f"{campaign.reason.code} {_reason_name(campaign)}".strip(), score, lost
        )
    return rows

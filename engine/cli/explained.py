"""An explanation on the terminal: the answer, a table of all campaigns, and each campaign's tests."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from engine.api.v1 import decisions_pb2 as pb
from engine.cli.screen import table
from engine.explain.words import (
    LIFTED,
    MARKS,
    applies_in_words,
    budget_in_brief,
    code_in_words,
    ignored_in_words,
    lapsed_in_words,
    moment_in_words,
    rule_in_brief,
    score_text,
)
from engine.model.decision import Lapsed
from engine.model.instant import from_datetime
from engine.model.texts import number_text

_COLORS = {"TRUE": "green", "FALSE": "red", "UNKNOWN": "yellow"}
"""By name of the verdict."""


_OF_FORMS = (pb.REASON_CODE_CHOSEN, pb.REASON_CODE_NO_VARIANT)
"""The reasons with which the variants are shown."""


def show(console: Console, answer: pb.ExplainResponse, zone: tzinfo) -> None:
    """Print the explanation; times are on the zone's clock."""
    for line in _answer(answer.response, zone):
        console.print(line)
    for note in answer.notes:
        console.print(Text(f"note: {note}", "yellow"))
    console.print()
    console.print(_table(answer, zone), soft_wrap=False)
    for campaign in answer.campaigns:
        console.print()
        console.print(Text(campaign.sentence))
        if campaign.HasField("condition") and campaign.condition.text != "always":
            console.print(_tree(Tree(_node(campaign.condition, "when ")), campaign.condition))
        if any(reason.code in _OF_FORMS for reason in (campaign.reason, *campaign.details)):
            for form in campaign.forms:
                console.print(_form(form))
        for reading in campaign.pressure:
            console.print(_reading(reading, zone))
        for flip in campaign.flips[1:]:
            console.print(Text(f"Or: {flip.sentence}"))


def _answer(response: pb.DecideResponse, zone: tzinfo) -> Iterator[Text]:
    outcome = pb.Outcome.Name(response.outcome).removeprefix("OUTCOME_")
    yield Text.assemble((outcome, "bold"), f" at {_moment(response.decided_at, zone)}")
    for offer in response.offers:
        where = f"{offer.channel} ({offer.placement})" if offer.placement else offer.channel
        yield Text(
            f"  {offer.campaign or 'fallback'}: {offer.offer} {offer.variant}".rstrip() + f", on {where}"
        )
    if response.HasField("next_allowed_at"):
        yield Text(f"  next allowed at {_moment(response.next_allowed_at, zone)}")
    if response.HasField("next_any_at"):
        yield Text(f"  next any at {_moment(response.next_any_at, zone)}")
    for ignored in response.ignored:
        yield Text(ignored_in_words(ignored.name, ignored.meant), "yellow")


def _table(answer: pb.ExplainResponse, zone: tzinfo) -> Table:
    rows = table("campaign", "stage", "tier", "score", "against", "what would bring it further")
    for campaign in answer.campaigns:
        reason, rival = campaign.reason, campaign.rival
        name = "" if reason.name == campaign.campaign else f" {reason.name}"
        against = ""
        if campaign.HasField("rival"):
            against = _against(campaign, rival)
        rows.add_row(
            Text(campaign.campaign),
            Text(f"{_code(reason.code)}{name}", "bold green" if reason.code == pb.REASON_CODE_CHOSEN else ""),
            str(campaign.tier),
            score_text(campaign.score) if campaign.HasField("score") else "",
            against,
            Text(_change(campaign.flips[0], zone) if campaign.flips else ""),
        )
    return rows


def _against(campaign: pb.CampaignExplanation, rival: pb.Rival) -> str:
    if rival.tier != campaign.tier:
        return f"tier {rival.tier}"
    return f"score {score_text(rival.score)}{', a tie' if rival.score == campaign.score else ''}"


def _change(flip: pb.Flip, zone: tzinfo) -> str:
    then = "" if flip.then.code == pb.REASON_CODE_CHOSEN else f", then {_code(flip.then.code)}"
    return _changed(flip, zone) + then


def _changed(flip: pb.Flip, zone: tzinfo) -> str:
    kind = pb.ChangeKind.Name(flip.kind).removeprefix("CHANGE_KIND_").lower()
    match flip.kind:
        case pb.CHANGE_KIND_ATTRIBUTE | pb.CHANGE_KIND_TIER | pb.CHANGE_KIND_VALUE:
            after = "known" if flip.any_value else _shown(flip.after)
            return f"{flip.name or kind}: {_shown(flip.before)} → {after}"
        case pb.CHANGE_KIND_TIME:
            return f"at {moment_in_words(datetime.fromisoformat(flip.after), zone)}"
    return f"{kind} {flip.name}"


def _tree(tree: Tree, condition: pb.ConditionTrace) -> Tree:
    for part in condition.parts:
        _tree(tree.add(_node(part)), part)
    return tree


def _node(condition: pb.ConditionTrace, before: str = "") -> Text:
    verdict = pb.Verdict.Name(condition.verdict).removeprefix("VERDICT_")
    node = Text.assemble((MARKS.get(verdict, ""), _COLORS.get(verdict, "")), f"  {before}{condition.text}")
    if not condition.parts and condition.text != "always":
        node.append(f"  (it is {_shown(condition.value)})", "dim")
    return node


def _form(form: pb.FormExplanation) -> Tree:
    lacks = f", lacks {', '.join(form.lacks)}" if form.lacks else ""
    tree = Tree(Text(f"variant {form.variant or '(the offer)'} on {form.channel}{lacks}"))
    if form.condition.text != "always":
        _tree(tree.add(_node(form.condition)), form.condition)
    return tree


def _reading(reading: pb.PressureReading, zone: tzinfo) -> Text:
    """What a pressure rule saw, and whether it blocks."""
    kind = pb.PressureKind.Name(reading.kind).removeprefix("PRESSURE_KIND_").lower()
    if reading.HasField("spending"):
        spent = reading.spending
        amounts = (spent.spent_micros, spent.limit_micros, spent.cost_micros)
        seen = budget_in_brief(*amounts, spent.currency, reading.window)
    else:
        seen = rule_in_brief(kind, reading.counted, reading.limit, reading.window)
    text = Text(f"{kind} {reading.rule} on {reading.channel}: {seen}")
    if reading.applies_to:
        text.append(f", {applies_in_words(reading.applies_to)}")
    if reading.lifted:
        return text.append(f", {LIFTED}", "green")
    if not reading.blocks:
        text.append(", lets it pass", "green")
        return text.append(f": {_lapsed(reading.lapsed, zone)}") if reading.HasField("lapsed") else text
    until = f" until {_moment(reading.next_allowed_at, zone)}" if reading.HasField("next_allowed_at") else ""
    return text.append(f", holds it back{until}", "red")


def _lapsed(lapsed: pb.LapsedContacts, zone: tzinfo) -> str:
    contacted, ended = lapsed.contacted_at, lapsed.lapsed_at
    return lapsed_in_words(
        Lapsed(
            lapsed.contacts, from_datetime(contacted.ToDatetime(UTC)), from_datetime(ended.ToDatetime(UTC))
        ),
        zone,
    )


def _shown(text: str) -> str:
    """A value that came as JSON, on one line; unprintable characters are replaced."""
    value = json.loads(text) if text else "missing"
    match value:
        case bool():
            shown = str(value).lower()
        case float() | int():
            shown = number_text(value)
        case str():
            shown = value
        case _:
            shown = json.dumps(value, ensure_ascii=False)
    return "".join(character if character.isprintable() else "�" for character in shown)


def _moment(stamp: Timestamp, zone: tzinfo) -> str:
    return moment_in_words(stamp.ToDatetime(UTC), zone)


def _code(code: "pb.ReasonCode") -> str:
    return code_in_words(pb.ReasonCode.Name(code).removeprefix("REASON_CODE_").lower())

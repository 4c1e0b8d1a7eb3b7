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

_MARKS = {
    pb.VERDICT_TRUE: ("yes", "green"),
    pb.VERDICT_FALSE: ("no", "red"),
    pb.VERDICT_UNKNOWN: ("unknown", "yellow"),
}


_OF_FORMS = (pb.REASON_CODE_CHOSEN, pb.REASON_CODE_NO_VARIANT)
"""Where it matters which variants there were."""


def show(console: Console, answer: pb.ExplainResponse, zone: tzinfo) -> None:
    """Prints the explanation; times on the zone's clock."""
    for line in _answer(answer.response, zone):
        console.print(line)
    for note in answer.notes:
        console.print(Text(f"note: {note}", "yellow"))
    console.print()
    console.print(_table(answer, zone))
    for one in answer.campaigns:
        console.print()
        console.print(Text(one.sentence))
        if one.HasField("condition") and one.condition.text != "always":
            console.print(_tree(Tree(_node(one.condition, "when ")), one.condition))
        if any(each.code in _OF_FORMS for each in (one.reason, *one.details)):
            for form in one.forms:
                console.print(_form(form))
        for reading in one.pressure:
            console.print(_reading(reading, zone))
        for flip in one.flips[1:]:
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


def _table(answer: pb.ExplainResponse, zone: tzinfo) -> Table:
    table = Table("campaign", "stage", "tier", "score", "against", "what would bring it further")
    for one in answer.campaigns:
        code = _word(one.reason.code)
        about = "" if one.reason.name == one.campaign else f" {one.reason.name}"
        against = ""
        if one.HasField("rival"):
            own = one.rival.tier == one.tier
            against = f"score {one.rival.score:g}" if own else f"tier {one.rival.tier}"
        table.add_row(
            Text(one.campaign),
            Text(f"{code}{about}", "bold green" if one.reason.code == pb.REASON_CODE_CHOSEN else ""),
            str(one.tier),
            f"{one.score:g}" if one.HasField("score") else "",
            against,
            Text(_change(one.flips[0], zone) if one.flips else ""),
        )
    return table


def _change(flip: pb.Flip, zone: tzinfo) -> str:
    then = "" if flip.then.code == pb.REASON_CODE_CHOSEN else f", then {_word(flip.then.code)}"
    return _otherwise(flip, zone) + then


def _otherwise(flip: pb.Flip, zone: tzinfo) -> str:
    kind = pb.ChangeKind.Name(flip.kind).removeprefix("CHANGE_KIND_").lower()
    match flip.kind:
        case pb.CHANGE_KIND_ATTRIBUTE | pb.CHANGE_KIND_TIER | pb.CHANGE_KIND_VALUE:
            after = "known" if flip.any_value else _shown(flip.after)
            return f"{flip.name or kind}: {_shown(flip.before)} → {after}"
        case pb.CHANGE_KIND_TIME:
            moment = datetime.fromisoformat(flip.after).astimezone(zone)
            return f"at {moment.isoformat(' ', 'seconds')}"
    return f"{kind} {flip.name}"


def _tree(tree: Tree, condition: pb.ConditionTrace) -> Tree:
    for part in condition.parts:
        _tree(tree.add(_node(part)), part)
    return tree


def _node(condition: pb.ConditionTrace, before: str = "") -> Text:
    mark, color = _MARKS.get(condition.verdict, ("", ""))
    node = Text.assemble((mark, color), f"  {before}{condition.text}")
    if not condition.parts and condition.text != "always":
        node.append(f"  (it is {_shown(condition.value)})", "dim")
    return node


def _form(form: pb.FormExplanation) -> Tree:
    lacks = f", lacks {', '.join(form.lacks)}" if form.lacks else ""
    tree = Tree(Text(f"variant {form.variant or '(the offer)'} on {form.channel}{lacks}"))
    if form.condition.text != "always":
        _tree(tree.add(_node(form.condition)), form.condition)
    return tree


def _reading(one: pb.PressureReading, zone: tzinfo) -> Text:
    """How a rule of contact pressure stands."""
    kind = pb.PressureKind.Name(one.kind).removeprefix("PRESSURE_KIND_").lower()
    between = " outcomes, a pause of " if one.kind == pb.PRESSURE_KIND_PAUSE else " in "
    counted = f"{one.counted} of {one.limit}{between}" if one.HasField("counted") else ""
    text = Text(f"{kind} {one.rule} on {one.channel}: {counted}{one.window}")
    if not one.blocks:
        return text.append(", lets it pass", "green")
    until = f" until {_moment(one.next_allowed_at, zone)}" if one.HasField("next_allowed_at") else ""
    return text.append(f", holds it back{until}", "red")


def _shown(text: str) -> str:
    """A value that came as JSON, on one line."""
    value = json.loads(text) if text else "missing"
    match value:
        case bool():
            shown = str(value).lower()
        case float() | int():
            shown = f"{value:.12g}"
        case str():
            shown = value
        case _:
            shown = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else "�" for each in shown)


def _moment(stamp: Timestamp, zone: tzinfo) -> str:
    return stamp.ToDatetime(UTC).astimezone(zone).isoformat(" ", "seconds")


def _word(code: "pb.ReasonCode") -> str:
    return pb.ReasonCode.Name(code).removeprefix("REASON_CODE_").replace("_", " ").lower()

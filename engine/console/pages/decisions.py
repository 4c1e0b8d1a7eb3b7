"""Decisions: found by person, campaign, outcome and time, and each explained in words."""

import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
from google.protobuf.message import Message
from starlette.responses import Response

from engine.api.v1 import decisions_pb2 as pb
from engine.client import TactError
from engine.console.page import Asked, ConsolePage, Refusal
from engine.console.texts import _
from engine.explain.words import code_in_words, rule_in_brief, score_text
from engine.ledger.queries.decisions import DecisionSearch, decision_of, list_decisions
from engine.ledger.queries.held import names_of_person
from engine.ledger.queries.outcomes import of_decisions
from engine.ledger.store.statements import id_from
from engine.model.decision import Outcome
from engine.model.instant import from_datetime
from engine.privacy.access import note_access, note_decision, note_feed
from engine.privacy.objection import PrivacyActor
from engine.server.access.roles import Role

EXPLAINERS = frozenset((Role.EXPLAIN,))
"""Those who may see what was decided about whom, and why."""


_ROWS = 100
_LOOKED_AT = 5000
"""Decisions that one page looks at, where not all of them fit."""


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FIRST, _LAST = "", "g"
"""Before all ids, and after."""


_MARKS = {"TRUE": "✓", "FALSE": "✗", "UNKNOWN": "?"}
_MOST_SHOWN = 100
"""Campaigns that are explained on one page."""


def _decisions(asked: Asked) -> Response:
    person = asked.query("person").strip()[:500]
    outcome, campaign = asked.query("outcome"), asked.query("campaign").strip()[:200]
    since, until = _day("from", asked.query("from")), _day("to", asked.query("to"))
    before = asked.query("before")
    if before and not _ID.fullmatch(before):
        raise Refusal(400, _("The page is named by the id of a decision."))
    latest = _LAST if until is None else id_from(from_datetime(_start(until + timedelta(days=1))))
    search = DecisionSearch(
        _FIRST if since is None else id_from(from_datetime(_start(since))),
        min(before or _LAST, latest),
        _names(asked, person) if person else (),
        outcome if outcome in {*Outcome} else "",
        campaign,
    )
    if not person:
        with asked.log.writing() as store, store.transaction():
            note_feed(store, _reader(asked))  # the list names persons
    with asked.reading() as store:
        rows, following = list_decisions(store, search, _ROWS, _LOOKED_AT)
    fields = {
        "person": person,
        "outcome": search.outcome,
        "campaign": campaign,
        "from": asked.query("from"),
        "to": asked.query("to"),
    }
    kept = {name: value for name, value in fields.items() if value}
    return asked.page(
        "decisions.html",
        rows=rows,
        fields=fields,
        outcomes=[*Outcome],
        first=urlencode(kept),
        following=urlencode({**kept, "before": following}) if following else "",
        is_later=bool(before),
    )


def _names(asked: Asked, person: str) -> list[str]:
    """All names of the person; that somebody looked at them stands in the audit."""
    with asked.log.writing() as store, store.transaction():
        note_access(store, _reader(asked), "person decisions", person)
        return [*names_of_person(store, person).names]


def _reader(asked: Asked) -> PrivacyActor:
    return PrivacyActor(asked.user.name, "console", time.time_ns() // 1000)


def _day(name: str, text: str) -> date | None:
    """The day that a parameter names; None: none. Raises Refusal."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if not 1970 <= day.year <= 9000:
        raise Refusal(400, _("%(name)s needs a day such as 2026-03-10.") % {"name": name})
    return day


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class ShownCondition(NamedTuple):
    """A test or a group of tests, with its result."""

    mark: str
    verdict: str
    text: str
    value: str
    """Empty: a group has none."""
    parts: list["ShownCondition"]


class ShownCampaign(NamedTuple):
    """What became of a campaign, in words."""

    name: str
    reason: str
    is_chosen: bool
    tier: int
    score: str
    sentence: str
    condition: ShownCondition | None
    readings: list[str]
    changes: list[str]


def _decision(asked: Asked) -> Response:
    decision_id = asked.path("decision_id")
    if not _ID.fullmatch(decision_id):
        raise Refusal(404, _("There is no such decision."))
    with asked.log.writing() as store, store.transaction():
        note_decision(store, _reader(asked), decision_id)
    with asked.reading() as store:
        row = decision_of(store, decision_id)
        reported = of_decisions(store, [decision_id]).get(decision_id, []) if row else []
    if row is None:
        raise Refusal(404, _("There is no such decision."))
    inputs = orjson.loads(row.inputs)
    masked = inputs.get("masked", [])
    explained, problem = _explained(asked, decision_id)
    return asked.page(
        "decision.html",
        row=row,
        attributes=sorted((name, _as_text(value)) for name, value in inputs.get("attributes", {}).items()),
        masked=masked,
        consents=inputs.get("consents", []),
        reported=reported,
        problem=problem,
        notes=[*explained.notes] if explained else [],
        offers=[*explained.response.offers] if explained else [],
        campaigns=[_shown(campaign) for campaign in explained.campaigns[:_MOST_SHOWN]] if explained else [],
        hidden=max(0, len(explained.campaigns) - _MOST_SHOWN) if explained else 0,
    )


def _explained(asked: Asked, decision_id: str) -> tuple[pb.ExplainResponse | None, str]:
    """The explanation, and why there is none."""
    try:
        with asked.client() as client:
            return client.explain(decision_id), ""
    except TactError as error:
        return None, error.status.message or str(error)
    except Refusal as refusal:
        return None, str(refusal)


def _shown(campaign: pb.CampaignExplanation) -> ShownCampaign:
    name = campaign.reason.name
    code = code_in_words(pb.ReasonCode.Name(campaign.reason.code).removeprefix("REASON_CODE_").lower())
    always = not campaign.HasField("condition") or campaign.condition.text == "always"
    return ShownCampaign(
        campaign.campaign,
        code if name in ("", campaign.campaign) else f"{code}: {name}",
        campaign.reason.code == pb.REASON_CODE_CHOSEN,
        campaign.tier,
        score_text(campaign.score) if campaign.HasField("score") else "",
        campaign.sentence,
        None if always else _condition(campaign.condition),
        [_reading(reading) for reading in campaign.pressure],
        [flip.sentence for flip in campaign.flips],
    )


def _condition(trace: pb.ConditionTrace) -> ShownCondition:
    verdict = pb.Verdict.Name(trace.verdict).removeprefix("VERDICT_")
    value = "" if trace.parts else trace.value or _("missing")
    return ShownCondition(
        _MARKS.get(verdict, ""), verdict.lower(), trace.text, value, [*map(_condition, trace.parts)]
    )


def _reading(reading: pb.PressureReading) -> str:
    kind = pb.PressureKind.Name(reading.kind).removeprefix("PRESSURE_KIND_").lower()
    seen = rule_in_brief(kind, reading.counted, reading.limit, reading.window)
    passes = _("blocks") if reading.blocks else _("lets it pass")
    until = (
        f" {_('until')} {_moment(reading)}" if reading.blocks and reading.HasField("next_allowed_at") else ""
    )
    return f"{kind} {reading.rule} ({reading.channel}): {seen}; {passes}{until}"


def _moment(reading: Message) -> str:
    at: Any = reading
    return f"{at.next_allowed_at.ToDatetime(UTC):%Y-%m-%d %H:%M} UTC"


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


PAGES = (
    ConsolePage("/decisions", "decisions", _decisions, EXPLAINERS, nav="Decisions"),
    ConsolePage("/decisions/{decision_id}", "decision", _decision, EXPLAINERS),
)

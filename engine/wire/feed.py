"""What was kept, and who becomes due, as messages; and the requests for them, parsed."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import orjson

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.answer import from_json
from engine.ledger.feed import Cursor, FeedEntry, parse_cursor
from engine.ledger.memory import values_of
from engine.ledger.queries.due import DueDecision
from engine.ledger.store.rows import DecisionRow, OutcomeRow
from engine.model.instant import DAY, Instant
from engine.model.trends import TrendAlert
from engine.model.values import Value
from engine.wire.messages.values import value_of
from engine.wire.respond import respond, set_time
from engine.wire.values import moment
from engine.wire.violations import FieldViolations

LONGEST_AHEAD = 31 * DAY
"""How far ahead of now persons who become due can be listed."""


_KIND_OF = {
    DecisionRow: pb.WATCH_KIND_DECISION,
    OutcomeRow: pb.WATCH_KIND_OUTCOME,
    TrendAlert: pb.WATCH_KIND_TREND,
}


_OWN_FIELDS = ("item", "category", "page", "value", "currency")
"""Fields of events that have a field of their own in the contract."""


class WatchQuery(NamedTuple):
    """From where on to watch, and what."""

    cursor: Cursor | None
    since: Instant | None
    kinds: frozenset[int]
    """Empty: everything."""

    def includes(self, entry: FeedEntry) -> bool:
        """Whether the entry is to be sent."""
        return not self.kinds or _KIND_OF[type(entry.row)] in self.kinds


def query_of_kind(kind: str | None) -> WatchQuery:
    """The query for one kind of entries, `decision`, `outcome` or `trend`; None: for all."""
    kinds = () if kind is None else (pb.WatchKind.Value(f"WATCH_KIND_{kind.upper()}"),)
    return WatchQuery(None, None, frozenset(kinds))


class DueQuery(NamedTuple):
    """Whom to list."""

    since: Instant
    until: Instant
    follow: bool


def parse_watch(message: pb.WatchRequest) -> WatchQuery:
    """The query; raises InvalidMessage with every violation."""
    violations, cursor, since = FieldViolations(), None, None
    if message.cursor:
        try:
            cursor = parse_cursor(message.cursor)
        except ValueError as error:
            violations.add("cursor", str(error))
    if message.HasField("since"):
        since = _moment(message.since, "since", violations)
        if message.cursor:
            violations.add("since", "cannot be given together with a cursor")
    for index, kind in enumerate(message.kinds):
        if kind not in _KIND_OF.values():
            violations.add(
                f"kinds[{index}]",
                f"must be WATCH_KIND_DECISION, WATCH_KIND_OUTCOME or WATCH_KIND_TREND, not {kind}",
            )
    violations.raise_any()
    return WatchQuery(cursor, since, frozenset(message.kinds))


def parse_due(message: pb.DueRequest, now: Instant) -> DueQuery:
    """The query, as of `now`; raises InvalidMessage with every violation."""
    violations = FieldViolations()
    since = _moment(message.since, "since", violations) if message.HasField("since") else now
    ahead = message.within.seconds * 1_000_000 + message.within.nanos // 1000
    if not 0 <= ahead <= LONGEST_AHEAD:
        violations.add("within", "must be between 0 seconds and 31 days")
    if message.follow and ahead:
        violations.add("within", "cannot be given together with `follow`")
    if message.follow and since > now:
        violations.add("since", "must not be later than now where `follow` is set")
    violations.raise_any()
    return DueQuery(since, now + ahead + 1, message.follow)


def _moment(message: Any, path: str, violations: FieldViolations) -> Instant:
    try:
        return moment(message)
    except ValueError as error:
        violations.add(path, str(error))
        return 0


def watch_response(entry: FeedEntry) -> pb.WatchResponse:
    """The message of what was kept."""
    response = pb.WatchResponse(cursor=str(entry.cursor))
    if isinstance(entry.row, DecisionRow):
        _fill_decision(response.decision, entry.row)
    elif isinstance(entry.row, TrendAlert):
        event, field, value, number, usual, at = entry.row
        response.trend.MergeFrom(
            pb.WatchedTrend(event=event, field=field, value=value, number=number, usual=usual)
        )
        set_time(response.trend.at, at)
    else:
        _fill_outcome(response.outcome, entry.row)
    return response


def due_response(due: DueDecision) -> pb.DueResponse:
    """The message of a person who becomes due."""
    row = due.row
    decision = from_json(row.answer)
    campaigns = [candidate[0] for candidate in orjson.loads(row.trace)["candidates"]]
    message = pb.DueResponse(
        customer_id=_customer(row, orjson.loads(row.inputs)),
        person_id=due.person,
        decision_id=row.decision_id,
        campaigns=campaigns,
        blocked_by=decision.blocked_by,
    )
    set_time(message.next_allowed_at, due.next_allowed_at)
    set_time(message.decided_at, row.at)
    return message


def _customer(row: DecisionRow, inputs: Mapping[str, Any]) -> str:
    """The name in the call, where it is not that under which the person was stored."""
    return str(inputs.get("customer", row.person))


def _fill_decision(message: pb.WatchedDecision, row: DecisionRow) -> None:
    inputs = orjson.loads(row.inputs)
    message.customer_id = _customer(row, inputs)
    message.person_id = row.person
    message.response.CopyFrom(respond(from_json(row.answer)))
    message.placement = row.placement or ""
    for name, value in inputs["attributes"].items():
        message.attributes[name].CopyFrom(value_of(name, value))
    message.masked.extend(inputs["masked"])


def _fill_outcome(message: pb.WatchedOutcome, row: OutcomeRow) -> None:
    report = message.event
    report.event_id, report.decision_id = row.event_id, row.decision_id or ""
    report.customer.id = row.person
    report.channel, report.campaign, report.order = row.channel, row.campaign, row.order_id or ""
    report.event.type = row.type
    set_time(report.event.at, row.at)
    fields: dict[str, Value | None] = {
        **values_of(orjson.loads(row.fields)),
        "value": row.value,
        "currency": row.currency,
    }
    for name, value in fields.items():
        if value is None:
            continue
        if name in _OWN_FIELDS:
            setattr(report.event, name, value)
        else:
            plain = value.isoformat() if isinstance(value, date) else value
            report.event.attributes[name].CopyFrom(value_of(name, plain))
    set_time(message.recorded_at, row.recorded_at)
    message.offer, message.variant = row.offer, row.variant

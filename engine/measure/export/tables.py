"""The tables of an export: what is read of the log, and in SQL of DuckDB how their columns are made of it.

All times are TIMESTAMP in UTC, in microseconds. The month of a decision, and of all that belongs to it, is that of its
decision_id (UUIDv7): when the log took it. The month of an outcome is that of its `time`.
"""

import json
from collections.abc import Iterator

from engine.measure.export.packed import whole
from engine.measure.export.source import LogColumn
from engine.rulebook.model.book import Book


def _columns(declared: str) -> tuple[LogColumn, ...]:
    """The columns of a text such as `person! score:number`; `!` stands behind those that are required."""
    columns = []
    for word in declared.split():
        name, _, type_ = word.rstrip("!").partition(":")
        columns.append(LogColumn(name, type_ or "text", word.endswith("!")))
    return tuple(columns)


DECISIONS = _columns(
    "decision_id! request_id person! at:time! book_version! outcome! campaign offer variant channel placement"
    " score:number selection_probability:number next_allowed_at:time expires_at:time inputs! trace! answer!"
)
CONTACTS = _columns(
    "decision_id! position:integer! person! at:time! state! expires_at:time channel! kind! campaign! offer! category! tags!"
    " cost:integer"
)
OUTCOMES = _columns(
    "event_id! person! type! at:time! recorded_at:time! decision_id decided_at:time channel! campaign! offer! variant!"
    " value:number currency order_id fields! reported_for"
)
IDENTITIES = _columns("name! person! linked_at:time! linked_to")
BOOKS = _columns("version! first_at:time! text!")

EVENTS = _columns("person! at:time! position:integer! event_id! type! fields!")
REMEMBERED = _columns("person! name! since:time! expires_at:time!")

CHALLENGES = _columns(
    "decision_id! person! at:time! book_version! outcome! campaign offer variant channel inputs!"
)

RECORDED_AT = (
    "make_timestamp(CAST('0x' || substr(decision_id, 1, 8) || substr(decision_id, 10, 4) AS BIGINT) * 1000)"
)
"""When a decision was logged: the time in its UUIDv7."""

_TRACE = (
    '{"candidates": [["VARCHAR"]], "more_candidates": "BIGINT", "variants": [["VARCHAR"]], "counters": [["VARCHAR"]],'
    ' "experiments": [["VARCHAR"]], "learned": [["VARCHAR"]], "propensities": [["VARCHAR"]]}'
)
_INPUTS = (
    '{"attributes": "JSON", "masked": ["VARCHAR"], "consents": ["VARCHAR"], "customer": "VARCHAR",'
    ' "signals": [["VARCHAR"]]}'
)
"""Values of all types are read as texts, so that the rows of a trace, whose values differ in type, are parsed at once."""


def decoded(columns: tuple[LogColumn, ...]) -> str:
    """The columns with their types, out of what the log's statement gave."""
    return ", ".join(column.decoded for column in columns)


PARSED = f"""
SELECT * EXCLUDE (answer), {RECORDED_AT} AS recorded_at,
  CASE WHEN outcome = 'offer' AND len(trace.variants) = 1 AND len(trace.variants[1]) > 3
      THEN [[campaign, offer, variant, channel, placement, CAST(score AS VARCHAR), CAST(selection_probability AS VARCHAR)]]
    WHEN outcome IN ('offer', 'fallback', 'control')
      THEN from_json(json_extract_string(answer, '$[5]'), '[["VARCHAR"]]') END AS offered
FROM (
  SELECT * REPLACE (from_json(trace, '{_TRACE}') AS trace, from_json(inputs, '{_INPUTS}') AS inputs)
  FROM ({whole(decoded(DECISIONS), "source")})
)
"""
"""Decisions with their JSON parsed. Texts of answers are left behind: they hold values that are masked elsewhere.

What was offered is in the columns where only one thing was chosen, so that its answer need not be parsed; not so in logs of
earlier versions, which do not say of which campaign a variant is."""

_OF_DECISION = "decision_id, person, time"

DECISIONS_TABLE = """
SELECT decision_id, request_id, person, time, recorded_at, book_version, outcome, placement, campaign, offer, variant,
  channel, score, selection_probability, next_allowed_at, expires_at, trace.more_candidates AS more_candidates,
  CAST(inputs.attributes AS VARCHAR) AS attributes, inputs.masked AS masked, inputs.consents AS consents,
  coalesce(inputs.customer, person) AS customer
FROM parsed
"""

_CHOSEN = """
WITH selected AS (
  SELECT decision_id, person, time, recorded_at, book_version, outcome, placement, campaign, offer, channel,
    selection_probability, offered, trace.learned AS learned, coalesce(trace.variants, []) AS chosen,
    coalesce(trace.experiments, []) AS experiments,
    [x FOR x IN coalesce(trace.candidates, []) IF x[3] IN ('chosen', 'control', 'held_out')] AS picked,
    [x FOR x IN coalesce(offered, []) IF x[1] = ''][1] AS fallback,
    unnest(range(len(chosen) + (fallback IS NOT NULL)::BIGINT)) AS position
  FROM parsed
)
SELECT p.*, p.position = len(p.chosen) AS is_fallback, p.chosen[p.position + 1] AS chosen_row,
  p.picked[p.position + 1] AS picked_row,
  coalesce(chosen_row[4], picked_row[1], CASE WHEN NOT is_fallback AND p.outcome = 'control' AND p.position = 0
    THEN p.campaign END, c.campaign) AS campaign_,
  c.campaign AS contact_campaign, c.offer AS contact_offer, c.channel AS contact_channel, c.kind, c.state
FROM selected AS p
LEFT JOIN contacts_of_month AS c ON c.decision_id = p.decision_id AND c.position = p.position
"""
"""One row an offer: first what was chosen, by position, then the fallback. Earlier logs do not say which campaign was chosen
at a position; it is that of the candidate in the same order, or of the contact."""

OFFERS_TABLE = f"""
WITH named AS (
  SELECT * REPLACE (CASE WHEN is_fallback THEN '' ELSE campaign_ END AS campaign_) FROM ({_CHOSEN})
), looked_up AS (
  SELECT *,
    CASE WHEN is_fallback THEN fallback ELSE [x FOR x IN coalesce(offered, []) IF x[1] = campaign_][1] END AS offer_row,
    [x FOR x IN experiments IF x[1] = campaign_ AND x[2] IN ('holdout', 'control')] AS withholding,
    [x FOR x IN withholding IF x[7] = 'true'][1] AS withholder,
    [x FOR x IN withholding IF x[2] = 'control'][1] AS control,
    [x FOR x IN coalesce(learned, []) IF x[1] = campaign_][1] AS learned_row
  FROM named
), explained AS (
  SELECT *,
    CASE WHEN is_fallback OR picked_row[3] = 'chosen' THEN '' WHEN picked_row IS NOT NULL THEN picked_row[3]
      WHEN withholder IS NULL THEN '' WHEN withholder[2] = 'holdout' THEN 'held_out' ELSE 'control' END AS withheld,
    outcome = 'control' AND position = 0 AS in_columns,
    CAST(offer_row[7] AS DOUBLE) AS offered_with, CAST(chosen_row[2] AS DOUBLE) AS drawn_with
  FROM looked_up
)
SELECT decision_id, CAST(position AS INTEGER) AS position, person, time, recorded_at, book_version, campaign_ AS campaign,
  coalesce(offer_row[2], CASE WHEN in_columns THEN offer END, contact_offer) AS offer,
  coalesce(chosen_row[1], offer_row[3]) AS variant,
  coalesce(offer_row[4], CASE WHEN in_columns THEN channel END, contact_channel) AS channel,
  kind, placement, CAST(coalesce(offer_row[6], picked_row[2]) AS DOUBLE) AS score, withheld,
  CASE WHEN withheld = '' THEN '' ELSE coalesce(picked_row[4], withholder[3]) END AS withheld_by, state,
  CASE WHEN is_fallback THEN 1.0 ELSE drawn_with END AS p_variant,
  CASE WHEN is_fallback THEN 1.0
    ELSE coalesce(
      CAST(chosen_row[3] AS DOUBLE),
      CASE WHEN len(withholding) > 0
          THEN list_product([1.0 - (CAST(x[6] AS DOUBLE) - CAST(x[5] AS DOUBLE)) FOR x IN withholding])
        WHEN withheld = '' THEN offered_with / drawn_with WHEN in_columns THEN 1.0 - selection_probability END)
    END AS p_treated,
  control[4] AS control_salt, CAST(control[6] AS DOUBLE) - CAST(control[5] AS DOUBLE) AS control_share,
  make_timestamp(CAST(learned_row[2] AS BIGINT)) AS learned_since, chosen_row[6] AS unit
FROM explained ORDER BY decision_id, position
"""
"""`state` is that of the contact. p_treated of earlier logs is that of the experiments that are listed, or
follows from the selection probability, which is p_variant * p_treated of an offer and 1 - p_treated of a withheld one."""

STATED_OFFERS = """
SELECT o.* REPLACE (c.state AS state)
FROM {offers} AS o LEFT JOIN contacts_of_month AS c ON c.decision_id = o.decision_id AND c.position = o.position
ORDER BY o.decision_id, o.position
"""
"""The rows of `offers` of an export, with the contacts' present states."""

CANDIDATES_TABLE = f"""
WITH unnested AS (
  SELECT {_OF_DECISION}, coalesce(trace.propensities, []) AS propensities, unnest(trace.candidates) AS x,
    generate_subscripts(trace.candidates, 1) AS rank
  FROM parsed
)
SELECT decision_id, CAST(rank AS INTEGER) AS rank, person, time, x[1] AS campaign, CAST(x[6] AS INTEGER) AS tier,
  CAST(x[2] AS DOUBLE) AS score, x[3] AS code, x[4] AS name,
  CAST([p FOR p IN propensities IF p[1] = x[1]][1][2] AS DOUBLE) AS propensity
FROM unnested
"""

READINGS_TABLE = f"""
SELECT decision_id, person, time, x[6] AS campaign, x[7] AS channel, x[1] AS rule, CAST(x[2] AS BIGINT) AS counted,
  CAST(x[3] AS BIGINT) AS limit_, CAST(x[4] AS BOOLEAN) AS blocks, make_timestamp(CAST(x[5] AS BIGINT)) AS next_allowed_at
FROM (SELECT {_OF_DECISION}, unnest(trace.counters) AS x FROM parsed)
"""

EXPERIMENTS_TABLE = f"""
SELECT decision_id, person, time, x[1] AS campaign, x[2] AS purpose, x[3] AS name, x[4] AS salt, CAST(x[5] AS DOUBLE) AS low,
  CAST(x[6] AS DOUBLE) AS high, CAST(x[7] AS BOOLEAN) AS inside, x[8] AS unit
FROM (SELECT {_OF_DECISION}, unnest(trace.experiments) AS x FROM parsed)
"""

SIGNALS_TABLE = f"""
SELECT decision_id, person, time, x[1] AS signal, make_timestamp(CAST(x[2] AS BIGINT)) AS since,
  make_timestamp(CAST(x[3] AS BIGINT)) AS expires_at
FROM (SELECT {_OF_DECISION}, unnest(inputs.signals) AS x FROM parsed)
"""

OF_DECISIONS = {
    "decisions": DECISIONS_TABLE,
    "candidates": CANDIDATES_TABLE,
    "readings": READINGS_TABLE,
    "experiments": EXPERIMENTS_TABLE,
    "signals": SIGNALS_TABLE,
}
"""The tables that are made of a month's decisions alone; they keep the order of the decisions."""

STAGED_CONTACTS = f"""
SELECT * REPLACE (
    CASE WHEN tags = '[]' THEN [] ELSE from_json(tags, '["VARCHAR"]') END AS tags, CAST(position AS INTEGER) AS position),
  strftime({RECORDED_AT}, '%Y-%m') AS month
FROM (SELECT {decoded(CONTACTS)} FROM source)
"""
STAGED_CHALLENGES = f"""
SELECT decision_id, person, time, {RECORDED_AT} AS recorded_at, book_version, outcome, campaign, offer, variant, channel,
  CAST(inputs.attributes AS VARCHAR) AS attributes, inputs.masked AS masked, inputs.consents AS consents,
  strftime({RECORDED_AT}, '%Y-%m') AS month
FROM (SELECT * REPLACE (from_json(inputs, '{_INPUTS}') AS inputs) FROM (SELECT {decoded(CHALLENGES)} FROM source))
"""
"""Challenges are read as a whole, as contacts are."""

STAGED_OUTCOMES = f"SELECT *, strftime(time, '%Y-%m') AS month FROM (SELECT {decoded(OUTCOMES)} FROM source)"

STAGED_REMEMBERED = (
    "SELECT person, name AS signal, since, expires_at, strftime(since, '%Y-%m') AS month"
    f" FROM (SELECT {decoded(REMEMBERED)} FROM source)"
)


def staged_events(book: Book | None) -> str:
    """Events as they are exported: without the fields that the book masks; without a book, without any."""
    fields = "fields"
    if book is None:
        fields = "'{}'"
    for event_type in book.event_types.values() if book else ():
        for field in (event_type.fields or {}).values():
            if field.masked:
                removed = (
                    f"CAST(json_merge_patch({fields}, {_literal(json.dumps({field.name: None}))}) AS VARCHAR)"
                )
                fields = f"CASE WHEN type = {_literal(event_type.name)} THEN {removed} ELSE {fields} END"
    return (
        f"SELECT * REPLACE ({fields} AS fields, CAST(position AS INTEGER) AS position), strftime(time, '%Y-%m') AS month"
        f" FROM (SELECT {decoded(EVENTS)} FROM source)"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


WHOLE = "all"
"""The part of a table that is exported as a whole."""

ORDER = {
    "contacts": "decision_id, position",
    "outcomes": "time, person, type, event_id",
    "challenges": "decision_id",
    "events": "time, person, position",
    "remembered": "since, person, signal",
    "identities": "name",
    "books": "first_at, version",
    "conversions": "time, event_id, person",
    "credits": "time, event_id, person, denominator, decision_id, position",
    "refunds": "time, event_id, person",
}
"""The order of the rows of a file."""


def all_tables() -> Iterator[str]:
    """The names of all tables of an export."""
    yield from OF_DECISIONS
    yield "offers"
    yield from ORDER

"""A decision as rows of the log: enough to decide it again, bit by bit, without what the book keeps out of the log."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from engine.decide.answer import offer_of, to_json
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.samples import Sample
from engine.decide.pressure.contact_state import initial_status
from engine.decide.select import Selection, TriedCandidate
from engine.ledger.memory import to_json as fields_to_json
from engine.ledger.store.rows import ContactRow, DecisionRow
from engine.model.contact import Contact, ContactState
from engine.model.customer import CustomerState, HeldSignal
from engine.model.decision import Decision, Outcome

_MOST_CANDIDATES = 50
"""Candidates beyond these are counted, not listed: deciding again finds them."""


class _NoOffer(NamedTuple):
    """What a decision without offers, be they withheld, logs in the columns of the first offer."""

    campaign: str | None = None
    offer: str | None = None
    variant: str | None = None
    channel: str | None = None
    score: float | None = None
    selection_probability: float | None = None
    expires_at: int | None = None


_NO_OFFER = _NoOffer()


def decision_row(
    ask: Evaluation,
    person: str,
    decision: Decision,
    selection: Selection,
    history: Sequence[Contact],
    customer_state: CustomerState,
) -> DecisionRow:
    """The row of `decisions`."""
    first = decision.offers[0] if decision.offers else _NO_OFFER
    if decision.outcome is Outcome.CONTROL:
        first = offer_of(ask, selection.chosen[0])
    return DecisionRow(
        decision_id=decision.decision_id,
        request_id=decision.request_id or None,
        person=person,
        at=decision.at,
        book_version=decision.book_version,
        outcome=decision.outcome,
        campaign=first.campaign,
        offer=first.offer,
        variant=first.variant,
        channel=first.channel,
        placement=ask.request.placement or None,
        score=first.score,
        selection_probability=decision.selection_probability if first is not _NO_OFFER else None,
        next_allowed_at=decision.next_allowed_at,
        expires_at=first.expires_at,
        inputs=_inputs(ask, person),
        trace=_trace(ask, person, selection, history, customer_state),
        answer=to_json(decision),
    )


def contact_rows(person: str, decision: Decision, selection: Selection) -> list[ContactRow]:
    """The rows of `contacts`, one an offer that uses up pressure, or would if it were not withheld."""
    rows = []
    for position, (_, contact, withheld) in enumerate(selection.chosen):
        facts = contact.facts
        rows.append(
            ContactRow(
                person=person,
                at=contact.at,
                decision_id=decision.decision_id,
                position=position,
                state=initial_status(contact.expires_at).state if withheld is None else ContactState.SHADOW,
                expires_at=contact.expires_at,
                channel=facts.channel,
                kind=facts.kind,
                campaign=facts.campaign,
                offer=facts.offer,
                category=facts.category,
                tags=orjson.dumps(sorted(facts.tags)).decode() if facts.tags else "[]",
            )
        )
    return rows


def _inputs(ask: Evaluation, person: str) -> str:
    request, masked = ask.request, ask.compiled.masked
    values = request.attributes
    hidden = [name for name in masked if name in values] if masked else []
    document: dict[str, Any] = {
        "attributes": {k: v for k, v in values.items() if k not in masked} if hidden else values,
        "masked": sorted(hidden),
        "consents": sorted(request.consents),
        "preferred_channels": request.preferred_channels,
        "channels": request.channels,
        "max_offers": request.max_offers,
        "salt": ask.compiled.book.salt,
    }
    if person != request.customer:
        document["customer"] = request.customer
    if ask.conversions:
        document["conversions"] = ask.conversions
    if ask.concluded.signals:
        document["signals"] = [one[:3] for one in ask.concluded.signals]
    if request.memory.signals:
        document["remembered"] = [_held(one) for one in request.memory.signals.values()]
    if request.memory.events:
        document["recalled_events"] = len(request.memory.events)
    return orjson.dumps(document).decode()


def _held(one: HeldSignal) -> list[Any]:
    return [one.name, one.since, one.expires_at, orjson.Fragment(fields_to_json(one.fields))]


def _trace(
    ask: Evaluation,
    person: str,
    selection: Selection,
    history: Sequence[Contact],
    customer_state: CustomerState,
) -> str:
    listed = selection.tried[:_MOST_CANDIDATES]
    document: dict[str, Any] = {
        "candidates": [
            [
                tried.candidate.compiled_campaign.campaign.name,
                tried.candidate.score,
                tried.reason.code,
                tried.reason.name,
                [[reason.code, reason.name] for reason in tried.obstacles],
            ]
            for tried in listed
        ],
        "more_candidates": len(selection.tried) - len(listed),
        "variants": [
            [one.proposal.chosen.creative.variant, one.proposal.chosen.probability]
            for one in selection.chosen
        ],
        "counters": [
            [rule_result.rule.name, rule_result.counted, rule_result.limit, rule_result.blocks]
            for tried in listed
            for one in tried.read
            for rule_result in one.rule_results
        ],
        "contacts": [[one.at, one.expires_at, *one.facts[:5], sorted(one.facts.tags)] for one in history],
    }
    if learned := [
        [proposal.compiled_campaign.campaign.name, *proposal.chosen.learned]
        for proposal, *_ in selection.chosen
        if proposal.chosen.learned is not None
    ]:
        document["learned"] = learned
    if propensities := [
        [one.candidate.compiled_campaign.campaign.name, *one.candidate.propensity]
        for one in selection.tried
        if one.candidate.propensity is not None
    ]:
        document["propensities"] = propensities
    if experiments := [*_experiments(ask, listed, selection, person)]:
        document["experiments"] = experiments
    if customer_state.outcomes:
        document["outcomes"] = [[*one] for one in customer_state.outcomes]
    if customer_state.consents:
        document["consents"] = [[name, *one] for name, one in sorted(customer_state.consents.items())]
    return orjson.dumps(document).decode()


def _experiments(
    ask: Evaluation, tried: Sequence[TriedCandidate], selection: Selection, person: str
) -> Iterator[list[str | float | bool]]:
    """What chance had a part in: campaign, purpose, name, salt, from where to where, and whether the person is there."""
    drawn = [
        (one.candidate.compiled_campaign.campaign.name, one.candidate.compiled_campaign.gates)
        for one in tried
    ]
    drawn += [
        (one.proposal.compiled_campaign.campaign.name, one.proposal.campaign_channel.withholding)
        for one in selection.chosen
    ]
    for campaign, samples in drawn:
        for one in samples:
            yield [campaign, *_sample(one, ask, person)]


def _sample(one: Sample, ask: Evaluation, person: str) -> tuple[str, str, str, float, float, bool]:
    now, conversions = ask.request.now, ask.conversions
    top, inside = one.top(now, conversions), one.has(person, now, conversions)
    return one.purpose, one.reason.name, one.salts.at(now), one.low, top, inside

"""Writes a decision as rows of the log: enough to repeat it exactly, without the values that the book keeps out of the log."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from engine.decide.answer import offer_of, to_json
from engine.decide.arbitrate.campaign import CompiledCampaign, Creative
from engine.decide.arbitrate.candidates import Proposal
from engine.decide.evaluate import Evaluation, in_force
from engine.decide.experiments.bid_prices import BidPrice
from engine.decide.experiments.rollout import RolloutArm
from engine.decide.experiments.samples import Conversions, Sample
from engine.decide.experiments.subjects import DrawSubject
from engine.decide.pressure.contact_state import initial_status
from engine.decide.pressure.quotas import QuotaRule
from engine.decide.pressure.registry import SHARED
from engine.decide.pressure.rule import RuleResult
from engine.decide.select import Selection, TriedCandidate
from engine.ledger.memory import to_json as fields_to_json
from engine.ledger.queries.contacts import alike_of
from engine.ledger.store.rows import ContactRow, DecisionRow
from engine.model.contact import Contact, ContactState
from engine.model.customer import CustomerState, HeldSignal
from engine.model.decision import ChosenOffer, Decision, Outcome, Reason
from engine.model.instant import Instant
from engine.rulebook.model.book import Attribute, Channel

MOST_CANDIDATES = 50
"""Candidates beyond these are counted, not listed: re-evaluating the decision gives them.

What they read of the counters that all customers share is listed, since only that moment had it."""

LANGUAGE = 4
"""Index of the language in a row of `variants`; rows of earlier versions end before it."""


class _NoOffer(NamedTuple):
    """The columns of the first offer, in the row of a decision that has none, withheld ones included."""

    campaign: str | None = None
    offer: str | None = None
    variant: str | None = None
    channel: str | None = None
    score: float | None = None
    selection_probability: float | None = None
    expires_at: int | None = None


_NO_OFFER = _NoOffer()


def decision_row(
    evaluation: Evaluation,
    person: str,
    decision: Decision,
    selection: Selection,
    customer_state: CustomerState,
    arm: RolloutArm | None = None,
) -> DecisionRow:
    """The row of `decisions`. arm: of the version that decided, while one is staged."""
    first = decision.offers[0] if decision.offers else _NO_OFFER
    if decision.outcome is Outcome.CONTROL:
        first = offer_of(evaluation, selection.chosen[0])
    made_of = _inputs(evaluation, person), _trace(evaluation, person, selection, customer_state, arm)
    return row_of(decision, person, first, evaluation.request.placement, made_of)


def row_of(
    decision: Decision,
    person: str,
    first: "ChosenOffer | _NoOffer",
    placement: str,
    made_of: tuple[str, str],
    run: str | None = None,
) -> DecisionRow:
    """The row of a decision. first: its first offer, withheld or not. made_of: inputs and trace. run: that sent it."""
    return DecisionRow(
        decision.decision_id,
        decision.request_id or None,
        person,
        decision.at,
        decision.book_version,
        decision.outcome,
        first.campaign,
        first.offer,
        first.variant,
        first.channel,
        placement or None,
        first.score,
        decision.selection_probability if first is not _NO_OFFER else None,
        decision.next_allowed_at,
        first.expires_at,
        *made_of,
        to_json(decision),
        run,
    )


def contact_rows(
    channels: Mapping[str, Channel], person: str, decision: Decision, selection: Selection
) -> list[ContactRow]:
    """The rows of `contacts`, one an offer that uses up pressure, or would if it were not withheld.

    channels: of the book that decided, by name.
    """
    return [
        contact_row(channels, person, decision.decision_id, position, contact, withheld)
        for position, (_, contact, withheld) in enumerate(selection.chosen)
    ]


def contact_row(
    channels: Mapping[str, Channel],
    person: str,
    decision_id: str,
    position: int,
    contact: Contact,
    withheld: Reason | None = None,
) -> ContactRow:
    """The row of one contact of a decision; withheld: why it is a shadow."""
    facts = contact.facts
    return ContactRow(
        person,
        contact.at,
        decision_id,
        position,
        initial_status(contact.expires_at).state if withheld is None else ContactState.SHADOW,
        contact.expires_at,
        *facts[:5],
        _tags(facts.tags),
        contact.zones,
        alike_of(contact),
        contact.counted_by,
        channels[facts.channel].cost_micros if withheld is None else 0,
    )


@lru_cache(maxsize=4096)
def _tags(tags: frozenset[str]) -> str:
    """As a contact's row has them, in order."""
    return orjson.dumps(sorted(tags)).decode()


def _inputs(evaluation: Evaluation, person: str) -> str:
    request, masked = evaluation.request, evaluation.compiled.masked
    values = request.attributes
    hidden = masked.intersection(values) if masked else masked
    document: dict[str, Any] = {
        "attributes": {k: v for k, v in values.items() if k not in masked} if hidden else values,
        "masked": sorted(evaluation.compiled.masked_events.union(hidden)),
        "consents": sorted(request.consents),
        "preferred_channels": request.preferred_channels,
        "channels": request.channels,
        "max_offers": request.max_offers,
        "salt": evaluation.compiled.book.salt,
    }
    if [name for name, value in values.items() if type(value) is str and not value.strip()]:
        document["blank"] = "missing"  # earlier versions filled placeholders with blank texts
    if evaluation.compiled.cldr:
        document["cldr"] = (
            evaluation.compiled.cldr
        )  # earlier versions shortened the language, and had no formats
    if empty := [
        name for name in hidden if values[name] == "" and name not in evaluation.compiled.masked_events
    ]:
        document["masked_empty"] = sorted(empty)  # an empty address is none
    if person != request.customer:
        document["customer"] = request.customer
    if evaluation.units:
        document["units"] = evaluation.units
    if evaluation.conversions:
        document["conversions"] = evaluation.conversions
    if evaluation.concluded.signals:
        document["signals"] = [signal[:3] for signal in evaluation.concluded.signals]
    if request.memory.signals:
        declared = evaluation.compiled.book.attributes
        document["remembered"] = [
            _held_signal(signal, declared) for signal in request.memory.signals.values()
        ]
    if request.memory.events:
        document["recalled_events"] = len(request.memory.events)
    return orjson.dumps(document).decode()


def _held_signal(signal: HeldSignal, declared: Mapping[str, Attribute]) -> list[Any]:
    """name, since, expires_at, fields; without those that the book declares masked."""
    fields = {
        name: value
        for name, value in signal.fields.items()
        if not ((attribute := declared.get(f"signal.{signal.name}.{name}")) and attribute.masked)
    }
    return [signal.name, signal.since, signal.expires_at, orjson.Fragment(fields_to_json(fields))]


def _trace(
    evaluation: Evaluation,
    person: str,
    selection: Selection,
    customer_state: CustomerState,
    arm: RolloutArm | None,
) -> str:
    document = (
        _tried(evaluation, person, selection, customer_state) if selection.tried else dict(_NOTHING_TRIED)
    )
    if arm is not None:
        document.setdefault("experiments", []).append(arm.experiment)
    if customer_state.kept:
        document["kept"] = [[*draw] for draw in customer_state.kept]
    if selection.outcomes:
        document["outcomes"] = [[*outcome] for outcome in selection.outcomes]
    if customer_state.consents:
        document["consents"] = [
            [purpose, *consent] for purpose, consent in sorted(customer_state.consents.items())
        ]
    return orjson.dumps(document).decode()


_NOTHING_TRIED: Mapping[str, Any] = {
    "candidates": (),
    "more_candidates": 0,
    "variants": (),
    "counters": (),
    "contacts": (),
}


def _tried(
    evaluation: Evaluation, person: str, selection: Selection, customer_state: CustomerState
) -> dict[str, Any]:
    """The part of a trace that its candidates make."""
    listed = selection.tried[:MOST_CANDIDATES]
    variants, learned = [], []
    for proposal, _, _ in selection.chosen:
        variants.append([*drawn_row(evaluation, proposal)])
        if proposal.chosen.learned is not None:
            learned.append([proposal.compiled_campaign.campaign.name, *proposal.chosen.learned])
    document: dict[str, Any] = {
        "candidates": [_candidate(tried) for tried in listed],
        "more_candidates": len(selection.tried) - len(listed),
        "variants": variants,
        "counters": [
            _counter(rule_result, tried, channel)
            for index, tried in enumerate(selection.tried)
            for channel, rule_results in tried.read
            for rule_result in rule_results
            if index < MOST_CANDIDATES or rule_result.rule.kind in SHARED
        ],
        "contacts": [_contact(contact) for contact in selection.history] if selection.history else (),
    }
    if learned:
        document["learned"] = learned
    if propensities := [
        [tried.candidate.compiled_campaign.campaign.name, *tried.candidate.propensity]
        for tried in selection.tried
        if tried.candidate.propensity is not None
    ]:
        document["propensities"] = propensities
    if prices := _prices(evaluation):
        document["prices"] = prices
    if samples := [*_samples(listed, selection)]:
        subject = evaluation.subject(person, customer_state.kept)
        document["experiments"] = [_experiment(evaluation, drawn, subject) for drawn in samples]
    return document


def _candidate(tried: TriedCandidate) -> list[Any]:
    """As `replay` reads it: campaign, score, result, what the result names, obstacles, tier."""
    candidate, reason, campaign = tried.candidate, tried.reason, tried.candidate.compiled_campaign.campaign
    obstacles = [*map(list, tried.obstacles)] if tried.obstacles else ()
    return [campaign.name, candidate.score, reason.code, reason.name, obstacles, campaign.tier]


def _prices(evaluation: Evaluation) -> list[list[Any]]:
    """The prices of the counters that candidates could have taken from."""
    prices = in_force(evaluation.compiled, evaluation.learned, evaluation.request.now)
    if not prices:
        return []
    counters = {
        rule.counter
        for candidate in evaluation.candidates
        for on in candidate.compiled_campaign.campaign_channels.values()
        for rule in on.at(evaluation.request.attributes).quotas
    }
    return [price_row(price) for counter, price in sorted(prices.items()) if counter in counters]


def price_row(price: BidPrice) -> list[Any]:
    """A price as traces have it; without its tie where it has none."""
    return [*price] if price.tie is not None else [*price[:-1]]


def drawn_row(evaluation: Evaluation, proposal: Proposal) -> Iterator[str | float]:
    """Variant, its probability, that of not being withheld, campaign, language; where a unit was drawn, its id.

    The language stands at LANGUAGE, empty if the content has only one.
    """
    campaign, creative = proposal.compiled_campaign.campaign, proposal.chosen.creative
    yield from (creative.variant, proposal.chosen.probability, proposal.treated, campaign.name)
    yield _language(creative, evaluation)
    if campaign.unit in evaluation.units:
        yield evaluation.units[campaign.unit]


def _language(creative: Creative, evaluation: Evaluation) -> str:
    """The tag of the content's language; empty if it has only one."""
    return creative.texts_for(evaluation.request.attributes).language if creative.by_language else ""


def _contact(contact: Contact) -> list[Any]:
    """As `replay` reads it; the value by which it is counted is left out where there is none."""
    facts, by = contact.facts, contact.counted_by
    row = [contact.at, contact.expires_at, *facts[:5], sorted(facts.tags), contact.zones]
    return row if by is None else [*row, by]


def _counter(
    rule_result: RuleResult, tried: TriedCandidate, channel: str
) -> tuple[str | int | bool | None, ...]:
    """Rule, count, limit, whether it blocks, when it lets pass next if it does; campaign and channel of the proposal.

    Of a budget also what a contact costs, in millionths of the currency as the count and the limit.
    """
    rule, blocks, next_allowed_at, counted, limit, *_ = rule_result
    campaign = tried.candidate.compiled_campaign.campaign.name
    counter = (rule.name, counted, limit, blocks, next_allowed_at if blocks else None, campaign, channel)
    return (*counter, rule.amount) if isinstance(rule, QuotaRule) and rule.amount != 1 else counter


def _experiment(
    evaluation: Evaluation, drawn: tuple[CompiledCampaign, Sample], subject: DrawSubject
) -> list[str | float | bool]:
    """An experiment that had a part: campaign, purpose, name, salt, bounds of the range, whether the person is in it.

    Of what was drawn by a unit, also the unit's id.
    """
    compiled_campaign, sample = drawn
    row = sample_row(sample, subject, evaluation.request.now, evaluation.conversions)
    return [compiled_campaign.campaign.name, *row]


def _samples(
    listed: Sequence[TriedCandidate], selection: Selection
) -> Iterator[tuple[CompiledCampaign, Sample]]:
    """The samples that had a part, each with its campaign: gates, then what withholds, then trials of rules."""
    for tried in listed:
        for sample in tried.candidate.compiled_campaign.gates:
            yield tried.candidate.compiled_campaign, sample
    for chosen in selection.chosen:
        for sample in chosen.proposal.campaign_channel.withholding:
            yield chosen.proposal.compiled_campaign, sample
    for tried in listed:
        if tried.read:
            for sample in _trials(tried):
                yield tried.candidate.compiled_campaign, sample


def _trials(tried: TriedCandidate) -> Iterator[Sample]:
    """The trials of the rules that were evaluated for the candidate, each rule's once."""
    seen: set[str] = set()
    channels = tried.candidate.compiled_campaign.campaign_channels
    for channel_result in tried.read:
        trials = channels[channel_result.channel].trials
        for rule_result in channel_result.rule_results if trials else ():
            name = rule_result.rule.name
            if name in trials and name not in seen:
                seen.add(name)
                yield trials[name]


def sample_row(
    sample: Sample, subject: DrawSubject, now: Instant, conversions: Conversions
) -> Iterator[str | float | bool]:
    """Purpose, name, salt, bounds of the range, whether the subject is in it; where a unit was drawn, its id."""
    inside, bounds = sample.has(subject, now, conversions), sample.bounds(subject, now, conversions)
    yield from (sample.purpose, sample.reason.name, sample.salts.at(now), *bounds, inside)
    if sample.unit in subject.units:
        yield subject.units[sample.unit]

"""What a run writes of a decision: its row and contact in the log, thin unless all is logged, and its row in the files."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

import orjson

from engine.batch.results import ChosenForm, RowDecision
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.arbitrate.content import ACCEPT_LANGUAGE, LANGUAGE, LANGUAGES
from engine.decide.attributes.zones import NEEDS, zones_text
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate, in_force
from engine.decide.experiments.bid_prices import BidPrice, BidPrices
from engine.decide.experiments.learning import Learned
from engine.decide.experiments.samples import NO_CONVERSIONS, Conversions
from engine.decide.experiments.subjects import NO_UNITS, DrawSubject, Units, units_of
from engine.decide.pressure.caps import counted_value
from engine.decide.pressure.counters import QuotaKey
from engine.ledger.commit.decision_rows import contact_row, price_row, row_of, sample_row
from engine.ledger.queries import quotas
from engine.ledger.store.rows import ContactRow, DecisionRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.decision import ChosenOffer, Decision, Reason
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.values import Attributes

_NO_TRACE: Mapping[str, Any] = {"candidates": [], "more_candidates": 0, "counters": [], "contacts": []}

REFUSED = "refused"
"""The outcome of a customer whose names could not be linked."""

_NEVER: Instant = 2**62
"""Later than any contact: of a book whose rules count none, contacts are no history."""


Full: TypeAlias = frozenset[tuple[QuotaKey, int]]
"""Counters without room for a contact, each with what the contact would take."""


class SendPlan(NamedTuple):
    """What all groups of a run have alike."""

    run: str
    now: Instant
    channels: tuple[str, ...] = ()
    content: bool = False
    """Whether the texts are wanted: then every customer who gets an offer is evaluated."""
    full_log: bool = False
    """Whether rows hold all that replaying them takes: then every customer is evaluated."""
    scarce: str = "order"
    """How what is scarce is shared out, as ScarceWay has it."""
    prices: tuple[BidPrice, ...] | None = None
    """By which it is shared out; None: as the book says."""


class SentKind(NamedTuple):
    """What the decisions for many customers have alike."""

    outcome: str
    """An Outcome, or REFUSED."""
    campaign: str | None = None
    offer: str | None = None
    variant: str | None = None
    channel: str | None = None
    selection_probability: float = 1.0
    reasons: tuple[Reason, ...] = ()
    next_allowed_at: Instant | None = None
    expires_at: Instant | None = None
    is_evaluated: bool = False
    """Whether the customer was evaluated one by one."""


@dataclass(slots=True)
class SentRows:
    """The decisions for customers, in order."""

    customers: list[str]
    kinds: list[SentKind]
    decision_ids: list[str]
    """Empty where nothing is kept in the log: nothing was to be sent."""
    scores: list[float | None]
    contents: list[Mapping[str, str] | None]

    @classmethod
    def alike(cls, customers: Sequence[str], kind: SentKind) -> "SentRows":
        """Customers of whom nothing else is known yet."""
        number = len(customers)
        return cls(list(customers), [kind] * number, [""] * number, [None] * number, [None] * number)

    def __len__(self) -> int:
        return len(self.customers)

    def extend(self, other: "SentRows") -> None:
        """Adds the customers of others."""
        self.customers += other.customers
        self.kinds += other.kinds
        self.decision_ids += other.decision_ids
        self.scores += other.scores
        self.contents += other.contents

    def part(self, start: int, stop: int) -> "SentRows":
        """Some of the customers."""
        own = slice(start, stop)
        return SentRows(
            self.customers[own],
            self.kinds[own],
            self.decision_ids[own],
            self.scores[own],
            self.contents[own],
        )


_ID, _SCORE = "00000000-0000-7000-8000-000000000000", 1.2345678987654321e-300
_SCORE_TEXT = orjson.dumps(_SCORE).decode()
"""Stand for what differs from customer to customer in the answer of a form."""


_INSIDE = 6
"""Where a row of an experiment says whether the person is in its range."""


class SentForm(NamedTuple):
    """What all decisions have alike that send one variant of a campaign on one channel for the same reasons."""

    offer: str
    contact: Contact
    row: DecisionRow
    made: ContactRow
    answer: tuple[str, str, str]
    """The answer around decision_id and score."""

    def decision(self, decision_id: str, person: str, score: float) -> DecisionRow:
        """The row of one decision."""
        row, (head, middle, tail) = self.row, self.answer
        answered = f"{head}{decision_id}{middle}{orjson.dumps(score).decode()}{tail}"
        return DecisionRow(decision_id, None, person, *row[3:11], score, *row[12:17], answered, row.run)

    def of_units(self, ids: Iterable[tuple[str, str]]) -> "SentForm":
        """The same with the ids of a customer's units in place of what stands for them."""
        trace = self.row.trace
        for stand_in, unit in ids:
            trace = trace.replace(stand_in, unit)
        return self._replace(row=self.row._replace(trace=trace))

    def contact_row(self, decision_id: str, person: str) -> ContactRow:
        """The row of its contact."""
        return ContactRow(person, self.made.at, decision_id, *self.made[3:])


class CodePlan(NamedTuple):
    """What becomes of customers for whom columns propose the same."""

    kind: SentKind | None
    """If they get nothing."""
    proposed: RowDecision
    is_alone: bool = False
    """Whether they are evaluated all the same."""
    on: CampaignChannel | None = None
    reads: tuple[str, ...] = ()
    """The attributes by which their forms differ."""
    form: SentForm | None = None
    """If it is the same for all."""
    sent_as: SentKind | None = None


def part_lock(run: str, part: int) -> str:
    """The lock of those who commit customers of the part."""
    return f"presend {run} {part}"


class Sender:
    """The book and plan of a run, with what its groups share."""

    def __init__(self, compiled: CompiledBook, plan: SendPlan, learned: Learned) -> None:
        self.compiled, self.plan, self.learned = compiled, plan, learned
        if plan.prices is not None:
            learned.bid_prices = BidPrices(plan.prices, is_given=True)
        self._prices = in_force(compiled, learned, plan.now)
        self.campaigns: dict[str, CompiledCampaign] = {
            own.campaign.name: own for own in compiled.compiled_campaigns
        }
        lookback = compiled.pressure.lookback
        self._shared = list(
            {
                (rule.key(plan.now), rule.amount): rule
                for own in compiled.compiled_campaigns
                for on in own.campaign_channels.values()
                for rule in on.quotas
            }.items()
        )
        self._forms: dict[Hashable, SentForm] = {}
        self.full: Full = frozenset()
        """The counters without room when the last group was committed."""
        self.since = plan.now - lookback if lookback else _NEVER
        """Contacts later than this are history."""
        self._inputs = orjson.dumps(
            {
                "attributes": {},
                "masked": [],
                "consents": [],
                "preferred_channels": [],
                "channels": plan.channels,
                "max_offers": 1,
                "salt": compiled.book.salt,
                "thin": True,
            }
        ).decode()

    def counted(self, store: Store, at: Instant) -> dict[QuotaKey, int]:
        """What the counters of the book that all customers share have counted."""
        keys = list({key for (key, _), _ in self._shared})
        counted = quotas.peek_all(store, keys, at)
        return {key: counted.get(key, 0) for key in keys}

    def full_of(self, counted: Mapping[QuotaKey, int]) -> Full:
        """The counters without room, each with what a contact would take."""
        return frozenset(
            (key, amount) for (key, amount), rule in self._shared if counted[key] + amount > rule.limit
        )

    def form_reads(self, form: ChosenForm) -> tuple[str, ...]:
        """The attributes of a customer that make a difference to what `form_of` makes of a form."""
        on = self.campaigns[form.campaign].campaign_channels[form.channel]
        creative = next(creative for creative in on.creatives if creative.variant == form.variant)
        read = list(self.compiled.units)
        read += [on.counted_by] if on.counted_by is not None else []
        read += [ACCEPT_LANGUAGE, LANGUAGE, LANGUAGES] if creative.by_language else []
        return (*read, *NEEDS) if self.compiled.pressure.keeps_zones else tuple(read)

    def form_of(self, proposed: RowDecision, form: ChosenForm, attributes: Attributes) -> "SentForm | None":
        """What all decisions of the same form have alike; None where the contact keeps a value that may be derived.

        attributes: those of `form_reads`, or more.
        """
        on = self.campaigns[form.campaign].campaign_channels[form.channel]
        by = on.counted_by
        if by is not None and by not in attributes:
            return None
        creative = next(creative for creative in on.creatives if creative.variant == form.variant)
        language = creative.texts_for(attributes).language if creative.by_language else ""
        keeps_zones = self.compiled.pressure.keeps_zones
        zones = zones_text(attributes, self.compiled.book.timezone) if keeps_zones else ""
        value = None if by is None else counted_value(attributes.get(by))
        units = self.units(attributes)
        stand_ins = {name: blake2b(name.encode(), digest_size=16).hexdigest() for name in units}
        key = (
            form._replace(score=0.0),
            proposed.selection_probability,
            proposed.reasons,
            language,
            zones,
            value,
            tuple(units),
        )
        known = self._forms.get(key)
        if known is None:
            contact = Contact(self.plan.now, form.expires_at, on.facts, zones, value)
            known = self._forms[key] = self._new_form(proposed, form, contact, (language, stand_ins))
        return known.of_units([(stand_ins[name], unit) for name, unit in units.items()]) if units else known

    def _new_form(
        self, proposed: RowDecision, form: ChosenForm, contact: Contact, drawn_by: tuple[str, Units]
    ) -> "SentForm":
        own, (language, units) = self.campaigns[form.campaign], drawn_by
        on, probability = own.campaign_channels[form.channel], proposed.selection_probability
        offer = ChosenOffer(
            *(form.campaign, own.offer.name, form.variant, form.channel, "", _SCORE),
            selection_probability=probability,
            content={},
            expires_at=form.expires_at,
        )
        decision = Decision(
            decision_id=_ID,
            request_id="",
            at=contact.at,
            outcome=proposed.outcome,
            book_version=self.compiled.book.version,
            offers=(offer,),
            reasons=proposed.reasons,
            selection_probability=probability,
        )
        drawn: list[str | float] = [
            form.variant,
            probability / on.treated,
            on.treated,
            form.campaign,
            language,
        ]
        if own.campaign.unit in units:
            drawn.append(units[own.campaign.unit])
        experiments = _experiments_of_treated(own, on, DrawSubject("", units), contact.at)
        row = self.thin_row("", decision, offer, drawn, experiments)
        made = contact_row(self.compiled.book.channels, "", _ID, 0, contact)
        head, rest = row.answer.split(_ID)
        middle, tail = rest.split(_SCORE_TEXT)
        return SentForm(own.offer.name, contact, row, made, (head, middle, tail))

    def _paid(self, decision: Decision, first: ChosenOffer) -> list[list[Any]]:
        """The prices of the counters that the offer takes from, and of those that refused what ranked higher."""
        if not self._prices:
            return []
        counters = {
            rule.counter for rule in self.campaigns[first.campaign].campaign_channels[first.channel].quotas
        }
        counters |= {reason.name for reason in decision.reasons}
        return [price_row(price) for name, price in sorted(self._prices.items()) if name in counters]

    def units(self, attributes: Attributes) -> Units:
        """The units that the customer is drawn by."""
        units = self.compiled.units
        return units_of(units, attributes) if units else NO_UNITS

    def evaluated(self, request: Request) -> Evaluation:
        """The engine's evaluation of a customer."""
        return evaluate(self.compiled, request, self.learned)

    def thin_row(
        self,
        person: str,
        decision: Decision,
        first: ChosenOffer,
        drawn: Sequence[str | float],
        experiments: Sequence[Sequence[str | float | bool]],
    ) -> DecisionRow:
        """The row of a decision without what the population holds: inputs, candidates and texts.

        first: its first offer, withheld or not. drawn: as `drawn_row` gives it. experiments: of the offer's campaign.
        """
        trace = {**_NO_TRACE, "variants": [drawn]}
        if prices := self._paid(decision, first):
            trace["prices"] = prices
        if experiments:
            trace["experiments"] = experiments
        without_texts = tuple(offer._replace(content={}) for offer in decision.offers)
        made_of = self._inputs, orjson.dumps(trace).decode()
        return row_of(decision._replace(offers=without_texts), person, first, "", made_of, self.plan.run)


def experiments_of(
    compiled_campaign: CompiledCampaign,
    on: CampaignChannel,
    subject: DrawSubject,
    now: Instant,
    conversions: Conversions = NO_CONVERSIONS,
) -> list[list[str | float | bool]]:
    """The experiments of a campaign that had a part, as traces have them."""
    return [
        [compiled_campaign.campaign.name, *sample_row(sample, subject, now, conversions)]
        for sample in (*compiled_campaign.gates, *on.withholding)
    ]


def _experiments_of_treated(
    compiled_campaign: CompiledCampaign, on: CampaignChannel, units: DrawSubject, now: Instant
) -> list[list[str | float | bool]]:
    """The same of whoever gets the offer: every gate has them, and nothing that withholds it does."""
    rows = experiments_of(compiled_campaign, on, units, now)
    gates = len(compiled_campaign.gates)
    return [[*row[:_INSIDE], index < gates, *row[_INSIDE + 1 :]] for index, row in enumerate(rows)]


def kind_by_columns(proposed: RowDecision, offer: str | None) -> SentKind:
    """What the columns proposed, as it is sent."""
    form = proposed.chosen[0] if proposed.chosen else None
    return SentKind(
        proposed.outcome.value,
        form and form.campaign,
        offer,
        form and form.variant,
        form and form.channel,
        proposed.selection_probability,
        proposed.reasons,
        proposed.next_allowed_at,
        form and form.expires_at,
    )


def kind_by_engine(decision: Decision, row: DecisionRow | None) -> SentKind:
    """What the engine decided, as it is sent; row: None where nothing is kept."""
    return SentKind(
        decision.outcome.value,
        row and row.campaign,
        row and row.offer,
        row and row.variant,
        row and row.channel,
        decision.selection_probability,
        decision.reasons,
        decision.next_allowed_at,
        row and row.expires_at,
        is_evaluated=True,
    )


NOT_LINKED = SentKind(REFUSED)
"""Of customers whose names could not be linked: nothing was decided."""

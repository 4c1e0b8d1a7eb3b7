"""What a run writes of a decision: its row and contact in the log, thin unless all is logged, and its row in the files."""

from collections.abc import Hashable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

import orjson

from engine.batch.logged import AlikeHistories
from engine.batch.results import ChosenForm, RowDecision
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.arbitrate.content import ACCEPT_LANGUAGE, LANGUAGE, LANGUAGES
from engine.decide.attributes.zones import NEEDS, zones_text
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate, in_force
from engine.decide.experiments.bid_prices import BidPrice, BidPrices
from engine.decide.experiments.learning import Learned
from engine.decide.experiments.samples import NO_CONVERSIONS, TREATED, Conversions, Sample
from engine.decide.experiments.subjects import NO_UNITS, DrawSubject, Units, units_of
from engine.decide.pressure.caps import counted_value
from engine.decide.pressure.counters import QuotaKey
from engine.ledger.commit.assignments import control_of, draw_rows
from engine.ledger.commit.decision_rows import contact_row, price_row, row_of, sample_row
from engine.ledger.queries import quotas
from engine.ledger.store.rows import AssignmentRow, DecisionRow
from engine.ledger.store.store import Store
from engine.ledger.store.templates import RowTemplate
from engine.model.contact import Contact
from engine.model.decision import ChosenOffer, Decision
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.values import Attributes
from engine.presend.sent import SentKinds, kind_by_columns

_NO_TRACE: Mapping[str, Any] = {"candidates": [], "more_candidates": 0, "counters": [], "contacts": []}

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


_ID, _PERSON = "00000000-0000-7000-8000-000000000000", "person 93b1c6b2-07c4-4c0e-a1a4-35c6a1e7b0f4"
_SCORE = 1.2345678987654321e-300
_STAND_INS = _ID, _PERSON, orjson.dumps(_SCORE).decode()
"""Stand for what differs from customer to customer in the rows of a form."""


_INSIDE = 6
"""Where a row of an experiment says whether the person is in its range."""


class SentForm(NamedTuple):
    """What all decisions have alike that send one variant of a campaign on one channel, or withhold it, for the same reasons.

    The values of the templates are decision_id, person, score, and the ids of the customer's units as `Sender.units` has them.
    """

    kind: int
    """Its number among the sender's kinds."""
    contact: Contact
    decision: RowTemplate
    made: RowTemplate
    """Of the row of its contact."""
    draws: tuple[AssignmentRow, ...] = ()
    """Of a sticky campaign, what is kept of what was drawn, without the person and the decision."""


class CodePlan(NamedTuple):
    """What becomes of customers for whom columns propose the same."""

    proposed: RowDecision
    kind: int | None = None
    """The number of their kind, if they get nothing."""
    on: CampaignChannel | None = None
    reads: tuple[str, ...] | None = None
    """The attributes by which their forms differ; None: the form is the same for all."""
    form: SentForm | None = None
    is_alone: bool = False
    """Whether they are evaluated all the same."""


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
        own = compiled.book.campaigns.values()
        self.keeps_of_units = any(campaign.sticky and campaign.unit for campaign in own)
        """Whether draws are kept of units: whoever of them is decided first draws for the others."""
        self._forms: dict[Hashable, SentForm] = {}
        self.kinds = SentKinds()
        """Of those who get nothing, and of the forms."""
        self.full: Full = frozenset()
        """The counters without room when the last group was committed."""
        self.alike = AlikeHistories(compiled, plan.now)
        """What the log holds of customers, as rules tell it apart."""
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

    def planned(self, proposed: RowDecision) -> CodePlan:
        """What becomes of the customers for whom columns propose this."""
        if not proposed.chosen:
            return CodePlan(proposed, self.kinds.number(kind_by_columns(proposed, None)))
        form = proposed.chosen[0]
        on = self.campaigns[form.campaign].campaign_channels[form.channel]
        if self.plan.content:
            return CodePlan(proposed, on=on, is_alone=True)
        reads = self._reads(form, on)
        if reads or _drawn_behind(form, on):
            return CodePlan(proposed, on=on, reads=reads)
        return CodePlan(proposed, on=on, form=self.form_of(proposed, {}, ""))

    def _reads(self, form: ChosenForm, on: CampaignChannel) -> tuple[str, ...]:
        """The attributes of a customer that make a difference to what `form_of` makes of a form."""
        creative = next(creative for creative in on.creatives if creative.variant == form.variant)
        read = list(self.compiled.units)
        read += [on.counted_by] if on.counted_by is not None else []
        read += [ACCEPT_LANGUAGE, LANGUAGE, LANGUAGES] if creative.by_language else []
        return (*read, *NEEDS) if self.compiled.pressure.keeps_zones else tuple(read)

    def form_of(self, proposed: RowDecision, attributes: Attributes, person: str) -> SentForm | None:
        """What all decisions of the same form have alike; None where the contact keeps a value that may be derived.

        attributes: those that `planned` says, or more. person: who is drawn.
        """
        (form,) = proposed.chosen
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
        subject = DrawSubject(person, units)
        behind = tuple(sample.has(subject, self.plan.now) for sample in _drawn_behind(form, on))
        key = (proposed, language, zones, value, tuple(units), behind)
        known = self._forms.get(key)
        if known is None:
            contact = Contact(self.plan.now, form.expires_at, on.facts, zones, value)
            known = self._forms[key] = self._new_form(proposed, contact, (language, tuple(units), behind))
        return known

    def _new_form(
        self,
        proposed: RowDecision,
        contact: Contact,
        drawn_by: tuple[str, Sequence[str], tuple[bool, ...]],
    ) -> SentForm:
        """drawn_by: the language, the names of the customer's units, and whether samples behind the first have them."""
        (form,), (language, units, behind) = proposed.chosen, drawn_by
        subject = DrawSubject("", {name: _stand_in(name) for name in units})
        own = self.campaigns[form.campaign]
        on, probability = own.campaign_channels[form.channel], proposed.selection_probability
        offer = ChosenOffer(
            *(form.campaign, own.offer.name, form.variant, form.channel, "", _SCORE),
            selection_probability=form.drawn * on.treated,
            content={},
            expires_at=form.expires_at,
        )
        decision = Decision(
            decision_id=_ID,
            request_id="",
            at=contact.at,
            outcome=proposed.outcome,
            book_version=self.compiled.book.version,
            offers=(offer,) if form.withheld is None else (),
            reasons=proposed.reasons,
            selection_probability=probability,
        )
        drawn: list[str | float] = [form.variant, form.drawn, on.treated, form.campaign, language]
        if own.campaign.unit in subject.units:
            drawn.append(subject.units[own.campaign.unit])
        experiments = experiments_of(own, on, subject, contact.at)
        inside = [*(True for _ in own.gates), *_inside(form, on), *behind]
        experiments = [
            [*row[:_INSIDE], is_inside, *row[_INSIDE + 1 :]]
            for row, is_inside in zip(experiments, inside, strict=True)
        ]
        row = self.thin_row(_PERSON, decision, offer, drawn, experiments)
        made = contact_row(self.compiled.book.channels, _PERSON, _ID, 0, contact, form.withheld)
        kind = self.kinds.number(kind_by_columns(proposed, own.offer.name))
        stand_ins = (*_STAND_INS, *map(_stand_in, self.compiled.units))
        draws = self._draws(form, [*_inside(form, on), *behind]) if own.campaign.sticky else ()
        return SentForm(kind, contact, RowTemplate(row, stand_ins), RowTemplate(made, stand_ins), draws)

    def _draws(self, form: ChosenForm, inside: Sequence[bool]) -> tuple[AssignmentRow, ...]:
        """What is kept of a form's draws. inside: of the samples that withhold it, whether they have the customer."""
        on = self.campaigns[form.campaign].campaign_channels[form.channel]
        control, salt = control_of(on), self.compiled.book.salt
        is_control = control is not None and inside[on.withholding.index(control)]
        row = AssignmentRow("", "", form.campaign, "control", salt, TREATED, 0.0, self.plan.now, "")
        return tuple(draw_rows(row, control, form.variant, form.drawn, is_control=is_control))

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

    def is_sticky(self, campaign: str) -> bool:
        """Whether the campaign keeps what it draws."""
        return self.compiled.book.campaigns[campaign].sticky

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


def _stand_in(unit: str) -> str:
    """Stands for the id of a customer's unit."""
    return blake2b(unit.encode(), digest_size=16).hexdigest()


def _inside(form: ChosenForm, on: CampaignChannel) -> list[bool]:
    """Of the samples from which the offer may be withheld, up to the one from which it is, whether they have the customer."""
    if form.withheld is None:
        return [False] * len(on.withholding)
    reasons = [sample.reason for sample in on.withholding]
    return [reason == form.withheld for reason in reasons[: reasons.index(form.withheld) + 1]]


def _drawn_behind(form: ChosenForm, on: CampaignChannel) -> Sequence[Sample]:
    """The samples behind the one from which the offer is withheld, of which it is not known whether they have the customer."""
    return on.withholding[len(_inside(form, on)) :]

"""Evaluation of one request: attributes, signals, match, arbitration. `select` and `answer` make a decision of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.candidates import Candidate, candidate, channels_to_try, net_of
from engine.decide.arbitrate.prices import Bidder
from engine.decide.arbitrate.rank import Ranked, in_order, scores
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import BidPrice
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.decide.experiments.samples import NO_CONVERSIONS, Conversions
from engine.decide.experiments.subjects import NO_UNITS, DrawSubject, Units, units_of
from engine.decide.match import match, usable_channels
from engine.decide.pressure.consent import barred_channels
from engine.decide.signals import infer
from engine.decide.signals.infer import NO_CONCLUSIONS, Conclusions
from engine.model.customer import KeptDraw
from engine.model.instant import Instant
from engine.model.request import Mode, Request
from engine.model.values import Moment, Value
from engine.rulebook.model.book import ScarceKind, ScoreKind


class Evaluation(NamedTuple):
    """One request and its candidates, in rank order: everything that a decision needs apart from the log."""

    compiled: CompiledBook
    request: Request
    """With derived attributes and those of signals."""
    candidates: Sequence[Candidate]
    moment: Moment
    concluded: Conclusions = NO_CONCLUSIONS
    """The signals that hold, and those to store or to delete."""
    conversions: Conversions = NO_CONVERSIONS
    """Read when the decision is committed, if the ramp of a campaign goes by conversions."""
    learned: Learned = NOTHING_LEARNED
    """Learned state of the campaigns that learn."""
    units: Units = NO_UNITS
    """The units that the customer is drawn by, such as their company."""

    def subject(self, person: str, kept: Sequence[KeptDraw] = ()) -> DrawSubject:
        """Whom the draws are of. person: the id under which the customer is stored; kept: the draws that hold for them."""
        return DrawSubject(person, self.units, kept)

    @property
    def sticky(self) -> dict[str, str]:
        """The sticky campaigns among the candidates, each with the attribute by which the customer is drawn for it."""
        if not self.compiled.sticky:
            return {}
        campaigns = (candidate.compiled_campaign.campaign for candidate in self.candidates)
        return {
            campaign.name: campaign.unit if campaign.unit in self.units else ""
            for campaign in campaigns
            if campaign.sticky
        }

    @property
    def is_named(self) -> bool:
        """Whether a retry of the request gets the same answer. A preview uses no id up, and is evaluated anew each time."""
        return bool(self.request.request_id) and self.request.mode is Mode.COMMIT


def evaluate(compiled: CompiledBook, request: Request, learned: Learned = NOTHING_LEARNED) -> Evaluation:
    """Derive attributes, infer signals, match campaigns and rank them.

    Pure: the same book, request and learned state give the same evaluation.
    """
    moment = compiled.moment(request.now, request.attributes)
    request = _with_derived(compiled, request)
    concluded = _infer_signals(compiled, request, moment)
    if concluded.attributes:
        request = request._replace(attributes={**request.attributes, **concluded.attributes})
    eligible = match(compiled, request, moment)
    candidates = _arbitrate(compiled, request, moment, eligible, learned) if eligible else []
    units = _units(compiled, request) if compiled.units else NO_UNITS
    return Evaluation(compiled, request, candidates, moment, concluded, learned=learned, units=units)


def _units(compiled: CompiledBook, request: Request) -> Units:
    """The customer's units; those that a log holds take precedence, since it may lack their values."""
    logged = {name: unit for name, unit in request.units.items() if name in compiled.units}
    return {**units_of(compiled.units, request.attributes), **logged}


def _with_derived(compiled: CompiledBook, request: Request) -> Request:
    """The request with the attributes that the book derives; given attributes take precedence."""
    derived = derived_of(compiled, request)
    return request._replace(attributes={**derived, **request.attributes}) if derived else request


def derived_of(compiled: CompiledBook, request: Request) -> dict[str, Value]:
    """The attributes that the book derives of a customer, from what the request brings and what is remembered."""
    memory = request.memory
    events = (*memory.events, *request.events) if memory.events else request.events
    return compiled.derivation.derive(
        request.attributes,
        events,
        request.now,
        is_new=memory.is_new,
        contacts=memory.contacts,
        trends=request.trends,
    )


def _infer_signals(compiled: CompiledBook, request: Request, moment: Moment) -> Conclusions:
    signals = compiled.signals
    if signals is None:
        return NO_CONCLUSIONS
    return infer.conclude(signals.compiled, request.attributes, moment, signals.evaluator, request.memory)


def in_force(compiled: CompiledBook, learned: Learned, now: Instant) -> Mapping[str, BidPrice]:
    """The prices by which what is scarce is given; none where it goes to who comes first."""
    prices = learned.bid_prices
    return prices.at(now) if prices.is_given or compiled.book.scarce is ScarceKind.PRICES else {}


def _arbitrate(
    compiled: CompiledBook,
    request: Request,
    moment: Moment,
    eligible: Sequence[CompiledCampaign],
    learned: Learned,
) -> list[Candidate]:
    """The eligible campaigns with the channels to try, best first."""
    book = compiled.book
    prices = in_force(compiled, learned, moment.now)
    scored = scores(eligible, request.attributes, moment, learned)
    usable = usable_channels(compiled, request)
    barred = barred_channels((book.channels[name] for name in usable), request.attributes, request.consents)

    def candidate_of(ranked: Ranked) -> Candidate:
        allowed = usable if request.placement else channels_to_try(ranked.compiled_campaign, request)
        return candidate(ranked, allowed, barred)

    if book.score is ScoreKind.GROSS and not prices:
        return [candidate_of(ranked) for ranked in in_order(scored, book.salt, request.customer)]
    bidder = Bidder(book.salt, request.customer, request.attributes)
    net = {
        ranked.compiled_campaign.campaign.name: net_of(
            candidate_of(ranked), book.channels if book.score is ScoreKind.NET else {}, bidder, prices
        )
        for ranked in scored
    }
    by_net = [ranked._replace(score=net[ranked.compiled_campaign.campaign.name].score) for ranked in scored]
    ordered = in_order(by_net, book.salt, request.customer)
    return [net[ranked.compiled_campaign.campaign.name] for ranked in ordered]

"""With which probability a book shows what at one logged decision, over the draws of its experiments. Pure.

What the customer sees is compared: a withheld offer is silence, whatever was withheld. Variants are drawn by their shares or
by the logged weights; offers are withheld by holdouts and the campaign's control. Whether a campaign is open to the person
(layers, ramps) is taken as it is, except for those gates of the book that decided that the other book has otherwise: over
these positions the two books are averaged alike, so that a ramp supports the book that widens it. Trials of rules are taken
as they are.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product
from math import prod
from typing import NamedTuple, TypeAlias

from engine.decide.answer import fallback_offer
from engine.decide.arbitrate.campaign import Creative
from engine.decide.arbitrate.candidates import Candidate, Proposal
from engine.decide.arbitrate.variants import fitting_creatives, kept_creative
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.samples import Sample
from engine.decide.select import Selection, known_weights, select
from engine.ledger.commit.decision_rows import LANGUAGE, drawn_row
from engine.ledger.commit.replay import LoggedDecision
from engine.measure.one_step import COUNTER, BookSide, unread_counter
from engine.model.contact import Contact
from engine.model.decision import ChosenOffer
from engine.model.instant import Instant

MOST_DRAWS = 1_024
"""Outcomes of draws of one decision; with more it is undecidable."""

UNLEARNED = "needs what {} had learned, which was not logged"
MANY = "more than 1,024 outcomes of draws"


class ShownOffer(NamedTuple):
    """An offer that a customer sees."""

    campaign: str
    """Empty: the fallback of a placement."""
    offer: str
    variant: str
    channel: str
    is_changed: bool = False
    """Whether its content is not that of the book that decided."""

    @property
    def text(self) -> str:
        """For people: `cream-cold plain on sms`."""
        name = " ".join(filter(None, (self.campaign or f"fallback {self.offer}", self.variant)))
        return f"{name} on {self.channel}{' with other content' if self.is_changed else ''}"


Shown: TypeAlias = tuple[ShownOffer, ...]
"""What a customer sees of a decision; empty: nothing."""
ShownShares: TypeAlias = Mapping[Shown, float]
"""By what the customer sees, its probability."""
_DrawKey: TypeAlias = tuple[str, str, bytes, str]
"""Purpose, salt, name, and unit: samples with the same key have the same position of a person."""
_Gates: TypeAlias = dict[str, list[tuple[_DrawKey, float, float]]]


class Undecidable(Exception):
    """The decision cannot be made by the book from what was logged; the message says why."""


def shown_text(shown: Shown) -> str:
    """For people."""
    return ", ".join(offer.text for offer in shown) or "nothing"


def logged_shown(offers: Sequence[ChosenOffer]) -> Shown:
    """What the customer saw of a logged decision."""
    return tuple(ShownOffer(offer.campaign, offer.offer, offer.variant, offer.channel) for offer in offers)


class DrawCells:
    """The draws of one logged decision that the two books are averaged over."""

    def __init__(self, deciding: Evaluation, other: Evaluation) -> None:
        first, second = _gates(deciding), _gates(other)
        changed = {
            sample[0]
            for campaign, samples in first.items()
            for sample in samples
            if sample not in second.get(campaign, ())
        }
        cuts: defaultdict[_DrawKey, set[float]] = defaultdict(set)
        for gates in (first, second):
            for key, low, high in (sample for samples in gates.values() for sample in samples):
                if key in changed:
                    cuts[key].update((low, high))
        axes = [
            [(high - low, key, (low + high) / 2) for low, high in pairwise(sorted({0.0, 1.0, *bounds}))]
            for key, bounds in cuts.items()
        ]
        self._axes, self._number = axes, prod(map(len, axes))

    @property
    def cells(self) -> Iterator[tuple[float, Mapping[_DrawKey, float]]]:
        """A probability, and a position in each draw. Raises Undecidable if there are too many."""
        if self._number > MOST_DRAWS:
            raise Undecidable(MANY)
        for cell in product(*self._axes):
            yield prod(part[0] for part in cell), {key: position for _, key, position in cell}


def _gates(evaluation: Evaluation) -> _Gates:
    """By campaign, the key and the bounds of each sample to which it is open."""
    now = evaluation.request.now
    return {
        candidate.compiled_campaign.campaign.name: [
            (_key(gate, now), gate.low, gate.top(now, evaluation.conversions))
            for gate in candidate.compiled_campaign.gates
        ]
        for candidate in evaluation.candidates
        if candidate.compiled_campaign.gates
    }


def _key(sample: Sample, now: Instant) -> _DrawKey:
    return sample.purpose, sample.salts.at(now), sample.identity, sample.unit


class Contents:
    """Which contents of books are not those of the books that decided."""

    def __init__(self) -> None:
        self._changed: dict[tuple[str, str, ShownOffer], bool] = {}

    def is_changed(self, version: str, deciding: CompiledBook, offer: ShownOffer, creative: Creative) -> bool:
        """Whether the deciding book has other texts for the offer; False where it does not have it at all.

        version: of the book whose offer and creative they are.
        """
        key = version, deciding.book.version, offer
        if key not in self._changed:
            self._changed[key] = any(
                (before.texts, before.by_language) != (creative.texts, creative.by_language)
                for before in _creatives(deciding, offer)
            )
        return self._changed[key]


def _creatives(compiled: CompiledBook, offer: ShownOffer) -> Iterator[Creative]:
    """The creative by which the book shows the offer, if it does."""
    if not offer.campaign:
        for fallback in compiled.fallbacks.values():
            if fallback is not None and fallback.offer.name == offer.offer:
                yield fallback.creative
    for compiled_campaign in compiled.compiled_campaigns:
        channels = compiled_campaign.campaign_channels
        if compiled_campaign.campaign.name == offer.campaign and offer.channel in channels:
            yield from (
                creative
                for creative in channels[offer.channel].creatives
                if creative.variant == offer.variant
            )


class LoggedStep(NamedTuple):
    """A logged decision that is made by a book."""

    side: BookSide
    evaluation: Evaluation
    logged: LoggedDecision
    history: Sequence[Contact]
    deciding: CompiledBook
    contents: Contents
    learned: Mapping[str, Sequence[str]]
    """By campaign whose weights are in the log, the variants that they are of."""
    read: Mapping[str, int]
    """The shared counters that were read."""

    def is_as_logged(self, variants: Sequence[Sequence[object]]) -> bool:
        """Whether the decision comes out as it was logged.

        variants: those of its trace, which earlier versions cut short. Their languages are not compared.
        """
        chosen = [selected.proposal for selected in self._selection({}).chosen]
        again = [[*drawn_row(self.evaluation, proposal)] for proposal in chosen]
        return len(again) == len(variants) and all(
            _without_language(row) == _without_language(drawn[: len(row)])
            for row, drawn in zip(variants, again, strict=True)
        )

    def shares(self, draws: DrawCells) -> ShownShares:
        """With which probability the book shows what. Raises Undecidable."""
        shares: defaultdict[Shown, float] = defaultdict(float)
        for probability, positions in draws.cells:
            for shown, share in self._outcomes(self._selection(positions)):
                shares[shown] += probability * share
        return {shown: min(1.0, share) for shown, share in shares.items() if share > 0}

    def _selection(self, positions: Mapping[_DrawKey, float]) -> Selection:
        evaluation = self.evaluation
        if positions:
            evaluation = evaluation._replace(candidates=[*self._open(positions)])
        selection = self.side.step(evaluation, self.logged, self.history, self.logged.state.counts)
        if unread := unread_counter(selection, self.read):
            raise Undecidable(f"{self.side.name} {COUNTER.format(unread)}")
        for tried in selection.tried:
            campaign = tried.candidate.compiled_campaign.campaign
            if tried.candidate.propensity is not None and (
                campaign.name not in self.logged.state.learned.propensities
                or campaign.propensity != self._deciding_campaign(campaign.name, "propensity")
            ):
                raise Undecidable(f"{self.side.name} {UNLEARNED.format(campaign.name)}")
        return selection

    def _open(self, positions: Mapping[_DrawKey, float]) -> Iterator[Candidate]:
        """The candidates that are open to a person with the positions, without their gates."""
        now, conversions = self.evaluation.request.now, self.evaluation.conversions
        subject = self.evaluation.subject(self.logged.state.person)
        for candidate in self.evaluation.candidates:
            gates = candidate.compiled_campaign.gates
            if all(
                gate.low
                <= positions.get(_key(gate, now), gate.position(subject, now))
                < gate.top(now, conversions)
                for gate in gates
            ):
                without = replace(candidate.compiled_campaign, gates=()) if gates else None
                yield candidate if without is None else candidate._replace(compiled_campaign=without)

    def _deciding_campaign(self, name: str, field: str) -> object:
        campaign = self.deciding.book.campaigns.get(name)
        return None if campaign is None else getattr(campaign, field)

    def _outcomes(self, selection: Selection) -> Iterator[tuple[Shown, float]]:
        """What the customer sees over the draws of variants and of withholding, each with its probability."""
        silent = self._silent()
        proposals = [chosen.proposal for chosen in selection.chosen]
        variants = [self._variants(proposal) for proposal in proposals]
        shared = _shared(proposals, self.evaluation.request.now)
        if 2 ** len(shared) * prod(len(offers) + 1 for offers in variants) > MOST_DRAWS:
            raise Undecidable(MANY)
        for held_out, probability in _held_out(shared):
            options = []
            for proposal, offers in zip(proposals, variants, strict=True):
                treated = self._treated(proposal, shared, held_out)
                options.append([((), 1 - treated), *(((offer,), treated * share) for offer, share in offers)])
            for drawn in product(*options):
                share = probability * prod(part[1] for part in drawn)
                if share > 0:
                    yield sum((part[0] for part in drawn), ()) or silent, share

    def _variants(self, proposal: Proposal) -> list[tuple[ShownOffer, float]]:
        """The variants of a proposal that fit, each with its probability."""
        evaluation, campaign = self.evaluation, proposal.compiled_campaign.campaign
        creatives = fitting_creatives(
            proposal.campaign_channel.creatives, evaluation.request.attributes, evaluation.moment
        )
        known = known_weights(evaluation, proposal.compiled_campaign, creatives)
        if known is None:
            total = sum(creative.share for creative in creatives)
            weights = {creative.variant: creative.share / total for creative in creatives}
            if campaign.sticky:
                weights = self._kept(proposal, creatives, weights)
        elif {*self.learned.get(campaign.name, ())} != {
            *known.by_arm
        } or campaign.learn != self._deciding_campaign(campaign.name, "learn"):
            raise Undecidable(f"{self.side.name} {UNLEARNED.format(campaign.name)}")
        else:
            weights = {**known.by_arm}
        return [(self._offer(proposal, creative), weights[creative.variant]) for creative in creatives]

    def _kept(
        self, proposal: Proposal, creatives: Sequence[Creative], weights: dict[str, float]
    ) -> dict[str, float]:
        """The weights, or those with the probability that the kept variant had when it was drawn."""
        subject = self.evaluation.subject(self.logged.state.person, self.logged.state.customer_state.kept)
        salt = self.evaluation.compiled.book.salt
        kept = kept_creative(creatives, salt, subject, proposal.compiled_campaign)
        if kept is None or len(creatives) == 1:
            return weights
        rest = (1 - kept.probability) / (1 - weights[kept.creative.variant])
        others = {name: weight * rest for name, weight in weights.items()}
        return {**others, kept.creative.variant: kept.probability}

    def _offer(self, proposal: Proposal, creative: Creative) -> ShownOffer:
        channel, name = proposal.campaign_channel.channel, proposal.compiled_campaign.campaign.name
        offer = ShownOffer(name, proposal.compiled_campaign.offer.name, creative.variant, channel)
        return offer._replace(
            is_changed=self.contents.is_changed(
                self.side.compiled.book.version, self.deciding, offer, creative
            )
        )

    def _silent(self) -> Shown:
        """What the customer sees if no campaign is shown: the fallback of the placement, or nothing."""
        compiled, placement = self.evaluation.compiled, self.evaluation.request.placement
        fallback = compiled.fallbacks.get(placement)
        if fallback is None:
            return ()
        nothing = self.evaluation._replace(candidates=())
        if not select(nothing, (), self.logged.state.person).shows_fallback:
            return ()
        shown = logged_shown([fallback_offer(nothing)])[0]
        return (
            shown._replace(
                is_changed=self.contents.is_changed(
                    self.side.compiled.book.version, self.deciding, shown, fallback.creative
                )
            ),
        )

    def _treated(
        self, proposal: Proposal, shared: Mapping[_DrawKey, float], held_out: frozenset[_DrawKey]
    ) -> float:
        """Probability that the proposal is not withheld, where the draws of several offers are known."""
        now, shares = self.evaluation.request.now, []
        subject = self.evaluation.subject(self.logged.state.person, self.logged.state.customer_state.kept)
        for sample in proposal.campaign_channel.withholding:
            key = _key(sample, now)
            low, high = sample.bounds(subject, now)
            shares.append(float(key in held_out) if key in shared else high - low)
        return prod(1.0 - share for share in shares)


def _without_language(row: Sequence[object]) -> list[object]:
    return [*row[:LANGUAGE], *row[LANGUAGE + 1 :]]


def _shared(proposals: Sequence[Proposal], now: Instant) -> dict[_DrawKey, float]:
    """The samples that withhold several of the proposals, holdouts, with their shares."""
    shares: dict[_DrawKey, float] = {}
    number: defaultdict[_DrawKey, int] = defaultdict(int)
    for proposal in proposals:
        for sample in proposal.campaign_channel.withholding:
            key = _key(sample, now)
            shares[key] = sample.high - sample.low
            number[key] += 1
    return {key: share for key, share in shares.items() if number[key] > 1}


def _held_out(shared: Mapping[_DrawKey, float]) -> Iterator[tuple[frozenset[_DrawKey], float]]:
    """The samples that a person is in, and with which probability."""
    axes = [[(key, True, share), (key, False, 1 - share)] for key, share in shared.items()]
    for cell in product(*axes):
        yield frozenset(key for key, inside, _ in cell if inside), prod(share for _, _, share in cell)

"""Decides many customers without history: columns propose a decision, and the engine confirms it for every class.

A class are the customers whom the engine cannot tell apart: the same things happen to the campaigns ahead of the first that
may go, and the same campaign goes, in the same way. Hashes of the person (gates, samples, variants, ties) are computed for
each customer, by the engine's functions.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np

from engine.batch.columns import Chunk, Codes, ScoreColumn, ValueColumn
from engine.batch.facets import ClockReader, Customers, SideConditions
from engine.batch.frame import MaskFrame, Pairs, Words
from engine.batch.going import GoingPair, OnGoing, pairs_by_columns, pairs_by_engine
from engine.batch.lanes import ColumnPlan, book_lane, row_lane
from engine.batch.order import NO_PAIR, ScoredPairs, TieBreaker, best_pairs, in_rank_order, pairs_ahead
from engine.batch.profiles import Disagreement, Profile, Profiles
from engine.batch.results import ChosenForm, EngineDecision, Funnel, RowDecision, decide_by_engine
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.variants import draw
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.samples import NO_CONVERSIONS, closed, withheld
from engine.decide.experiments.subjects import DrawSubject
from engine.decide.match import requested_clauses
from engine.decide.pressure.counters import NO_QUOTA_COUNTS, QuotaCounts
from engine.model.decision import Reason
from engine.model.request import Request
from engine.rulebook.model.book import Factor

CHUNK = 16_384
"""Customers who are decided together, which bounds memory."""


_CRC_RANGE = 1 << 32


class _Tried(NamedTuple):
    """What the columns know of a chunk before the engine confirms it."""

    pairs: ScoredPairs
    profiles: Codes
    best: Codes
    ahead: Codes
    """The pairs ahead of the customers' best, by customer and in rank order."""
    clock: ValueColumn


class Kernel:
    """Decides customers by one book at one moment. Raises Disagreement where columns and engine differ."""

    def __init__(
        self, compiled: CompiledBook, plan: ColumnPlan, counts: QuotaCounts = NO_QUOTA_COUNTS
    ) -> None:
        """counts: the counters that all customers share; nothing is taken from them."""
        self._counts = counts
        self.funnel = Funnel()
        self.book_lane = book_lane(compiled)
        """Why all customers are evaluated one by one; empty if columns decide them."""
        self._compiled, self._plan = compiled, plan
        self._campaigns = compiled.compiled_campaigns
        self._side = SideConditions(compiled)
        self._frame = MaskFrame(compiled.index)
        self._clocks = ClockReader(compiled, plan.now)
        self._profiles = Profiles(compiled, plan.now, self._side, counts)
        self._scorer = Scorer(self._campaigns, self._side)
        self._tiers = np.array([own.campaign.tier for own in self._campaigns], np.int64)
        self._gated = np.array([bool(own.gates) for own in self._campaigns], np.bool_)
        self._among = requested_clauses(compiled, Request("", plan.now, {}, channels=plan.channels))
        self._classes: dict[Hashable, RowDecision] = {}
        self.on_going: OnGoing | None = None
        """Gets all pairs that may go, if it is set; by `decide` only."""
        self._going: list[GoingPair] = []

    def decide(self, requests: Sequence[Request]) -> Iterator[RowDecision]:
        """The decision for each request, in order."""
        for start in range(0, len(requests), CHUNK):
            yield from self._decide_chunk(requests[start : start + CHUNK])

    def propose(self, requests: Sequence[Request]) -> list[RowDecision | None]:
        """The decision for each request by columns, in order; None where they do not cover the customer."""
        columnar = [row for row, request in enumerate(requests) if not row_lane(request, self._plan)]
        proposed: list[RowDecision | None] = [None] * len(requests)
        if columnar and not self.book_lane:
            by_columns = self._by_columns([requests[row] for row in columnar])
            for row, decision in zip(columnar, by_columns, strict=True):
                proposed[row] = decision
        return proposed

    def _decide_chunk(self, requests: Sequence[Request]) -> list[RowDecision]:
        decisions: list[RowDecision | None] = [None] * len(requests)
        columnar = []
        book = "; ".join(self.book_lane)
        for row, request in enumerate(requests):
            lane = book or row_lane(request, self._plan)
            if lane:
                decisions[row] = self._alone(request, lane, row)
            else:
                columnar.append(row)
        alone, self._going = self._going, []
        by_columns = self._by_columns([requests[row] for row in columnar]) if columnar else []
        for row, decision in zip(columnar, by_columns, strict=True):
            decisions[row] = decision
        if self.on_going is not None:
            placed = [pair._replace(row=columnar[pair.row]) for pair in self._going]
            self.on_going([request.customer for request in requests], [*alone, *placed])
            self._going = []
        whole = [decision for decision in decisions if decision is not None]
        for decision in whole:
            self.funnel.see(decision)
        return whole

    def _alone(self, request: Request, lane: str, row: int) -> RowDecision:
        """The engine's decision, for a customer whom the columns do not cover."""
        by_engine = decide_by_engine(self._compiled, request, self._counts)
        self.funnel.exact[lane] += 1
        self.funnel.see_tried(by_engine.selection)
        if self.on_going is not None:
            self._going += pairs_by_engine(row, by_engine, self._counts)
        return by_engine.decision

    def _by_columns(self, requests: Sequence[Request]) -> list[RowDecision]:
        known: dict[int, EngineDecision] = {}

        def by_engine(row: int) -> EngineDecision:
            if row not in known:
                known[row] = decide_by_engine(self._compiled, requests[row], self._counts)
            return known[row]

        chunk = Chunk([request.attributes for request in requests])
        self._clocks.derive(chunk)
        customers = self._clocks.read(chunk, requests)
        self._side.match(customers)
        eligible = self._eligible(customers)
        scores = self._scorer.scores(customers, eligible)
        tried = self._tried(customers, eligible, scores, by_engine)
        if self.on_going is not None:
            names = [request.customer for request in requests]
            profiles = tried.profiles.tolist()
            self._going += pairs_by_columns(
                tried.pairs, self._profiles.profiles, profiles, self._campaigns, names, self._plan.now
            )
        unordered = set(eligible.rows[np.isnan(scores)].tolist())
        return self._confirmed(requests, tried, unordered, by_engine)

    def _eligible(self, customers: Customers) -> Pairs:
        """The campaigns whose condition holds and whose schedules run."""
        masks: list[Words] = []
        for running in customers.running:
            stopped = [at for at, runs in zip(self._clocks.scheduled, running, strict=True) if not runs]
            masks.append(self._frame.words(self._among & ~self._compiled.index.clauses_of(stopped)))
        among = np.array(masks, np.uint64)[customers.clock.codes]
        return self._frame.pairs(self._frame.alive(customers.chunk, customers.days, customers.moments, among))

    def _tried(
        self,
        customers: Customers,
        eligible: Pairs,
        scores: ScoreColumn,
        by_engine: Callable[[int], EngineDecision],
    ) -> _Tried:
        rows, campaigns = eligible
        pairs = ScoredPairs(rows, campaigns, self._tiers[campaigns], scores)
        profiles = np.full(len(rows), -1, np.int64)
        for pair in np.flatnonzero(self._gated[campaigns]).tolist():
            subject = DrawSubject(customers.requests[rows[pair]].customer)
            gates = self._campaigns[campaigns[pair]].gates
            if shut := closed(gates, subject, self._plan.now, NO_CONVERSIONS):
                profiles[pair] = self._profiles.closed(shut)
        left = np.flatnonzero(profiles < 0)
        profiles[left] = self._profiles.read(customers, rows[left], campaigns[left], by_engine)
        may_go = self._profiles.may_go(profiles)
        names = [request.customer for request in customers.requests]
        ties = TieBreaker(self._compiled.book.salt, self._campaigns, names)
        best = best_pairs(pairs, may_go, ties, len(names))
        ahead = in_rank_order(pairs, pairs_ahead(pairs, may_go, best, ties), profiles, ties)
        return _Tried(pairs, profiles, best, ahead, customers.clock)

    def _confirmed(
        self,
        requests: Sequence[Request],
        tried: _Tried,
        unordered: set[int],
        by_engine: Callable[[int], EngineDecision],
    ) -> list[RowDecision]:
        """The decisions, each confirmed by the engine's decision on a customer of the same class."""
        bounds = np.searchsorted(tried.pairs.rows[tried.ahead], np.arange(len(requests) + 1)).tolist()
        ahead = tried.profiles[tried.ahead].tolist()
        decisions = []
        for row, request in enumerate(requests):
            if row in unordered:
                decisions.append(self._alone(request, "has a score that is not a number", row))
                continue
            sequence = tuple(dict.fromkeys(ahead[bounds[row] : bounds[row + 1]]))
            decision = self._row(request, row, tried, sequence, by_engine)
            if self._is_verified(request.customer):
                self._verify(request, decision, by_engine(row).decision)
            decisions.append(decision)
        self._count(tried, unordered)
        return decisions

    def _row(
        self,
        request: Request,
        row: int,
        tried: _Tried,
        sequence: tuple[int, ...],
        by_engine: Callable[[int], EngineDecision],
    ) -> RowDecision:
        pair = int(tried.best[row])
        if pair == NO_PAIR:
            clock = tried.clock.values[tried.clock.codes[row]] if self._compiled.scheduled else None
            key: Hashable = (sequence, clock)
            decision = self._classes.get(key)
            if decision is None:
                decision = self._classes[key] = self._confirm(request, sequence, (), by_engine(row))
            return decision
        number = int(tried.profiles[pair])
        compiled_campaign = self._campaigns[int(tried.pairs.campaigns[pair])]
        form, probability = self._form(
            request.customer,
            compiled_campaign,
            self._profiles.profiles[number],
            float(tried.pairs.scores[pair]),
        )
        key = (sequence, number, form.withheld)
        confirmed = self._classes.get(key)
        if confirmed is None:
            confirmed = self._classes[key] = self._confirm(request, sequence, (form,), by_engine(row))
        return confirmed._replace(chosen=(form,), selection_probability=probability)

    def _confirm(
        self,
        request: Request,
        sequence: tuple[int, ...],
        forms: tuple[ChosenForm, ...],
        by_engine: EngineDecision,
    ) -> RowDecision:
        """The engine's decision for a class; raises Disagreement if it chose otherwise, or tried other campaigns before."""
        tried = by_engine.selection.tried
        chosen = by_engine.decision.chosen
        ahead = [own.reason for own in tried]
        if chosen:
            names = [own.candidate.compiled_campaign.campaign.name for own in tried]
            ahead = ahead[: names.index(chosen[0].campaign)]
        reasons = [self._profiles.profiles[number].reason for number in sequence]
        if chosen != forms or list(dict.fromkeys(ahead)) != list(dict.fromkeys(reasons)):
            raise Disagreement(request.customer, (forms, reasons), (chosen, ahead))
        return by_engine.decision

    def _form(
        self, customer: str, compiled_campaign: CompiledCampaign, profile: Profile, score: float
    ) -> tuple[ChosenForm, float]:
        """What the customer gets of the campaign, and the decision's probability."""
        on, now, subject = profile.campaign_channel, self._plan.now, DrawSubject(customer)
        if on is None:
            raise LookupError("the campaign does not go")
        reason: Reason | None = withheld(on.withholding, subject, now) if on.withholding else None
        drawn = draw(profile.creatives, self._compiled.book.salt, subject, compiled_campaign)
        expires_at = None if on.held is None or reason is not None else now + on.held
        name = compiled_campaign.campaign.name
        form = ChosenForm(name, on.channel, drawn.creative.variant, score, reason, expires_at)
        return form, drawn.probability * on.treated if reason is None else 1.0 - on.treated

    def _is_verified(self, customer: str) -> bool:
        return crc32(customer.encode()) < self._plan.verified * _CRC_RANGE

    def _verify(self, request: Request, by_columns: RowDecision, by_engine: RowDecision) -> None:
        self.funnel.verified += 1
        if by_columns != by_engine:
            raise Disagreement(request.customer, by_columns, by_engine)

    def _count(self, tried: _Tried, unordered: set[int]) -> None:
        """Counts the campaigns of the chunk."""
        self.funnel.classes = len(self._classes)
        size = len(self._campaigns)
        counted = np.ones(len(tried.best), np.bool_)
        counted[list(unordered)] = False
        eligible = np.bincount(tried.pairs.campaigns[counted[tried.pairs.rows]], minlength=size)
        best = tried.best[counted & (tried.best != NO_PAIR)]
        won = np.bincount(tried.pairs.campaigns[best], minlength=size)
        ahead = tried.ahead[counted[tried.pairs.rows[tried.ahead]]]
        lost = Counter(
            zip(tried.pairs.campaigns[ahead].tolist(), tried.profiles[ahead].tolist(), strict=True)
        )
        behind = eligible - won
        for (campaign, profile), number in lost.items():
            behind[campaign] -= number
            reason = self._profiles.profiles[profile].reason
            if reason is not None:
                self.funnel.campaign(self._campaigns[campaign].campaign.name).lost[reason] += number
        for campaign in np.flatnonzero(eligible).tolist():
            count = self.funnel.campaign(self._campaigns[campaign].campaign.name)
            count.eligible += int(eligible[campaign])
            count.outranked += int(behind[campaign])


class Scorer:
    """Scores of pairs: value × propensity × boosts, multiplied in the engine's order."""

    def __init__(self, campaigns: Sequence[CompiledCampaign], side: SideConditions) -> None:
        self._campaigns, self._side = campaigns, side
        self._fixed = np.array([own.score or 0.0 for own in campaigns], np.float64)
        self._varying = [at for at, own in enumerate(campaigns) if own.score is None]

    def scores(self, customers: Customers, pairs: Pairs) -> ScoreColumn:
        """The score of each pair."""
        scores = self._fixed[pairs.positions]
        if not self._varying or not len(pairs.rows):
            return scores
        order = np.argsort(pairs.positions, kind="stable")
        bounds = np.searchsorted(pairs.positions[order], np.arange(len(self._campaigns) + 1))
        columns: dict[Factor, ScoreColumn] = {}

        def factor(own: Factor, rows: Codes) -> ScoreColumn:
            if own.attribute is None:
                return np.full(len(rows), own.number)
            if own not in columns:
                columns[own] = customers.chunk.column(own.attribute).floats(own.number)
            return columns[own][rows]

        with np.errstate(all="ignore"):
            for at in self._varying:
                own, members = self._campaigns[at], order[bounds[at] : bounds[at + 1]]
                rows = pairs.rows[members]
                score = factor(own.value, rows) * factor(own.campaign.propensity, rows)
                for boost in own.campaign.boosts:
                    score = np.where(self._side.holds(customers, boost.when)[rows], score * boost.by, score)
                scores[members] = score
        return scores

"""Decides many customers at once: columns propose a decision, and the engine confirms it for every class.

A class are the customers whom the engine cannot tell apart: the same things happen to the campaigns ahead of the first that
may go, and the same campaign goes, in the same way. Hashes of the person (gates, samples, variants, ties) are computed for
each customer, by the engine's functions.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from zlib import crc32

import numpy as np

from engine.batch.classes import ChosenForms, Sequences, combined
from engine.batch.columns import Bools, Codes, ScoreColumn, ValueColumn, first_rows
from engine.batch.draws import CustomerHashes, SampleLists
from engine.batch.facets import ClockReader, Customers, People, RequestPeople, SideConditions, history_of
from engine.batch.frame import MaskFrame, Pairs, Words
from engine.batch.going import GoingPair, OnGoing, pairs_by_columns, pairs_by_engine
from engine.batch.lanes import ColumnPlan, Disagreement, book_lane, row_lane
from engine.batch.logged import NOTHING_LOGGED, AlikeHistories, LoggedHistory
from engine.batch.order import (
    NO_PAIR,
    ScoredPairs,
    TieBreaker,
    TieOrder,
    best_pairs,
    in_rank_order,
    pairs_ahead,
)
from engine.batch.priced import PricedCampaigns
from engine.batch.profiles import EngineRow, OpenPairs, Profile, Profiles, RulesRead
from engine.batch.results import (
    ChosenForm,
    Decisions,
    EngineDecision,
    Funnel,
    RowDecision,
    TriedPairs,
    TriedPeople,
    decide_by_engine,
    without_score,
)
from engine.batch.scorer import Scorer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import in_force
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.decide.match import requested_clauses
from engine.decide.pressure.counters import NO_QUOTA_COUNTS, QuotaCounts
from engine.model.customer import NOTHING_SAID, CustomerState
from engine.model.request import Request

CHUNK = 16_384
"""Customers who are decided together, which bounds memory."""


NOBODY_SAID: Mapping[str, CustomerState] = {}
"""No customer agreed, withdrew or objects to anything."""


class Kernel:
    """Decides customers by one book at one moment. Raises Disagreement where columns and engine differ."""

    def __init__(
        self,
        compiled: CompiledBook,
        plan: ColumnPlan,
        counts: QuotaCounts = NO_QUOTA_COUNTS,
        learned: Learned = NOTHING_LEARNED,
        *,
        on_going: OnGoing | None = None,
    ) -> None:
        """counts: the counters that all customers share; nothing is taken from them.

        learned: with the prices of what is scarce. on_going: gets all pairs that may go.
        """
        self._counts, self._learned = counts, learned
        self.funnel = Funnel()
        prices = in_force(compiled, learned, plan.now)
        self._priced = PricedCampaigns(compiled.compiled_campaigns, prices)
        self.book_lane = [*book_lane(compiled), *filter(None, (self._priced.why_exact,))]
        """Why all customers are evaluated one by one; empty if columns decide them."""
        self._compiled, self._plan = compiled, plan
        self._campaigns = compiled.compiled_campaigns
        self._side = SideConditions(compiled)
        self._frame = MaskFrame(compiled.index)
        self._clocks = ClockReader(compiled, plan.now)
        self._profiles = Profiles(
            *(compiled, plan.now, self._side),
            all_channels=on_going is not None,
            is_priced=bool(prices),
        )
        self._scorer = Scorer(self._campaigns, self._side)
        self._tiers = np.array([own.campaign.tier for own in self._campaigns], np.int64)
        self._gated = np.array([bool(own.gates) for own in self._campaigns], np.bool_)
        self._gates = SampleLists(plan.now)
        for compiled_campaign in self._campaigns:
            self._gates.add(compiled_campaign.gates)
        self._names = TieOrder.of(compiled.book.salt, self._campaigns)
        self._among = requested_clauses(compiled, Request("", plan.now, {}, channels=plan.channels))
        self._forms = ChosenForms(compiled, plan.now)
        self._alike = AlikeHistories(compiled, plan.now)
        self._sequences = Sequences()
        self._classes: dict[Hashable, RowDecision] = {}
        self._known: dict[Hashable, int] = {}
        """By class and form, the place of the decision in `_distinct`."""
        self._number_of: dict[RowDecision, int] = {}
        self._distinct: list[RowDecision] = []
        self._on_going = on_going
        self._going: list[GoingPair] = []

    def decide(
        self, requests: Sequence[Request], said: Mapping[str, CustomerState] = NOBODY_SAID
    ) -> Iterator[RowDecision]:
        """The decision for each request, in order. said: by customer, what they agreed to, withdrew and object to."""
        for start in range(0, len(requests), CHUNK):
            yield from self._decide_chunk(requests[start : start + CHUNK], said)

    def propose(self, people: People) -> Decisions:
        """The same decisions as of `decide_people`, which are not counted; by columns, whatever the book."""
        return self._by_columns(people)

    def decide_people(self, people: People) -> Decisions:
        """The decisions for a chunk of customers, all at the moment and on the channels of the plan."""
        self._going = []
        if not self.book_lane:
            decisions = self._by_columns(people)
        else:
            lane, rows = "; ".join(self.book_lane), range(people.chunk.rows)
            numbered = [self._numbered(self._alone(self._of_row(people, row), lane, row)) for row in rows]
            codes = np.array([code for code, _ in numbered], np.int64)
            scores = np.array([score for _, score in numbered], np.float64)
            decisions = Decisions(people.names, codes, scores, self._distinct)
        decisions.counted_by(self.funnel)
        if self._on_going is not None:
            self._on_going(people.names, self._going)
            self._going = []
        return decisions

    def histories(self, names: Sequence[str], said: Mapping[str, CustomerState]) -> ValueColumn | None:
        """What stands for what customers agreed to, withdrew and object to; None: nobody said anything."""
        if not said:
            return None
        return self._alike.of_states([said.get(name, NOTHING_SAID) for name in names])

    def _decide_chunk(
        self, requests: Sequence[Request], said: Mapping[str, CustomerState]
    ) -> list[RowDecision]:
        decisions: list[RowDecision | None] = [None] * len(requests)
        columnar = []
        book = "; ".join(self.book_lane)
        for row, request in enumerate(requests):
            lane = book or row_lane(request, self._plan)
            if lane:
                by_engine = self._by_engine(request, state=said.get(request.customer))
                alone = self._alone(by_engine, lane, row)
                decisions[row] = alone
                self.funnel.see(alone)
            else:
                columnar.append(row)
        going, self._going = self._going, []
        if columnar:
            own = [requests[row] for row in columnar]
            histories = self.histories([request.customer for request in own], said)
            by_columns = self._by_columns(RequestPeople(own, histories))
            by_columns.counted_by(self.funnel)
            for at, row in enumerate(columnar):
                decisions[row] = by_columns.row(at)
        if self._on_going is not None:
            going += [pair._replace(row=columnar[pair.row]) for pair in self._going]
            self._on_going([request.customer for request in requests], going)
            self._going = []
        return [decision for decision in decisions if decision is not None]

    def _by_engine(
        self, request: Request, history: LoggedHistory = NOTHING_LOGGED, state: CustomerState | None = None
    ) -> EngineDecision:
        known = history.state if state is None else state
        return decide_by_engine(self._compiled, request, self._counts, self._learned, history.contacts, known)

    def _of_row(self, people: People, row: int) -> EngineDecision:
        return self._by_engine(people.request(row), history_of(people, row))

    def _alone(self, by_engine: EngineDecision, lane: str, row: int) -> RowDecision:
        """The engine's decision, for a customer whom the columns do not cover."""
        self.funnel.exact[lane] += 1
        self.funnel.see_tried(by_engine.selection)
        if self._on_going is not None:
            self._going += pairs_by_engine(row, by_engine.evaluation, by_engine.select)
        return by_engine.decision

    def tried(self, people: People) -> TriedPeople:
        """The same, with what became of every eligible campaign of each customer."""
        return self._tried_people(people)

    @property
    def profiles(self) -> Sequence[Profile]:
        """What became of campaigns, by number."""
        return self._profiles.profiles

    @property
    def rules_read(self) -> Sequence[RulesRead]:
        """Which rules were evaluated for a campaign, by number."""
        return self._profiles.rules_read

    def _by_columns(self, people: People) -> Decisions:
        return self._tried_people(people).decisions

    def _tried_people(self, people: People) -> TriedPeople:
        known: dict[int, EngineDecision] = {}

        def by_engine(row: int) -> EngineDecision:
            if row not in known:
                known[row] = self._of_row(people, row)
            return known[row]

        self._clocks.derive(people)
        customers = self._clocks.read(people)
        self._side.match(customers)
        eligible = self._eligible(customers)
        scores = self._scorer.scores(customers, eligible)
        tried = self._tried(customers, eligible, scores, by_engine)
        if self._on_going is not None:
            self._going += self._pairs_going(tried)
        unordered = np.zeros(people.chunk.rows, np.bool_)
        unordered[eligible.rows[np.isnan(scores)]] = True
        decisions = self._confirmed(people, tried, unordered, by_engine)
        self._verify(decisions, unordered, by_engine)
        self._count(tried, unordered)
        return TriedPeople(decisions, tried, unordered)

    def _pairs_going(self, tried: TriedPairs) -> list[GoingPair]:
        """All pairs that may go, not only the best of each customer."""
        profiles = self._profiles.profiles, tried.profiles.tolist()
        return pairs_by_columns(tried.pairs, profiles, self._campaigns, tried.draws.subject, self._plan.now)

    def _eligible(self, customers: Customers) -> Pairs:
        """The campaigns whose condition holds and whose schedules run."""
        masks: list[Words] = []
        for running in customers.running:
            stopped = [at for at, runs in zip(self._clocks.scheduled, running, strict=True) if not runs]
            masks.append(self._frame.words(self._among & ~self._compiled.index.clauses_of(stopped)))
        among = np.array(masks, np.uint64).reshape(-1, self._frame.width)[customers.clock.codes]
        return self._frame.pairs(self._frame.alive(customers.chunk, customers.days, customers.moments, among))

    def _tried(
        self, customers: Customers, eligible: Pairs, scores: ScoreColumn, by_engine: EngineRow
    ) -> TriedPairs:
        rows, campaigns = eligible
        draws = CustomerHashes(customers.people.names, customers.chunk, self._compiled.units)
        closed = self._closed(rows, campaigns, draws)
        ties, profiles = TieBreaker(self._names, draws), closed.copy()
        read = np.arange(len(rows)) if self._priced.is_charged else np.flatnonzero(closed < 0)
        passed = self._priced.codes(rows[read], campaigns[read], scores[read], ties)
        rules_read = np.zeros(len(rows), np.int64)
        profiles[read], rules_read[read] = self._profiles.read(
            customers, OpenPairs(rows[read], campaigns[read], passed), by_engine
        )
        if self._priced.is_charged:
            scores = scores - self._profiles.costs(profiles)
            profiles = np.where(closed < 0, profiles, closed)
        pairs = ScoredPairs(rows, campaigns, self._tiers[campaigns], scores)
        may_go = self._profiles.may_go(profiles)
        best = best_pairs(pairs, may_go, ties, customers.chunk.rows)
        ahead = in_rank_order(pairs, pairs_ahead(pairs, may_go, best, ties), profiles, ties)
        return TriedPairs(draws, pairs, ties, profiles, rules_read, best, ahead, customers.clock)

    def _closed(self, rows: Codes, campaigns: Codes, draws: CustomerHashes) -> Codes:
        """By pair, the profile of the gate that keeps the customer out; -1 where none does."""
        profiles = np.full(len(rows), -1, np.int64)
        gated = np.flatnonzero(self._gated[campaigns])
        shut = self._gates.first(draws, rows[gated], campaigns[gated], having=False)
        for depth, campaign in set(zip(shut.tolist(), campaigns[gated].tolist(), strict=True)):
            if depth >= 0:
                number = self._profiles.closed(self._campaigns[campaign].gates[depth].reason)
                profiles[gated[(shut == depth) & (campaigns[gated] == campaign)]] = number
        return profiles

    def _confirmed(
        self, people: People, tried: TriedPairs, unordered: Bools, by_engine: EngineRow
    ) -> Decisions:
        """The decisions, each confirmed by the engine's decision on a customer of the same class."""
        rows, goes = people.chunk.rows, tried.best != NO_PAIR
        profiles, withheld, drawn = (np.full(rows, -1, np.int64) for _ in range(3))
        going = np.flatnonzero(goes & ~unordered)
        profiles[going] = tried.profiles[tried.best[going]]
        withheld[going], drawn[going] = self._forms.of(
            tried.draws, going, profiles[going], self._profiles.profiles
        )
        sequences = self._sequences.codes(tried.pairs.rows[tried.ahead], tried.profiles[tried.ahead], rows)
        clocks = np.where(goes, -1, tried.clock.codes) if self._compiled.scheduled else np.full(rows, -1)
        columns = (sequences, profiles, withheld, drawn, clocks)
        first, classes = combined([column + 1 for column in columns])
        numbers = np.full(len(first), -1, np.int64)
        scores = np.full(rows, np.nan)
        scores[going] = tried.pairs.scores[tried.best[going]]
        codes = np.empty(rows, np.int64)
        for row in np.flatnonzero(unordered).tolist():
            alone = self._alone(by_engine(row), "has a score that is not a number", row)
            codes[row], scores[row] = self._numbered(alone)
        kept = np.flatnonzero(~unordered)
        at_first = first_rows(classes[kept], len(first))
        used = np.flatnonzero(at_first >= 0)
        firsts = kept[at_first[used]]
        of_firsts = zip(*(column[firsts].tolist() for column in columns), strict=True)
        for number, row, of_first in zip(used.tolist(), firsts.tolist(), of_firsts, strict=True):
            *of_class, clock = of_first
            key = *of_class, tried.clock.values[clock] if clock >= 0 else None
            if key not in self._known:
                self._known[key] = self._decided(people, row, key, float(scores[row]), by_engine)
            numbers[number] = self._known[key]
        codes[kept] = numbers[classes[kept]]
        return Decisions(people.names, codes, scores, self._distinct)

    def _decided(
        self,
        people: People,
        row: int,
        key: tuple[int, int, int, int, Hashable],
        score: float,
        by_engine: EngineRow,
    ) -> int:
        """The number of the decision for a class and a form, confirmed by the engine's on a customer of the class."""
        sequence, number, reason, creative, clock = key
        form, probability = None, 1.0
        if number >= 0:
            form, probability = self._forms.form(self._profiles.profiles[number], reason, creative, score)
        of_class = (sequence, number, None if form is None else form.withheld, clock)
        confirmed = self._classes.get(of_class)
        if confirmed is None:
            forms = () if form is None else (form,)
            confirmed = self._confirm(
                people.names[row], self._sequences.path(sequence), forms, by_engine(row)
            )
            self._classes[of_class] = confirmed
        if form is not None:
            confirmed = confirmed._replace(chosen=(form,), selection_probability=probability)
        return self._numbered(confirmed)[0]

    def _numbered(self, decision: RowDecision) -> tuple[int, float]:
        """The number of the decision without its score, and the score."""
        plain, score = without_score(decision)
        number = self._number_of.setdefault(plain, len(self._distinct))
        if number == len(self._distinct):
            self._distinct.append(plain)
        return number, score

    def _confirm(
        self,
        customer: str,
        sequence: Sequence[int],
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
            raise Disagreement(customer, (forms, reasons), (chosen, ahead))
        return by_engine.decision

    def _verify(self, decisions: Decisions, unordered: Bools, by_engine: EngineRow) -> None:
        """Decides a random sample of the customers, the same of the same chunk, by the engine too; raises Disagreement."""
        share, names = self._plan.verified, decisions.names
        if share <= 0 or not names:
            return
        drawn = np.random.default_rng(crc32(names[0].encode())).random(len(names))
        for row in np.flatnonzero((drawn < share) & ~unordered).tolist():
            self.funnel.verified += 1
            by_columns, expected = decisions.row(row), by_engine(row).decision
            if by_columns != expected:
                raise Disagreement(decisions.names[row], by_columns, expected)

    def _count(self, tried: TriedPairs, unordered: Bools) -> None:
        """Counts the campaigns of the chunk."""
        self.funnel.classes = len(self._classes)
        pairs, size = tried.pairs, len(self._campaigns)
        eligible = np.bincount(pairs.campaigns[~unordered[pairs.rows]], minlength=size)
        best = tried.best[~unordered & (tried.best != NO_PAIR)]
        behind = eligible - np.bincount(pairs.campaigns[best], minlength=size)
        ahead = tried.ahead[~unordered[pairs.rows[tried.ahead]]]
        profiles = max(1, len(self._profiles.profiles))
        keys, counts = np.unique(
            pairs.campaigns[ahead] * profiles + tried.profiles[ahead], return_counts=True
        )
        for key, number in zip(keys.tolist(), counts.tolist(), strict=True):
            campaign, profile = divmod(key, profiles)
            behind[campaign] -= number
            reason = self._profiles.profiles[profile].reason
            if reason is not None:
                self.funnel.campaign(self._campaigns[campaign].campaign.name).lost[reason] += number
        for campaign in np.flatnonzero(eligible).tolist():
            count = self.funnel.campaign(self._campaigns[campaign].campaign.name)
            count.eligible += int(eligible[campaign])
            count.outranked += int(behind[campaign])

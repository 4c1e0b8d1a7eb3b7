"""Pauses and stops: after an outcome, or enough of them in a window, nothing more of its scope goes out for a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.decide.pressure.rule import (
    HORIZON,
    LEAST_COUNTED,
    OpensForGood,
    PressureRule,
    RuleInput,
    RuleNeeds,
    RuleResult,
)
from engine.decide.pressure.selectors import is_excepted
from engine.model.contact import Facts
from engine.model.decision import RuleKind
from engine.model.instant import Instant, Microseconds
from engine.model.outcome import PastOutcome, PastOutcomes
from engine.model.texts import span_text
from engine.rulebook.model.book import Book, Campaign, Kind
from engine.rulebook.model.policies import Pause, Scope


def compile_pauses(book: Book) -> "PauseRules":
    """The pauses of the section `pressure`."""
    return PauseRules(tuple(book.pressure.pauses.values()))


def compile_stops(book: Book) -> "PauseRules":
    """The stops of the campaigns: pauses of one campaign each."""
    return PauseRules(stops=_stops(book))


def compile_outcome_rules(book: Book) -> "PauseRules":
    """Both."""
    return PauseRules(tuple(book.pressure.pauses.values()), _stops(book))


def _stops(book: Book) -> Mapping[str, Sequence[Pause]]:
    return {campaign.name: campaign.stop for campaign in book.campaigns.values() if campaign.stop}


_Reported = tuple[Instant, tuple[str, ...]]
"""When an outcome was reported, and what it is the same as."""


@dataclass(frozen=True, slots=True, eq=False)
class PauseRule(OpensForGood):
    """Blocks the proposals of one scope from the outcome that made the outcomes enough until the pause is over.

    Each further outcome that makes them enough begins the pause anew. Outcomes after now count as well, should a clock have
    stepped back.
    """

    pause: Pause
    facts: Facts
    """Of one of the proposals; of them only what the scope names matters."""
    kind: RuleKind = RuleKind.PAUSE

    @property
    def name(self) -> str:
        """The policy's."""
        return self.pause.name

    @property
    def window(self) -> str:
        """How long it lasts, and in which time the outcomes have to come; of a stop after which outcome."""
        pause = self.pause
        span, within = pause.written
        if self.kind is RuleKind.STOP:
            return f"after {', '.join(sorted(pause.outcomes))} for {span or span_text(pause.span)}"
        after = "" if pause.within is None else f" after {pause.times} in {within or span_text(pause.within)}"
        return f"{span or span_text(pause.span)}{after}"

    def evaluate(self, rule_input: RuleInput) -> RuleResult:
        """Whether the latest pause is over, and how many outcomes began it."""
        now, pause = rule_input.now, self.pause
        moments = self._moments(rule_input.outcomes)
        began = self._began(moments)
        until = now if began is None else began + pause.span
        if began is not None and until > now:
            opening = until if until <= now + HORIZON else None
            return RuleResult(self, True, opening, self._counted(moments, began), pause.times)
        return RuleResult(self, False, now, self._counted(moments, now), pause.times)

    @property
    def most(self) -> int:
        """So many outcomes are counted exactly: one more than enough, or as many as every rule counts."""
        return max(self.pause.times + 1, LEAST_COUNTED)

    def mattering(self, outcomes: Sequence[PastOutcome], now: Instant) -> Iterator[int]:
        """The indexes of the outcomes that decide its result: those that began the latest pause, and the latest until now."""
        moments = sorted(
            (outcome.at, _report(outcome, index), index)
            for index, outcome in enumerate(outcomes)
            if self.selects(outcome)
        )
        began = self._began([(at, report) for at, report, _ in moments])
        for until in (now,) if began is None else (began, now):
            reports = set()
            for at, report, index in reversed(moments):
                if until - self._span < at <= until and report not in reports:
                    reports.add(report)
                    yield index
                if len(reports) == self.most:
                    break

    def selects(self, outcome: PastOutcome) -> bool:
        """Whether the outcome counts: it is of a type that the pause names, and within the scope of the proposals."""
        return outcome.type in self.pause.outcomes and self._concerns(outcome)

    def is_decided(self, outcomes: Sequence[PastOutcome], now: Instant, since: Instant) -> bool:
        """Whether no outcome that is missing here changes the result; those later than `since` are all there.

        The latest moment at which they were enough is known if no later one has a window that reaches behind `since`;
        the number that is shown, if its window does not, or if no more are counted.
        """
        span, within = self.pause.span, self.pause.within or 0
        moments = self._moments(outcomes)
        began = self._began(moments)
        if since > now - span - within:
            later = None if began is None else next((at for at, _ in moments if at > began), None)
            if began is None or (later is not None and later - within < since):
                return False
        until = now if began is None or began + span <= now else began
        return until - self._span >= since or self._counted(moments, until) == self.most

    @property
    def _span(self) -> Microseconds:
        """The time in which outcomes are counted; a single one counts for as long as its pause lasts."""
        return self.pause.span if self.pause.within is None else self.pause.within

    def _moments(self, outcomes: Sequence[PastOutcome]) -> list[_Reported]:
        """Those that count, the oldest first."""
        return sorted(
            (outcome.at, _report(outcome, index))
            for index, outcome in enumerate(outcomes)
            if self.selects(outcome)
        )

    def _concerns(self, outcome: PastOutcome) -> bool:
        """Whether the outcome is within the scope of the proposals."""
        match self.pause.scope:
            case Scope.CHANNEL:
                is_sent = self.facts.kind == Kind.OUTBOUND
                return outcome.channel == self.facts.channel or (is_sent and not outcome.channel)
            case Scope.OFFER:
                return outcome.offer == self.facts.offer
            case Scope.CAMPAIGN:
                return outcome.campaign == self.facts.campaign
        return True

    def _began(self, moments: list[_Reported]) -> Instant | None:
        """The latest moment at which the outcomes were enough; those of one kind that one decision had count once."""
        times, within = self.pause.times, self.pause.within
        began, start = None, 0
        reports: Counter[tuple[str, ...]] = Counter()
        for at, report in moments:
            reports[report] += 1
            while within is not None and moments[start][0] <= at - within:
                gone = moments[start][1]
                reports[gone] -= 1
                if not reports[gone]:
                    del reports[gone]
                start += 1
            if len(reports) >= times:
                began = at
        return began

    def _counted(self, moments: list[_Reported], until: Instant) -> int:
        """The outcomes in the window that ends then; at most so many as are counted."""
        reports = {report for at, report in moments if until - self._span < at <= until}
        return min(len(reports), self.most)


def _report(outcome: PastOutcome, index: int) -> tuple[str, ...]:
    """What makes two reports the same outcome: their decision and its kind; without a decision each is its own."""
    if not outcome.decision_id:
        return ("", str(index))
    return outcome.decision_id, outcome.type, outcome.campaign


@dataclass(frozen=True, slots=True)
class PauseRules:
    """A book's pauses or stops; proposals of one scope share a rule, so that it is evaluated once for all of them."""

    pauses: tuple[Pause, ...] = ()
    stops: Mapping[str, Sequence[Pause]] = field(default_factory=dict)
    """By campaign."""
    _rules: dict[tuple[str, str], PauseRule] = field(default_factory=dict)
    """By name and what the proposals of the scope have in common."""
    _spans: dict[str, Microseconds] = field(default_factory=dict)
    """By type of outcome, the longest pause that one may begin; looked up once."""

    @property
    def needs(self) -> RuleNeeds:
        """The outcomes that some pause names, for as long as they may matter."""
        pauses = [*self.pauses, *(stop for stops in self.stops.values() for stop in stops)]
        return RuleNeeds(
            outcomes=frozenset(outcome for pause in pauses for outcome in pause.outcomes),
            hindsight=max((pause.span + (pause.within or 0) for pause in pauses), default=0),
        )

    def mattering(self, outcomes: Sequence[PastOutcome], now: Instant) -> Sequence[PastOutcome]:
        """Those of the outcomes that decide what some pause says; all where there are few."""
        if len(outcomes) <= LEAST_COUNTED:
            return outcomes
        indexes: set[int] = set()
        for rule in self._rules_over(outcomes):
            indexes.update(rule.mattering(outcomes, now))
        return [outcomes[index] for index in sorted(indexes)]

    def in_force(self, outcomes: Sequence[PastOutcome], now: Instant) -> frozenset[tuple[str, str, str, str]]:
        """What holds by these outcomes: kind and name of each pause, and the proposals that it holds back.

        Customers of whom it is the same may be sent the same, but not again at the same moment.
        """
        if not any(outcome.at + self._longest(outcome.type) > now for outcome in outcomes):
            return frozenset()
        rule_input = RuleInput(now, (), {}, (), outcomes=outcomes)
        return frozenset(
            (rule.kind.value, rule.name, _shared(rule.pause, rule.facts), rule.facts.kind)
            for rule in self._rules_over(outcomes)
            if rule.evaluate(rule_input).blocks
        )

    def _longest(self, outcome: str) -> Microseconds:
        """The longest pause that an outcome of the type may begin."""
        if outcome not in self._spans:
            pauses = (*self.pauses, *(stop for stops in self.stops.values() for stop in stops))
            self._spans[outcome] = max((own.span for own in pauses if outcome in own.outcomes), default=0)
        return self._spans[outcome]

    def undecided(self, portions: Sequence[PastOutcomes], now: Instant) -> set[int]:
        """The indexes of those of which older outcomes may change what some pause says."""
        outcomes = [outcome for portion in portions for outcome in portion.outcomes]
        oldest = now - self.needs.hindsight
        lacking: set[int] = set()
        for rule in self._rules_over(outcomes):
            own = {
                index: portion
                for index, portion in enumerate(portions)
                if any(rule.selects(outcome) for outcome in portion.outcomes)
            }
            partial = {index for index, portion in own.items() if portion.since > oldest}
            since = max((portion.since for portion in own.values()), default=oldest)
            of_scope = [outcome for portion in own.values() for outcome in portion.outcomes]
            if partial and not rule.is_decided(of_scope, now, since):
                lacking |= partial
        return lacking

    def _rules_over(self, outcomes: Sequence[PastOutcome]) -> Iterator[PauseRule]:
        """The rules that may judge by these outcomes, one for each scope on which they may judge differently."""
        for pause in self.pauses:
            for facts in _scopes(pause, outcomes):
                yield PauseRule(pause, facts)
        for campaign in sorted({outcome.campaign for outcome in outcomes}):
            for stop in self.stops.get(campaign, ()):
                yield PauseRule(stop, _NOWHERE._replace(campaign=campaign), RuleKind.STOP)

    def rules_for(self, campaign: Campaign, facts: Facts) -> Iterator[PressureRule]:
        """In the book's order. Of the customer as a whole a pause holds back only what is sent."""
        for pause in self.pauses:
            applies = pause.scope is not Scope.CUSTOMER or facts.kind == Kind.OUTBOUND
            if applies and not is_excepted(pause.except_, facts):
                yield self._rules.setdefault((pause.name, _shared(pause, facts)), PauseRule(pause, facts))
        for stop in self.stops.get(campaign.name, ()):
            rule = PauseRule(stop, facts, RuleKind.STOP)
            yield self._rules.setdefault((stop.name, campaign.name), rule)


_NOWHERE = Facts("", Kind.OUTBOUND, "", "", "", frozenset())
"""Facts of a proposal, before the scope of a rule is filled in."""


def _scopes(pause: Pause, outcomes: Sequence[PastOutcome]) -> Iterable[Facts]:
    """Facts of proposals, of each scope on which the pause may judge by these outcomes differently."""
    match pause.scope:
        case Scope.CHANNEL:
            channels = {outcome.channel for outcome in outcomes}
            return [_NOWHERE._replace(channel=name, kind=kind) for name in {"", *channels} for kind in Kind]
        case Scope.OFFER:
            return [_NOWHERE._replace(offer=name) for name in {outcome.offer for outcome in outcomes}]
        case Scope.CAMPAIGN:
            return [_NOWHERE._replace(campaign=name) for name in {outcome.campaign for outcome in outcomes}]
    return (_NOWHERE,)


def _shared(pause: Pause, facts: Facts) -> str:
    """What the proposals of one scope have in common."""
    match pause.scope:
        case Scope.CHANNEL:
            return facts.channel
        case Scope.OFFER:
            return facts.offer
        case Scope.CAMPAIGN:
            return facts.campaign
    return ""

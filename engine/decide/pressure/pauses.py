"""Pauses: an outcome, or so many of them in a window, silences what it is about for a time."""

from dataclasses import dataclass

from engine.decide.pressure.rule import HORIZON, RuleInput, RuleResult
from engine.model.contact import Facts
from engine.model.decision import ReasonCode, RuleKind
from engine.model.instant import Instant
from engine.model.outcome import PastOutcome
from engine.rulebook.model.book import Kind
from engine.rulebook.model.policies import Pause, Scope
from engine.rulebook.text import durations


@dataclass(frozen=True, slots=True, eq=False)
class PauseRule:
    """Silence from the moment at which the outcomes are enough, as a rule over the proposals of one scope.

    Each outcome that makes them enough begins the pause anew. An outcome counts on although a clock has stepped back.
    """

    pause: Pause
    facts: Facts
    """Of one of the proposals; of them only what the scope is about matters."""

    @property
    def name(self) -> str:
        """The policy's."""
        return self.pause.name

    @property
    def kind(self) -> RuleKind:
        """Pause."""
        return RuleKind.PAUSE

    @property
    def code(self) -> ReasonCode:
        """Paused."""
        return ReasonCode.PAUSED

    @property
    def window(self) -> str:
        """How long it lasts, and in which time the outcomes have to come."""
        pause = self.pause
        within = "" if pause.within is None else f" after {pause.times} in {durations.shown(pause.within)}"
        return f"{durations.shown(pause.span)}{within}"

    def evaluate(self, case: RuleInput) -> RuleResult:
        """Whether the pause that began last is over, and with how many outcomes it began."""
        now, pause = case.now, self.pause
        moments = sorted(
            one.at for one in case.outcomes if one.type in pause.outcomes and self._concerns(one)
        )
        began = self._began(moments)
        until = now if began is None else began + pause.span
        if began is not None and until > now:
            opens = until if until <= now + HORIZON else None
            return RuleResult(self, True, opens, self._counted(moments, began), pause.times)
        return RuleResult(self, False, now, self._counted(moments, now), pause.times)

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:
        """When it is over; then it lets everything pass."""
        found = rule_result.next_allowed_at
        return None if found is None or found > bound else max(at, found)

    def _concerns(self, one: PastOutcome) -> bool:
        """Whether the outcome is about what the proposals are about."""
        match self.pause.scope:
            case Scope.CHANNEL:
                sent = self.facts.kind == Kind.OUTBOUND
                return one.channel == self.facts.channel or (sent and not one.channel)
            case Scope.OFFER:
                return one.offer == self.facts.offer
            case Scope.CAMPAIGN:
                return one.campaign == self.facts.campaign
        return True

    def _began(self, moments: list[Instant]) -> Instant | None:
        """The latest moment at which the outcomes were enough."""
        pause = self.pause
        for last in range(len(moments) - 1, pause.times - 2, -1):
            first = moments[last - pause.times + 1]
            if pause.within is None or first > moments[last] - pause.within:
                return moments[last]
        return None

    def _counted(self, moments: list[Instant], until: Instant) -> int:
        """The outcomes of the window that ends then; a single one lasts as long as its pause."""
        span = self.pause.span if self.pause.within is None else self.pause.within
        return sum(until - span < one <= until for one in moments)


def applies(pause: Pause, facts: Facts) -> bool:
    """Whether the pause may silence such proposals: of the customer as a whole, those that we send."""
    return pause.scope is not Scope.CUSTOMER or facts.kind == Kind.OUTBOUND


def scope_of(pause: Pause, facts: Facts) -> str:
    """What of the proposals matters to the pause: those of one scope share a rule."""
    match pause.scope:
        case Scope.CHANNEL:
            return facts.channel
        case Scope.OFFER:
            return facts.offer
        case Scope.CAMPAIGN:
            return facts.campaign
    return ""

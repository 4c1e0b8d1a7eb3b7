"""Proposes changes that might bring a campaign further, by the stage where it fell; search.py tries them."""

from collections.abc import Iterator, Mapping, Sequence
from math import floor, inf, log10

from engine.conditions.evaluate import holds
from engine.conditions.model import AttributeOperand, Condition, None_, Operator, Test, tests_of
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.moments import next_clock, next_run
from engine.decide.arbitrate.rank import factor_value
from engine.decide.attributes.contacts import next_changes, numbers_of_contacts
from engine.decide.evaluate import Evaluation
from engine.decide.signals.infer import conclude
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.explain.counterfactuals.changes import at_moment
from engine.explain.counterfactuals.values import size_of, some_value, values_to_try
from engine.explain.model import CampaignExplained, Change, ChangeKind, Rival
from engine.model.decision import Reason, ReasonCode
from engine.model.instant import DAY, Instant
from engine.model.request import Request
from engine.model.values import Attributes
from engine.rulebook.model.experiments import Ramp

_SIGNAL, _CLOCK = "signal.", "now."


_MONTH = 30 * DAY


_MOST_MOMENTS = 32
"""Moments at which a number of contacts changes that are tried for one condition, the next ones."""


_MIRRORED = {
    Operator.LT: Operator.GT,
    Operator.LTE: Operator.GTE,
    Operator.GT: Operator.LT,
    Operator.GTE: Operator.LTE,
    Operator.BEFORE: Operator.AFTER,
    Operator.AFTER: Operator.BEFORE,
}
"""The operator with its sides exchanged."""


class CandidateChanges:
    """Proposes changes for the campaigns of one request."""

    def __init__(self, request: Request, evaluation: Evaluation, rivals: Mapping[str, Rival]) -> None:
        self._compiled = evaluation.compiled
        self._request, self._book, self._moment = request, evaluation.compiled.book, evaluation.moment
        self._subject = evaluation.subject(request.customer)
        self._attributes: Attributes = evaluation.request.attributes
        self._times = evaluation.compiled.times
        self._rivals = [*rivals.values()]
        self._costs = {
            candidate.compiled_campaign.campaign.name: candidate.cost for candidate in evaluation.candidates
        }
        self._compiled_campaigns = {
            compiled.campaign.name: compiled for compiled in evaluation.compiled.compiled_campaigns
        }

    def changes(self, campaign: CampaignExplained, moment: Instant | None) -> Iterator[Change]:
        """The changes, each once; `moment`: when pressure would let it pass."""
        proposed: set[tuple[object, ...]] = set()
        for reason in dict.fromkeys((campaign.reason, *campaign.details)):
            compiled_campaign = self._compiled_campaigns[campaign.campaign]
            for change in (
                *self._for(reason, campaign, compiled_campaign),
                *self._above_prices(reason, campaign, compiled_campaign),
            ):
                key = (change.kind, change.name, type(change.after), change.after)
                if key not in proposed:
                    proposed.add(key)
                    yield change
        if moment is not None and moment > self._request.now:
            yield self._later(moment)

    def _for(
        self, reason: Reason, campaign: CampaignExplained, compiled_campaign: CompiledCampaign
    ) -> Iterator[Change]:
        match reason.code:
            case ReasonCode.NOT_REQUESTED:
                yield from self._ways(compiled_campaign)
            case ReasonCode.NOT_ACTIVE:
                yield from self._runs(compiled_campaign)
            case ReasonCode.NOT_ELIGIBLE:
                yield from self._conditions([compiled_campaign.campaign.when])
            case ReasonCode.RAMPING if isinstance(compiled_campaign.campaign.ramp, Ramp):
                position = compiled_campaign.gates[-1].position(self._subject, self._request.now)
                yield self._later(compiled_campaign.campaign.ramp.reaches(position))
            case ReasonCode.NO_CONSENT | ReasonCode.UNREACHABLE:
                yield from self._reach(reason)
            case ReasonCode.NO_VARIANT:
                yield from self._creatives(reason, compiled_campaign)
            case ReasonCode.NOT_WORTH_IT:
                cost = self._book.channels[reason.name].cost
                yield from self._value_for(cost, campaign, compiled_campaign)
                yield from self._conditions([boost.when for boost in compiled_campaign.campaign.boosts])
            case ReasonCode.OUTRANKED | ReasonCode.GROUP_TAKEN | ReasonCode.CATEGORY_FULL:
                yield from self._priorities(campaign, compiled_campaign)
                yield from self._conditions([boost.when for boost in compiled_campaign.campaign.boosts])
            case _ if when := self._book.pressure.conditions.get(reason.name):
                yield from self._conditions([None_((when,))])

    def _ways(self, compiled_campaign: CompiledCampaign) -> Iterator[Change]:
        """Other channels and placements of the call."""
        before = self._request.placement or None
        for name in compiled_campaign.campaign.placements:
            yield Change(ChangeKind.PLACEMENT, name, before, name)
        for name in compiled_campaign.channels:
            yield Change(ChangeKind.CHANNEL, name, before, name)

    def _runs(self, compiled_campaign: CompiledCampaign) -> Iterator[Change]:
        zone = self._book.timezone
        moment = next_run(compiled_campaign.active, self._request.now, zone, self._attributes)
        if moment is not None:
            yield self._later(moment)

    def _later(self, moment: Instant) -> Change:
        wait = moment - self._request.now
        return Change(
            ChangeKind.TIME, "", self._request.now, moment, is_time=True, size=min(1.0, wait / _MONTH)
        )

    def _reach(self, reason: Reason) -> Iterator[Change]:
        channel = self._book.channels[reason.name]
        if reason.code is ReasonCode.NO_CONSENT and channel.consent is not None:
            yield Change(ChangeKind.CONSENT, channel.consent)
        elif channel.address is not None:
            yield self._any_value(channel.address)

    def _any_value(self, name: str) -> Change:
        value = some_value(self._book.attributes.get(name))
        before = self._attributes.get(name)
        return Change(ChangeKind.ATTRIBUTE, name, before, value, self._is_time(name), any_value=True)

    def _is_time(self, name: str) -> bool:
        return name in self._times.names

    def _creatives(self, reason: Reason, compiled_campaign: CompiledCampaign) -> Iterator[Change]:
        """A value that the content lacks, or values by which the variants' conditions would hold."""
        campaign_channel = compiled_campaign.campaign_channels.get(reason.name)
        if campaign_channel is None:
            yield self._any_value(reason.name)
        else:
            yield from self._conditions([creative.when for creative in campaign_channel.creatives])

    def _conditions(self, conditions: Sequence[Condition]) -> Iterator[Change]:
        """Values of one attribute by which one of the conditions would hold that does not; the nearest first."""
        for when in conditions:
            if not holds(when, self._attributes, self._moment):
                tests = list(dict.fromkeys(tests_of(when)))
                yield from self._values(tests, when)
                if any(test.attribute.startswith(_CLOCK) for test in tests):
                    yield from self._clock(when)
                yield from self._waits(when, tests)
                yield from self._values(list(self._behind(tests)), None)

    def _values(self, tests: Sequence[Test], when: Condition | None) -> Iterator[Change]:
        """At most four values an attribute; those by which the condition does not hold are left out, if it is given."""
        tests = [test for written in tests for test in self._with_values(written)]
        for name in dict.fromkeys(test.attribute for test in tests):
            if name.startswith(_CLOCK):
                continue
            declared = self._book.attributes.get(name)
            before = self._attributes.get(name)
            on_attribute = [test for test in tests if test.attribute == name]
            changes = []
            for after in values_to_try(on_attribute, declared, before, self._moment):
                attributes = {key: value for key, value in self._attributes.items() if key != name}
                if after is not None:
                    attributes[name] = after
                if when is None or holds(when, attributes, self._moment):
                    size = size_of(before, after, declared)
                    changes.append(
                        Change(ChangeKind.ATTRIBUTE, name, before, after, self._is_time(name), size=size)
                    )
            yield from sorted(changes, key=lambda change: (change.size, change.after is None))[:4]

    def _with_values(self, test: Test) -> Iterator[Test]:
        """The test; of one on two attributes, tests of each against the other's value, where it is known."""
        if not isinstance(test.operand, AttributeOperand):
            yield test
            return
        pairs = (
            (test.attribute, test.operator, test.operand.attribute),
            (test.operand.attribute, _MIRRORED.get(test.operator, test.operator), test.attribute),
        )
        for name, operator, other in pairs:
            value = self._attributes.get(other)
            if value is not None and not isinstance(value, tuple):
                yield Test(name, operator, value)

    def _clock(self, when: Condition) -> Iterator[Change]:
        moment = next_clock(when, self._request.now, self._book.timezone, self._attributes)
        if moment is not None:
            yield self._later(moment)

    def _waits(self, when: Condition, tests: Sequence[Test]) -> Iterator[Change]:
        """The next moment at which the condition holds because contacts have become older, all else as it is.

        Contacts that signals count, and those behind them, do so too: the signals are concluded anew at each moment.
        """
        signals = self._signals_of(tests)
        inner = [test for name in signals for test in self._tests_of_signal(name)]
        names = {test.attribute for test in (*tests, *inner)}
        contacts, now = self._request.memory.contacts, self._request.now
        counts = [count for count in self._compiled.derivation.contacts if count.name in names]
        moments = next_changes(counts, contacts, now)[:_MOST_MOMENTS]
        if counts and signals:
            held = (self._request.memory.signals.get(name) for name in signals)
            ends = {signal.expires_at for signal in held if signal and signal.expires_at}
            moments = sorted({*moments, *(moment for moment in ends if moment > now)})
        for moment in moments:
            numbers = dict(numbers_of_contacts(counts, contacts, moment))
            attributes: Attributes = {**self._attributes, **numbers}
            if signals:
                attributes = self._concluded(attributes, moment)
            if holds(when, attributes, self._compiled.moment(moment, attributes)):
                yield self._later(moment)
                return

    def _concluded(self, attributes: Attributes, moment: Instant) -> Attributes:
        """The attributes with the signals that hold at a later moment, in place of those that hold now."""
        compiled = self._compiled.signals
        if compiled is None:
            return attributes
        given = self._request.attributes
        own = {
            name: value for name, value in attributes.items() if name in given or not name.startswith(_SIGNAL)
        }
        memory = at_moment(self._request, moment).memory
        later = self._compiled.moment(moment, own)
        concluded = conclude(compiled.compiled, own, later, PythonEvaluator(compiled.compiled), memory)
        return {**own, **concluded.attributes}

    def _behind(self, tests: Sequence[Test]) -> Iterator[Test]:
        """The tests of the signals that would have to hold, and of those behind them."""
        for name in self._signals_of(tests, ends=False):
            inner = dict.fromkeys(tests_of(self._book.derived.signals[name].when))
            yield from (test for test in inner if not test.attribute.startswith(_SIGNAL))

    def _signals_of(self, tests: Sequence[Test], *, ends: bool = True) -> list[str]:
        """The signals that the tests read, and those behind them. ends: those too that `until` reads."""
        visited: dict[str, None] = {}
        pending = [test.attribute for test in tests]
        while pending:
            attribute = pending.pop(0)
            name = attribute.removeprefix(_SIGNAL).partition(".")[0]
            if attribute.startswith(_SIGNAL) and name in self._book.derived.signals and name not in visited:
                visited[name] = None
                pending += [test.attribute for test in self._tests_of_signal(name, ends=ends)]
        return [*visited]

    def _tests_of_signal(self, name: str, *, ends: bool = True) -> list[Test]:
        """The tests of the signal's condition. ends: those of its `until`, too."""
        signal = self._book.derived.signals[name]
        until = [] if signal.until is None or not ends else [*tests_of(signal.until)]
        return list(dict.fromkeys((*tests_of(signal.when), *until)))

    def _priorities(
        self, campaign: CampaignExplained, compiled_campaign: CompiledCampaign
    ) -> Iterator[Change]:
        """Tiers and values by which it would go before one of the campaigns taken; the weakest of them first."""
        for rival in reversed(self._rivals):
            if rival.tier > campaign.tier:
                ahead = (campaign.score or 0.0) > rival.score
                after = rival.tier if ahead else rival.tier + 1
                yield Change(ChangeKind.TIER, "", campaign.tier, after)
            elif rival.tier == campaign.tier and campaign.score:
                needed = rival.score + self._cost(campaign)
                yield from self._value_for(needed, campaign, compiled_campaign)

    def _above_prices(
        self, reason: Reason, campaign: CampaignExplained, compiled_campaign: CompiledCampaign
    ) -> Iterator[Change]:
        """The value for which the scarce counter that the reason names would let it pass."""
        for charge in campaign.paid:
            asked = charge.amount if charge.amount < inf else charge.cut_off
            if charge.rule.name == reason.name and asked is not None:
                yield from self._value_for(asked, campaign, compiled_campaign)

    def _value_for(
        self, gross: float, campaign: CampaignExplained, compiled_campaign: CompiledCampaign
    ) -> Iterator[Change]:
        """The value with which its score is above this one, before what a channel costs."""
        score = (campaign.score or 0.0) + self._cost(campaign)
        if score > 0:
            before = factor_value(compiled_campaign.value, self._attributes)
            needed = before * gross / score
            if needed < _HIGHEST:
                value = _above(needed)
                yield Change(ChangeKind.VALUE, "", before, value, size=size_of(before, value, None))

    def _cost(self, campaign: CampaignExplained) -> float:
        """What the campaign's score is less than value × propensity × boosts; 0 where scores are gross."""
        return self._costs.get(campaign.campaign, 0.0)


_LOWEST, _HIGHEST = 1e-300, 1e300
"""Values between which three digits can be told apart; beyond, as by a propensity of 5e-324, no change of a value helps."""


def _above(number: float) -> float:
    """The next number above that has three significant digits, for numbers below _HIGHEST."""
    if number <= 0:
        return 1.0
    number = max(number, _LOWEST)
    digits = 2 - floor(log10(number))
    unit = 10.0**digits
    return round((floor(number * unit) + 1) / unit, max(0, digits))

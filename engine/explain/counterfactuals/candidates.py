"""Which changes might bring a campaign further, by the stage where it fell. Whether one does is tried in flips.py."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import floor, log10
from zoneinfo import ZoneInfo

from engine.conditions.evaluate import holds
from engine.conditions.model import Condition, Test, tests_of
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.rank import factor_value
from engine.decide.arbitrate.schedule import Clocks
from engine.decide.attributes.zones import CLOCK, zone_of, zones_of
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.explain.counterfactuals.values import size_of, some_value, values_to_try
from engine.explain.model import CampaignExplained, Change, ChangeKind, Rival
from engine.model.decision import Reason, ReasonCode
from engine.model.instant import DAY, Instant, from_datetime, to_datetime
from engine.model.request import Request
from engine.model.values import Attributes, Moment
from engine.rulebook.model.book import Active
from engine.rulebook.model.experiments import Ramp
from engine.rulebook.model.policies import Clock

_SIGNAL, _CLOCK = "signal.", "now."


_MONTH = 30 * DAY


class CandidateChanges:
    """Thinks of changes for the campaigns of one request."""

    def __init__(
        self, compiled: CompiledBook, request: Request, asked: Evaluation, rivals: Mapping[str, Rival]
    ) -> None:
        self._live, self._request, self._asked = compiled, request, asked
        self._seen: Attributes = asked.request.attributes
        self._rivals = [*rivals.values()]
        self._plans = {one.campaign.name: one for one in compiled.compiled_campaigns}

    def changes(self, one: CampaignExplained, moment: Instant | None) -> Iterator[Change]:
        """The changes, each once; `moment`: when pressure would let it pass."""
        told: set[tuple[object, ...]] = set()
        compiled_campaign = self._plans[one.campaign]
        for reason in dict.fromkeys((one.reason, *one.details)):
            for change in self._for(reason, one, compiled_campaign):
                key = (change.kind, change.name, type(change.after), change.after)
                if key not in told:
                    told.add(key)
                    yield change
        if moment is not None and moment > self._request.now:
            yield self._later(moment)

    def _for(
        self, reason: Reason, one: CampaignExplained, compiled_campaign: CompiledCampaign
    ) -> Iterator[Change]:
        match reason.code:
            case ReasonCode.NOT_REQUESTED:
                yield from self._ways(compiled_campaign)
            case ReasonCode.NOT_ACTIVE:
                yield from self._runs(compiled_campaign)
            case ReasonCode.NOT_ELIGIBLE:
                yield from self._conditions([compiled_campaign.campaign.when])
            case ReasonCode.RAMPING if isinstance(compiled_campaign.campaign.ramp, Ramp):
                position = compiled_campaign.gates[-1].position(self._request.customer, self._request.now)
                yield self._later(compiled_campaign.campaign.ramp.reaches(position))
            case ReasonCode.NO_CONSENT | ReasonCode.UNREACHABLE:
                yield from self._reach(reason)
            case ReasonCode.NO_VARIANT:
                yield from self._forms(reason, compiled_campaign)
            case ReasonCode.OUTRANKED | ReasonCode.GROUP_TAKEN | ReasonCode.CATEGORY_FULL:
                yield from self._priorities(one, compiled_campaign)
                yield from self._conditions([each.when for each in compiled_campaign.campaign.boosts])

    def _ways(self, compiled_campaign: CompiledCampaign) -> Iterator[Change]:
        """Other channels and placements of the call."""
        before = self._request.placement or None
        for name in compiled_campaign.campaign.placements:
            yield Change(ChangeKind.PLACEMENT, name, before, name)
        for name in compiled_campaign.channels:
            yield Change(ChangeKind.CHANNEL, name, before, name)

    def _runs(self, compiled_campaign: CompiledCampaign) -> Iterator[Change]:
        zone = self._live.book.timezone
        moment = next_run(compiled_campaign.active, self._request.now, zone, self._seen)
        if moment is not None:
            yield self._later(moment)

    def _later(self, moment: Instant) -> Change:
        wait = moment - self._request.now
        return Change(ChangeKind.TIME, "", self._request.now, moment, size=min(1.0, wait / _MONTH))

    def _reach(self, reason: Reason) -> Iterator[Change]:
        channel = self._live.book.channels[reason.name]
        if reason.code is ReasonCode.NO_CONSENT and channel.consent is not None:
            yield Change(ChangeKind.CONSENT, channel.consent)
        elif channel.address is not None:
            yield self._any_value(channel.address)

    def _any_value(self, name: str) -> Change:
        value = some_value(self._live.book.attributes.get(name))
        return Change(ChangeKind.ATTRIBUTE, name, self._seen.get(name), value, any_value=True)

    def _forms(self, reason: Reason, compiled_campaign: CompiledCampaign) -> Iterator[Change]:
        """A value that the content lacks, or what the variants' conditions ask for."""
        campaign_channel = compiled_campaign.campaign_channels.get(reason.name)
        if campaign_channel is None:
            yield self._any_value(reason.name)
        else:
            yield from self._conditions([creative.when for creative in campaign_channel.creatives])

    def _conditions(self, conditions: Sequence[Condition]) -> Iterator[Change]:
        """Values of one attribute by which one of the conditions would hold that does not; the nearest first."""
        for when in conditions:
            if not holds(when, self._seen, self._asked.moment):
                tests = list(dict.fromkeys(tests_of(when)))
                yield from self._values(tests, when)
                if any(one.attribute.startswith(_CLOCK) for one in tests):
                    yield from self._clock(when)
                yield from self._values(list(self._behind(tests)), None)

    def _values(self, tests: Sequence[Test], when: Condition | None) -> Iterator[Change]:
        """Without a condition they cannot be sifted: only deciding again tells."""
        for name in dict.fromkeys(one.attribute for one in tests):
            if name.startswith(_CLOCK):
                continue
            declared = self._live.book.attributes.get(name)
            before = self._seen.get(name)
            about = [one for one in tests if one.attribute == name]
            found = []
            for after in values_to_try(about, declared, before, self._asked.moment):
                seen = {key: value for key, value in self._seen.items() if key != name}
                if after is not None:
                    seen[name] = after
                if when is None or holds(when, seen, self._asked.moment):
                    size = size_of(before, after, declared)
                    found.append(Change(ChangeKind.ATTRIBUTE, name, before, after, size=size))
            yield from sorted(found, key=lambda one: (one.size, one.after is None))[:4]

    def _clock(self, when: Condition) -> Iterator[Change]:
        moment = next_clock(when, self._request.now, self._live.book.timezone, self._seen)
        if moment is not None:
            yield self._later(moment)

    def _behind(self, tests: Sequence[Test]) -> Iterator[Test]:
        """The tests of the signals that would have to hold, and of those behind them."""
        signals = self._live.book.derived.signals
        pending = [one.attribute for one in tests]
        visited: set[str] = set()
        while pending:
            name = pending.pop(0)
            signal = signals.get(name.removeprefix(_SIGNAL)) if name.startswith(_SIGNAL) else None
            if signal is None or name in visited:
                continue
            visited.add(name)
            inner = list(dict.fromkeys(tests_of(signal.when)))
            yield from (one for one in inner if not one.attribute.startswith(_SIGNAL))
            pending += [one.attribute for one in inner]

    def _priorities(self, one: CampaignExplained, compiled_campaign: CompiledCampaign) -> Iterator[Change]:
        """Tiers and values by which it would go before one of those that were taken; the weakest of them first."""
        for rival in reversed(self._rivals):
            if rival.tier > one.tier:
                ahead = (one.score or 0.0) > rival.score
                after = rival.tier if ahead else rival.tier + 1
                yield Change(ChangeKind.TIER, "", one.tier, after)
            elif rival.tier == one.tier and one.score:
                before = factor_value(compiled_campaign.value, self._seen)
                value = _above(before * rival.score / one.score)
                yield Change(ChangeKind.VALUE, "", before, value, size=size_of(before, value, None))


def _above(number: float) -> float:
    """The next number above of three digits that count."""
    if number <= 0:
        return 1.0
    digits = 2 - floor(log10(number))
    unit = 10.0**digits
    return round((floor(number * unit) + 1) / unit, max(0, digits))


_DAYS_ON = 8
"""Days after a beginning that are looked at: every day of the week is among them."""


_HOURS_ON, _DATES_ON = 168, 400
"""How far ahead a clock is looked at, in full hours and in days."""


def next_run(
    schedules: Iterable[Active], now: Instant, book_zone: ZoneInfo, attributes: Attributes
) -> Instant | None:
    """The next moment after now at which all schedules run; None where there is none, or none is found."""
    several = list(schedules)
    moments = {one for each in several for one in _beginnings(each, now, book_zone, attributes)}
    after = sorted(one for one in moments if one > now)
    return next((one for one in after if Clocks(one, book_zone, attributes).run(several)), None)


def next_clock(when: Condition, now: Instant, book_zone: ZoneInfo, attributes: Attributes) -> Instant | None:
    """The next full hour of the customer's at which the condition holds, nothing but the clock having changed."""
    zone = zone_of(attributes, book_zone)
    start = to_datetime(now).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    hours = (start.astimezone(UTC) + timedelta(hours=each) for each in range(1, _HOURS_ON + 1))
    dates = (_at(start.date() + timedelta(days=each), time(), zone) for each in range(1, _DATES_ON + 1))
    for instant in (*map(from_datetime, hours), *dates):
        local = to_datetime(instant).astimezone(zone)
        shown = {**attributes, **{name: read(local) for name, read in CLOCK.items()}}
        if instant > now and holds(when, shown, Moment(instant, local.date())):
            return instant
    return None


def _beginnings(
    active: Active, now: Instant, book_zone: ZoneInfo, attributes: Attributes
) -> Iterator[Instant]:
    """Where the schedule may begin to run: at its start, and on the days after it when its hours begin."""
    zones = (book_zone,) if active.clock is Clock.BOOK else zones_of(attributes, book_zone).zones
    for zone in zones:
        start = now if active.start is None else max(now, active.start)
        if active.local_start is not None:
            start = max(start, from_datetime(active.local_start.replace(tzinfo=zone).astimezone(UTC)))
        yield start
        day = to_datetime(start).astimezone(zone).date()
        for ahead in range(_DAYS_ON):
            opens = time() if active.hours is None else active.hours[0]
            yield _at(day + timedelta(days=ahead), opens, zone)
            yield _at(day + timedelta(days=ahead), time(), zone)


def _at(day: date, clock: time, zone: ZoneInfo) -> Instant:
    return from_datetime(datetime.combine(day, clock, zone).astimezone(UTC))

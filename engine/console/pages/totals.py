"""What the pages read of the roll-up: totals by campaign, rule and outcome."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from engine.console.page import ShownPeriod
from engine.ledger.queries.rollup import rollup_sums
from engine.ledger.store.store import Store
from engine.measure.report.comparable import quantile_of
from engine.measure.rollup import RollupSubject
from engine.measure.statistics.arms import wilson
from engine.model.decision import WITHHELD, ReasonCode

_UNREACHABLE = frozenset(
    (ReasonCode.NOT_REQUESTED, ReasonCode.NO_VARIANT, ReasonCode.UNREACHABLE, ReasonCode.NO_CONSENT)
)
_BLOCKED = frozenset(
    (
        ReasonCode.QUIET,
        ReasonCode.CAPPED,
        ReasonCode.TOO_SOON,
        ReasonCode.PAUSED,
        ReasonCode.OUT_OF_STOCK,
        ReasonCode.OVER_CAPACITY,
        ReasonCode.OVER_BUDGET,
    )
)
_LOST = frozenset((ReasonCode.GROUP_TAKEN, ReasonCode.CATEGORY_FULL, ReasonCode.OUTRANKED))


class FunnelStep(NamedTuple):
    """How many of a campaign's candidates ended at a step, and by what."""

    name: str
    """unreachable, blocked, lost, withheld, chosen or other."""
    number: int
    causes: list[tuple[str, str, int]]
    """Reason, what it names, and how many; the most frequent first."""


STEPS = ("unreachable", "blocked", "lost", "other", "withheld", "chosen")
"""In the order of the funnel."""


def step_of(code: str) -> str:
    """The step at which a candidate with this reason ended."""
    if code == ReasonCode.CHOSEN:
        return "chosen"
    if code in _BLOCKED:
        return "blocked"
    if code in _LOST:
        return "lost"
    if code in WITHHELD:
        return "withheld"
    return "unreachable" if code in _UNREACHABLE else "other"


def funnels(store: Store, period: ShownPeriod, campaign: str = "") -> dict[str, dict[str, FunnelStep]]:
    """The steps by campaign and name. campaign: only of this one."""
    causes: defaultdict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in rollup_sums(store, RollupSubject.STAGE, period.since, period.until, campaign):
        code, name = orjson.loads(row.part)
        causes[row.name, step_of(code)][code, name] += row.number
    steps: defaultdict[str, dict[str, FunnelStep]] = defaultdict(dict)
    for (of_campaign, step), counted in causes.items():
        listed = [(code, name, number) for (code, name), number in counted.most_common(50)]
        steps[of_campaign][step] = FunnelStep(step, counted.total(), listed)
    return steps


def by_parts(
    store: Store, subject: RollupSubject, period: ShownPeriod, name: str = ""
) -> dict[str, dict[tuple[str | bool, ...], int]]:
    """What the subject counted, by name and parts."""
    sums: defaultdict[str, dict[tuple[str | bool, ...], int]] = defaultdict(dict)
    for row in rollup_sums(store, subject, period.since, period.until, name):
        sums[row.name][tuple(orjson.loads(row.part))] = row.number
    return sums


def blocking_rules(store: Store, period: ShownPeriod) -> dict[tuple[str, str], tuple[int, int]]:
    """By rule and channel, in how many decisions it was read, and in how many of them it blocked."""
    read: Counter[tuple[str, str]] = Counter()
    blocked: Counter[tuple[str, str]] = Counter()
    for rule, parts in by_parts(store, RollupSubject.RULE, period).items():
        for (channel, blocks), number in parts.items():
            read[rule, str(channel)] += number
            if blocks:
                blocked[rule, str(channel)] += number
    return {key: (number, blocked[key]) for key, number in read.items()}


def outcomes(store: Store, period: ShownPeriod) -> Mapping[str, int]:
    """Decisions by outcome."""
    counted: Counter[str] = Counter()
    for row in rollup_sums(store, RollupSubject.OUTCOME, period.since, period.until):
        counted[row.name] += row.number
    return counted


_QUANTILE = quantile_of(0.95)
"""Of the limits that pages show."""


class ShownRate(NamedTuple):
    """How many of all were so, with Wilson's limits of 95 %, which take them as independent."""

    number: int
    value: float | None
    low: float
    high: float


def rate_of(number: int, offers: int) -> ShownRate:
    """The rate with Wilson's limits; an outcome may be reported more than once of an offer, and then counts once."""
    if offers <= 0:
        return ShownRate(number, None, 0.0, 0.0)
    return ShownRate(number, *wilson(min(number, offers), offers, _QUANTILE))

"""What a simulation gives for a budget: contacts a person-week, persons reached, stock, cost, and ratios of rates."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from engine.measure.population.tally import ALL_CHANNELS, Tally, Watched
from engine.rulebook.model.book import MICROS

FEWEST_COMPARED = 20
"""Persons of one value who were eligible; values with fewer are shown, and not compared."""

_MOST_VALUES = 50


class Measured(NamedTuple):
    """What a simulation gives for a budget."""

    value: float | None
    """None: it cannot be checked, for the reason in `details`."""
    details: str = ""
    high: float | None = None
    """The value that the upper bound is held against, where it is another."""


BudgetMeasure: TypeAlias = Callable[[Tally], Measured]


def measure_of(given: Mapping[str, str], watched: Watched | None, *, is_share: bool) -> BudgetMeasure:
    """The measure of a budget, by the named parts of its line."""
    channel = given.get("channel", ALL_CHANNELS)
    if watched is not None:
        return lambda tally: _rate_ratio(tally, watched)
    if "statistic" in given:
        return lambda tally: _contacts(tally, channel, given["statistic"])
    if "number" in given:
        return lambda tally: _above(tally, channel, int(given["number"]))
    if "counter" in given:
        return lambda tally: _taken(tally, given["counter"], is_share=is_share)
    if "cost" in given:
        return lambda tally: _cost(tally, channel, given["cost"])
    return _reached


def _contacts(tally: Tally, channel: str, statistic: str) -> Measured:
    distribution = tally.distribution(channel)
    details = f"{distribution.contacts:,} contacts in {distribution.person_weeks:,} person-weeks"
    if statistic == "mean":
        return Measured(distribution.mean, details)
    if statistic == "max":
        return Measured(distribution.most, details)
    return Measured(distribution.percentile(float(statistic[1:])), details)


def _above(tally: Tally, channel: str, number: int) -> Measured:
    distribution = tally.distribution(channel)
    above = sum(weeks for contacts, weeks in distribution.histogram.items() if contacts > number)
    details = f"{above:,} of {distribution.person_weeks:,} person-weeks"
    return Measured(above / distribution.person_weeks, details)


def _reached(tally: Tally) -> Measured:
    return Measured(
        tally.reached.count / tally.persons, f"{tally.reached.count:,} of {tally.persons:,} persons"
    )


def _taken(tally: Tally, counter: str, *, is_share: bool) -> Measured:
    taken, limit = tally.most_taken(counter), tally.rule_limits()[counter]
    details = f"{taken:,} of {limit:,}"
    if not is_share:
        return Measured(taken, details)
    return Measured(taken / limit if limit else None, details)


def _cost(tally: Tally, channel: str, kind: str) -> Measured:
    micros = sum(tally.cost_micros.values()) if channel == ALL_CHANNELS else tally.cost_micros[channel]
    distribution, cost = tally.distribution(channel), micros / MICROS
    details = (
        f"{cost:,.2f} for {distribution.contacts:,} contacts in {distribution.person_weeks:,} person-weeks"
    )
    if kind == "total cost":
        return Measured(cost, details)
    number = distribution.person_weeks if kind == "cost a person-week" else distribution.contacts
    return Measured(cost / number, details) if number else Measured(None, "there were no contacts")


def _rate_ratio(tally: Tally, watched: Watched) -> Measured:
    """The lowest rate over the highest, and the highest over the lowest, of persons who were eligible."""
    rates = {value: rate for value, rate in tally.rates[watched].items() if value is not None}
    if not rates:
        return Measured(None, f"nobody who was eligible has {watched.attribute}")
    if len(rates) > _MOST_VALUES:
        return Measured(None, f"{watched.attribute} has more than {_MOST_VALUES} values")
    shown = ", ".join(
        f"{value} {rate.got.count / rate.eligible.count:.1%} of {rate.eligible.count:,}"
        for value, rate in sorted(rates.items())
    )
    compared = [
        rate.got.count / rate.eligible.count
        for rate in rates.values()
        if rate.eligible.count >= FEWEST_COMPARED
    ]
    if len(compared) < 2:
        return Measured(
            None, f"fewer than two values with {FEWEST_COMPARED} persons who were eligible: {shown}"
        )
    lowest, highest = min(compared), max(compared)
    if not highest:
        return Measured(None, f"nobody got it: {shown}")
    return Measured(lowest / highest, shown, highest / lowest if lowest else float("inf"))

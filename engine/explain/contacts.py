"""Conditions on contacts in words: how many contacts there are, what became of them, and how many are needed."""

from typing import NamedTuple

from engine.conditions.model import AttributeOperand, Operator, Test
from engine.model.instant import DAY, SECOND, Microseconds
from engine.model.outcome import CONFIRMING, OutcomeType
from engine.rulebook.model.derived import NO_OUTCOME, ContactCount

_OUTCOMES = {
    OutcomeType.NOT_SENT: "not sent",
    OutcomeType.IMPRESSION: "shown",
    OutcomeType.COMPLAINED: "complained about",
    OutcomeType.UNSUBSCRIBED: "answered by unsubscribing",
    OutcomeType.SUBSCRIBED: "answered by subscribing",
    OutcomeType.CONTACTED: "made elsewhere",
    NO_OUTCOME: "without any outcome",
}
"""The words for outcomes whose names do not read well after a number; any other is its own word."""


_HAVE_GONE_OUT = {*CONFIRMING, NO_OUTCOME, OutcomeType.CONTACTED}
"""The outcomes of contacts that went out: with any other a contact counts that did not."""


_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


_UNITS = (("day", DAY), ("hour", 3600 * SECOND), ("minute", 60 * SECOND), ("second", SECOND))


_BOUNDS = {
    Operator.GTE: ("at least {} {} needed", 0),
    Operator.GT: ("at least {} {} needed", 1),
    Operator.LTE: ("at most {} {} allowed", 0),
    Operator.LT: ("at most {} {} allowed", -1),
    Operator.EQ: ("exactly {} {} needed", 0),
    Operator.NE: ("exactly {} {} not allowed", 0),
}
"""By operator the words for its operand, and what is added to that."""


class ContactsSeen(NamedTuple):
    """The contacts that a condition counts, of one customer."""

    counted: ContactCount
    went_out: int
    """How many of them went out, whatever became of them."""


def found_in_words(seen: ContactsSeen, number: int) -> str:
    """What was found: `two contacts of campaign welcome in the last 7 days, none clicked`. number: with the outcomes."""
    outcomes = outcomes_in_words(seen.counted)
    if number and not _HAVE_GONE_OUT.issuperset(seen.counted.outcomes):
        return f"{contacts_in_words(seen.counted, number)}, {outcomes}"
    contacts = contacts_in_words(seen.counted, max(seen.went_out, number))
    if not outcomes or not max(seen.went_out, number):
        return contacts
    if number == 1 == seen.went_out:
        return f"{contacts}, {outcomes}"
    return f"{contacts}, {'all' if number == seen.went_out else _number(number)} {outcomes}"


def needs_in_words(test: Test) -> str:
    """How many contacts the test needs: `at least one is needed`; empty for a test that has no such words."""
    operand = test.operand
    if isinstance(operand, AttributeOperand) or test.inner:
        return ""
    if test.operator in _BOUNDS and isinstance(operand, int):
        words, more = _BOUNDS[test.operator]
        bound = operand + more
        if bound <= 0 and test.operator in (Operator.EQ, Operator.LTE, Operator.LT):
            return "none is allowed"
        return words.format(_number(bound), "is" if bound == 1 else "are")
    if test.operator is Operator.BETWEEN and isinstance(operand, tuple):
        low, high = operand
        return f"{low} to {high} are needed"
    return ""


def contacts_in_words(count: ContactCount, number: int) -> str:
    """So many contacts, whatever became of them: `two contacts of campaign welcome in the last 7 days`."""
    contacts = "contact" if number < 2 else "contacts"
    return f"{_number(number) if number else 'no'} {contacts}{_which(count)}"


def outcomes_in_words(count: ContactCount) -> str:
    """The outcomes that count: `clicked or opened`; empty where any does."""
    return " or ".join(_OUTCOMES.get(outcome, outcome) for outcome in count.outcomes)


def changed_in_words(count: ContactCount, number: object, before: object) -> str:
    """Another number of contacts: `there were one contact of campaign welcome, clicked, instead of none`."""
    if not isinstance(number, int) or not isinstance(before, int):
        raise TypeError(f"{number!r} or {before!r} is not a number of contacts")
    outcomes = outcomes_in_words(count)
    comma = f", {outcomes}," if outcomes else ""
    return f"there were {contacts_in_words(count, number)}{comma} instead of {_number(before)}"


def _which(count: ContactCount) -> str:
    selector = count.selector
    words = [
        f" {word} {' or '.join(names)}"
        for word, names in (
            ("of campaign", selector.campaigns),
            ("with offer", selector.offers),
            ("on", selector.channels),
        )
        if names
    ]
    return "".join(words) + _when(count)


def _when(count: ContactCount) -> str:
    within, after = count.within, count.after
    if within is None:
        return "" if after is None else f" at least {_span(after)} ago"
    if after is None:
        span = _span(within)
        return f" in the last {span.removeprefix('1 ')}"
    return f" between {_span(after)} and {_span(within)} ago"


def _span(span: Microseconds) -> str:
    """The span in the largest unit of which it is a whole number: `7 days`, `36 hours`."""
    for unit, size in _UNITS:
        if span % size == 0:
            return f"{span // size:,} {unit}{'' if span == size else 's'}"
    return f"{span / SECOND:,} seconds"


def _number(number: int) -> str:
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else f"{number:,}"

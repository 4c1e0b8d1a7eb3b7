"""Random conditions on contacts: index and trace agree with a count by the words of the reference, contact by contact."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions.evaluate import Verdict, holds
from engine.conditions.trace import trace
from engine.decide.compiled import compile_book
from engine.decide.evaluate import evaluate
from engine.model.contact import MadeContact
from engine.model.customer import Memory
from engine.model.instant import DAY
from engine.model.request import Request
from tests.conditions.tables import load_book

NOW = 1_773_108_000_000_000
SPANS = {"1h": DAY // 24, "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY}
RESPONSES = {"opened", "clicked", "converted", "declined", "complained", "unsubscribed"}
CAMPAIGNS = {name: {"offer": "words", "placements": ["slot"]} for name in ("welcome", "quiz")}

ages = st.sampled_from([age + more for age in (0, *SPANS.values()) for more in (-1, 0, 1)])
outcomes = st.sampled_from(["delivered", "bounced", "ignored", "opened", "clicked", "converted", "declined"])
contacts = st.builds(
    lambda age, campaign, channel, out, elsewhere, reported: MadeContact(
        NOW - age,
        campaign,
        "" if elsewhere else "words",
        channel,
        out or elsewhere,
        elsewhere,
        () if elsewhere else tuple((outcome, NOW - ago) for outcome, ago in reported),
    ),
    ages,
    st.sampled_from([*CAMPAIGNS, "gone"]),
    st.sampled_from(["web", "mail"]),
    st.booleans(),
    st.sampled_from([False, False, True]),
    st.lists(st.tuples(outcomes, st.sampled_from([-1, 0, 1])), max_size=2),
)
names = st.sampled_from(["welcome", ["welcome"], ["quiz", "welcome"]])
outcome_names = st.sampled_from(
    ["none", "ignored", "contacted", "clicked", "bounced", ["clicked", "opened"], ["none", "ignored"]]
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "campaign": names,
        "channel": st.just("web"),
        "offer": st.just("words"),
        "outcome": outcome_names,
        "within": st.sampled_from(["3d", "1w"]),
        "after": st.sampled_from(["1h", "1d"]),
        "count": st.sampled_from([{"eq": 0}, {"gte": 2}, {"lt": 2}, {"between": [1, 2]}]),
    },
).filter(bool)


def listed(value: Any) -> list[str]:
    """A name or a list of names."""
    return [value] if isinstance(value, str) else value


def became(outcome: str, contact: MadeContact, after: str) -> bool:
    """Whether the contact has the outcome, by the table of docs/reference/rulebook.md."""
    reported = {name for name, at in contact.outcomes if at <= NOW}
    age = NOW - contact.at
    match outcome:
        case "none":
            return contact.went_out and not reported
        case "contacted":
            return contact.is_elsewhere
        case "ignored":
            quiet = contact.went_out and not contact.is_elsewhere and age >= SPANS[after or "1d"]
            return not reported & RESPONSES and ("ignored" in reported or quiet)
    return outcome in reported


def expected(condition: dict[str, Any], made: list[MadeContact]) -> bool:
    """Whether so many contacts match as the condition wants."""
    number = 0
    for contact in made:
        age, after = NOW - contact.at, condition.get("after", "")
        selected = all(
            key not in condition or value in listed(condition[key])
            for key, value in (
                ("campaign", contact.campaign),
                ("offer", contact.offer),
                ("channel", contact.channel),
            )
        )
        in_time = age >= SPANS.get(after, 0) and age < SPANS.get(condition.get("within", ""), 10**18)
        fits = (
            any(became(outcome, contact, after) for outcome in listed(condition["outcome"]))
            if "outcome" in condition
            else contact.went_out
        )
        number += selected and in_time and fits
    ((operator, operand),) = condition.get("count", {"gte": 1}).items()
    compared: dict[str, bool] = {
        "eq": number == operand,
        "gte": operator == "gte" and number >= operand,
        "lt": operator == "lt" and number < operand,
        "between": operator == "between" and operand[0] <= number <= operand[1],
    }
    return compared[operator]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(conditions, min_size=1, max_size=8),
    st.lists(st.lists(contacts, max_size=6), min_size=1, max_size=6),
)
def test_the_index_counts_as_the_reference_says(
    written: list[dict[str, Any]], histories: list[list[MadeContact]]
) -> None:
    """Loaded, derived and matched; also under `none`, and beside conditions that share a number."""
    whens: dict[str, Any] = {
        f"row-{index}": {"contact": condition} for index, condition in enumerate(written)
    }
    whens |= {f"not-{index}": {"none": [{"contact": condition}]} for index, condition in enumerate(written)}
    loaded = load_book({"campaigns": CAMPAIGNS}, whens)
    assert loaded.book is not None, loaded.diagnostics
    compiled = compile_book(loaded.book)
    campaigns = [compiled_campaign.campaign for compiled_campaign in compiled.compiled_campaigns]
    for made in histories:
        evaluation = evaluate(compiled, Request("ann", NOW, {}, memory=Memory(contacts=tuple(made))))
        attributes, moment = evaluation.request.attributes, evaluation.moment
        matched = {campaigns[position].name for position in compiled.index.match(attributes, moment)}
        for index, condition in enumerate(written):
            truth = expected(condition, made)
            assert (f"row-{index}" in matched, f"not-{index}" in matched) == (truth, not truth)
            when = loaded.book.campaigns[f"row-{index}"].when
            assert holds(when, attributes, moment) is truth
            assert (trace(when, attributes, moment).verdict is Verdict.TRUE) is truth

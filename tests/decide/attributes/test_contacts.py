"""What counts as a contact with an outcome, and the edges of its window."""

import pytest

from engine.decide.attributes.contacts import next_changes, numbers_of_contacts, outcomes_of
from engine.model.contact import ContactSelector, MadeContact
from engine.model.instant import DAY
from engine.model.outcome import RESPONSES, OutcomeType
from engine.rulebook.model.derived import ContactCount

NOW = 1_773_108_000_000_000
SENT = MadeContact(NOW - 5 * DAY, "welcome", "hello", "sms", went_out=True, is_elsewhere=False)


def number_of_contacts(count: ContactCount, contacts: list[MadeContact], now: int) -> int:
    """How many of the contacts the condition counts."""
    return dict(numbers_of_contacts([count], contacts, now))[count.name]


def counts(contact: MadeContact, *outcomes: str, after: int | None = None, within: int | None = None) -> bool:
    """Whether the contact is counted."""
    count = ContactCount("n", ContactSelector(("welcome",)), outcomes, within, after)
    return bool(number_of_contacts(count, [contact], NOW))


def became(*outcomes: str, at: int = NOW - DAY) -> MadeContact:
    """The contact with these outcomes."""
    return SENT._replace(outcomes=tuple((outcome, at) for outcome in outcomes))


@pytest.mark.parametrize("outcome", [type_ for type_ in OutcomeType if type_ != OutcomeType.CONTACTED])
def test_reported_outcomes(outcome: str) -> None:
    """A contact has every outcome that was reported of it, once, also if it did not go out; and none without a report."""
    assert counts(became(outcome, outcome), outcome)
    assert counts(became(outcome)._replace(went_out=False), outcome)
    later = became(outcome, at=NOW + 1)._replace(went_out=False)
    assert not counts(later, outcome)
    assert not counts(became(outcome)._replace(campaign="quiz"), outcome)
    assert not counts(became(outcome), "none")
    assert counts(became(outcome), "ignored") == (outcome not in RESPONSES)


def test_went_out() -> None:
    """Without `outcome`, and with `none` and `ignored`, only contacts count that went out."""
    assert counts(SENT)
    assert counts(SENT, "none")
    assert counts(SENT, "ignored")
    kept_back = SENT._replace(went_out=False)
    assert not any((counts(kept_back), counts(kept_back, "none"), counts(kept_back, "ignored")))


def test_made_elsewhere() -> None:
    """What became of a contact made elsewhere is not known: it counts, has no outcome, and is never ignored."""
    elsewhere = SENT._replace(is_elsewhere=True, offer="")
    assert counts(elsewhere)
    assert counts(elsewhere, "none")
    assert counts(elsewhere, "contacted")
    assert not counts(elsewhere, "ignored")
    assert not counts(SENT, "contacted")


@pytest.mark.parametrize(
    ("age", "after", "ignored"),
    [(DAY - 1, None, False), (DAY, None, True), (3 * DAY - 1, 3 * DAY, False), (3 * DAY, 3 * DAY, True)],
)
def test_ignored_after(age: int, after: int | None, ignored: bool) -> None:
    """A contact without a response is ignored from the age on that the condition says, a day by default."""
    assert counts(SENT._replace(at=NOW - age), "ignored", after=after) == ignored


def test_reported_ignored_counts_at_once() -> None:
    """A report needs no age, unless the condition has one; a response outweighs it."""
    fresh = became("ignored", at=NOW)._replace(at=NOW - 1)
    assert counts(fresh, "ignored")
    assert not counts(fresh, "ignored", after=2)
    assert not counts(fresh._replace(outcomes=(("ignored", NOW), ("opened", NOW))), "ignored")


@pytest.mark.parametrize(
    ("age", "counted"), [(-1, False), (0, False), (DAY, True), (7 * DAY - 1, True), (7 * DAY, False)]
)
def test_windows_are_of_the_contact(age: int, counted: bool) -> None:
    """`within` and `after` are ages of the contact, whenever its outcome came."""
    assert counts(SENT._replace(at=NOW - age), after=DAY, within=7 * DAY) == counted


def test_selector_and_number() -> None:
    """All criteria have to match, each by any of its names; contacts are counted, not outcomes."""
    contacts = [SENT, became("clicked", "clicked"), SENT._replace(channel="web"), SENT._replace(offer="tea")]
    selector = ContactSelector(("quiz", "welcome"), ("hello",), ("sms",))
    assert number_of_contacts(ContactCount("n", selector), contacts, NOW) == 2
    assert number_of_contacts(ContactCount("n", ContactSelector()), contacts, NOW) == 4
    assert number_of_contacts(ContactCount("n", selector, ("clicked",)), contacts, NOW) == 1


def test_only_outcomes_that_matter_are_read() -> None:
    """`ignored` needs the responses, `none` all outcomes, and a count of contacts none."""
    selector = ContactSelector()
    assert outcomes_of([ContactCount("n", selector)]) == ()
    assert outcomes_of([ContactCount("n", selector, ("opened",))]) == ("opened",)
    assert outcomes_of([ContactCount("n", selector, ("ignored",))]) == (*sorted((*RESPONSES, "ignored")),)
    assert outcomes_of([ContactCount("n", selector, ("none",))]) == (*sorted(OutcomeType),)


def test_how_many_went_out_is_told_beside() -> None:
    """In the same window and selection, whatever became of them; of conditions with one selector each for itself."""
    clicked = ContactCount("clicked", ContactSelector(("welcome",)), ("clicked",), 6 * DAY, sent="out")
    bounced = ContactCount("bounced", ContactSelector(("welcome",)), ("bounced",), 3 * DAY, sent="recent")
    contacts = [
        became("clicked"),
        SENT,
        became("bounced")._replace(went_out=False, at=NOW - DAY),
        SENT._replace(campaign="quiz"),
        SENT._replace(at=NOW - 7 * DAY),
        SENT._replace(at=NOW + 1),
    ]
    numbers = dict(numbers_of_contacts([clicked, bounced], contacts, NOW))
    assert numbers == {"clicked": 1, "out": 2, "bounced": 1, "recent": 0}


def test_moments_at_which_numbers_change() -> None:
    """Of the contacts that are counted: when they are old enough, too old, or ignored for a day."""
    selector = ContactSelector(("welcome",))
    fresh = SENT._replace(at=NOW - 5)
    aged = ContactCount("n", selector, ("clicked",), within=7 * DAY, after=3 * DAY)
    assert next_changes([aged], [fresh, SENT._replace(campaign="quiz")], NOW) == [
        NOW - 5 + 3 * DAY,
        NOW - 5 + 7 * DAY,
    ]
    assert next_changes([aged], [SENT], NOW) == [NOW + 2 * DAY]
    assert next_changes([ContactCount("n", selector, ("ignored",))], [fresh, SENT], NOW) == [NOW - 5 + DAY]
    assert next_changes([ContactCount("n", selector, ("none",))], [fresh], NOW) == []

"""The moment at which a proposal passes several rules at once; by chance in test_against_reference.py."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from engine.model.contact import Contact
from engine.model.instant import DAY, SECOND, from_datetime, to_datetime
from engine.rulebook.model.policies import Calendar, Cap, Gap, Holidays, Period, Quiet, Rolling
from tests.decide.pressure.rules import SMS, opens, rules

HOUR = 3600 * SECOND
PARIS = ZoneInfo("Europe/Paris")
NIGHT = Quiet("night", (time(21), time(8)))
WEEKEND = Quiet("weekend", days=frozenset({5, 6}))


def instant(text: str) -> int:
    """The moment of a text with an offset."""
    return from_datetime(datetime.fromisoformat(text))


CASES = [
    # the policies, the contacts so far, asked at, may go at
    pytest.param((Gap("gap", 48 * HOUR), NIGHT), ["2026-03-10T22:00+01:00"], "2026-03-12T12:00+01:00",
                 "2026-03-13T08:00+01:00", id="the gap ends in the night"),
    pytest.param((Gap("gap", 48 * HOUR), NIGHT), ["2026-03-10T12:00+01:00"], "2026-03-12T07:00+01:00",
                 "2026-03-12T12:00+01:00", id="the night ends in the gap"),
    pytest.param((NIGHT, WEEKEND), [], "2026-03-13T21:30+01:00",
                 "2026-03-16T08:00+01:00", id="night, weekend, night"),
    pytest.param((WEEKEND, NIGHT, Cap("cap", 1, Calendar(Period.DAY))), ["2026-03-13T12:00+01:00"],
                 "2026-03-13T13:00+01:00", "2026-03-16T08:00+01:00", id="day used up, weekend, night"),
    pytest.param((Quiet("noon", (time(8), time(14))), NIGHT, Gap("gap", 4 * HOUR)), ["2026-03-13T19:00+01:00"],
                 "2026-03-13T20:00+01:00", "2026-03-14T14:00+01:00", id="one quiet follows the other"),
    pytest.param((Cap("cap", 1, Calendar(Period.MONTH)), Quiet("new year", holidays=Holidays("FR"))),
                 ["2026-12-02T12:00+01:00"], "2026-12-10T12:00+01:00", "2027-01-02T00:00+01:00",
                 id="the month ends in a holiday"),
    pytest.param((Cap("cap", 1, Rolling(7 * DAY)), NIGHT), ["2026-03-22T02:30+01:00"], "2026-03-23T12:00+01:00",
                 "2026-03-29T08:00+02:00", id="the window ends in the hour that is skipped"),
    pytest.param((Quiet("day", (time(8), time(21))), NIGHT), [], "2026-03-10T12:00+01:00", None,
                 id="two rules leave no hour"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "contacts", "at", "wanted"), CASES)
def test_rules_together(
    given: tuple[Cap | Gap | Quiet, ...], contacts: list[str], at: str, wanted: str | None
) -> None:
    """The moment is the first at which every rule lets pass, in whatever order they stand."""
    history = [Contact(instant(text), None, SMS) for text in contacts]
    for order in (given, given[::-1]):
        opening = opens(rules(*order), instant(at), history, zones=(PARIS,))
        assert (None if opening is None else to_datetime(opening)) == (
            wanted and datetime.fromisoformat(wanted)
        )


def test_a_reservation_that_ends_opens_the_gap_before_its_time() -> None:
    """The hold ends in the night, so the message may go in the morning, long before the gap would be over."""
    at = instant("2026-03-10T12:00+01:00")
    held = Contact(at, instant("2026-03-10T23:00+01:00"), SMS)
    opening = opens(rules(Gap("gap", 48 * HOUR), NIGHT), at + HOUR, [held], zones=(PARIS,))
    assert opening == instant("2026-03-11T08:00+01:00")

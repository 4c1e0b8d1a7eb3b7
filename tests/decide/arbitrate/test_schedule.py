"""When campaigns and offers run, on whose clock."""

from datetime import datetime

import pytest

from engine.decide.compiled import CompiledBook
from engine.model.decision import Decision, Outcome, ReasonCode
from engine.model.request import Request
from engine.model.values import Value
from tests.decide.arbitrate.shop import SHOP, compiled_book, decided

HOURS = "hours: 08:00-20:00"


def running(active: str, *more: str) -> CompiledBook:
    """A book with one campaign on this schedule."""
    campaign = f"campaigns: {{a: {{offer: pen, placements: [shelf], active: {{{active}}}}}}}"
    return compiled_book(SHOP, campaign, *more)


def at(compiled: CompiledBook, moment: str, **attributes: Value) -> Decision:
    """The decision at a moment with an offset, of a customer with attributes `location_…` or `profile_…`."""
    now = int(datetime.fromisoformat(moment).timestamp() * 1_000_000)
    given = {name.replace("_", ".", 1): value for name, value in attributes.items()}
    return decided(compiled, Request("ann", now, given, placement="shelf"))


def runs(compiled: CompiledBook, moment: str, **attributes: Value) -> bool:
    """Whether the campaign is shown."""
    return at(compiled, moment, **attributes).outcome is Outcome.OFFER


def test_the_books_clock_is_everybodys() -> None:
    """Without `clock` the hours are those of the book's zone, wherever the customer is."""
    compiled = running(HOURS)
    assert runs(compiled, "2026-03-10T08:00+01:00", location_time_zone="Asia/Tokyo")
    assert not runs(compiled, "2026-03-10T07:59+01:00", location_time_zone="Asia/Tokyo")


def test_hours_on_the_customers_clock() -> None:
    """The same moment is in the hours of one customer and not of another."""
    compiled = running(f"{HOURS}, clock: customer")
    assert runs(compiled, "2026-03-10T00:30+01:00", location_time_zone="Asia/Tokyo")
    assert not runs(compiled, "2026-03-10T00:30+01:00", profile_time_zone="Europe/Paris")
    assert not runs(compiled, "2026-03-10T12:30+01:00", location_time_zone="Asia/Tokyo")


def test_of_several_zones_all_must_agree() -> None:
    """In a country of several zones it must be within the hours on every clock of it."""
    compiled = running(f"{HOURS}, clock: customer")
    morning, noon = "2026-03-10T09:00-04:00", "2026-03-10T14:00-04:00"
    assert not runs(compiled, morning, location_country="US")
    assert runs(compiled, noon, location_country="US", location_region="New York")
    assert runs(compiled, morning, location_country="US", location_time_zone="America/New_York")


def test_where_nothing_is_known_it_is_the_books_clock() -> None:
    """A customer without a location has the book's hours."""
    compiled = running(f"{HOURS}, clock: customer")
    assert runs(compiled, "2026-03-10T08:00+01:00")
    assert not runs(compiled, "2026-03-10T20:00+01:00")


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-02-28T15:00+00:00", "Asia/Tokyo", True),
        ("2026-02-28T14:59+00:00", "Asia/Tokyo", False),
        ("2026-02-28T15:00+00:00", "Europe/Paris", False),
        ("2026-03-01T14:59+00:00", "Asia/Tokyo", True),
        ("2026-03-01T15:00+00:00", "Asia/Tokyo", False),
        ("2026-03-01T15:00+00:00", "Europe/Paris", True),
    ],
)
def test_dates_on_the_customers_clock(moment: str, zone: str, expected: bool) -> None:
    """`from` and `until` are the customer's own days: March 1st begins in Tokyo before it does in Paris."""
    compiled = running("from: 2026-03-01, until: 2026-03-01, clock: customer")
    assert runs(compiled, moment, location_time_zone=zone) is expected


def test_a_bound_with_an_offset_is_one_moment_for_everybody() -> None:
    """An offset fixes the moment, the other bound stays the customer's."""
    compiled = running("from: 2026-03-01T00:00Z, until: 2026-03-02T12:30, clock: customer")
    assert not runs(compiled, "2026-02-28T23:59+00:00", location_time_zone="Asia/Tokyo")
    assert runs(compiled, "2026-03-01T00:00+00:00", location_time_zone="Asia/Tokyo")
    assert runs(compiled, "2026-03-02T03:29+00:00", location_time_zone="Asia/Tokyo")
    assert not runs(compiled, "2026-03-02T03:30+00:00", location_time_zone="Asia/Tokyo")
    assert runs(compiled, "2026-03-02T03:30+00:00", location_time_zone="Europe/Paris")


def test_days_on_the_customers_clock() -> None:
    """Saturday is the customer's, hours that cross midnight belong to the day on which they begin."""
    compiled = running("days: [sat], hours: 22:00-02:00, clock: customer")
    assert not runs(compiled, "2026-03-07T01:00+09:00", location_time_zone="Asia/Tokyo")
    assert runs(compiled, "2026-03-07T23:00+09:00", location_time_zone="Asia/Tokyo")
    assert runs(compiled, "2026-03-08T01:00+09:00", location_time_zone="Asia/Tokyo")
    assert not runs(compiled, "2026-03-08T02:00+09:00", location_time_zone="Asia/Tokyo")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-27T01:00+01:00", False),  # the early hours of Friday are Thursday's night
        ("2026-03-27T21:59+01:00", False),
        ("2026-03-27T22:00+01:00", True),
        ("2026-03-28T01:59+01:00", True),
        ("2026-03-28T02:00+01:00", False),
        ("2026-03-28T22:00+01:00", True),
        ("2026-03-29T01:59+01:00", True),  # an hour later the clock is put forward
        ("2026-03-29T03:00+02:00", False),
        ("2026-10-24T22:00+02:00", True),
        ("2026-10-25T01:59+02:00", True),
        ("2026-10-25T02:30+02:00", False),
        ("2026-10-25T02:30+01:00", False),
        ("2026-10-26T01:00+01:00", False),  # Sunday's night
    ],
)
def test_nights_belong_to_the_day_on_which_they_begin(moment: str, expected: bool) -> None:
    """Of Friday and Saturday, also where clocks change in the night."""
    assert runs(running("days: [fri, sat], hours: 22:00-02:00"), moment) is expected


def test_a_night_ends_with_the_schedule() -> None:
    """`from` and `until` bound the moments, not the days on which nights begin."""
    compiled = running("from: 2026-03-07, until: 2026-03-13, days: [fri], hours: 22:00-02:00")
    assert runs(compiled, "2026-03-07T01:00+01:00")  # the end of the first Friday's night
    assert runs(compiled, "2026-03-13T23:59+01:00")
    assert not runs(compiled, "2026-03-14T00:00+01:00")


def test_the_hour_that_comes_twice_and_the_one_that_is_skipped() -> None:
    """Clocks set back show the hours twice and the campaign runs twice; an hour that is skipped is not run."""
    compiled = running("hours: 02:00-03:00, clock: customer")
    for moment in ("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"):
        assert runs(compiled, moment, profile_time_zone="Europe/Paris")
    assert not runs(compiled, "2026-03-29T01:59+01:00", profile_time_zone="Europe/Paris")
    assert not runs(compiled, "2026-03-29T03:00+02:00", profile_time_zone="Europe/Paris")


def test_an_offer_has_a_schedule() -> None:
    """A campaign runs when its offer does, too; the offer's schedule may be on another clock."""
    offer = "offers: {gift: {name: Gift, active: {until: 2026-03-10}, content: {default: {title: Gift}}}}"
    campaign = (
        "campaigns: {a: {offer: gift, placements: [shelf], active: {hours: 08:00-20:00, clock: customer}}}"
    )
    compiled = compiled_book(SHOP, offer, campaign)
    assert runs(compiled, "2026-03-10T19:00+01:00")
    assert not runs(compiled, "2026-03-10T21:00+01:00")
    assert not runs(compiled, "2026-03-11T12:00+01:00")


def test_a_fallback_has_its_offers_schedule() -> None:
    """If the fallback's offer has ended the placement shows nothing."""
    more = """
offers: {story: {name: Story, active: {until: 2026-03-10}, content: {default: {title: Story}}}}
placements: {top: {channel: web, fallback: story}}
"""
    compiled = compiled_book(SHOP, more)

    def shown(moment: str) -> Decision:
        now = int(datetime.fromisoformat(moment).timestamp() * 1_000_000)
        return decided(compiled, Request("ann", now, {}, placement="top"))

    assert shown("2026-03-10T12:00+01:00").outcome is Outcome.FALLBACK
    assert shown("2026-03-11T12:00+01:00").outcome is Outcome.NOTHING
    assert [reason.code for reason in shown("2026-03-11T12:00+01:00").reasons] == [ReasonCode.NOT_ELIGIBLE]


def test_a_book_without_a_customers_clock_does_not_ask_for_zones() -> None:
    """The attributes of a customer's zone are read only if a schedule needs them."""
    assert "profile.time_zone" not in running(HOURS).referenced
    assert "profile.time_zone" in running(f"{HOURS}, clock: customer").referenced

"""Caps and gaps, case by case; all of them by chance are in test_against_reference.py."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from engine.decide.pressure.caps import lowered
from engine.model.contact import Contact, Facts
from engine.model.decision import Lapsed
from engine.model.instant import DAY, SECOND, from_datetime, to_datetime
from engine.rulebook.model.book import Kind
from engine.rulebook.model.policies import Calendar, Cap, Clock, Gap, Period, Rolling, Selector, Window
from tests.decide.pressure import strategies
from tests.decide.pressure.rules import CAMPAIGN, SMS, UTC, look, opens, pressure, rules

HOUR = 3600 * SECOND
NOW = 1_800_000_000_000_000
SHANGHAI, URUMQI = ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Urumqi")


def instant(text: str) -> int:
    """The moment of a text with an offset."""
    return from_datetime(datetime.fromisoformat(text))


def test_inbound_contacts_count_only_where_they_are_named() -> None:
    """A customer who comes to us uses up no pressure, unless the cap says inbound or the channel."""
    shown = SMS._replace(channel="web", kind="inbound")
    assert not Selector().selects(shown)
    assert not Selector(campaign=frozenset({"a"})).selects(shown)
    assert Selector(kind=frozenset({Kind.INBOUND})).selects(shown)
    assert Selector(channel=frozenset({"web"})).selects(shown)


SERVICE = Selector(category=frozenset({"service"}))


@pytest.mark.parametrize(
    "policy", [Cap("rule", 1, Rolling(HOUR), except_=SERVICE), Gap("rule", HOUR, except_=SERVICE)]
)
def test_except_lifts_a_rule_from_proposals_but_their_contacts_still_count(policy: Cap | Gap) -> None:
    """A service message passes, and the next commercial one finds it counted."""
    service = SMS._replace(category="service")
    assert rules(policy, facts=service) == ()
    (rule,) = rules(policy)
    assert look(rule, NOW, [Contact(NOW - 1, None, service)]).blocks


@pytest.mark.parametrize(
    "policy",
    [
        Cap("rule", 1, Rolling(HOUR), Selector(kind=frozenset({Kind.INBOUND})), SERVICE),
        Gap("rule", HOUR, Selector(channel=frozenset({"web"})), SERVICE),
    ],
)
def test_except_holds_for_inbound_proposals_too(policy: Cap | Gap) -> None:
    """Of a rule that names inbound contacts a service page is excepted, though the `except` names no kind."""
    page = SMS._replace(channel="web", kind="inbound")
    assert [rule.name for rule in rules(policy, facts=page)] == ["rule"]
    assert rules(policy, facts=page._replace(category="service")) == ()


def test_a_rule_applies_to_what_it_would_count() -> None:
    """A cap on SMS does not hold back WeChat, and a gap on a tag not what has another."""
    cap = Cap("cap", 1, Rolling(HOUR), Selector(channel=frozenset({"sms"})))
    gap = Gap("gap", HOUR, Selector(tag=frozenset({"gift"})))
    assert [rule.name for rule in rules(cap, gap)] == ["cap"]
    assert [rule.name for rule in rules(cap, gap, facts=SMS._replace(channel="wechat"))] == []
    assert [rule.name for rule in rules(cap, gap, facts=SMS._replace(tags=frozenset({"gift"})))] == [
        "cap",
        "gap",
    ]


def test_the_window_is_open_at_its_far_end() -> None:
    """A contact of exactly one window ago no longer counts; one microsecond younger does."""
    (rule,) = rules(Cap("cap", 1, Rolling(HOUR)))
    assert not look(rule, NOW, [Contact(NOW - HOUR, None, SMS)]).blocks
    assert look(rule, NOW, [Contact(NOW - HOUR + 1, None, SMS)]).blocks


@pytest.mark.parametrize(
    ("history", "counted", "lapsed"),
    [
        ([Contact(NOW - HOUR, NOW, SMS)], 0, Lapsed(1, NOW - HOUR, NOW)),
        ([Contact(NOW - HOUR, NOW + 1, SMS)], 1, None),
        ([Contact(NOW - HOUR, None, SMS)], 1, None),
        ([Contact(NOW - 7 * DAY, NOW - 6 * DAY, SMS)], 0, None),
        ([Contact(NOW - HOUR, NOW, SMS._replace(channel="mail"))], 0, None),
        (
            [
                Contact(NOW - 2 * HOUR, NOW - HOUR, SMS),
                Contact(NOW - HOUR, NOW, SMS),
                Contact(NOW - DAY, None, SMS),
                Contact(NOW - 3 * HOUR, NOW - 2, SMS),
            ],
            1,
            Lapsed(3, NOW - HOUR, NOW),
        ),
    ],
)
def test_what_lapsed_in_the_window_is_told_apart(
    history: list[Contact], counted: int, lapsed: Lapsed | None
) -> None:
    """Contacts that the rule would have counted, and of which nothing was reported in time: how many, and the latest."""
    (rule,) = rules(Cap("cap", 2, Rolling(7 * DAY), Selector(channel=frozenset({"sms"}))))
    result = look(rule, NOW, history)
    assert (result.counted, result.lapsed) == (counted, lapsed)


def test_a_gap_is_over_when_it_is_as_long_as_it_says() -> None:
    """48 hours after the latest contact the next may go; the ones before it do not matter."""
    (rule,) = rules(Gap("gap", 48 * HOUR))
    history = [Contact(NOW - 47 * HOUR, None, SMS), Contact(NOW - 200 * HOUR, None, SMS)]
    rule_result = look(rule, NOW, history)
    assert (rule_result.blocks, rule_result.next_allowed_at, rule_result.counted, rule_result.limit) == (
        True,
        NOW + HOUR,
        1,
        1,
    )
    assert not look(rule, NOW + HOUR, history).blocks


def test_a_released_contact_leaves_the_gap_to_the_one_before_it() -> None:
    """When the hold of the latest contact ends, the gap runs from the latest that stays."""
    (rule,) = rules(Gap("gap", 48 * HOUR))
    held, kept = Contact(NOW - HOUR, NOW + 2 * HOUR, SMS), Contact(NOW - 40 * HOUR, None, SMS)
    assert look(rule, NOW, [held]).next_allowed_at == NOW + 2 * HOUR
    assert look(rule, NOW, [held, kept]).next_allowed_at == NOW + 8 * HOUR


def test_reservations_expire_in_turn() -> None:
    """With three counted and a limit of two, the second to leave opens the cap, be it by age or by its hold."""
    (rule,) = rules(Cap("cap", 2, Rolling(10 * HOUR)))
    history = [
        Contact(NOW - HOUR, NOW + 5 * HOUR, SMS),
        Contact(NOW - 8 * HOUR, None, SMS),
        Contact(NOW - 2 * HOUR, NOW + HOUR, SMS),
    ]
    assert look(rule, NOW, history).next_allowed_at == NOW + 2 * HOUR


CALENDARS = [
    # period, week starts, zone of the customer, contact, next
    ("day", 0, UTC, "2026-03-10T23:59Z", "2026-03-11T00:00Z"),
    ("day", 0, SHANGHAI, "2026-03-10T23:59Z", "2026-03-11T16:00Z"),
    ("day", 0, ZoneInfo("Asia/Kathmandu"), "2026-03-10T12:00Z", "2026-03-10T18:15Z"),
    ("day", 0, ZoneInfo("Pacific/Kiritimati"), "2026-03-10T09:00Z", "2026-03-10T10:00Z"),
    ("day", 0, ZoneInfo("Pacific/Pago_Pago"), "2026-03-10T12:00Z", "2026-03-11T11:00Z"),
    # 23 and 25 hours; a midnight that is skipped, and one that comes twice
    ("day", 0, ZoneInfo("Europe/Paris"), "2026-03-29T00:30+01:00", "2026-03-30T00:00+02:00"),
    ("day", 0, ZoneInfo("Europe/Paris"), "2026-10-25T00:30+02:00", "2026-10-26T00:00+01:00"),
    ("day", 0, ZoneInfo("Africa/Cairo"), "2026-04-23T12:00+02:00", "2026-04-24T01:00+03:00"),
    ("day", 0, ZoneInfo("America/Havana"), "2026-10-31T12:00-04:00", "2026-11-01T00:00-04:00"),
    # clocks are put back at midnight to 23:00, and the day goes on
    ("day", 0, ZoneInfo("Africa/Cairo"), "2026-10-29T12:00+03:00", "2026-10-30T00:00+02:00"),
    # Newfoundland put its clocks back at 00:01: the new day had begun, and the day before did not come back
    ("day", 0, ZoneInfo("America/St_Johns"), "2010-11-06T12:00-02:30", "2010-11-07T00:00-02:30"),
    ("day", 0, ZoneInfo("America/St_Johns"), "2010-11-06T23:30-03:30", "2010-11-08T00:00-03:30"),
    # Toronto skipped from 23:30 to 00:30: the day began at half past midnight
    ("day", 0, ZoneInfo("America/Toronto"), "1919-03-30T12:00-05:00", "1919-03-31T00:30-04:00"),
    # Samoa skipped the Friday
    ("day", 0, ZoneInfo("Pacific/Apia"), "2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00"),
    ("week", 0, UTC, "2026-03-10T12:00Z", "2026-03-16T00:00Z"),
    ("week", 0, UTC, "2026-03-15T23:59Z", "2026-03-16T00:00Z"),
    ("week", 6, UTC, "2026-03-10T12:00Z", "2026-03-15T00:00Z"),
    ("week", 6, UTC, "2026-03-15T00:00Z", "2026-03-22T00:00Z"),
    ("week", 5, UTC, "2026-03-13T23:59Z", "2026-03-14T00:00Z"),
    ("week", 0, ZoneInfo("America/New_York"), "2026-03-08T12:00-04:00", "2026-03-09T00:00-04:00"),
    ("month", 0, UTC, "2026-02-01T00:00Z", "2026-03-01T00:00Z"),
    ("month", 0, UTC, "2024-02-29T12:00Z", "2024-03-01T00:00Z"),
    ("month", 0, UTC, "2026-12-31T12:00Z", "2027-01-01T00:00Z"),
    ("month", 0, SHANGHAI, "2026-01-31T16:00Z", "2026-02-28T16:00Z"),
    ("quarter", 0, UTC, "2026-03-31T23:59Z", "2026-04-01T00:00Z"),
    ("quarter", 0, UTC, "2026-12-31T12:00Z", "2027-01-01T00:00Z"),
    ("quarter", 0, SHANGHAI, "2026-03-31T16:00Z", "2026-06-30T16:00Z"),
    ("year", 0, UTC, "2028-01-01T00:00Z", "2029-01-01T00:00Z"),
    ("year", 0, SHANGHAI, "2026-12-31T15:59Z", "2026-12-31T16:00Z"),
]


@pytest.mark.parametrize(("period", "starts", "zone", "at", "wanted"), CALENDARS)
def test_a_calendar_window_ends_with_its_period(
    period: str, starts: int, zone: ZoneInfo, at: str, wanted: str
) -> None:
    """A contact counts to the last tick of its day, week or month on the customer's clock, and not a tick longer."""
    (rule,) = rules(Cap("cap", 1, Calendar(Period(period), Clock.CUSTOMER, starts)))
    history, end = [Contact(instant(at), None, SMS)], instant(wanted)
    opening = look(rule, instant(at), history, zones=(zone,)).next_allowed_at
    assert opening is not None
    assert to_datetime(opening) == to_datetime(end)
    assert look(rule, end - 1, history, zones=(zone,)).blocks
    assert not look(rule, end, history, zones=(zone,)).blocks


@given(strategies.windows, strategies.moments, strategies.plausible, strategies.zones)
def test_what_counts_is_read(window: Window, now: int, zones: tuple[ZoneInfo, ...], book: ZoneInfo) -> None:
    """No rule looks further back than its book reads contacts, whatever the clocks do."""
    compiled = pressure(Cap("cap", 1, window), zone=book)
    (rule,) = compiled.rules_for(CAMPAIGN, SMS)
    beyond = [Contact(now - compiled.lookback, None, SMS)]
    assert look(rule, now, beyond, zones=zones).counted == 0


def test_of_several_zones_the_contact_counts_as_long_as_in_any() -> None:
    """Whoever may be in Shanghai or two hours behind it is contacted again when both have a new day."""
    (rule,) = rules(Cap("cap", 1, Calendar(Period.DAY)))
    history = [Contact(instant("2026-03-10T12:00Z"), None, SMS)]
    rule_result = look(rule, instant("2026-03-10T17:00Z"), history, zones=(SHANGHAI, URUMQI))
    assert (rule_result.blocks, rule_result.next_allowed_at) == (True, instant("2026-03-10T18:00Z"))


def test_the_book_has_a_clock_of_its_own() -> None:
    """With `clock: book` it does not matter where the customer is."""
    (rule,) = rules(Cap("cap", 1, Calendar(Period.DAY, Clock.BOOK)), zone=SHANGHAI)
    history = [Contact(instant("2026-03-10T12:00Z"), None, SMS)]
    assert look(rule, instant("2026-03-10T15:00Z"), history).next_allowed_at == instant("2026-03-10T16:00Z")


@pytest.mark.parametrize(
    ("customer_limit", "limit"),
    [
        (None, 3), (5, 3), (3, 3), (2, 2), (1, 1), (0, 0), (-4, 0), (2.9, 2), (0.9, 0), (1e300, 3),
        (float("nan"), 0), ("2", 3),
    ],
)  # fmt: skip
def test_a_customer_limit_lowers_the_limit_and_never_raises_it(customer_limit: object, limit: int) -> None:
    """Parts of a contact are none, less than nothing is nothing, and what is no number is ignored."""
    assert lowered(3, customer_limit) == limit  # type: ignore[arg-type]


def test_who_wants_nothing_gets_nothing() -> None:
    """A customer limit of 0 blocks without a next moment, however empty the history."""
    (rule,) = rules(Cap("cap", 3, Rolling(DAY), customer_limit="profile.max"))
    for history in ([], [Contact(NOW - 1, None, SMS)]):
        rule_result = look(rule, NOW, history, {"profile.max": 0})
        assert (rule_result.blocks, rule_result.next_allowed_at, rule_result.limit) == (True, None, 0)
    assert opens([rule], NOW, [], {"profile.max": 0}) is None
    assert not look(rule, NOW, [], {"profile.max": 1}).blocks


def test_beyond_four_hundred_days_there_is_no_next_moment() -> None:
    """A window that ends with the horizon is named, one that ends later is not."""
    for more, wanted in ((0, NOW + 400 * DAY), (SECOND, None)):
        (rule,) = rules(Cap("cap", 1, Rolling(400 * DAY + more)))
        assert opens([rule], NOW, [Contact(NOW, None, SMS)]) == wanted


def test_an_unknown_contact_of_an_older_book_counts_by_what_it_was() -> None:
    """A channel that the book no longer has is still the channel of its contacts."""
    (rule,) = rules(Cap("cap", 1, Rolling(DAY)))
    assert look(
        rule, NOW, [Contact(NOW, None, Facts("fax", "outbound", "z", "z", "service", frozenset()))]
    ).blocks

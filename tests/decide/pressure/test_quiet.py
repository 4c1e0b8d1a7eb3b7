"""Quiet hours and days, case by case: midnight, both changes of clocks, odd zones, holidays, several zones."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from engine.model.instant import from_datetime, to_datetime
from engine.rulebook.model.policies import Clock, Holidays, Quiet, Selector
from tests.decide.pressure.rules import SMS, UTC, look, rules

NIGHT = (time(21), time(8))
NOON = (time(12), time(14))
PARIS, NEW_YORK, SHANGHAI, URUMQI = map(
    ZoneInfo, ("Europe/Paris", "America/New_York", "Asia/Shanghai", "Asia/Urumqi")
)


def instant(text: str) -> int:
    """The moment of a text with an offset."""
    return from_datetime(datetime.fromisoformat(text))


def opens(quiet: Quiet, at: str, *zones: ZoneInfo) -> datetime | None:
    """When the rule lets pass what is asked for at the moment; the moment itself when it is not quiet."""
    (rule,) = rules(quiet)
    rule_result = look(rule, instant(at), zones=zones or (UTC,))
    assert rule_result.blocks is (rule_result.next_allowed_at != instant(at))
    return None if rule_result.next_allowed_at is None else to_datetime(rule_result.next_allowed_at)


HOURS = [
    # hours, zone, asked at, opens at
    (NIGHT, UTC, "2026-03-10T20:59:59.999999+00:00", "2026-03-10T20:59:59.999999+00:00"),
    (NIGHT, UTC, "2026-03-10T21:00+00:00", "2026-03-11T08:00+00:00"),
    (NIGHT, UTC, "2026-03-11T00:00+00:00", "2026-03-11T08:00+00:00"),
    (NIGHT, UTC, "2026-03-11T07:59:59.999999+00:00", "2026-03-11T08:00+00:00"),
    (NIGHT, UTC, "2026-03-11T08:00+00:00", "2026-03-11T08:00+00:00"),
    (NIGHT, UTC, "2026-12-31T23:00+00:00", "2027-01-01T08:00+00:00"),
    (NOON, UTC, "2026-03-10T11:59+00:00", "2026-03-10T11:59+00:00"),
    (NOON, UTC, "2026-03-10T12:00+00:00", "2026-03-10T14:00+00:00"),
    ((time(18), time()), UTC, "2026-03-10T23:59+00:00", "2026-03-11T00:00+00:00"),
    ((time(), time(6)), UTC, "2026-03-10T23:59+00:00", "2026-03-10T23:59+00:00"),
    ((time(), time(6)), UTC, "2026-03-11T00:00+00:00", "2026-03-11T06:00+00:00"),
    # quarters and halves of an hour, and both edges of the date line
    (NIGHT, ZoneInfo("Asia/Kathmandu"), "2026-03-10T15:15+00:00", "2026-03-11T02:15+00:00"),
    (NIGHT, ZoneInfo("Asia/Kolkata"), "2026-03-10T15:29+00:00", "2026-03-10T15:29+00:00"),
    (NIGHT, ZoneInfo("America/St_Johns"), "2026-01-10T00:30+00:00", "2026-01-10T11:30+00:00"),
    (NIGHT, ZoneInfo("Pacific/Kiritimati"), "2026-03-10T07:00+00:00", "2026-03-10T18:00+00:00"),
    (NIGHT, ZoneInfo("Pacific/Pago_Pago"), "2026-03-10T08:00+00:00", "2026-03-10T19:00+00:00"),
    # the night in which clocks go forward is an hour shorter, the other an hour longer
    (NIGHT, PARIS, "2026-03-28T21:00+01:00", "2026-03-29T08:00+02:00"),
    (NIGHT, PARIS, "2026-10-24T21:00+02:00", "2026-10-25T08:00+01:00"),
    # 02:30 is skipped: the quiet is over when clocks show 03:00
    ((time(0), time(2, 30)), PARIS, "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
    ((time(2, 15), time(2, 45)), PARIS, "2026-03-29T01:59+01:00", "2026-03-29T01:59+01:00"),
    ((time(2, 15), time(2, 45)), PARIS, "2026-03-29T03:00+02:00", "2026-03-29T03:00+02:00"),
    ((time(2, 15), time(4)), PARIS, "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"),
    # 02:30 comes twice: quiet to 02:15, open to 03:00, and quiet once more
    ((time(1), time(2, 15)), PARIS, "2026-10-25T01:00+02:00", "2026-10-25T02:15+02:00"),
    ((time(1), time(2, 15)), PARIS, "2026-10-25T02:59+02:00", "2026-10-25T02:59+02:00"),
    ((time(1), time(2, 15)), PARIS, "2026-10-25T02:00+01:00", "2026-10-25T02:15+01:00"),
    # open from 02:00 to 02:30, and so twice
    ((time(2, 30), time(2)), PARIS, "2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00"),
    ((time(2, 30), time(2)), PARIS, "2026-10-25T02:30+01:00", "2026-10-26T02:00+01:00"),
    # half an hour at Lord Howe; a midnight that Cairo skips, and one that it shows twice to 23:00
    (NIGHT, ZoneInfo("Australia/Lord_Howe"), "2026-04-04T22:00+11:00", "2026-04-05T08:00+10:30"),
    ((time(23), time(0, 30)), ZoneInfo("Africa/Cairo"), "2026-04-23T23:00+02:00", "2026-04-24T01:00+03:00"),
    ((time(23), time(0)), ZoneInfo("Africa/Cairo"), "2026-10-29T23:00+03:00", "2026-10-30T00:00+02:00"),
]


@pytest.mark.parametrize(("hours", "zone", "at", "wanted"), HOURS)
def test_hours(hours: tuple[time, time], zone: ZoneInfo, at: str, wanted: str) -> None:
    """It is quiet exactly while the clock shows one of the hours."""
    assert opens(Quiet("q", hours), at, zone) == datetime.fromisoformat(wanted)


FRIDAY, SATURDAY = frozenset({4}), frozenset({5})
DAYS = [
    # a night belongs to the day on which it begins
    (Quiet("q", NIGHT, days=FRIDAY), "2026-03-06T07:00+00:00", "2026-03-06T07:00+00:00"),
    (Quiet("q", NIGHT, days=FRIDAY), "2026-03-06T21:00+00:00", "2026-03-07T08:00+00:00"),
    (Quiet("q", NIGHT, days=FRIDAY), "2026-03-07T07:00+00:00", "2026-03-07T08:00+00:00"),
    (Quiet("q", NIGHT, days=FRIDAY), "2026-03-07T21:00+00:00", "2026-03-07T21:00+00:00"),
    (Quiet("q", NOON, days=FRIDAY), "2026-03-06T13:00+00:00", "2026-03-06T14:00+00:00"),
    # whole days follow each other without a break
    (Quiet("q", days=SATURDAY), "2026-03-07T00:00+00:00", "2026-03-08T00:00+00:00"),
    (Quiet("q", days=frozenset({5, 6})), "2026-03-07T12:00+00:00", "2026-03-09T00:00+00:00"),
    (Quiet("q", days=SATURDAY, dates=frozenset({date(2026, 3, 8)})), "2026-03-07T12:00+00:00", "2026-03-09T00:00+00:00"),
    (Quiet("q", dates=frozenset({date(2024, 2, 29)})), "2024-02-29T12:00+00:00", "2024-03-01T00:00+00:00"),
    (Quiet("q", dates=frozenset({date(2026, 12, 31)})), "2026-12-31T12:00+00:00", "2027-01-01T00:00+00:00"),
    # holidays: six days of the Chinese New Year of 2026 as they were announced, then the weekend is none, then Monday
    (Quiet("q", holidays=Holidays("CN")), "2026-02-16T12:00+00:00", "2026-02-21T00:00+00:00"),
    (Quiet("q", holidays=Holidays("CN")), "2026-02-21T12:00+00:00", "2026-02-21T12:00+00:00"),
    (Quiet("q", days=frozenset({5, 6}), holidays=Holidays("CN")), "2026-02-16T12:00+00:00", "2026-02-24T00:00+00:00"),
    (Quiet("q", holidays=Holidays("FR")), "2026-07-14T12:00+00:00", "2026-07-15T00:00+00:00"),
    (Quiet("q", holidays=Holidays("DE")), "2026-08-15T12:00+00:00", "2026-08-15T12:00+00:00"),
    (Quiet("q", holidays=Holidays("DE", "SL")), "2026-08-15T12:00+00:00", "2026-08-16T00:00+00:00"),
    # observed on the Friday before: Independence Day of 2026 is a Saturday
    (Quiet("q", holidays=Holidays("US")), "2026-07-03T12:00+00:00", "2026-07-05T00:00+00:00"),
    (Quiet("q", NIGHT, holidays=Holidays("FR")), "2026-12-25T22:00+00:00", "2026-12-26T08:00+00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("quiet", "at", "wanted"), DAYS)
def test_days(quiet: Quiet, at: str, wanted: str) -> None:
    """Days of the week, dates and holidays together say on which days it is quiet."""
    assert opens(quiet, at) == datetime.fromisoformat(wanted)


def test_a_day_that_a_zone_skips_is_not_quiet() -> None:
    """Samoa had no 30 December 2011: what was to be quiet then never was, and the 31st began a day sooner."""
    apia, quiet = ZoneInfo("Pacific/Apia"), Quiet("q", dates=frozenset({date(2011, 12, 30)}))
    for at in ("2011-12-29T23:59-10:00", "2011-12-31T00:00+14:00"):
        assert opens(quiet, at, apia) == datetime.fromisoformat(at)
    both = Quiet("q", dates=frozenset({date(2011, 12, 29), date(2011, 12, 31)}))
    assert opens(both, "2011-12-29T12:00-10:00", apia) == datetime.fromisoformat("2012-01-01T00:00+14:00")


def test_of_several_zones_all_must_be_open() -> None:
    """Where the customer may be in Shanghai or in Urumqi, the night lasts from the one's evening to the other's morning."""
    night = Quiet("q", NIGHT)
    both = (SHANGHAI, URUMQI)
    assert opens(night, "2026-03-10T20:59+08:00", *both) == datetime.fromisoformat("2026-03-10T20:59+08:00")
    assert opens(night, "2026-03-10T21:00+08:00", *both) == datetime.fromisoformat("2026-03-11T10:00+08:00")
    assert opens(night, "2026-03-11T09:59+08:00", *both) == datetime.fromisoformat("2026-03-11T10:00+08:00")


def test_where_nights_never_end_together_there_is_no_moment() -> None:
    """In zones half a day apart a night of fifteen hours is not over anywhere near together."""
    assert opens(Quiet("q", (time(18), time(9))), "2026-03-10T12:00+00:00", NEW_YORK, SHANGHAI) is None


def test_the_book_has_a_clock_of_its_own() -> None:
    """With `clock: book` it does not matter where the customer is."""
    (rule,) = rules(Quiet("q", NIGHT, clock=Clock.BOOK), zone=SHANGHAI)
    rule_result = look(rule, instant("2026-03-10T22:00+08:00"), zones=(NEW_YORK,))
    assert rule_result.next_allowed_at == instant("2026-03-11T08:00+08:00")


def test_whom_a_quiet_rule_holds_back() -> None:
    """The channels that it names, or else the outbound ones; never what `except` selects."""
    service = Selector(category=frozenset({"service"}))
    sms, all_, excepting = (
        Quiet("sms", NIGHT, select=Selector(channel=frozenset({"sms"}))),
        Quiet("all", NIGHT),
        Quiet("excepting", NIGHT, except_=service),
    )
    given = (sms, all_, excepting)
    web = SMS._replace(channel="web", kind="inbound")
    assert [rule.name for rule in rules(*given)] == ["sms", "all", "excepting"]
    assert [rule.name for rule in rules(*given, facts=SMS._replace(channel="wechat"))] == ["all", "excepting"]
    assert [rule.name for rule in rules(*given, facts=SMS._replace(category="service"))] == ["sms", "all"]
    assert rules(*given, facts=web) == ()


def test_the_last_years_of_the_calendar_are_no_fault() -> None:
    """At the end of the year 9999 clocks and days stay in the calendar."""
    for zone in (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")):
        (rule,) = rules(Quiet("q", NIGHT, holidays=Holidays("CN")))
        assert look(rule, instant("9999-12-31T23:59+00:00"), zones=(zone,)).zones == (zone,)
